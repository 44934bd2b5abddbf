//! A store of which only some projects are seen.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use hashget_store::{PackageStore, StoreError, StorePage, StoreQuery, StoreStats, StoredPackage};
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::project::ProjectName;
use hashget_words::signature::Signature;
use jiff::civil::Date;

/// How many pairs of the digest index are looked at together.
const CHUNK_PAIRS: usize = 10_000;

/// Shows the records of some projects, as if there were no others. Only reading is narrowed: who writes
/// has been asked for his right to already.
pub(super) struct StoreView {
    whole: Arc<dyn PackageStore>,
    projects: Arc<BTreeSet<ProjectName>>,
}

impl StoreView {
    pub(super) fn new(whole: Arc<dyn PackageStore>, projects: Arc<BTreeSet<ProjectName>>) -> Self {
        Self { whole, projects }
    }

    fn shows(&self, package: &PackageSummary) -> bool {
        self.projects.contains(&package.project)
    }

    /// Those of these records that are seen.
    fn shown(
        &self,
        ids: impl Iterator<Item = PackageId>,
    ) -> Result<HashSet<PackageId>, StoreError> {
        let mut ids: Vec<PackageId> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        let found = self.whole.summaries(&ids)?.into_iter().flatten();
        Ok(found
            .filter(|package| self.shows(package))
            .map(|package| package.id)
            .collect())
    }

    fn narrowed(&self, mut found: Vec<Vec<PackageId>>) -> Result<Vec<Vec<PackageId>>, StoreError> {
        let shown = self.shown(found.iter().flatten().copied())?;
        for ids in &mut found {
            ids.retain(|id| shown.contains(id));
        }
        Ok(found)
    }
}

impl PackageStore for StoreView {
    fn publish(
        &self,
        project: &ProjectName,
        packages: &[HashPackage],
    ) -> Result<Vec<PackageId>, StoreError> {
        self.whole.publish(project, packages)
    }

    fn get(&self, ids: &[PackageId]) -> Result<Vec<Option<StoredPackage>>, StoreError> {
        let mut found = self.whole.get(ids)?;
        for stored in &mut found {
            stored.take_if(|stored| !self.projects.contains(&stored.project));
        }
        Ok(found)
    }

    fn summaries(&self, ids: &[PackageId]) -> Result<Vec<Option<Arc<PackageSummary>>>, StoreError> {
        let mut found = self.whole.summaries(ids)?;
        for package in &mut found {
            package.take_if(|package| !self.shows(package));
        }
        Ok(found)
    }

    fn find_digests(&self, digests: &[Digest]) -> Result<Vec<Vec<PackageId>>, StoreError> {
        self.narrowed(self.whole.find_digests(digests)?)
    }

    fn match_digests(
        &self,
        digests: &[Digest],
        visit: &mut dyn FnMut(usize, &[&Arc<PackageSummary>]),
    ) -> Result<(), StoreError> {
        self.whole.match_digests(digests, &mut |place, rows| {
            let rows: Vec<_> = rows
                .iter()
                .copied()
                .filter(|package| self.shows(package))
                .collect();
            if !rows.is_empty() {
                visit(place, &rows);
            }
        })
    }

    fn resident_bytes(&self) -> Option<u64> {
        self.whole.resident_bytes()
    }

    fn visit_digests(
        &self,
        first: &Digest,
        last: &Digest,
        visit: &mut dyn FnMut(&Digest, PackageId) -> bool,
    ) -> Result<(), StoreError> {
        let mut behind: Option<(Digest, PackageId)> = None;
        loop {
            let from = behind.map_or(*first, |(digest, _)| digest);
            let mut pairs = Vec::new();
            self.whole.visit_digests(&from, last, &mut |digest, id| {
                let pair = (*digest, id);
                if behind.is_none_or(|behind| pair > behind) {
                    pairs.push(pair);
                }
                pairs.len() < CHUNK_PAIRS
            })?;
            let shown = self.shown(pairs.iter().map(|(_, id)| *id))?;
            for (digest, id) in pairs.iter().filter(|(_, id)| shown.contains(id)) {
                if !visit(digest, *id) {
                    return Ok(());
                }
            }
            if pairs.len() < CHUNK_PAIRS {
                return Ok(());
            }
            behind = pairs.last().copied();
        }
    }

    fn changes(&self) -> u64 {
        self.whole.changes()
    }

