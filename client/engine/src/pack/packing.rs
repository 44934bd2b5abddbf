//! A directory on its way into an archive: scanned, planned, written.

use std::borrow::{Borrow, Cow};
use std::collections::{HashMap, HashSet};
use std::path::Path;

use hashget_words::digest::Digest;

use super::compaction::Compaction;
use super::error::PackError;
use super::extra::ExtraFile;
use super::hinted::{keep_to_hints, name_hinted};
use super::options::PackOptions;
use super::output::Output;
use super::plan::{PackPlan, PlannedPackage, Wanted};
use super::scan::PackScan;
use super::stats::PackStats;
use super::write::write_archive;
use crate::restore::RestoreSources;
use hashget_files::monitor::Monitor;
use hashget_sources::hash_db::{Found, FoundPackage, PackageLookup, Reliance};

/// A scanned directory with the plan for it, which [`Packing::write`] carries out.
///
/// `S` is the scan, or a reference to one that is planned for again if the archive is not as it
/// should be.
#[derive(Debug)]
pub struct Packing<S = PackScan> {
    pub(super) scan: S,
    pub(super) plan: PackPlan,
    extra: Vec<ExtraFile>,
}

impl Packing {
    /// Scans `root` for an archive that goes to `output`, and chooses the packages to rely on.
    /// `lookup` is asked while files are still being hashed.
    ///
    /// What goes wrong with single files is told to `monitor` and counted in
    /// [`PackStats::problems`]; the archive is then complete but for them.
    pub fn new<L: PackageLookup>(
        root: &Path,
        output: &Output,
        options: &PackOptions,
        lookup: &L,
        monitor: &dyn Monitor,
    ) -> Result<Self, PackError> {
        Self::of_adjusted(root, Some(output), options, lookup, |_| Ok(()), monitor)
    }

    /// Like [`Packing::new`]; `adjust` changes the scan before it is planned for.
    pub(super) fn of_adjusted<L: PackageLookup>(
        root: &Path,
        output: Option<&Output>,
        options: &PackOptions,
        lookup: &L,
        adjust: impl FnOnce(&mut PackScan) -> Result<(), PackError>,
        monitor: &dyn Monitor,
    ) -> Result<Self, PackError> {
        let (scan, ahead) = lookup.ahead(options.expires, |tell| {
            PackScan::telling(root, output, options, tell, monitor)
        });
        let mut scan = scan?;
        adjust(&mut scan)?;
        let plan = choose_packages(&scan, &ahead)?;
        Ok(Self::planned(scan, plan))
    }
}

impl PackScan {
    /// Asks `lookup` which packages hold the files, and chooses the packages to rely on.
    pub fn plan<L: PackageLookup>(&self, lookup: &L) -> Result<Packing<&Self>, PackError> {
        Ok(Packing::planned(self, choose_packages(self, lookup)?))
    }

    /// Plans an archive that relies on no package.
    pub fn leave_out_nothing(&self) -> Packing<&Self> {
        Packing::planned(self, PackPlan::default())
    }
}

impl<S: Borrow<PackScan>> Packing<S> {
    fn planned(scan: S, plan: PackPlan) -> Self {
        Self {
            scan,
            plan,
            extra: Vec::new(),
        }
    }

    /// What is left out, and which packages are relied on for it.
    pub fn plan(&self) -> &PackPlan {
        &self.plan
    }

    /// The plan, for who has other places for content than the packages that were found.
    pub fn plan_mut(&mut self) -> &mut PackPlan {
        &mut self.plan
    }

    /// How many names of files are left out, as far as none changes until the archive is written.
    pub fn left_out_files(&self) -> u64 {
        let scan = self.scan.borrow();
        let digests = self.plan.left_out.iter().map(|it| it.sha256);
        let left_out = scan.contents.marked(digests);
        let indexes = scan.entries.indexes();
        indexes.filter(|index| left_out.has(*index)).count() as u64
    }

    /// Puts `files`, which are not in the tree, into the archive after the restore file.
    pub fn add_files(&mut self, files: impl IntoIterator<Item = ExtraFile>) {
        self.extra.extend(files);
    }

