//! Why something of a tree cannot be read, for archives that must say so before their first member.

use std::io;

/// Why something that was listed is not to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is no longer there.
    Gone,
    /// The system does not give it.
    Failed(String),
}

impl Unread {
    pub(super) fn new(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Gone,
            _ => Self::Failed(error.to_string()),
        }
    }
}
