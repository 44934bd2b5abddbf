//! `--logfile`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::Zoned;

use crate::cli::error::CliError;
use crate::cli::printable::{printable, printable_path};

/// A file that every message is added to, with its time.
pub(super) struct LogFile(Mutex<Option<File>>);

impl LogFile {
    /// Opens or makes the file.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let file = OpenOptions::new().append(true).create(true).open(path);
        match file {
            Ok(file) => Ok(Self(Mutex::new(Some(file)))),
            Err(error) => Err(CliError::failed(format!(
                "cannot open the log file {}: {error}",
                printable_path(path)
            ))
            .hint("give another file with --logfile")),
        }
    }

    /// Adds a line; the first error closes the file and is returned.
    pub(super) fn line(&self, text: &str) -> Option<io::Error> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Zoned::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
        let line = format!("{now} {}\n", printable(text));
        let error = file.as_mut()?.write_all(line.as_bytes()).err();
        if error.is_some() {
            *file = None;
        }
        error
    }
}
