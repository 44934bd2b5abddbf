//! POSIX ACLs as text, for programs that know them in that form only.
//!
//! The kernel keeps an ACL as an extended attribute: a version, then entries of tag, permissions and
//! id (`linux/posix_acl_xattr.h`). As text it is `user::rw-,user:1000:r--,…`, in the records that
//! star brought up; bsdtar and `tar --acls` read it.

const VERSION: u32 = 2;

/// The keyword and text of the attribute `name` with this `value`, if it is an ACL.
pub(super) fn record(name: &[u8], value: &[u8]) -> Option<(&'static [u8], String)> {
    let keyword: &[u8] = match name {
        b"system.posix_acl_access" => b"SCHILY.acl.access",
        b"system.posix_acl_default" => b"SCHILY.acl.default",
        _ => return None,
    };
    let (version, entries) = value.split_first_chunk()?;
    if u32::from_le_bytes(*version) != VERSION || entries.is_empty() {
        return None;
    }
    let entries: Option<Vec<String>> = entries.chunks(8).map(entry).collect();
    Some((keyword, entries?.join(",")))
}

fn entry(entry: &[u8]) -> Option<String> {
    let &[t0, t1, p0, p1, i0, i1, i2, i3] = entry else {
        return None;
    };
    let permissions = u16::from_le_bytes([p0, p1]);
    let id = u32::from_le_bytes([i0, i1, i2, i3]);
    let who = match u16::from_le_bytes([t0, t1]) {
        0x01 => "user:".to_owned(),
        0x02 => format!("user:{id}"),
        0x04 => "group:".to_owned(),
        0x08 => format!("group:{id}"),
        0x10 => "mask:".to_owned(),
        0x20 => "other:".to_owned(),
        _ => return None,
    };
    let may = |bit, letter| if permissions & bit != 0 { letter } else { '-' };
    let (read, write, execute) = (may(4, 'r'), may(2, 'w'), may(1, 'x'));
    (permissions < 8).then(|| format!("{who}:{read}{write}{execute}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACL: &[u8] = b"\x02\0\0\0\
        \x01\0\x06\0\xff\xff\xff\xff\x02\0\x05\0\xd2\x04\0\0\x04\0\x04\0\xff\xff\xff\xff\
        \x08\0\0\0\x07\0\0\0\x10\0\x07\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff";

    #[test]
    fn an_acl_is_written_as_text() {
        let text = "user::rw-,user:1234:r-x,group::r--,group:7:---,mask::rwx,other::---";
        assert_eq!(
            record(b"system.posix_acl_default", ACL),
            Some((&b"SCHILY.acl.default"[..], text.to_owned()))
        );
    }

    #[test]
    fn what_is_no_acl_has_no_text() {
        assert_eq!(record(b"user.acl", ACL), None);
        let name = b"system.posix_acl_access";
        for value in [
            &b""[..],
            b"\x02\0\0\0",
            b"\x03\0\0\0",
            &ACL[..ACL.len() - 1],
        ] {
            assert_eq!(record(name, value), None, "{value:?}");
        }
        let mut odd = ACL.to_vec();
        odd[4] = 3;
        assert_eq!(record(name, &odd), None);
    }
}
