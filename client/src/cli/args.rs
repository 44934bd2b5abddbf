//! The command line of `hashget`.
//!
//! The options of the original keep their spelling and meaning; what is new are subcommands and
//! options that the original does not have.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use hashget_common::expiry::Expiry;
use hashget_common::project::ProjectName;
use hashget_common::signature::Signature;

use super::args_service::{OutputArgs, ServiceArgs};
use super::args_subcommand::Subcommand;
use super::size::parse_size;

const EXAMPLES: &str = "\
Examples:
  Pack a folder, leaving out what a hashserver's packages hold:
    hashget -zf backup.tar.gz --pack /srv/www --hashserver http://localhost:8080/
  Restore it somewhere else:
    hashget -u backup.tar.gz -C /srv/www2
  See first what that would download, or whether it can be done at all:
    hashget -u backup.tar.gz -C /srv/www2 --dry-run
    hashget verify backup.tar.gz --deep
  Make packages known, here and to others (the token is taken from HASHGET_TOKEN):
    hashget --submit http://example.org/wordpress-5.1.1.zip -p wordpress
    hashget --publish -p wordpress --hashserver http://localhost:8080/
  A full backup, put on a web server, then small ones that rely on it:
    hashget --submit http://localhost/hg/full-1.tar.gz -p my_incremental --hashserver
    hashget -zf diff.tar.gz --pack /srv/www --hashserver

Options that take several values take everything up to the next option: write the folder or
subcommand before them. No hashserver is asked unless one is named by --hashserver, in
HASHGET_HASHSERVER or in a settings file (/etc/hashget/hashget.toml,
~/.config/hashget/hashget.toml or the file that HASHGET_CONFIG names).

Exit status: 0 done, 1 failed, 2 wrong usage, 3 done but with problems reported.";

/// Packs folders without the files that can be downloaded again, and restores them.
#[derive(Debug, Parser)]
#[command(name = "hashget", version, after_help = EXAMPLES, subcommand_value_name = "SUBCOMMAND",
    subcommand_help_heading = "Subcommands", max_term_width = 100, disable_help_subcommand = true)]
pub struct HashgetArgs {
    /// What is new since the original.
    #[command(subcommand)]
    pub subcommand: Option<Subcommand>,
    /// What to do.
    #[command(flatten)]
    pub operation: OperationArgs,
    /// Publishing, by itself or after an operation.
    #[command(flatten)]
    pub publish: PublishArgs,
    /// How to pack.
    #[command(flatten)]
    pub pack: PackArgs,
    /// How to restore.
    #[command(flatten)]
    pub restore: RestoreArgs,
    /// How to index.
    #[command(flatten)]
    pub index: IndexArgs,
    /// Records, package files and servers.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What to do; one of them.
#[derive(Debug, Args)]
#[group(multiple = false)]
#[command(next_help_heading = "Packing and unpacking")]
pub struct OperationArgs {
    /// Pack folder DIR into the archive -f FILE: index, choose packages, write
    #[arg(long, value_name = "DIR")]
    pub pack: Option<PathBuf>,
    /// Only write the restore file into DIR, and with -X the list of what to exclude
    #[arg(long, value_name = "DIR")]
    pub prepack: Option<PathBuf>,
    /// Restore the files that were left out of DIR, or extract and restore an archive into -C DIR
    #[arg(long, short = 'u', value_name = "DIR|ARCHIVE|-")]
    pub postunpack: Option<PathBuf>,
    /// Tell what restoring DIR or an archive needs; `list` prints the URLs still to download
    #[arg(long, num_args = 1..=2, value_names = ["DIR|ARCHIVE", "summary|list"])]
    pub info: Option<Vec<OsString>>,
    /// Index the package at URL into --project, and offer it to the hashservers
    #[arg(long, value_name = "URL", help_heading = "Indexing packages")]
    pub submit: Option<String>,
    /// Index the packages that the heuristics find in DIR (`:debian`: this system's)
    #[arg(long, value_name = "DIR", help_heading = "Indexing packages")]
    pub index: Option<PathBuf>,
    /// Index a local .deb, found by its SHA-1 at the snapshot service
    #[arg(long, value_name = "package.deb", help_heading = "Indexing packages")]
    pub debsubmit: Option<PathBuf>,
    /// Fetch one file by its hash (`sha256:...`) into --outdir
    #[arg(long, value_name = "SPEC", help_heading = "Fetching")]
    pub get: Option<String>,
    /// Fetch a package by its hash, or a .deb by its signature (`vim_8.0_amd64`)
    #[arg(long, value_name = "SPEC", help_heading = "Fetching")]
    pub fetch: Option<String>,
}

/// Publishing.
#[derive(Debug, Args)]
#[command(next_help_heading = "Publishing")]
pub struct PublishArgs {
    /// Send local records (of --project, or all) to the hashservers; token in `HASHGET_TOKEN`
    #[arg(long)]
    pub publish: bool,
    /// Also put the package files, their anchors or both into the server's pool
    #[arg(
        long,
        value_name = "package|anchors|all",
        requires = "publish",
        hide_possible_values = true
    )]
    pub with_files: Option<WithFiles>,
}

/// Which bytes go to a server's pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WithFiles {
    /// The package files.
    Package,
    /// The large files inside.
    Anchors,
    /// Both.
    All,
}

