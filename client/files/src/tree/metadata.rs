//! What the file system says of a file, in our terms.

use hashget_archive::Timestamp;
use rustix::fs::{FileType, Statx, StatxTimestamp, makedev};

use super::entry::{FileId, FileStamp, Metadata, TreeKind};
use crate::node::Node;

/// The stamp in a status.
pub fn stamp_of(status: &Statx) -> FileStamp {
    FileStamp {
        id: file_id(status),
        size: status.stx_size,
        mtime: timestamp(status.stx_mtime),
        ctime: timestamp(status.stx_ctime),
    }
}

/// Which file a status is of.
pub fn file_id(status: &Statx) -> FileId {
    FileId {
        device: makedev(status.stx_dev_major, status.stx_dev_minor),
        inode: status.stx_ino,
    }
}

/// The type in a status.
pub(super) fn file_type(status: &Statx) -> FileType {
    FileType::from_raw_mode(status.stx_mode.into())
}

/// Whether a status is of a regular file.
pub fn is_file(status: &Statx) -> bool {
    file_type(status).is_file()
}

/// The kind that a status tells; a link's target is asked for. `None` for what no system has.
pub(super) fn kind_of<E>(
    status: &Statx,
    target: impl FnOnce() -> Result<Vec<u8>, E>,
) -> Result<Option<TreeKind>, E> {
    let (major, minor) = (status.stx_rdev_major, status.stx_rdev_minor);
    Ok(Some(match file_type(status) {
        FileType::RegularFile => TreeKind::File {
            size: status.stx_size,
            id: file_id(status),
            links: status.stx_nlink.into(),
            allocated_bytes: status.stx_blocks.saturating_mul(512),
        },
        FileType::Directory => TreeKind::Directory,
        FileType::Symlink => TreeKind::Node(Node::Symlink(target()?)),
        FileType::Fifo => TreeKind::Node(Node::Fifo),
        FileType::CharacterDevice => TreeKind::Node(Node::CharDevice(major, minor)),
        FileType::BlockDevice => TreeKind::Node(Node::BlockDevice(major, minor)),
        FileType::Socket => TreeKind::Socket,
        FileType::Unknown => return Ok(None),
    }))
}

/// The twelve mode bits in a status.
pub(super) fn mode_bits(status: &Statx) -> u32 {
    u32::from(status.stx_mode) & 0o7777
}

/// All that a status tells: neither the names of the owners nor extended attributes.
pub(super) fn metadata_of(status: &Statx) -> Metadata {
    Metadata {
        mode: mode_bits(status),
        uid: status.stx_uid,
        gid: status.stx_gid,
        user: None,
        group: None,
        atime: timestamp(status.stx_atime),
        mtime: timestamp(status.stx_mtime),
        ctime: timestamp(status.stx_ctime),
        xattrs: Vec::new(),
    }
}

pub(super) fn timestamp(time: StatxTimestamp) -> Timestamp {
    Timestamp {
        seconds: time.tv_sec,
        nanoseconds: time.tv_nsec,
    }
}
