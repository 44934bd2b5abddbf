//! What is in a package, and which of it a compact restore file means.
//!
//! Packing finds with it which files of a tree are untouched members of a package, and restoring
//! finds the same files again. Both read the package with [`read_members`], whose bytes were checked
//! against the package's SHA-256 before, and agree by [`MembersSum`].

mod read;
mod select;

use hashget_archive::{EntryMetadata, Timestamp};
use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::{MembersOwner, MembersSum, RestoreMembers, Xattr};

pub use self::read::read_members;
pub use self::select::{Selected, select};

/// A regular file or directory of a package whose path is in it only once.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its path in the package.
    pub path: RelPath,
    /// What it contains; of directories nothing.
    pub content: Option<Content>,
    pub metadata: MemberMetadata,
}

/// What a file contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    pub sha256: Digest,
    pub size: u64,
}

/// What a member is like. Only members of which all of this is known count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberMetadata {
    pub mode: u32,
    /// `None` if the package does not tell.
    pub owner: Option<MembersOwner>,
    pub mtime: Timestamp,
    pub xattrs: Vec<Xattr>,
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
    pub fn in_tree(&self, umask: u32, owner: Option<&MembersOwner>) -> Option<Self> {
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
pub fn path_in_tree(member: &RelPath, from: &RelPath, into: &RelPath) -> Option<RelPath> {
    let rest = below(member, from)?;
    let mut path = into.as_bytes().to_vec();
    path.push(b'/');
    path.extend_from_slice(rest.as_bytes());
    // A path below the root does not begin with a slash.
    RelPath::new(path.strip_prefix(b"/").unwrap_or(&path)).ok()
}

/// The path of a member relative to `from`, if it is below that.
pub fn below(member: &RelPath, from: &RelPath) -> Option<RelPath> {
    if *member == *from || !member.starts_with(from) {
        return None;
    }
    let rest = &member.as_bytes()[from.as_bytes().len()..];
    RelPath::new(rest.strip_prefix(b"/").unwrap_or(rest)).ok()
}
