//! What an archive says of a content that it holds as a patch.

use hashget_archive::{Entry, EntryKind};
use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;
use serde::{Deserialize, Serialize};

/// A content that an archive holds as a patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPatch {
    /// A file that has the content.
    pub path: RelPath,
    /// The digest of the content.
    pub sha256: Digest,
    /// Its size, in bytes.
    pub size: u64,
    /// The digest of the content that the patch is for.
    pub old_sha256: Digest,
    /// The size of that content, in bytes.
    pub old_size: u64,
    /// The digest of the patch.
    pub patch_sha256: Digest,
    /// The size of the patch, in bytes.
    pub patch_bytes: u64,
}

impl StoredPatch {
    /// The directory of the patches in an archive. A source's own directory of that name is not backed up.
    pub const DIRECTORY: &'static str = ".hashget-patches";

    /// The path of the member with the patch for this content.
    pub(super) fn member(sha256: &Digest) -> RelPath {
        let name = format!("{}/{sha256}", Self::DIRECTORY);
        // It has no `..`, no empty part and no NUL.
        RelPath::new(name.as_bytes()).unwrap_or_default()
    }

    /// The content whose patch this member is, if it is one.
    pub(super) fn of_member(entry: &Entry) -> Option<Digest> {
        let path = RelPath::new(&entry.path).ok()?;
        if entry.depth != 0 || entry.kind != EntryKind::File {
            return None;
        }
        let below = path.as_path().strip_prefix(Self::DIRECTORY).ok()?;
        below.to_str()?.parse().ok()
    }
}

/// Whether a member lies in the directory of the patches, or is that directory.
pub(super) fn is_patch_member(path: &[u8]) -> bool {
    RelPath::new(path).is_ok_and(|path| path.as_path().starts_with(StoredPatch::DIRECTORY))
}
