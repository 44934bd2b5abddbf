//! What a restore did.

use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;
use serde::Serialize;

/// What a restore did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RestoreStats {
    /// Files that the restore file lists and the selection wants.
    pub wanted_files: u64,
    /// Their sizes, as far as known.
    pub wanted_bytes: u64,
    /// Files that were there already, with the right content.
    pub in_place_files: u64,
    pub in_place_bytes: u64,
    /// Files that were placed now, further hard links among them.
    pub placed_files: u64,
    pub placed_bytes: u64,
    /// Files that could not be restored.
    pub missing_files: u64,
    /// Each of them, with its digest and the reason, sorted by path.
    pub missing: Vec<MissingFile>,
    /// Those of them whose place something of another kind has, such as a directory.
    pub in_the_way_files: u64,
    /// Files that the restore file lists and the selection does not want.
    pub unselected_files: u64,
    /// Packages that were read.
    pub read_packages: u64,
    /// Packages of the restore file that could not be fetched or read.
    pub failed_packages: u64,
    /// Packages that were not needed.
    pub unneeded_packages: u64,
    /// Bytes of packages that were downloaded.
    pub downloaded_bytes: u64,
    /// Bytes of packages that came from pools.
    pub pool_bytes: u64,
    /// Bytes of packages that were at hand: cached, or given.
    pub cached_bytes: u64,
    /// Files that were fetched one by one from a hashserver's pool.
    pub single_files: u64,
    /// Their bytes, which are also in `pool_bytes`.
    pub single_bytes: u64,
    /// Directories that were made.
    pub created_directories: u64,
    /// Files and directories whose owner could not be set, for want of privilege.
    pub unset_owner_files: u64,
    /// Files and directories with other metadata that could not be set; each was reported.
    pub unset_metadata_files: u64,
    /// Mode bits, attributes and the like that were left out because the archive is not trusted; each
    /// was reported.
    pub refused_parts: u64,
    /// Temporary files of earlier, killed runs that were removed.
    pub removed_litter_files: u64,
    /// Whether the restore file was removed, because nothing is missing any more.
    pub restore_file_removed: bool,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl RestoreStats {
    /// Wanted files that are now in place.
    pub fn recovered_files(&self) -> u64 {
        self.in_place_files + self.placed_files
    }

    pub fn recovered_bytes(&self) -> u64 {
        self.in_place_bytes + self.placed_bytes
    }

    /// Whether every wanted file is in place.
    pub fn is_complete(&self) -> bool {
        self.missing_files == 0
    }
}

/// A file that could not be restored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MissingFile {
    /// Where it belongs.
    pub file: RelPath,
    /// What it would contain.
    pub sha256: Digest,
    /// Its size in bytes, where known.
    pub size: Option<u64>,
    /// Why it is missing.
    pub why: String,
}

/// What an extraction did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ExtractStats {
    /// Members that were placed, of every kind.
    pub placed_members: u64,
    /// Bytes of regular files that were placed.
    pub placed_bytes: u64,
    /// Regular files that were there already, with the same content.
    pub unchanged_files: u64,
    /// Members left alone because something else has their name and is not to be overwritten.
    pub kept_members: u64,
    /// Members that were refused or could not be placed; each was reported.
    pub failed_members: u64,
    /// Those of them whose place something of another kind has, such as a directory.
    pub in_the_way_members: u64,
    /// Members that the selection does not want.
    pub unselected_members: u64,
    /// Members whose owner could not be set, for want of privilege.
    pub unset_owner_files: u64,
    /// Members with other metadata that could not be set; each was reported.
    pub unset_metadata_files: u64,
    /// Devices, mode bits, attributes and the like that were left out because the archive is not
    /// trusted; each was reported.
    pub refused_parts: u64,
    /// What came back from packages; `None` if the archive has no restore file.
    pub restore: Option<RestoreStats>,
}

impl ExtractStats {
    /// Whether every wanted member and file is in place.
    pub fn is_complete(&self) -> bool {
        self.failed_members == 0 && self.restore.as_ref().is_none_or(RestoreStats::is_complete)
    }
}
