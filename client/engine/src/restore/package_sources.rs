//! The services that find bytes, as a restore uses them.

use std::collections::HashSet;

use hashget_words::digest::Digest;
use jiff::Zoned;

use super::sources::{RestoreSources, SourceFailure, SourceReport};
use hashget_files::monitor::{Level, Monitor, error_chain};
use hashget_sources::hash_db::Found;
use hashget_sources::sources::{LocalPackage, PackageRef, PackageSources, SourceKind, SourceState};

impl RestoreSources for PackageSources {
    fn package(
        &self,
        package: &PackageRef,
        monitor: &dyn Monitor,
    ) -> Result<LocalPackage, SourceFailure> {
        Ok(self.fetch(package, monitor)?)
    }

    fn at_hand(
        &self,
        packages: &[PackageRef],
        network: bool,
        monitor: &dyn Monitor,
    ) -> Vec<Option<String>> {
        // A pool that fails once is not asked again.
        let mut dead: HashSet<usize> = HashSet::new();
        let mut look = |package: &PackageRef| {
            let digest = package.sha256?;
            for (number, pool) in self.pools.iter().enumerate() {
                if dead.contains(&number) || !(network || pool.is_directory()) {
                    continue;
                }
                match pool.size_of(&digest, &self.downloader, monitor) {
                    Ok(Some(_)) => return Some(pool.name()),
                    Ok(None) => {}
                    Err(error) => {
                        dead.insert(number);
                        let text = format!("{}: {}", pool.name(), error_chain(&error));
                        monitor.message(Level::Warning, &text);
                    }
                }
            }
            self.downloader
                .cached_size(&digest)
                .map(|_| "cache".to_owned())
        };
        packages.iter().map(&mut look).collect()
    }

    fn packages_with(
        &self,
        digests: &[Digest],
        monitor: &dyn Monitor,
    ) -> Result<Found, SourceFailure> {
        let today = Zoned::now().date();
        Ok(self.find_alternatives(digests, today, monitor))
    }

    fn single_files(&self, digests: &[Digest], monitor: &dyn Monitor) -> Vec<Option<u64>> {
        let sizes = self.pool_have(digests, monitor);
        digests
            .iter()
            .map(|digest| sizes.get(digest).copied())
            .collect()
    }

    fn single_file(
        &self,
        digest: &Digest,
        monitor: &dyn Monitor,
    ) -> Result<LocalPackage, SourceFailure> {
        Ok(self.fetch_file(digest, monitor)?)
    }

    fn probe(&self, package: &PackageRef, monitor: &dyn Monitor) -> Vec<SourceReport> {
        let states = self.check(package, monitor);
        states.into_iter().map(SourceReport::from).collect()
    }

    fn keep(&self, package: &mut LocalPackage) -> Result<bool, SourceFailure> {
        let Some(pool) = self.pools.iter().find(|pool| pool.is_directory()) else {
            return Ok(false);
        };
        pool.add(package)?;
        Ok(true)
    }
}

impl From<SourceState> for SourceReport {
    fn from(state: SourceState) -> Self {
        let source = match state.source {
            SourceKind::Pool(place) => place,
            SourceKind::Cache => "cache".to_owned(),
            SourceKind::Url(url) | SourceKind::HashServer(url) => url,
        };
        Self {
            source,
            alive: state.is_alive,
            size: state.size,
            detail: state.detail,
            trouble: state.trouble,
        }
    }
}
