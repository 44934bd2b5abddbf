//! A directory tree as the file system shows it.
//!
//! [`walk`] lists a tree in order with all that a backup keeps, leaving out what
//! [`PatternSet`]s and other rules exclude; [`hash_files`] gives the digests of its files.
//! A [`TreeRoot`] opens what is in the tree, whatever its names are and however deep it lies.

mod cache_tag;
mod data_digest;
mod describe;
mod entry;
mod exclude;
mod extents;
mod glob;
mod hash;
mod ignored;
mod list;
mod metadata;
mod owners;
mod pattern_file;
mod pseudo;
mod root;
mod walk;
mod xattrs;

pub use data_digest::DigestKind;
pub use data_digest::digest_of;
pub use describe::Describer;
pub use entry::{FileId, FileStamp, Metadata, TreeEntry, TreeKind};
pub use exclude::stored as stored_pattern;
pub use exclude::{PatternError, PatternSet};
pub use extents::{DataReader, is_mostly_hole, same_content};
pub use extents::{Extents, data_extents};
pub use hash::{FileIndex, FileList, HashError, HashedFile, hash_files, hash_files_by};
pub use hash::{extents_of, hash_each};
pub use list::{EntryIndex, ListedFile, TreeList};
pub use metadata::{file_id as id_of, is_file, stamp_of};
pub use pattern_file::{PatternFileError, read_pattern_file};
pub use pseudo::is_pseudo_kind;
pub use root::Statuses;
pub use root::{TreeError, TreeRoot};
pub use root::{file_stamp, statx_at as status_at, statx_of as status_of};
pub use walk::{OmittedNames, WalkOptions, walk};
pub use walk::{Seen, walk_knowing};
