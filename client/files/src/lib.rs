//! Directory trees on this machine: walked and hashed ([`tree`], [`hash_cache`]), and put in place safely ([`place`]).
//!
//! Nothing here knows of packages or servers. What is met on the way goes to a [`monitor`].

#![allow(
    missing_docs,
    reason = "a crate of this workspace alone: a name that says all needs no sentence"
)]

pub mod atomic_file;
pub mod file_lock;
pub mod hash_cache;
mod index_type;
pub mod monitor;
pub mod node;
pub mod package_members;
pub mod path_error;
pub mod place;
pub mod private;
pub mod sentence;
pub mod temp_name;
pub mod tree;
