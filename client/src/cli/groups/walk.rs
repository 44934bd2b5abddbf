//! Which files of a directory are looked at.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use crate::cli::error::CliError;
use crate::tree::{PatternSet, WalkOptions};

/// Which files of a directory are looked at.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Choosing files")]
pub(crate) struct WalkArgs {
    /// Leave out what matches this glob below the directory; may be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) exclude: Vec<OsString>,
    /// Leave out directories marked by a CACHEDIR.TAG
    #[arg(long)]
    pub(crate) exclude_caches: bool,
    /// Leave out what .gitignore files say
    #[arg(long)]
    pub(crate) exclude_ignored: bool,
    /// Stay on the file system of the directory
    #[arg(long)]
    pub(crate) one_file_system: bool,
}

impl WalkArgs {
    /// The options of a walk that leaves out what matches `more`, too.
    pub(crate) fn options(&self, more: Vec<Vec<u8>>) -> Result<WalkOptions, CliError> {
        let mut exclude = bytes(&self.exclude);
        exclude.extend(more);
        Ok(WalkOptions {
            exclude: pattern_set(exclude)?,
            exclude_caches: self.exclude_caches,
            exclude_ignored: self.exclude_ignored,
            one_file_system: self.one_file_system,
            ..WalkOptions::default()
        })
    }
}

/// Patterns relative to the directory.
pub(crate) fn patterns(texts: &[OsString]) -> Result<PatternSet, CliError> {
    pattern_set(bytes(texts))
}

fn pattern_set(texts: Vec<Vec<u8>>) -> Result<PatternSet, CliError> {
    PatternSet::new(texts).map_err(|error| {
        CliError::new(&error).into_usage().hint(
            "patterns are relative to the directory; put \\ before *, ?, [ and \\ that stand for \
             themselves",
        )
    })
}

fn bytes(texts: &[OsString]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