    /// Writes the archive: the files that stay in it, and the list of those that are left out.
    ///
    /// The root comes first, then the restore file, then the rest in the order of the tree. What
    /// changed since the scan is packed as it is. With [`PackOptions::compact`] untouched members of
    /// packages that `sources` gives without a download are named together. On an error nothing is
    /// left under the final name.
    pub fn write(
        self,
        output: Output,
        sources: Option<&dyn RestoreSources>,
        monitor: &dyn Monitor,
    ) -> Result<PackStats, PackError> {
        let scan = self.scan.borrow();
        name_hinted(&self.plan, monitor);
        let compaction = match sources {
            Some(sources) if scan.options.compact => scan.compact(&self.plan, sources, monitor),
            _ => Compaction::default(),
        };
        write_archive(scan, &self.plan, &compaction, &self.extra, output, monitor)
    }
}

/// Chooses packages for what `scan` found.
fn choose_packages<L: PackageLookup>(scan: &PackScan, lookup: &L) -> Result<PackPlan, PackError> {
    let PackScan {
        contents, options, ..
    } = scan;
    let digests = contents.digests();
    let asked: Cow<'_, [Digest]> = if contents.there().count() == digests.len() {
        Cow::Borrowed(digests)
    } else {
        let there = contents.there();
        there.map(|content| contents.digest_at(content)).collect()
    };
    let found = lookup
        .find(&asked, options.expires)
        .map_err(|error| PackError::Lookup(Box::new(error)))?;
    let mut found = keep_to_hints(scan, &asked, found);
    drop(asked);
    loop {
        let plan = plan_for(scan, &found);
        let reliances = reliances(&plan, &found);
        let refused = lookup.refuse(&reliances);
        let refused = refused.map_err(|error| PackError::Lookup(Box::new(error)))?;
        if refused.is_empty() {
            return Ok(plan);
        }
        let packages = refused.iter().filter_map(|place| plan.packages.get(*place));
        let packages: HashSet<Digest> = packages.map(|package| package.sha256).collect();
        found = without(found, &packages);
    }
}

/// What the plan relies on, in its order.
fn reliances<'a>(plan: &'a PackPlan, found: &'a Found) -> Vec<Reliance<'a>> {
    let mut records: HashMap<Digest, Vec<&FoundPackage>> = HashMap::new();
    for record in &found.packages {
        records.entry(record.sha256).or_default().push(record);
    }
    let packages = plan.packages.iter();
    let reliance = |package: &'a PlannedPackage| Reliance {
        records: records.remove(&package.sha256).unwrap_or_default(),
        holds: &package.holds,
    };
    packages.map(reliance).collect()
}

/// What was found, but for these packages.
fn without(found: Found, packages: &HashSet<Digest>) -> Found {
    let is_left = |place: &usize| !packages.contains(&found.packages[*place].sha256);
    let matches = found.matches.iter().map(|held| {
        let left = held.iter().copied().filter(is_left);
        left.collect::<Vec<usize>>()
    });
    Found {
        matches: matches.collect(),
        packages: found.packages,
    }
}

/// Chooses among the packages that were `found` to hold the content of `scan`.
fn plan_for(scan: &PackScan, found: &Found) -> PackPlan {
    let PackScan {
        contents, options, ..
    } = scan;
    // First the content that is worth a package, then what is not.
    let held = contents.there().zip(found.matches.iter());
    let held = held.filter(|(_, holders)| !holders.is_empty());
    let held = held.map(|(content, holders)| (contents.wanted(content), holders));
    let (wanted, small): (Vec<_>, Vec<_>) = held.partition(|((_, size), _)| *size > options.filesz);
    let first = wanted.len();
    let matches = wanted.iter().chain(&small).map(|(_, holders)| *holders);
    let matches = matches.map(|holders| holders.iter().copied()).collect();
    let contents_of = |held: &[((Wanted, u64), &[usize])]| -> Vec<Wanted> {
        held.iter().map(|((content, _), _)| *content).collect()
    };
    let (wanted, small) = (contents_of(&wanted), contents_of(&small));
    let found = Found {
        packages: found.packages.clone(),
        matches,
    };
    let mut plan = PackPlan::new(&wanted, &found, options.expires);
    plan.take_along(&small, &found, first);
    plan
}
