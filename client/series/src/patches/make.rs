//! Makes patches of what changed since the archives that a backup relies on.

use hashget_files::private::{create_own, open_regular};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;

use super::super::change_list::{Change, Kind, Status};
use super::super::contents::find_contents;
use super::super::error::SeriesError;
use super::super::manifest::{Manifest, hash_file};
use super::super::stored_patch::StoredPatch;
use hashget_delta::patch::{DiffOptions, diff_with_old, patch};
use hashget_engine::pack::{ExtraContent, ExtraFile, PackPlan, PlannedPackage, Wanted};
use hashget_files::monitor::{Level, Monitor, error_chain};
use hashget_files::tree::TreeRoot;
use hashget_sources::sources::{LocalPackage, Origin};

/// An archive that the backup relies on.
pub(crate) struct Base<'a> {
    /// Its name in the destination.
    pub(crate) name: String,
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// What it holds.
    pub(crate) manifest: &'a Manifest,
}

/// Makes patches into a directory, which is removed when this is dropped.
pub(crate) struct Making<'a> {
    directory: PathBuf,
    root: TreeRoot,
    bases: &'a [Base<'a>],
    monitor: &'a dyn Monitor,
    made: Vec<StoredPatch>,
}

/// A file that may be stored as a patch.
struct Candidate {
    path: RelPath,
    sha256: Digest,
    size: u64,
    old_sha256: Digest,
    old_size: u64,
}

