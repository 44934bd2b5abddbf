//! Members of packages that belong into the tree just as they are, many at once.

use serde::{Deserialize, Serialize};

use super::is_zero;
use crate::digest::{Digest, HashSpec};
use crate::hash_reader::Hasher;
use crate::rel_path::RelPath;

/// Files and directories of one package that are restored as they are in it, without a word on each.
///
/// Meant are the regular files and directories below the directory `from` of the package whose path is
/// there only once, but for the exceptions. They belong to the same place below the directory `into`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestoreMembers {
    /// The SHA-256 of the package file, one of `packages`.
    pub package: HashSpec,
    /// A directory in the package; its members' paths are taken from there.
    pub from: RelPath,
    /// A directory of the tree.
    pub into: RelPath,
    /// How many files these are.
    pub files: u64,
    /// The sizes of the files, in bytes.
    pub bytes: u64,
    /// How many directories these are.
    #[serde(rename = "folders")]
    pub directories: u64,
    /// What a [`MembersSum`] gives for them.
    pub sum: Digest,
    /// Members that are not meant, relative to `from`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<RelPath>,
    /// Directories of the package that are not meant, with all that is in them, relative to `from`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except_below: Vec<RelPath>,
    /// Mode bits that the members have in the package only.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub umask: u32,
    /// Whose all of them are, where not as in the package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<MembersOwner>,
}

/// Whose files are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MembersOwner {
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// The owner's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The group's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// A sum over restored members, so that a reader knows that it means the same files as the writer.
///
/// The SHA-256 of one line for each, in the order of the paths (by components): the content's
/// SHA-256 or the word `folder` (of the format, not ours), a space, the mode in octal, a space, the path in the tree, a NUL byte.
#[derive(Default)]
pub struct MembersSum(Hasher);

impl MembersSum {
    /// Adds a file, or a directory if it has no content.
    pub fn add(&mut self, path: &RelPath, content: Option<&Digest>, mode: u32) {
        let kind = content.map_or_else(|| "folder".to_owned(), Digest::to_string);
        self.0.update(format!("{kind} {mode:o} ").as_bytes());
        self.0.update(path.as_bytes());
        self.0.update(&[0]);
    }

    /// The sum over all members added so far.
    pub fn finish(self) -> Digest {
        self.0.finish()
    }
}
