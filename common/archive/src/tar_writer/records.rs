//! The pax records of one member.

use super::header::{Block, MAX_ID, MAX_LONG, TypeFlag};
use super::padding;
use crate::Timestamp;

/// Records in the order in which they were added.
#[derive(Default)]
pub(super) struct Records {
    data: Vec<u8>,
    /// Whether a name is not UTF-8, as pax demands by default.
    binary: bool,
}

impl Records {
    /// A name that may not fit into its field of `width` bytes, or is not plain ASCII.
    pub(super) fn name(&mut self, keyword: &str, name: &[u8], width: usize) {
        if name.len() > width || !name.is_ascii() {
            self.binary |= std::str::from_utf8(name).is_err();
            self.push(keyword.as_bytes(), name);
        }
    }

    pub(super) fn id(&mut self, keyword: &str, id: u64) {
        if id > MAX_ID {
            self.push(keyword.as_bytes(), id.to_string().as_bytes());
        }
    }

    pub(super) fn size(&mut self, size: u64) {
        if size > MAX_LONG {
            self.push(b"size", size.to_string().as_bytes());
        }
    }

    /// Only if the header cannot say it.
    pub(super) fn mtime(&mut self, time: Timestamp) {
        let fits = u64::try_from(time.seconds).is_ok_and(|seconds| seconds <= MAX_LONG);
        if !fits || time.nanoseconds != 0 {
            self.time("mtime", time);
        }
    }

    pub(super) fn time(&mut self, keyword: &str, time: Timestamp) {
        self.push(keyword.as_bytes(), decimal(time).as_bytes());
    }

    /// Escaped as GNU tar does: `=` would end the keyword.
    pub(super) fn xattr(&mut self, name: &[u8], value: &[u8]) {
        let mut keyword = b"SCHILY.xattr.".to_vec();
        for &byte in name {
            match byte {
                b'%' => keyword.extend_from_slice(b"%25"),
                b'=' => keyword.extend_from_slice(b"%3D"),
                _ => keyword.push(byte),
            }
        }
        self.push(&keyword, value);
    }

    /// An ACL as text, beside the attribute that it is.
    pub(super) fn acl(&mut self, keyword: &[u8], text: &str) {
        self.push(keyword, text.as_bytes());
    }

    /// A sparse file in format 1.0, whose map comes before its data.
    pub(super) fn sparse(&mut self, path: &[u8], size: u64) {
        self.push(b"GNU.sparse.major", b"1");
        self.push(b"GNU.sparse.minor", b"0");
        self.binary |= std::str::from_utf8(path).is_err();
        self.push(b"GNU.sparse.name", path);
        self.push(b"GNU.sparse.realsize", size.to_string().as_bytes());
    }

    /// The pax header with its content and padding; nothing if there are no records.
    pub(super) fn into_blocks(mut self, path: &[u8]) -> Vec<u8> {
        if self.data.is_empty() {
            return Vec::new();
        }
        if self.binary {
            // First, because it tells how to read what follows.
            let rest = std::mem::take(&mut self.data);
            self.push(b"hdrcharset", b"BINARY");
            self.data.extend_from_slice(&rest);
        }
        let mut block = Block::new(TypeFlag::PAX);
        block.path(&beside(b"PaxHeaders", path));
        block.size(self.data.len() as u64);
        let mut blocks = block.finish().to_vec();
        blocks.extend_from_slice(&self.data);
        blocks.resize(blocks.len() + padding(self.data.len() as u64), 0);
        blocks
    }

    /// `LENGTH KEYWORD=VALUE\n`, where LENGTH counts its own digits too.
    fn push(&mut self, keyword: &[u8], value: &[u8]) {
        let rest = keyword.len() + value.len() + 3;
        let mut digits = 1;
        while (rest + digits).to_string().len() > digits {
            digits += 1;
        }
        self.data
            .extend_from_slice((rest + digits).to_string().as_bytes());
        self.data.push(b' ');
        self.data.extend_from_slice(keyword);
        self.data.push(b'=');
        self.data.extend_from_slice(value);
        self.data.push(b'\n');
    }
}

/// What a program that knows no sparse files sees: the map and the data under this name.
///
/// It is in the directory of the file, because GNU tar makes missing directories by this name.
pub(super) fn sparse_fallback(path: &[u8]) -> Vec<u8> {
    let (directory, name) = split(path);
    let name = beside(b"GNUSparseFile.0", name);
    if directory.len() + name.len() > 100 {
        name
    } else {
        [directory, &name].concat()
    }
}

/// `directory/LAST-COMPONENT`, short enough for a header.
fn beside(directory: &[u8], path: &[u8]) -> Vec<u8> {
    let (_, name) = split(path.strip_suffix(b"/").unwrap_or(path));
    let name = &name[..name.len().min(80)];
    [
        directory,
        b"/",
        if name.is_empty() { b"root" } else { name },
    ]
    .concat()
}

/// The directory with its slash, and the name in it.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    path.split_at(
        path.iter()
            .rposition(|&byte| byte == b'/')
            .map_or(0, |slash| slash + 1),
    )
}

fn decimal(time: Timestamp) -> String {
    let Timestamp {
        seconds,
        nanoseconds,
    } = time;
    if nanoseconds == 0 {
        return seconds.to_string();
    }
    let (sign, whole, fraction) = if seconds < 0 {
        (
            "-",
            (seconds + 1).unsigned_abs(),
            1_000_000_000 - nanoseconds,
        )
    } else {
        ("", seconds.unsigned_abs(), nanoseconds)
    };
    let digits = format!("{fraction:09}");
    format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count_themselves() {
        for size in [1, 90, 91, 92, 93, 988, 989, 990, 991, 9_987, 9_988] {
            let mut records = Records::default();
            records.push(b"path", &vec![b'a'; size]);
            let (length, _) = records
                .data
                .split_at(records.data.iter().position(|&byte| byte == b' ').unwrap());
            let length: usize = std::str::from_utf8(length).unwrap().parse().unwrap();
            assert_eq!(length, records.data.len());
        }
    }

    #[test]
    fn times_before_1970_have_a_sign_and_a_fraction() {
        let at = |seconds, nanoseconds| {
            decimal(Timestamp {
                seconds,
                nanoseconds,
            })
        };
        assert_eq!(at(-2, 500_000_000), "-1.5");
        assert_eq!(at(-1, 999_999_999), "-0.000000001");
        assert_eq!(at(-1, 0), "-1");
        assert_eq!(at(3, 20), "3.00000002");
        assert_eq!(at(i64::MIN, 1), "-9223372036854775807.999999999");
    }
}
