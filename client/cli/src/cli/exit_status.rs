//! How a command ends.

use std::process::ExitCode;

/// How a command ends, as the shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    Done = 0,
    /// Nothing, or not what was asked for, was done.
    Failed = 1,
    /// The command line or the settings are wrong; nothing was begun.
    Usage = 2,
    /// Done, but problems were reported on the way.
    Problems = 3,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}
