//! One package file becomes its record.

use hashget_archive::Limits;
use hashget_record::{PackageFile, RecordError, RecordRules, record_package};
use hashget_words::expiry::Expiry;
use hashget_words::signature::Signature;
use jiff::civil::DateTime;

pub use hashget_record::IndexedPackage;

use super::anchors::AnchorPatterns;
use super::error::IndexPackageError;
use hashget_sources::sources::{LocalPackage, package_limits};

/// How a package is recorded.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// Files larger than this many bytes are recorded; `None`: no file is (written as -1, the
    /// original's way to say so).
    pub filesz: Option<u64>,
    /// Files larger than this many bytes are anchors.
    pub anchsz: u64,
    /// Files that are anchors by their path.
    pub forced_anchors: AnchorPatterns,
    /// Whether archives inside the package are read, too.
    pub recursive: bool,
    /// Until when the package may be relied on.
    pub expires: Expiry,
    /// Bounds on hostile packages.
    pub limits: Limits,
    /// The local time that is noted as `crawled_date`.
    pub now: DateTime,
    /// How many threads may decompress a package; 0 is one.
    pub threads: u32,
}

impl RecordOptions {
    /// Files larger than this many bytes are recorded, by default.
    pub const DEFAULT_FILESZ: u64 = RecordRules::DEFAULT_FILESZ;
    /// Files larger than this many bytes are anchors, by default.
    pub const DEFAULT_ANCHSZ: u64 = RecordRules::DEFAULT_ANCHSZ;

    /// Every file is recorded that is not empty; the rest are the original's defaults.
    pub fn new(now: DateTime) -> Self {
        Self {
            filesz: Some(Self::DEFAULT_FILESZ),
            anchsz: Self::DEFAULT_ANCHSZ,
            forced_anchors: AnchorPatterns::default(),
            recursive: false,
            expires: Expiry::Never,
            limits: package_limits(),
            now,
            threads: 1,
        }
    }
}

/// Makes the record of a package file that can be downloaded from `url`: [`record_package`] for a file
/// that a service found.
pub fn index_package(
    package: &LocalPackage,
    url: &str,
    signatures: &[Signature],
    options: &RecordOptions,
) -> Result<IndexedPackage, IndexPackageError> {
    let file = PackageFile {
        file: &package.file,
        sha256: package.sha256,
        size: package.size,
    };
    let rules = RecordRules {
        filesz: options.filesz,
        anchsz: options.anchsz,
        is_forced_anchor: &|path| options.forced_anchors.matches(path),
        recursive: options.recursive,
        expires: options.expires,
        limits: options.limits.clone(),
        now: options.now,
        threads: options.threads,
        may_go_on: None,
    };
    record_package(file, url, signatures, &rules).map_err(|error| match error {
        RecordError::Read(source) => IndexPackageError::Read {
            url: url.to_owned(),
            path: package.path.clone(),
            source,
        },
        RecordError::Archive(source) => IndexPackageError::Archive {
            url: url.to_owned(),
            source,
        },
    })
}

#[cfg(test)]
mod tests;
