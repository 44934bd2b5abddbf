//! Options that several commands share, and what they mean to the library.

mod admin;
mod indexing;
mod output;
mod patterns;
mod service;
mod walk;

pub(super) use admin::{FilterArgs, LocalArgs, PlaceArgs};
pub(super) use indexing::{IndexingArgs, RecordArgs, ResolveArgs, need_project};
pub(super) use output::OutputArgs;
pub(super) use patterns::{check_selected, patterns, selection, tell_unmatched};
pub(super) use service::ServiceArgs;
pub(super) use walk::WalkArgs;
