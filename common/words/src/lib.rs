//! The words that hashget's programs share.
//!
//! Values that cannot be wrong ([`digest`], [`rel_path`], [`expiry`], [`project`], [`signature`]) make up records
//! ([`hash_package`], [`package_spec`], [`package_summary`], [`restore_file`]). [`ranking`] tells which of
//! them is the best, [`keep_rules`] which of many backups stay. Nothing here reads a disk, a clock or a network.

pub mod address;
pub mod content_batch;
pub mod deb822;
pub mod digest;
pub mod expiry;
pub mod filter;
pub mod hash_package;
pub mod hash_reader;
pub mod keep_rules;
pub mod package_spec;
pub mod package_summary;
pub mod package_url;
pub mod project;
pub mod ranking;
pub mod rel_path;
pub mod restore_file;
pub mod sha256_lanes;
pub mod signature;
pub mod surrogate_escape;
pub mod varint;
pub mod visible;
