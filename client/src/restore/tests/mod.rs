//! Whole restores and extractions, against trees on disk.

mod ahead;
mod attacks;
mod damage;
pub(crate) mod doubles;
mod fidelity;
pub(crate) mod fixture;
mod ordinary_user;
mod partial;
mod resume;
mod services;
mod sources;
