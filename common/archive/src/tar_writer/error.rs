//! What can go wrong while a tar archive is written.

use std::io;

use thiserror::Error;

use crate::MemberName;

/// Why a tar archive could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TarWriteError {
    /// The content ended before the promised size: the file shrank while it was read.
    #[error("{member} ended after {actual} of {expected} bytes: it changed while it was read")]
    ShortContent {
        /// The name of the member that shrank.
        member: MemberName,
        /// The bytes that the header promises.
        expected: u64,
        /// The bytes that came.
        actual: u64,
    },
    /// The content of a member could not be read.
    #[error("cannot read the content of {member}")]
    Content {
        /// The name of the member that could not be read.
        member: MemberName,
        /// The reader's error.
        source: io::Error,
    },
    /// Tar cannot store such a member. Nothing of it was written; the archive can go on.
    #[error("tar cannot store {member}: {reason}")]
    Unstorable {
        /// The name of the member that was left out.
        member: MemberName,
        /// What is in the way.
        reason: &'static str,
    },
    /// The archive could not be written.
    #[error("cannot write the archive at byte {offset}")]
    Write {
        /// Bytes written before.
        offset: u64,
        /// The writer's error.
        source: io::Error,
    },
    /// An earlier error left the archive incomplete.
    #[error("the archive is incomplete because of an earlier error")]
    Unusable,
}
