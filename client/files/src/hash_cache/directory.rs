//! The directory of remembered digests.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::OFlags;

use crate::tree::{FileId, TreeRoot};

/// So much all trees together may take.
const MAX_BYTES: u64 = 1 << 30;
/// So many trees are remembered; the ones not packed for longest go first.
const MAX_TREES: usize = 100;

/// What a cache of digests holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStat {
    pub trees: u64,
    /// The sizes of their files, in bytes.
    pub bytes: u64,
}

/// Whether a file system of this kind changes the stamp of a file whenever its content changes.
///
/// Left out are those on other machines, whose times are remembered here for a while or come
/// from other clocks; those without inode numbers or change times of their own; and `tmpfs`,
/// where writing through a mapping changes no time after the first write.
pub(super) fn keeps_stamps(kind: i64) -> bool {
    const LOCAL: [i64; 7] = [
        0xEF53,      // ext2, ext3, ext4
        0x5846_5342, // xfs
        0x9123_683E, // btrfs
        0xF2F5_2010, // f2fs
        0xCA45_1A4E, // bcachefs
        0x2FC1_2FC1, // zfs
        0x794C_7630, // overlayfs
    ];
    LOCAL.contains(&kind)
}

/// Where the digests of the tree `root` are.
pub(super) fn path_for(directory: &Path, root: &TreeRoot) -> io::Result<PathBuf> {
    let FileId { device, inode } = root.id()?;
    Ok(directory.join(format!("{device:x}-{inode:x}")))
}

/// Makes the directory, for this user alone.
pub(super) fn create(directory: &Path) -> io::Result<()> {
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    check(directory)
}

/// Refuses a directory that others can write to: they could say what is in this user's files.
fn check(directory: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(directory)?;
    let is_ours = metadata.is_dir()
        && metadata.uid() == rustix::process::geteuid().as_raw()
        && metadata.mode() & 0o022 == 0;
    if is_ours {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the directory is not this user's alone",
        ))
    }
}

/// Opens a file of the directory.
pub(super) fn open(directory: &Path, path: &Path) -> io::Result<File> {
    check(directory)?;
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = File::options()
        .read(true)
        .custom_flags(i32::try_from(flags).map_err(io::Error::other)?)
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("no regular file"))
    }
}

/// Notes that a tree's digests were of use.
pub(super) fn mark_used(path: &Path) -> io::Result<()> {
    match File::options().write(true).open(path) {
        // Cleaned meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        file => file?.set_modified(SystemTime::now()),
    }
}

struct Tree {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

fn trees(directory: &Path) -> io::Result<Vec<Tree>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut trees = Vec::new();
    for entry in entries {
        let entry = entry?;
        let metadata = match entry.metadata() {
            // Another run removed or replaced it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        if metadata.is_file() {
            trees.push(Tree {
                path: entry.path(),
                bytes: metadata.len(),
                used: metadata.modified()?,
            });
        }
    }
    Ok(trees)
}

fn remove(tree: &Tree) -> io::Result<()> {
    match fs::remove_file(&tree.path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes the trees that were not used for longest, where there is too much.
pub(super) fn remove_old(directory: &Path) -> io::Result<()> {
    let mut trees = trees(directory)?;
    trees.sort_by_key(|tree| std::cmp::Reverse(tree.used));
    let mut bytes = 0_u64;
    for (number, tree) in trees.iter().enumerate() {
        bytes = bytes.saturating_add(tree.bytes);
        if number >= MAX_TREES || bytes > MAX_BYTES {
            remove(tree)?;
        }
    }
    Ok(())
}

/// What the directory holds.
pub(super) fn stat(directory: &Path) -> io::Result<CacheStat> {
    let trees = trees(directory)?;
    Ok(CacheStat {
        trees: trees.len() as u64,
        bytes: trees.iter().map(|tree| tree.bytes).sum(),
    })
}

pub(super) fn clean(directory: &Path) -> io::Result<CacheStat> {
    let stat = stat(directory)?;
    for tree in trees(directory)? {
        remove(&tree)?;
    }
    match fs::remove_dir(directory) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty
            ) => {}
        removed => removed?,
    }
    Ok(stat)
}
