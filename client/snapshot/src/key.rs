//! Which files may share an inode.

use hashget_archive::Timestamp;
use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use rustix::fs::Statx;

use hashget_files::tree::{FileId, HashedFile, TreeEntry, TreeKind, id_of, stamp_of};

/// Everything of a file that its inode holds: content, holes, owner, mode, modification time and
/// attributes, as one digest. Files of equal keys are one inode.
///
/// Empty files share nothing worth having, so only those of one path are one inode: a hundred
/// empty marker files stay a hundred files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(pub(super) Digest);

impl Key {
    /// The key of a regular file whose content is known.
    pub(super) fn new(entry: &TreeEntry, content: &HashedFile) -> Self {
        let mut hasher = Hasher::new();
        let metadata = &entry.metadata;
        hasher.update(content.sha256.as_bytes());
        hasher.update(&metadata.mode.to_le_bytes());
        hasher.update(&metadata.uid.to_le_bytes());
        hasher.update(&metadata.gid.to_le_bytes());
        hasher.update(&metadata.mtime.seconds.to_le_bytes());
        hasher.update(&metadata.mtime.nanoseconds.to_le_bytes());
        let mut text = |text: &[u8]| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text);
        };
        for xattr in &metadata.xattrs {
            text(&xattr.name);
            text(&xattr.value);
        }
        if matches!(entry.kind, TreeKind::File { size: 0, .. }) {
            text(entry.path.as_bytes());
        }
        // The lengths above never are this one.
        hasher.update(&u64::MAX.to_le_bytes());
        for (offset, length) in content.extents.iter().flatten() {
            hasher.update(&offset.to_le_bytes());
            hasher.update(&length.to_le_bytes());
        }
        let sparse = content.extents.is_some();
        hasher.update(&[u8::from(sparse)]);
        Self(hasher.finish())
    }
}

/// What the system tells of an inode in the destination, but for what every link changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Looks {
    pub(super) size: u64,
    pub(super) mtime: Timestamp,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Looks {
    /// What a status tells.
    pub(super) fn of(status: &Statx) -> Self {
        let stamp = stamp_of(status);
        Self {
            size: stamp.size,
            mtime: stamp.mtime,
            mode: u32::from(status.stx_mode) & 0o7777,
            uid: status.stx_uid,
            gid: status.stx_gid,
        }
    }

    /// What an entry tells, of a regular file.
    pub(super) fn of_entry(entry: &TreeEntry) -> Option<Self> {
        let TreeKind::File { size, .. } = entry.kind else {
            return None;
        };
        Some(Self {
            size,
            mtime: entry.metadata.mtime,
            mode: entry.metadata.mode,
            uid: entry.metadata.uid,
            gid: entry.metadata.gid,
        })
    }
}

/// An inode in the destination as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) id: FileId,
    pub(super) looks: Looks,
    pub(super) links: u64,
    pub(super) ctime: Timestamp,
}

impl Seen {
    /// What a status tells.
    pub(super) fn of(status: &Statx) -> Self {
        Self {
            id: id_of(status),
            looks: Looks::of(status),
            links: status.stx_nlink.into(),
            ctime: stamp_of(status).ctime,
        }
    }
}