impl<'a> Making<'a> {
    /// For the tree `source`; patches go into `directory`, which is made.
    pub(crate) fn new(
        source: &Path,
        directory: PathBuf,
        bases: &'a [Base<'a>],
        monitor: &'a dyn Monitor,
    ) -> Result<Self, SeriesError> {
        fs::create_dir_all(&directory).map_err(SeriesError::io("create", &directory))?;
        Ok(Self {
            directory,
            root: TreeRoot::open(source)?,
            bases,
            monitor,
            made: Vec::new(),
        })
    }

    /// Makes patches for the updated files of at least `least` bytes that `plan` does not leave out,
    /// where that is worth it. What cannot be patched is stored whole: nothing is lost.
    pub(crate) fn make(
        &mut self,
        files: &[Change],
        before: &[Change],
        plan: &PackPlan,
        least: u64,
    ) -> &[StoredPatch] {
        let mut open = candidates(files, before, self.bases, plan, least);
        for base in self.bases {
            let holds = |digest: &Digest| base.manifest.holds.binary_search(digest).is_ok();
            let (here, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
                open.into_iter().partition(|(old, _)| holds(old));
            open = others;
            if here.is_empty() {
                continue;
            }
            if let Err(error) = self.read_base(base, &here) {
                let text = format!("no patches for {}: {}", base.name, error_chain(&error));
                self.monitor.message(Level::Warning, &text);
            }
        }
        self.made.sort_by(|a, b| a.path.cmp(&b.path));
        &self.made
    }

    /// The members for the archive.
    pub(crate) fn extra_files(&self) -> impl Iterator<Item = ExtraFile> {
        self.made.iter().map(|made| ExtraFile {
            path: StoredPatch::member(&made.sha256),
            content: ExtraContent::File {
                path: self.place(&made.sha256),
                size: made.patch_bytes,
            },
        })
    }

    fn place(&self, sha256: &Digest) -> PathBuf {
        self.directory.join(sha256.to_string())
    }

    /// Reads the base once, and makes the patches for what passes by.
    fn read_base(
        &mut self,
        base: &Base<'_>,
        candidates: &BTreeMap<Digest, Vec<Candidate>>,
    ) -> Result<(), SeriesError> {
        let package = LocalPackage {
            file: open_regular(&base.path).map_err(SeriesError::io("open", &base.path))?,
            path: base.path.clone(),
            sha256: base.manifest.sha256,
            size: base.manifest.size,
            origin: Origin::Archive(base.path.display().to_string()),
        };
        let wanted: HashSet<Digest> = candidates.keys().copied().collect();
        let sizes = candidates.values().flatten().map(|it| it.old_size);
        let sizes: HashSet<u64> = sizes.collect();
        find_contents(&package, &wanted, &sizes, &mut |old, file| {
            for candidate in candidates.get(&old).into_iter().flatten() {
                match self.diff(candidate, file) {
                    Ok(Some(made)) => self.made.push(made),
                    Ok(None) => {}
                    Err(why) => {
                        let text = format!("{} is stored whole: {why}", candidate.path);
                        self.monitor.message(Level::Detail, &text);
                    }
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Makes one patch and tries it; none if it is not worth it, or the file changed meanwhile.
    fn diff(&self, wanted: &Candidate, old: &mut File) -> Result<Option<StoredPatch>, String> {
        let words = |error: &dyn std::error::Error| error_chain(error);
        let mut new = self.root.open_file(&wanted.path).map_err(|e| words(&e))?;
        let place = self.place(&wanted.sha256);
        let mut out = BufWriter::new(create_own(&place).map_err(|e| words(&e))?);
        let options = DiffOptions::default();
        let size = wanted.size;
        let made = diff_with_old(old, &mut new, size, &mut out, options).map_err(|e| words(&e))?;
        out.flush().map_err(|e| words(&e))?;
        drop(out);
        let is_right = (made.sha256, made.new_bytes) == (wanted.sha256, size);
        if !is_right || made.patch_bytes.saturating_mul(WORTH) > size {
            fs::remove_file(&place).map_err(|e| words(&e))?;
            return Ok(None);
        }
        // A patch that does not give the file back would be noticed too late.
        old.rewind().map_err(|e| words(&e))?;
        let mut patch_file = open_regular(&place).map_err(|e| words(&e))?;
        let tried = patch(old, &mut patch_file, &mut io::sink(), size).map_err(|e| words(&e))?;
        if (tried.sha256, tried.size) != (wanted.sha256, size) {
            return Err("its patch gives another file".to_owned());
        }
        let (patch_sha256, patch_bytes) = hash_file(&place).map_err(|e| words(&e))?;
        Ok(Some(StoredPatch {
            path: wanted.path.clone(),
            sha256: wanted.sha256,
            size,
            old_sha256: wanted.old_sha256,
            old_size: wanted.old_size,
            patch_sha256,
            patch_bytes,
        }))
    }
}

/// A file is stored as a patch only if it is so many times larger than that: packed whole it would
/// be compressed, too, and rely on no old version.
const WORTH: u64 = 2;

impl Drop for Making<'_> {
    fn drop(&mut self) {
        // If it stays, the next run removes it.
        fs::remove_dir_all(&self.directory).unwrap_or_default();
    }
}

/// What may be stored as a patch, by the content that the patch would be for.
fn candidates(
    files: &[Change],
    before: &[Change],
    bases: &[Base<'_>],
    plan: &PackPlan,
    least: u64,
) -> BTreeMap<Digest, Vec<Candidate>> {
    let old: HashMap<&RelPath, &Change> = before
        .iter()
        .filter(|change| change.kind == Kind::File && change.status != Status::Deleted)
        .map(|change| (&change.path, change))
        .collect();
    let mut seen = HashSet::new();
    let mut found: BTreeMap<Digest, Vec<Candidate>> = BTreeMap::new();
    for change in files {
        let is_meant = change.kind == Kind::File && change.status == Status::Updated;
        let (Some(size), Some(sha256)) = (change.size, change.sha256) else {
            continue;
        };
        let held = old.get(&change.path).and_then(|old| held_whole(old, bases));
        let Some((old_sha256, old_size)) = held else {
            continue;
        };
        if is_meant
            && size >= least.max(1)
            && old_sha256 != sha256
            && !plan.leaves_out(&sha256)
            && seen.insert(sha256)
        {
            found.entry(old_sha256).or_default().push(Candidate {
                path: change.path.clone(),
                sha256,
                size,
                old_sha256,
                old_size,
            });
        }
    }
    found
}

/// What a file was, or of what that was a patch, if an archive holds it whole.
fn held_whole(old: &Change, bases: &[Base<'_>]) -> Option<(Digest, u64)> {
    let (sha256, size) = (old.sha256?, old.size?);
    let holds = |base: &Base<'_>| base.manifest.holds.binary_search(&sha256).is_ok();
    if bases.iter().any(holds) {
        return Some((sha256, size));
    }
    let mut patches = bases.iter().flat_map(|base| &base.manifest.patches);
    let patch = patches.find(|patch| patch.sha256 == sha256)?;
    Some((patch.old_sha256, patch.old_size))
}

/// Makes `plan` leave out what is stored as patches, and rely for that on the archives that hold
/// what these are for.
pub(crate) fn add_to_plan(
    plan: &mut PackPlan,
    patches: &[StoredPatch],
    bases: &[Base<'_>],
    wanted: &[Wanted],
) {
    for stored in patches {
        let holds = |base: &&Base<'_>| {
            let held = &base.manifest.holds;
            held.binary_search(&stored.old_sha256).is_ok()
        };
        let Some(base) = bases.iter().find(holds) else {
            continue;
        };
        let sha256 = base.manifest.sha256;
        let by_digest = |package: &PlannedPackage| package.sha256.cmp(&sha256);
        let place = plan.packages.binary_search_by(by_digest);
        let place = place.unwrap_or_else(|place| {
            let size = base.manifest.size;
            plan.download_bytes = plan.download_bytes.saturating_add(size);
            plan.download_exact |= plan.packages.is_empty();
            plan.packages.insert(
                place,
                PlannedPackage {
                    vouched: hashget_sources::hash_db::Vouched::Own,
                    project: hashget_words::project::ProjectName::of_series(),
                    sha256,
                    url: base.name.clone(),
                    urls: Vec::new(),
                    size: Some(size),
                    expires: hashget_words::expiry::Expiry::Never,
                    holds: Vec::new(),
                },
            );
            place
        });
        let held = &mut plan.packages[place].holds;
        if let Err(at) = held.binary_search(&stored.sha256) {
            held.insert(at, stored.sha256);
        }
        let content = wanted.binary_search_by(|it| it.sha256.cmp(&stored.sha256));
        let saved_bytes = content.map_or(stored.size, |place| wanted[place].saved_bytes);
        let left_out = &mut plan.left_out;
        if let Err(at) = left_out.binary_search_by(|it| it.sha256.cmp(&stored.sha256)) {
            plan.saved_bytes = plan.saved_bytes.saturating_add(saved_bytes);
            left_out.insert(
                at,
                Wanted {
                    sha256: stored.sha256,
                    saved_bytes,
                },
            );
        }
    }
}
