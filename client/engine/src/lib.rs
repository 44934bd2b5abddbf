//! The operations on packages and trees: [`index`], [`submit`], [`publish`], [`pack`], [`restore`], [`verify`], [`info`], [`get`].
//!
//! Each computes a plan, then carries it out. None prints or exits.

#![allow(
    missing_docs,
    reason = "a crate of this workspace alone: a name that says all needs no sentence"
)]

pub mod get;
pub mod heuristics;
pub mod hint_scope;
pub mod index;
pub mod info;
pub mod pack;
pub mod publish;
pub mod restore;
pub mod state;
pub mod submit;
pub mod verify;
pub mod vouch;
