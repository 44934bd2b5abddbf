//! Entries of a tree as members of an archive.

use hashget_archive::{EntryKind, EntryMetadata, TarHeader};
use hashget_words::rel_path::RelPath;

use hashget_files::tree::{Metadata, TreeEntry, TreeKind};

/// The name of a member: `./` and the path, as tar writes what lies in the directory `.`.
pub(super) fn member_name(path: &RelPath) -> Vec<u8> {
    [b"./", path.as_bytes()].concat()
}

/// The header of an entry; `None` for sockets, which no archive can keep. A file's is given as
/// not sparse.
pub(super) fn header(entry: &TreeEntry) -> Option<TarHeader> {
    let (kind, size) = match &entry.kind {
        TreeKind::File { size, .. } => (EntryKind::File, *size),
        TreeKind::Directory => (EntryKind::Directory, 0),
        TreeKind::Node(node) => (node.clone().into(), 0),
        TreeKind::Socket => return None,
    };
    let mut metadata = member_metadata(&entry.metadata);
    if matches!(kind, EntryKind::Symlink { .. }) {
        // Looking at a link changes its access time, so it says nothing, and the same tree
        // would give other bytes the next time.
        metadata.atime = None;
    }
    Some(TarHeader {
        path: member_name(&entry.path),
        kind,
        size,
        metadata,
    })
}

/// The header of a further name of the member of `first`.
pub(super) fn hard_link(entry: &TreeEntry, first: &RelPath) -> TarHeader {
    TarHeader {
        path: member_name(&entry.path),
        kind: EntryKind::HardLink {
            target: member_name(first),
        },
        size: 0,
        // The first name has the attributes.
        metadata: EntryMetadata {
            xattrs: Vec::new(),
            ..member_metadata(&entry.metadata)
        },
    }
}

/// The header of a file that is not in the tree: readable for all, owner and times as `like`.
pub(super) fn made_file(path: &RelPath, size: u64, like: Option<&Metadata>) -> TarHeader {
    let like = like.map(member_metadata).unwrap_or_default();
    TarHeader {
        path: member_name(path),
        kind: EntryKind::File,
        size,
        metadata: EntryMetadata {
            mode: Some(0o644),
            xattrs: Vec::new(),
            atime: None,
            ..like
        },
    }
}

fn member_metadata(metadata: &Metadata) -> EntryMetadata {
    let name = |name: &Option<String>| name.clone().map(String::into_bytes);
    EntryMetadata {
        mode: Some(metadata.mode),
        uid: Some(metadata.uid.into()),
        gid: Some(metadata.gid.into()),
        user: name(&metadata.user),
        group: name(&metadata.group),
        mtime: Some(metadata.mtime),
        atime: Some(metadata.atime),
        xattrs: metadata
            .xattrs
            .iter()
            .map(|xattr| (xattr.name.clone(), xattr.value.clone()))
            .collect(),
        sparse: None,
    }
}