/// How to pack.
#[expect(clippy::struct_excessive_bools, reason = "one a flag")]
#[derive(Debug, Args)]
#[command(next_help_heading = "Packing options")]
pub struct PackArgs {
    /// The archive (with --pack), or a local copy of the package (with --submit)
    #[arg(long, short, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Compress with gzip, whatever FILE ends in; without it the ending decides: .tar, .tar.gz, .tar.zst,
    /// .tar.xz, .tar.bz2
    #[arg(short = 'z')]
    pub gzip: bool,
    /// Leave out what matches: `name` at any depth, `/a/b` from DIR on, `!kept`
    #[arg(long, value_name = "PATH", num_args = 1.., help_heading = "Choosing files")]
    pub exclude: Vec<OsString>,
    /// --pack: read patterns to exclude from FILE. --prepack: write the list for tar -X to FILE
    #[arg(
        long,
        short = 'X',
        value_name = "FILE",
        help_heading = "Choosing files"
    )]
    pub exclude_from: Option<PathBuf>,
    /// Pack these as they are, without looking them up
    #[arg(long, value_name = "PATH", num_args = 0.., help_heading = "Choosing files")]
    pub skip: Vec<OsString>,
    /// Leave out folders marked by a CACHEDIR.TAG
    #[arg(long, help_heading = "Choosing files")]
    pub exclude_caches: bool,
    /// Leave out what .gitignore files say
    #[arg(long, help_heading = "Choosing files")]
    pub exclude_ignored: bool,
    /// Stay on the file system of the packed folder
    #[arg(long, help_heading = "Choosing files")]
    pub one_file_system: bool,
    /// Also what the kernel shows below DIR as /proc, /sys, /dev and their kind
    #[arg(
        long,
        help_heading = "Choosing files",
        conflicts_with = "one_file_system"
    )]
    pub all_file_systems: bool,
    /// Read all files, also those that did not change since they were last hashed
    #[arg(long)]
    pub no_cache: bool,
    /// Name untouched members of packages at hand all at once: tiny archives that only hashget restores
    #[arg(long)]
    pub compact: bool,
    /// Look up every file above --anchsz at the hashservers as well (slower)
    #[arg(long)]
    pub pull: bool,
    /// Whose records are relied on: only those made here, or also the servers' [default: server]
    #[arg(long, value_name = "self|server", hide_possible_values = true)]
    pub trust: Option<TrustWhom>,
    /// Compression level, 0 to 9 for gzip and xz, 1 to 22 for zstd, 1 to 9 for bzip2 [default: 6, 3, 9]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=22))]
    pub level: Option<u32>,
}

/// Whose records are relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrustWhom {
    /// Only those that this machine derived or re-checked.
    #[value(name = "self")]
    #[serde(rename = "self")]
    Own,
    /// Also those of the named hashservers.
    Server,
}

/// How to restore.
#[expect(clippy::struct_excessive_bools, reason = "one a flag")]
#[derive(Debug, Args)]
#[command(next_help_heading = "Restoring options")]
pub struct RestoreArgs {
    /// Extract and restore the archive here
    #[arg(short = 'C', long = "directory", value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Restore only what matches; patterns as with --exclude
    #[arg(long, value_name = "GLOB")]
    pub include: Vec<OsString>,
    /// Restore only this file or folder
    #[arg(long, value_name = "P")]
    pub path: Vec<OsString>,
    /// Which files that are already there are replaced [default: changed]
    #[arg(long, value_name = "never|changed|always", hide_possible_values = true)]
    pub overwrite: Option<OverwriteWhen>,
    /// Do not set owners
    #[arg(long)]
    pub user: bool,
    /// Set owners by number, whatever their names are here
    #[arg(long)]
    pub numeric_owner: bool,
    /// Restore no devices, setuid bits, capabilities, nor the root directory's metadata [default for
    /// archives of other users than root]
    #[arg(long, conflicts_with = "trusted")]
    pub untrusted: bool,
    /// Restore all of that, whoever owns the archive
    #[arg(long)]
    pub trusted: bool,
    /// Leave the restore file in place when everything is restored
    #[arg(long)]
    pub keep_restore_file: bool,
    /// Where --get and --fetch put files [default: .]
    #[arg(long, short, value_name = "DIR", help_heading = "Fetching")]
    pub outdir: Option<PathBuf>,
    /// Print the plan and do nothing
    #[arg(long, help_heading = "Packing and unpacking")]
    pub dry_run: bool,
}

/// When an existing file is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OverwriteWhen {
    /// Never.
    Never,
    /// When its content differs.
    Changed,
    /// Always.
    Always,
}

/// How to index.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Indexing options")]
pub struct IndexArgs {
    /// The project that records go to
    #[arg(long, short, value_name = "PROJECT", global = true)]
    pub project: Option<ProjectName>,
    /// Until when the package, or the archive, must be good: YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    pub expires: Option<Expiry>,
    /// Files larger than this are anchors [default: 102400]
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub anchsz: Option<u64>,
    /// Files larger than this are indexed, and left out [default: all are indexed; left out are those
    /// above 1024, and smaller ones of packages that these need]
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub filesz: Option<u64>,
    /// Files that match are anchors, whatever their size
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    pub fanchor: Vec<OsString>,
    /// Further signatures for --submit, TYPE:VALUE
    #[arg(long, value_name = "SIG", num_args = 1..)]
    pub sig: Vec<Signature>,
    /// Look also into archives inside packages (slower)
    #[arg(long)]
    pub recursive: bool,
    /// Which heuristics find packages [default: all]; no value: none
    #[arg(long, value_name = "NAME", num_args = 0..)]
    pub heuristics: Option<Vec<String>>,
    /// The base URL of the Debian snapshot service
    #[arg(long, value_name = "URL")]
    pub snapshot_url: Option<String>,
    /// Wait this long between requests to the snapshot service
    #[arg(long, value_name = "SECONDS")]
    pub sleep: Option<f64>,
}
