//! Reads a package, and looks whether it holds what a record says.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::project::ProjectName;

use super::{Checking, Verdict, VouchError};
use crate::index::{RecordOptions, index_package};
use hashget_files::monitor::error_chain;
use hashget_sources::hash_db::{HashDbError, Reliance, whose};
use hashget_sources::sources::{LocalPackage, PackageRef};

impl Checking<'_> {
    /// Fetches the package and makes a record of its own, which is kept: the next run relies on that. Fails if the package does
    /// not hold what it is relied on for.
    pub(super) fn read(
        &self,
        package: &PackageRef,
        reliance: &Reliance<'_>,
    ) -> Result<Verdict, VouchError> {
        let options = &self.checked.options;
        let Some(size) = package.size.or_else(|| self.size_there(package)) else {
            return Ok(Verdict::TooMuch);
        };
        let before = self.downloaded.fetch_add(size, Ordering::Relaxed);
        if before.saturating_add(size) > options.max_download {
            self.downloaded.fetch_sub(size, Ordering::Relaxed);
            return Ok(Verdict::TooMuch);
        }
        let fetched = self.checked.sources.fetch(package, self.monitor());
        let local = match fetched {
            Ok(local) => local,
            Err(error) => return Ok(Verdict::Refused(error_chain(&error))),
        };
        let url = &package.urls[0];
        let mut recursive = false;
        loop {
            let record = RecordOptions {
                recursive,
                ..options.record.clone()
            };
            let indexed = match index_package(&local, url, &[], &record) {
                Ok(indexed) => indexed.record,
                Err(error) => return Ok(Verdict::Refused(error_chain(&error))),
            };
            let missing = missing(reliance, &local, &indexed);
            match missing.first() {
                None => {
                    self.keep(indexed)?;
                    return Ok(Verdict::Good);
                }
                // What it holds may be in an archive inside.
                Some(_) if !recursive => recursive = true,
                Some(digest) => {
                    return Err(VouchError::Lie {
                        url: url.clone(),
                        whose: self.whose(reliance),
                        digest: digest.to_string(),
                        claims: missing.len(),
                    });
                }
            }
        }
    }

    /// The largest size that a source says it has.
    fn size_there(&self, package: &PackageRef) -> Option<u64> {
        let states = self.checked.sources.check(package, self.monitor());
        states.into_iter().filter_map(|state| state.size).max()
    }

    fn keep(&self, record: HashPackage) -> Result<(), VouchError> {
        let lookup = &self.checked.lookup;
        let project = ProjectName::CHECKED.parse().map_err(HashDbError::from)?;
        Ok(lookup.db.save(&project, &[record], lookup.monitor)?)
    }

    fn whose(&self, reliance: &Reliance<'_>) -> String {
        let servers = self.checked.lookup.servers;
        let record = reliance.records.first();
        record.map_or_else(String::new, |record| whose(&record.project, servers))
    }
}

/// What the package is relied on for and does not hold.
fn missing(reliance: &Reliance<'_>, local: &LocalPackage, record: &HashPackage) -> Vec<Digest> {
    let mut held: HashSet<&Digest> = record.files.iter().chain(&record.anchors).collect();
    held.insert(&local.sha256);
    let holds = reliance.holds.iter();
    holds
        .filter(|digest| !held.contains(digest))
        .copied()
        .collect()
}
