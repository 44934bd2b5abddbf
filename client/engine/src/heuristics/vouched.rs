//! Who could have written a file.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::lgetxattr;
use rustix::io::Errno;

const BY_GROUP: u32 = 0o020;
const BY_OTHERS: u32 = 0o002;

/// Why a file below `root` cannot be vouched for: it, or a directory from its own up to `root`, belongs to another
/// user than root and who runs this, or others may write to it. `None` if it can.
///
/// As `sshd` judges its files, but that a group with its owner's number, which is his alone on many systems,
/// may write. Access control lists are not read: what has one is not vouched for.
pub(super) fn distrust(path: &Path, root: &Path) -> io::Result<Option<&'static str>> {
    let user = rustix::process::geteuid().as_raw();
    for above in path.ancestors() {
        let metadata = above.symlink_metadata()?;
        if let Some(why) = distrust_of(&metadata, user) {
            return Ok(Some(why));
        }
        // With one, the bits of the group do not say who may write.
        let list = lgetxattr(above, "system.posix_acl_access", &mut [0_u8; 512]);
        if matches!(list, Ok(1..) | Err(Errno::RANGE)) {
            return Ok(Some(
                "it, or a directory above it, has an access control list",
            ));
        }
        if above == root {
            break;
        }
    }
    Ok(None)
}

fn distrust_of(metadata: &Metadata, user: u32) -> Option<&'static str> {
    let owner = metadata.uid();
    if owner != 0 && owner != user {
        return Some("it, or a directory above it, belongs to another user");
    }
    if metadata.is_symlink() {
        // All may do everything with a link, it says, and nobody can.
        return None;
    }
    let by_group = metadata.mode() & BY_GROUP != 0 && metadata.gid() != owner;
    if by_group || metadata.mode() & BY_OTHERS != 0 {
        return Some("other users may write to it, or to a directory above it");
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_vouched_for_up_to_the_root() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        let below = root.join("a/b");
        fs::create_dir_all(&below).unwrap();
        let file = below.join("file");
        fs::write(&file, "").unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
        // What is above the root was named by the user.
        set(directory.path(), 0o777).unwrap();
        assert_eq!(distrust(&file, &root).unwrap(), None);
        for path in [&file, &below, &root.join("a"), &root] {
            let mode = fs::metadata(path).unwrap().mode();
            set(path, mode | 0o1002).unwrap();
            assert!(distrust(&file, &root).unwrap().is_some(), "{path:?}");
            set(path, mode).unwrap();
        }
        assert_eq!(distrust(&file, &root).unwrap(), None);
    }

    #[test]
    fn what_has_an_access_control_list_is_not_vouched_for() {
        // Read and write for the owner and for user 1234.
        const ACL: &[u8] = b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x06\0\xd2\x04\0\0\x04\0\x04\0\
                             \xff\xff\xff\xff\x10\0\x06\0\xff\xff\xff\xff\x20\0\x04\0\xff\xff\xff\xff";
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let flags = rustix::fs::XattrFlags::empty();
        if rustix::fs::setxattr(&file, "system.posix_acl_access", ACL, flags).is_err() {
            hashget_tests::not_run("access control lists", "the file system has none");
            return;
        }
        assert!(distrust(&file, directory.path()).unwrap().is_some());
    }

    #[test]
    fn what_belongs_to_others_is_not_vouched_for() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let metadata = file.metadata().unwrap();
        assert_eq!(distrust_of(&metadata, metadata.uid()), None);
        if metadata.uid() != 0 {
            assert!(distrust_of(&metadata, metadata.uid() + 1).is_some());
            hashget_tests::not_run("files of others", "only root can make them");
            return;
        }
        std::os::unix::fs::chown(&file, Some(12345), None).unwrap();
        let metadata = file.metadata().unwrap();
        assert!(distrust_of(&metadata, 0).is_some());
        assert_eq!(distrust_of(&metadata, 12345), None);
    }
}