    fn find_signatures(&self, signatures: &[Signature]) -> Result<Vec<Vec<PackageId>>, StoreError> {
        self.narrowed(self.whole.find_signatures(signatures)?)
    }

    /// A page may have fewer records than there are to come.
    fn list(&self, query: &StoreQuery) -> Result<StorePage, StoreError> {
        if let Some(project) = &query.project
            && !self.projects.contains(project)
        {
            return Ok(StorePage::default());
        }
        let mut page = self.whole.list(query)?;
        page.packages.retain(|package| self.shows(package));
        Ok(page)
    }

    fn expired(&self, day: Date, limit: usize) -> Result<Vec<PackageId>, StoreError> {
        let found = self.whole.expired(day, limit)?;
        Ok(self.narrowed(vec![found])?.concat())
    }

    fn update(&self, id: PackageId, package: &HashPackage) -> Result<bool, StoreError> {
        self.whole.update(id, package)
    }

    fn remove(&self, ids: &[PackageId]) -> Result<u64, StoreError> {
        self.whole.remove(ids)
    }

    fn add_project(&self, project: &ProjectName) -> Result<bool, StoreError> {
        self.whole.add_project(project)
    }

    fn remove_project(&self, project: &ProjectName) -> Result<bool, StoreError> {
        self.whole.remove_project(project)
    }

    fn projects(&self) -> Result<Vec<ProjectName>, StoreError> {
        let mut projects = self.whole.projects()?;
        projects.retain(|project| self.projects.contains(project));
        Ok(projects)
    }

    /// The digests are those of each record, even where two have the same; the bytes on disk are the
    /// whole store's.
    fn stats(&self) -> Result<StoreStats, StoreError> {
        let mut stats = self.whole.stats()?;
        let projects = &mut stats.projects;
        projects.retain(|project| self.projects.contains(&project.name));
        stats.packages = projects.iter().map(|project| project.packages).sum();
        stats.digests = projects.iter().map(|one| one.files + one.packages).sum();
        Ok(stats)
    }
}

#[cfg(test)]
mod tests {
    use hashget_store::{SledStore, StoreOptions};
    use hashget_words::package_spec::PackageSpec;

    use super::*;

    /// Twice as many pairs as are looked at together, of two projects in turn.
    #[test]
    fn digests_of_other_projects_are_passed_over_and_none_is_lost() {
        let directory = tempfile::tempdir().unwrap();
        let store = SledStore::open(directory.path(), StoreOptions::default()).unwrap();
        let (mine, other) = ("mine".parse().unwrap(), "other".parse().unwrap());
        let digest = |number: u32| Digest::of(&number.to_be_bytes());
        let package = |name: &str, numbers: &mut dyn Iterator<Item = u32>| HashPackage {
            url: format!("http://example.org/{name}"),
            files: numbers.map(digest).collect(),
            ..HashPackage::default()
        };
        let half = u32::try_from(CHUNK_PAIRS).unwrap();
        let all = [package("mine", &mut (0..half).map(|number| number * 2))];
        store.publish(&mine, &all).unwrap();
        let ids = store
            .publish(&other, &[package("other", &mut (0..half + 10))])
            .unwrap();
        let view = StoreView::new(Arc::new(store), Arc::new([mine.clone()].into()));
        let (low, high) = (Digest::from_bytes([0; 32]), Digest::from_bytes([255; 32]));
        let mut met = Vec::new();
        view.visit_digests(&low, &high, &mut |digest, id| {
            assert_ne!(id, ids[0]);
            met.push(*digest);
            true
        })
        .unwrap();
        let mut expected: Vec<Digest> = (0..half).map(|number| digest(number * 2)).collect();
        expected.sort_unstable();
        assert_eq!(met, expected);
        assert_eq!(view.find_digests(&[digest(1)]).unwrap(), [vec![]]);
        assert_eq!(view.find_digests(&[digest(2)]).unwrap()[0].len(), 1);
        assert_eq!(view.get(&ids).unwrap(), [None]);
        assert_eq!(view.summaries(&ids).unwrap(), [None]);
        assert_eq!(view.projects().unwrap(), [mine]);
        assert_eq!(view.stats().unwrap().packages, 1);
        let query = |project| StoreQuery {
            spec: PackageSpec::All,
            project,
            after: None,
            limit: 10,
            today: Date::MIN,
        };
        assert_eq!(view.list(&query(None)).unwrap().packages.len(), 1);
        assert_eq!(
            view.list(&query(Some(other))).unwrap(),
            StorePage::default()
        );
    }
}
