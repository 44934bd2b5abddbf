//! The command line of `hashget-admin`.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use hashget_common::expiry::Expiry;
use hashget_common::package_spec::PackageSpec;
use hashget_common::project::ProjectName;

use super::args::WithFiles;
use super::args_service::OutputArgs;

const EXAMPLES: &str = "\
Examples:
  hashget-admin --list -p my_incremental
  hashget-admin --purge --hp full-1.tar.gz
  hashget-admin --set expires 2031-01-01 --hp name:wordpress-5.1.1.zip
  hashget-admin --verify delete --hp all
  hashget-admin --status --hashserver http://localhost:8080/
  hashget-admin --publish --with-files package --hashserver http://localhost:8080/
  hashget-admin --export records.jsonl

HPSPEC: url:U or a bare http(s) URL; name:BASENAME or a bare name; sig:TYPE:VALUE; all;
expired (now) or expired:YYYY-MM-DD (at that date).

Without --hashserver the commands are about the local records; with it, about that server's. Its
token is taken from HASHGET_TOKEN or a settings file.

Exit status: 0 done, 1 failed, 2 wrong usage, 3 done but with problems reported.";

/// Looks after records: the local ones, or those of a hashserver.
#[derive(Debug, Parser)]
#[command(name = "hashget-admin", version, after_help = EXAMPLES, max_term_width = 100,
    arg_required_else_help = true)]
pub struct AdminArgs {
    /// What to do.
    #[command(flatten)]
    pub operation: AdminOperation,
    /// Which records and where.
    #[command(flatten)]
    pub filter: AdminFilter,
    /// Further options.
    #[command(flatten)]
    pub options: AdminOptions,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What to do; one of them.
#[expect(clippy::struct_excessive_bools, reason = "one a flag")]
#[derive(Debug, Args)]
#[group(multiple = false, required = true)]
#[command(next_help_heading = "Information")]
pub struct AdminOperation {
    /// Tell what --project (or each) holds
    #[arg(long)]
    pub status: bool,
    /// List packages: name (anchors/files)
    #[arg(long)]
    pub list: bool,
    /// Print records as JSON
    #[arg(long)]
    pub dump: bool,
    /// Print these members of records, such as `url size expires`
    #[arg(long, value_name = "FIELD", num_args = 1..)]
    pub get: Option<Vec<String>>,
    /// Check that packages are still at their URLs, with their sizes; `delete` removes the others
    #[arg(long, value_name = "report|delete", num_args = 0..=1, default_missing_value = "report",
        hide_possible_values = true)]
    pub verify: Option<VerifyAction>,

    /// Set an attribute; `expires` too. VALUE is JSON or text, `null` takes it away
    #[arg(long, num_args = 2, value_names = ["ATTR", "VALUE"], help_heading = "Changes")]
    pub set: Option<Vec<String>>,
    /// Remove the packages that --hp names
    #[arg(long, help_heading = "Changes")]
    pub purge: bool,
    /// Make --project
    #[arg(long, help_heading = "Changes")]
    pub addproject: bool,
    /// Remove --project with all its records; with --really
    #[arg(long, help_heading = "Changes")]
    pub rmproject: bool,
    /// Kept for the original's scripts: records are stored in one way only, nothing changes
    #[arg(long, help_heading = "Changes")]
    pub modify: bool,
    /// Empty the download cache, the local records or both
    #[arg(
        long,
        value_name = "cacheget|hashdb|all",
        hide_possible_values = true,
        help_heading = "Changes"
    )]
    pub clean: Option<CleanWhat>,
    /// Index the packages uploaded into DIR, and remove those that were indexed
    #[arg(long, value_name = "DIR", help_heading = "Changes")]
    pub submitted: Option<PathBuf>,

    /// Send local records to --hashserver
    #[arg(long, help_heading = "Exchange")]
    pub publish: bool,
    /// Write a static hashserver into WEBROOT (default --webroot) from the local records
    #[arg(long, value_name = "WEBROOT", num_args = 0..=1, help_heading = "Exchange")]
    pub build: Option<Vec<PathBuf>>,
    /// Write records as JSON lines to FILE (`-`: standard output)
    #[arg(long, value_name = "FILE", help_heading = "Exchange")]
    pub export: Option<PathBuf>,
    /// Read records as JSON lines from FILE (`-`: standard input)
    #[arg(long, value_name = "FILE", help_heading = "Exchange")]
    pub import: Option<PathBuf>,
}

/// What `--verify` does with packages that are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VerifyAction {
    /// Only tells.
    Report,
    /// Removes their records.
    Delete,
}

/// What `--clean` empties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CleanWhat {
    /// The download cache.
    Cacheget,
    /// The local records.
    Hashdb,
    /// Both.
    All,
}

/// Which records, and where.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which records")]
pub struct AdminFilter {
    /// Only this project
    #[arg(long, short, value_name = "NAME")]
    pub project: Option<ProjectName>,
    /// Only these packages
    #[arg(long, value_name = "HPSPEC")]
    pub hp: Option<PackageSpec>,
    /// The records of this hashserver instead of the local ones
    #[arg(long, value_name = "URL")]
    pub hashserver: Option<String>,
    /// The folder of the local records
    #[arg(
        long,
        alias = "hashdb_path",
        alias = "hashdb-path",
        value_name = "PATH"
    )]
    pub path: Option<PathBuf>,
}

/// Further options.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options")]
pub struct AdminOptions {
    /// The root of the static hashserver that --build writes
    #[arg(
        long,
        value_name = "DIR",
        env = "HASHGET_WEBROOT",
        hide_env_values = true
    )]
    pub webroot: Option<PathBuf>,
    /// --build: also make the HTTP pool of this folder. --publish: where package files are
    #[arg(long, value_name = "DIR")]
    pub pool: Option<PathBuf>,
    /// Yes, do what cannot be undone
    #[arg(long)]
    pub really: bool,
    /// --publish: also put package files, their anchors or both into the server's pool
    #[arg(
        long,
        value_name = "package|anchors|all",
        requires = "publish",
        hide_possible_values = true
    )]
    pub with_files: Option<WithFiles>,
    /// --submitted: until when the packages are good
    #[arg(long, value_name = "DATE")]
    pub expires: Option<Expiry>,
    /// Give up on a server that sends nothing for this long
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
    /// Of the original; without meaning here
    #[arg(long, hide = true)]
    pub full: bool,
    /// Of the original; without meaning here
    #[arg(long, hide = true, value_name = "STORAGE")]
    pub storage: Option<String>,
    /// Of the original; without meaning here
    #[arg(long, hide = true, value_name = "PKGTYPE")]
    pub pkgtype: Option<String>,
}
