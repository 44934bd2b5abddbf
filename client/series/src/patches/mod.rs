//! Large files that changed, stored as patches for a version that an archive of the series holds.
//!
//! A patch (`docs/format.md`) is a member of the archive beside the files. The file itself is in the
//! restore file, as all that is left out, so that its metadata is where everyone looks for it.
//! A patch is always for a content that some archive holds whole, never for one that is a
//! patch itself: one lost patch never loses another file.

mod make;
mod rebuild;

pub(super) use make::{Base, Making, add_to_plan};
pub(super) use rebuild::Rebuilder;
