//! Package files: pools, downloads, hashservers.

mod attempt;
mod cache;
mod check;
mod directory_pool;
mod download;
mod download_error;
mod fetch;
mod given;
mod limits;
mod package_sources;
mod part;
mod pool;
mod pool_error;
mod receive;
mod tries;

#[cfg(test)]
mod download_tests;
#[cfg(test)]
mod encoding_tests;
#[cfg(test)]
mod fetch_tests;

use std::fs::File;
use std::path::PathBuf;

use hashget_words::digest::Digest;

pub use attempt::{FetchAttempt, FetchError};
pub use cache::CleanStats;
pub use check::{SourceKind, SourceState};
pub use download::{DownloadOptions, Downloader};
pub use download_error::DownloadError;
pub use given::given_package;
pub use limits::{package_limits, set_package_limits};
pub use package_sources::PackageSources;
pub use pool::Pool;
pub use pool_error::PoolError;

/// The package that a caller wants: its hash and where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRef {
    /// Its SHA-256; `None` when a URL is fetched for the first time.
    pub sha256: Option<Digest>,
    /// Its size in bytes, where known.
    pub size: Option<u64>,
    /// The URLs to try, in order. Names that are no URL are skipped.
    pub urls: Vec<String>,
}

/// A complete package file on this machine, with its hash checked.
#[derive(Debug)]
pub struct LocalPackage {
    /// The open file, at its start.
    pub file: File,
    /// Its path; the file may be removed when the [`LocalPackage`] is dropped.
    pub path: PathBuf,
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Where it came from.
    pub origin: Origin,
}

/// Where a package file came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file that the user named.
    Given,
    /// An archive of the user's own series, by its name.
    Archive(String),
    /// A pool, by its directory or URL.
    Pool(String),
    /// The download cache.
    Cache,
    /// Downloaded now, from this URL.
    Downloaded(String),
}
