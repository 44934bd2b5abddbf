//! Removes whole trees, however deep, and touches nothing that other names stand for.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hashget_words::rel_path::RelPath;
use rustix::fs::{AtFlags, Dir, Mode, fchmod, unlinkat};
use rustix::io::Errno;

use hashget_files::tree::TreeRoot;

/// Removes the directory at `path` and all that is in it. Symbolic links are not followed.
///
/// Only names go: a file that has others is not changed. Directories that may not be written to are
/// opened up first.
pub(super) fn remove_tree(path: &Path) -> io::Result<()> {
    let root = TreeRoot::open(path).map_err(|error| error.source)?;
    let mut directories = vec![RelPath::root()];
    let mut next = 0;
    while let Some(directory) = directories.get(next).cloned() {
        next += 1;
        for name in empty(&root, &directory)? {
            let child = directory.join(name.as_bytes()).map_err(io::Error::other)?;
            directories.push(child);
        }
    }
    // Directories come after those that they lie in.
    for directory in directories.iter().skip(1).rev() {
        let (Some(parent), Some(name)) = (directory.parent(), directory.file_name()) else {
            continue;
        };
        let parent = root.open_directory(&parent)?;
        unlinkat(&parent, OsStr::from_bytes(name), AtFlags::REMOVEDIR)?;
    }
    std::fs::remove_dir(path)
}

/// Removes all but the directories in `directory`; gives their names.
fn empty(root: &TreeRoot, directory: &RelPath) -> io::Result<Vec<OsString>> {
    let fd = open_up(root, directory)?;
    let mut directories = Vec::new();
    for name in names_in(&fd)? {
        match unlinkat(&fd, &name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR | Errno::PERM) if is_directory(&fd, &name)? => directories.push(name),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(directories)
}

fn open_up(root: &TreeRoot, directory: &RelPath) -> io::Result<OwnedFd> {
    let open = match root.open_directory(directory) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_accessible(root, directory)?;
            root.open_directory(directory)
        }
        open => open,
    }?;
    let status = hashget_files::tree::status_of(&open)?;
    let mode = u32::from(status.stx_mode) & 0o7777;
    if mode & 0o700 != 0o700 && !rustix::process::geteuid().is_root() {
        fchmod(&open, Mode::from_raw_mode(mode | 0o700))?;
    }
    Ok(open)
}

/// Opens up a directory that may not even be listed; its parent is open to us already.
fn make_accessible(root: &TreeRoot, directory: &RelPath) -> io::Result<()> {
    let (Some(parent), Some(name)) = (directory.parent(), directory.file_name()) else {
        return std::fs::set_permissions(
            root.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o700),
        );
    };
    let parent = root.open_directory(&parent)?;
    let name = OsStr::from_bytes(name);
    rustix::fs::chmodat(&parent, name, Mode::RWXU, AtFlags::SYMLINK_NOFOLLOW).or_else(|error| {
        // Old kernels cannot do that without following a link; and this is none.
        match error {
            Errno::OPNOTSUPP if is_directory(&parent, name)? => Ok(rustix::fs::chmodat(
                &parent,
                name,
                Mode::RWXU,
                AtFlags::empty(),
            )?),
            error => Err(error.into()),
        }
    })
}

fn is_directory(directory: &OwnedFd, name: &OsStr) -> io::Result<bool> {
    let status = hashget_files::tree::status_at(directory.as_fd(), name.as_bytes())?;
    Ok(rustix::fs::FileType::from_raw_mode(status.stx_mode.into()).is_dir())
}

fn names_in(directory: &OwnedFd) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn only_the_names_of_shared_files_go() {
        let temp = tempfile::tempdir().unwrap();
        let (kept, gone) = (temp.path().join("kept"), temp.path().join("gone"));
        fs::create_dir(&kept).unwrap();
        fs::create_dir_all(gone.join("a/b/c")).unwrap();
        fs::write(kept.join("file"), "content").unwrap();
        fs::set_permissions(kept.join("file"), fs::Permissions::from_mode(0o444)).unwrap();
        fs::hard_link(kept.join("file"), gone.join("a/b/file")).unwrap();
        symlink(&kept, gone.join("a/link")).unwrap();
        fs::set_permissions(gone.join("a/b"), fs::Permissions::from_mode(0o555)).unwrap();
        fs::set_permissions(gone.join("a/b/c"), fs::Permissions::from_mode(0o000)).unwrap();
        remove_tree(&gone).unwrap();
        assert!(!gone.exists());
        let metadata = fs::metadata(kept.join("file")).unwrap();
        assert_eq!((metadata.nlink(), metadata.mode() & 0o7777), (1, 0o444));
        assert_eq!(fs::read(kept.join("file")).unwrap(), b"content");
    }

    #[test]
    fn depth_does_not_matter() {
        let temp = tempfile::tempdir().unwrap();
        let top = temp.path().join("deep");
        fs::create_dir(&top).unwrap();
        let name = "n".repeat(200);
        let root = TreeRoot::open(&top).unwrap();
        let mut at = RelPath::root();
        for _ in 0..100 {
            let directory = root.open_directory(&at).unwrap();
            rustix::fs::mkdirat(&directory, name.as_str(), Mode::RWXU).unwrap();
            at = at.join(name.as_bytes()).unwrap();
        }
        remove_tree(&top).unwrap();
        assert!(!top.exists());
    }
}
