//! Whole restores and extractions, against trees on disk.

mod ahead;
mod attacks;
mod damage;
pub(crate) mod doubles;
mod dry_run;
mod fidelity;
pub(crate) mod fixture;
mod ordinary_user;
mod overwrite;
mod partial;
mod progress;
mod resume;
mod services;
mod small_files;
mod sources;
mod untrusted;
