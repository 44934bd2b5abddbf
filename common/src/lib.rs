//! The words, formats and store that hashget's programs share.
//!
//! Values that cannot be wrong ([`digest`], [`rel_path`], [`expiry`], [`project`], [`signature`],
//! [`package_spec`]) make up records ([`hash_package`], [`package_summary`], [`restore_file`]).
//! On the records stand three parts that do not know each other: [`archive`] reads packages,
//! [`store`] keeps records, [`api`] is what a hashserver and its clients say to each other.
//! [`record_package`] makes the record of a package file.

pub mod api;
pub mod archive;
pub mod content_batch;
pub mod content_coding;
pub mod deb822;
pub mod digest;
pub mod expiry;
pub mod filter;
pub mod hash_package;
pub mod hash_reader;
pub mod package_spec;
pub mod package_summary;
pub mod project;
pub mod record_package;
pub mod rel_path;
pub mod restore_file;
pub mod sha256_lanes;
pub mod signature;
pub mod store;
pub mod surrogate_escape;
