//! Places files below a directory, and nowhere else.
//!
//! Everything is done relative to handles of directories that were opened without following any
//! symbolic link ([`Target`]). A file is written under a temporary name beside its place ([`Temp`]),
//! gets its metadata (`metadata`), and only then its name. What this does to the directories around
//! it is undone at the end (`directories`).

mod content;
mod copy;
mod directories;
mod hole_writer;
mod journal;
mod looker;
mod metadata;
mod node;
mod options;
mod owners;
mod placer;
mod target;
mod temp;
mod trail;

pub use content::{ContentError, Holes, write_content, write_data};
pub use hole_writer::HoleWriter;
pub use looker::Looker;
pub use metadata::{Applied, Wanted, apply, remove_xattrs, set_mode};
pub use options::{Overwrite, Owners};
pub use owners::OwnerNames;
pub use placer::{Existing, Placed, Placer, content_error};
pub use target::{InTheWay, PlaceError, Target, is_hopeless, is_no_directory};
pub use temp::{JOURNAL_NAME, OpenDirectory, Temp};
