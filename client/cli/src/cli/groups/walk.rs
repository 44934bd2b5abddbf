//! Which files of a directory are looked at.

use std::ffi::OsString;
use std::path::Path;

use clap::Args;

use super::patterns::patterns;
use crate::cli::error::CliError;
use hashget_files::tree::WalkOptions;

/// Which files of a directory are looked at.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Choosing files")]
pub(crate) struct WalkArgs {
    /// Leave out `name` anywhere, `/a/b` from DIR on, but `!kept`; repeatable
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
    /// Also what the kernel shows as /proc, /sys, /dev and their kind
    #[arg(long, conflicts_with = "one_file_system", hide_short_help = true)]
    pub(crate) all_file_systems: bool,
}

impl WalkArgs {
    /// The options of a walk of the tree at `root` that leaves out what the lines of `file` match, too.
    pub(crate) fn options(
        &self,
        root: &Path,
        file: Option<&Path>,
    ) -> Result<WalkOptions, CliError> {
        Ok(WalkOptions {
            exclude: patterns(root, &self.exclude, file)?,
            exclude_caches: self.exclude_caches,
            exclude_ignored: self.exclude_ignored,
            one_file_system: self.one_file_system,
            pseudo_file_systems: self.all_file_systems,
            ..WalkOptions::default()
        })
    }
}
