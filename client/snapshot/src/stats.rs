//! What was done.

use serde::Serialize;

/// What making a snapshot did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CreateStats {
    /// Names of regular files in the snapshot.
    pub tree_files: u64,
    /// Their sizes, hard-linked ones once.
    pub tree_bytes: u64,
    /// Names that were given to files that the destination had already.
    pub linked_files: u64,
    /// What these would have taken as copies.
    pub saved_bytes: u64,
    /// Files that share data, but no metadata, with others (reflinks).
    pub cloned_files: u64,
    pub cloned_bytes: u64,
    /// Files that were copied.
    pub copied_files: u64,
    pub copied_bytes: u64,
    /// Files of the source that were read.
    pub read_files: u64,
    /// Directories, the root among them.
    #[serde(rename = "folders")]
    pub directories: u64,
    /// Symbolic links, pipes and devices.
    pub special_files: u64,
    /// Sockets, which are left out.
    pub socket_files: u64,
    /// Files that could not be given to their owner.
    pub unset_owner_files: u64,
    /// Files that came out of packages into the package cache.
    pub unpacked_files: u64,
    pub unpacked_bytes: u64,
    /// How many files could not be saved, or not as they were.
    pub problems: u64,
}
