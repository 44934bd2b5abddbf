//! What is in a package, and which of it a compact restore file means.
//!
//! Packing finds with it which files of a tree are untouched members of a package, and restoring
//! finds the same files again. Both read the package with [`read_members`], whose bytes were checked
//! against the package's SHA-256 before, and agree by [`MembersSum`].

mod read;
mod select;

use hashget_common::archive::{EntryMetadata, Timestamp};
use hashget_common::digest::Digest;
use hashget_common::rel_path::RelPath;
use hashget_common::restore_file::{MembersOwner, MembersSum, RestoreMembers, Xattr};

pub(crate) use self::read::read_members;
pub(crate) use self::select::{Selected, select};

/// A regular file or folder of a package whose path is in it only once.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Its path in the package.
    pub(crate) path: RelPath,
    /// What it contains; of folders nothing.
    pub(crate) content: Option<Content>,
    pub(crate) metadata: MemberMetadata,
}

/// What a file contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) sha256: Digest,
    pub(crate) size: u64,
}

/// What a member is like. Only members of which all of this is known count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemberMetadata {
    pub(crate) mode: u32,
    /// `None` if the package does not tell.
    pub(crate) owner: Option<MembersOwner>,
    pub(crate) mtime: Timestamp,
    pub(crate) xattrs: Vec<Xattr>,
}

impl MemberMetadata {
    fn of(metadata: &EntryMetadata) -> Option<Self> {
        if metadata.sparse.is_some() {
            return None;
        }
        let number = |number: Option<u64>| u32::try_from(number?).ok();
        let name = |name: &Option<Vec<u8>>| match name {
            None => Some(None),
            Some(name) => String::from_utf8(name.clone()).ok().map(Some),
        };
        let owner = || {
            Some(MembersOwner {
                uid: number(metadata.uid)?,
                gid: number(metadata.gid)?,
                user: name(&metadata.user)?,
                group: name(&metadata.group)?,
            })
        };
        let xattr = |(name, value): &(Vec<u8>, Vec<u8>)| Xattr {
            name: name.clone(),
            value: value.clone(),
        };
        Some(Self {
            mode: metadata.mode? & 0o7777,
            owner: owner(),
            mtime: metadata.mtime?,
            xattrs: metadata.xattrs.iter().map(xattr).collect(),
        })
    }

    /// What the member is like in a tree.
    pub(crate) fn in_tree(&self, umask: u32, owner: Option<&MembersOwner>) -> Option<Self> {
        Some(Self {
            mode: self.mode & !umask,
            owner: Some(owner.or(self.owner.as_ref())?.clone()),
            mtime: self.mtime,
            xattrs: self.xattrs.clone(),
        })
    }
}

/// The sum over what was selected, which is sorted by path.
pub(crate) fn sum_of<'a>(
    selected: impl Iterator<Item = (&'a RelPath, Option<&'a Digest>, u32)>,
) -> Digest {
    let mut sum = MembersSum::default();
    for (path, content, mode) in selected {
        sum.add(path, content, mode);
    }
    sum.finish()
}

/// The path of a member in the tree, if it is below `from`.
pub(crate) fn path_in_tree(member: &RelPath, from: &RelPath, into: &RelPath) -> Option<RelPath> {
    let rest = below(member, from)?;
    let mut path = into.as_bytes().to_vec();
    path.push(b'/');
    path.extend_from_slice(rest.as_bytes());
    // A path below the root does not begin with a slash.
    RelPath::new(path.strip_prefix(b"/").unwrap_or(&path)).ok()
}

/// The path of a member relative to `from`, if it is below that.
pub(crate) fn below(member: &RelPath, from: &RelPath) -> Option<RelPath> {
    if *member == *from || !member.starts_with(from) {
        return None;
    }
    let rest = &member.as_bytes()[from.as_bytes().len()..];
    RelPath::new(rest.strip_prefix(b"/").unwrap_or(rest)).ok()
}
