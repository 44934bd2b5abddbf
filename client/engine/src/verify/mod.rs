//! Tells whether an archive can still be restored, before it is too late.

mod check;

use std::collections::HashSet;
use std::path::Path;

use hashget_words::digest::{Digest, HashSpec};
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::{RestoreEntry, RestoreFile};
use serde::Serialize;

use self::check::Check;
use crate::restore::list;
use crate::restore::members::{Expanded, expand};
use crate::restore::{RestoreError, RestoreSources, SourceReport};
use hashget_files::monitor::{HostTrouble, Monitor};

/// How to verify.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// True to fetch and read the packages; false to ask only whether each source has them.
    pub deep: bool,
    /// The share of packages to check, in percent; 100 checks all.
    pub sample_percent: u8,
    /// Chooses the sample: the same seed and archive give the same packages.
    pub sample_seed: u64,
    /// Whether to add fetched packages to the first pool that is a directory.
    pub add_to_pool: bool,
    /// Whether to read archives inside packages.
    pub recursive: bool,
    /// How many packages are checked at the same time.
    pub jobs: usize,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self {
            deep: false,
            sample_percent: 100,
            sample_seed: 0,
            add_to_pool: false,
            recursive: false,
            jobs: 4,
        }
    }
}

/// The result of a verification.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct VerifyReport {
    /// Whether packages were fetched and read.
    pub deep: bool,
    /// Packages of the restore file.
    pub packages: u64,
    /// Packages that were looked at.
    pub checked_packages: u64,
    /// Packages that no source has.
    pub dead_packages: u64,
    /// Files of the restore file.
    pub files: u64,
    /// Files found in a package; known only after a deep verification of all packages.
    pub found_files: u64,
    /// Files that are in none of the packages. Unless a deep verification read every package, only the
    /// files for which the restore file names no package.
    pub lost: Vec<LostFile>,
    /// Every package that was looked at.
    pub details: Vec<PackageReport>,
    /// Bytes that were downloaded.
    pub downloaded_bytes: u64,
    /// Packages that were put into a pool.
    pub kept_packages: u64,
}

impl VerifyReport {
    /// True if no fault was found.
    pub fn is_good(&self) -> bool {
        self.dead_packages == 0
            && self.lost.is_empty()
            && self.details.iter().all(|report| report.lies.is_empty())
    }
}

/// What was found about one package.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PackageReport {
    pub hash: HashSpec,
    /// Its first URL.
    pub url: String,
    /// The answer of each source; after a deep verification, of the sources that were tried.
    pub sources: Vec<SourceReport>,
    /// True if at least one source has it.
    pub alive: bool,
    /// The files of the restore file that it holds; only after a deep verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_files: Option<u64>,
    /// Digests that its record lists but the package lacks; only after a deep verification.
    pub lies: Vec<Digest>,
    /// Why it cannot be fetched or read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The host that did not answer, if that is why.
    #[serde(skip)]
    pub trouble: Option<HostTrouble>,
}

/// A file of the restore file that no package holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LostFile {
    /// Its path in the tree.
    pub file: RelPath,
    /// The digest of its content.
    pub sha256: Digest,
    /// Why it is lost: the packages lack it, or could not be fetched.
    pub why: String,
}

/// Verifies that the directory or archive `target` can be restored. An archive is read to its end
/// first: one that is damaged is an error.
pub fn verify(
    target: &Path,
    options: &VerifyOptions,
    sources: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Result<VerifyReport, RestoreError> {
    let list = list::load_sound(target)?;
    let files = list.files_count();
    let expanded = if options.deep {
        expand(list, sources, monitor)
    } else {
        Expanded::of(list)
    };
    let list = expanded.list;
    let sample = sample(&list, options);
    let all = sample.len() == list.packages.len();
    let mut report = VerifyReport {
        deep: options.deep,
        packages: list.packages.len() as u64,
        checked_packages: sample.len() as u64,
        files,
        ..VerifyReport::default()
    };
    let check = Check::new(&list, options, sources, monitor);
    let mut found = HashSet::new();
    for checked in check.packages(&sample) {
        report.dead_packages += u64::from(!checked.report.alive);
        report.downloaded_bytes += checked.downloaded_bytes;
        report.kept_packages += u64::from(checked.kept);
        found.extend(checked.found);
        report.details.push(checked.report);
    }
    if !options.deep {
        report.lost = unnamed(&list);
        if list.packages.is_empty() {
            report
                .lost
                .extend(lost_files(&list, &found, &report.details));
        }
    }
    if options.deep {
        let is_found = |entry: &&RestoreEntry| found.contains(&entry.sha256);
        report.found_files = list.files.iter().filter(is_found).count() as u64;
        if all {
            report.lost = lost_files(&list, &found, &report.details);
        }
        for (missing, _) in expanded.unreadable {
            report.lost.push(LostFile {
                file: missing.file,
                sha256: missing.sha256,
                why: missing.why,
            });
        }
    }
    Ok(report)
}

/// The indexes of the packages to check.
fn sample(list: &RestoreFile, options: &VerifyOptions) -> Vec<usize> {
    let count = list.packages.len();
    let percent = usize::from(options.sample_percent.min(100));
    // At least one, so that a sample always says something.
    let wanted = count
        .saturating_mul(percent)
        .div_ceil(100)
        .max(1)
        .min(count);
    let mut order: Vec<usize> = (0..count).collect();
    if wanted < count {
        order.sort_by_cached_key(|number| {
            let hash = &list.packages[*number].hash;
            Digest::of(format!("{}:{hash}", options.sample_seed).as_bytes())
        });
        order.truncate(wanted);
        order.sort_unstable();
    }
    order
}

/// Members of packages that the restore file does not list: they are lost in any case.
fn unnamed(list: &RestoreFile) -> Vec<LostFile> {
    let named: HashSet<&HashSpec> = list.packages.iter().map(|package| &package.hash).collect();
    let groups = list.members.iter();
    groups
        .filter(|group| !named.contains(&group.package))
        .map(|group| LostFile {
            file: group.into.clone(),
            sha256: group.package.sha256().unwrap_or(group.sum),
            why: format!(
                "{} files that are members of the package with this hash: the restore file does \
                 not say where it is",
                group.files
            ),
        })
        .collect()
}

fn lost_files(
    list: &RestoreFile,
    found: &HashSet<Digest>,
    details: &[PackageReport],
) -> Vec<LostFile> {
    let dead = details.iter().filter(|report| !report.alive).count();
    let why = if details.is_empty() {
        "the restore file names no package".to_owned()
    } else if dead == 0 {
        "none of the packages holds it".to_owned()
    } else {
        format!(
            "it is in no package that can be fetched; {dead} of {} cannot",
            details.len()
        )
    };
    let mut files: Vec<_> = list
        .files
        .iter()
        .filter(|entry| !found.contains(&entry.sha256))
        .map(|entry| LostFile {
            file: entry.file.clone(),
            sha256: entry.sha256,
            why: why.clone(),
        })
        .collect();
    files.sort_by(|a, b| a.file.cmp(&b.file));
    files
}

#[cfg(test)]
mod tests;
