//! What of a tree is looked at.

use crate::temp_name::TempNames;
use crate::tree::entry::FileId;
use crate::tree::exclude::PatternSet;

/// What of a tree is looked at.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct WalkOptions {
    /// What is left out, with all that lies below.
    pub exclude: PatternSet,
    /// Whether directories tagged as caches (<https://bford.info/cachedir/>) are left empty but for
    /// the tag.
    pub exclude_caches: bool,
    /// Whether the rules of the `.gitignore` files in the tree are obeyed.
    pub exclude_ignored: bool,
    /// Whether the rules of the `.hashgetignore` files in the tree are obeyed.
    pub exclude_hashgetignored: bool,
    /// Whether directories of other file systems than the root's are left empty.
    pub one_file_system: bool,
    /// Whether what the kernel shows of its state in `/proc`, `/sys`, `/dev` and their kind is looked at.
    /// Otherwise the mount points of such file systems below the root are left empty, with a report.
    pub pseudo_file_systems: bool,
    /// Whether names of users and groups are left out.
    pub numeric_owner: bool,
    /// What is left out because it is being written.
    pub omitted: Option<OmittedNames>,
}

/// Names in one directory that a walk does not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OmittedNames {
    pub directory: FileId,
    /// A name in it, beside the temporary ones.
    pub name: Vec<u8>,
}

impl OmittedNames {
    pub(super) fn holds(&self, directory: FileId, name: &[u8]) -> bool {
        directory == self.directory
            && (name == self.name || TempNames::of_inode(directory.inode).includes(name))
    }
}
