//! Backups that leave out every file that can be downloaded again.
//!
//! *Operations* ([`index`], [`pack`], [`restore`]) compute a plan, then carry it out. They
//! stand on *services*: [`tree`] (walk, exclude, metadata, digests of files), [`hash_db`] (records:
//! the local projects, then hashservers, behind one look-up), [`sources`] (package files: pools,
//! downloads, hashservers). [`series`] stands on packing and restoring. All report to a [`monitor`]; only [`cli`] prints and exits.

mod atomic_file;
pub mod cli;
pub mod delta;
mod file_lock;
pub mod get;
pub mod hash_cache;
pub mod hash_db;
pub mod hash_server;
pub mod heuristics;
pub mod http;
pub mod index;
pub mod info;
pub mod monitor;
pub mod pack;
mod package_members;
mod place;
pub mod publish;
pub mod restore;
mod sentence;
pub mod series;
pub mod settings;
pub mod snapshot;
pub mod sources;
pub mod state;
pub mod submit;
pub(crate) mod temp_name;
pub mod tree;
pub mod verify;
