//! Listing records, and counting them.

use std::collections::BTreeSet;
use std::ops::Bound;

use jiff::civil::Date;

use super::row::{Counts, Row};
use super::{SledStore, keys};
use crate::{ProjectStats, StoreError, StorePage, StoreQuery, StoreStats};
use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::project::ProjectName;

/// How many rows are looked at for one page at most; a page may be empty and not the last.
const SCANNED_ROWS: usize = 20_000;

impl SledStore {
    pub(super) fn list_page(&self, query: &StoreQuery) -> Result<StorePage, StoreError> {
        if query.limit == 0 {
            return Ok(StorePage::default());
        }
        match &query.spec {
            PackageSpec::All => self.scan(query, |_| true),
            PackageSpec::Name(name) => self.scan(query, |summary| summary.name() == name),
            PackageSpec::Url(url) => {
                let ids = self.with_url(query.project.as_ref(), url)?;
                self.pick(query, ids, |summary| summary.url == *url)
            }
            PackageSpec::Signature(signature) => {
                let ids = self.find_signature_after(signature, query.after)?;
                self.pick(query, ids, |_| true)
            }
            PackageSpec::Expired(date) => {
                let day = date.unwrap_or(query.today);
                let ids = self.lowest_expired(query, day)?;
                self.pick(query, ids, |_| true)
            }
        }
    }

    pub(super) fn first_expired(
        &self,
        day: Date,
        limit: usize,
    ) -> Result<Vec<PackageId>, StoreError> {
        let expired = self.expired_rows(day).map(|item| Ok(item?.0));
        expired.take(limit).collect()
    }

    /// The lowest numbers of expired records for a page, and one more if there is.
    fn lowest_expired(
        &self,
        query: &StoreQuery,
        day: Date,
    ) -> Result<BTreeSet<PackageId>, StoreError> {
        let mut lowest = BTreeSet::new();
        for item in self.expired_rows(day) {
            let (id, row) = item?;
            let wanted = query
                .project
                .as_ref()
                .is_none_or(|name| *name == row.project);
            if wanted && Some(id) > query.after {
                lowest.insert(id);
                if lowest.len() > query.limit.saturating_add(1) {
                    lowest.pop_last();
                }
            }
        }
        Ok(lowest)
    }

    /// The records that have expired at a day, the earliest date first.
    fn expired_rows(
        &self,
        day: Date,
    ) -> impl Iterator<Item = Result<(PackageId, Row), StoreError>> {
        let end = keys::expiry(day, PackageId(u64::MAX));
        let index = self.read_index().clone();
        index
            .range(&[keys::EXPIRY][..]..=&end[..])
            .keys()
            .map(|key| {
                let key = key.map_err(|error| self.engine("read", error))?;
                let id = keys::trailing_id(&key)
                    .ok_or_else(|| self.damaged("a date of the index makes no sense".to_owned()))?;
                // A date that a crash left behind in the middle of an update is not the record's.
                let is_current = |row: &Row| {
                    let date = row.expires.date();
                    date.is_some_and(|date| keys::expiry(date, id)[..] == key[..])
                };
                Ok(self.row(id)?.filter(is_current).map(|row| (id, row)))
            })
            .filter_map(Result::transpose)
    }

    /// The records with a URL, in one project or all.
    fn with_url(
        &self,
        project: Option<&ProjectName>,
        url: &str,
    ) -> Result<BTreeSet<PackageId>, StoreError> {
        let projects = match project {
            Some(project) => vec![project.clone()],
            None => self.project_stats()?.into_iter().map(|(p, _)| p).collect(),
        };
        let mut ids = BTreeSet::new();
        for project in &projects {
            ids.extend(self.find_url(project, url)?.iter().map(|(id, _)| *id));
        }
        Ok(ids)
    }

    /// A page of the candidates, which ascend, that fit.
    fn pick(
        &self,
        query: &StoreQuery,
        candidates: impl IntoIterator<Item = PackageId>,
        fits: impl Fn(&PackageSummary) -> bool,
    ) -> Result<StorePage, StoreError> {
        let mut page = StorePage::default();
        let mut last = None;
        for id in candidates {
            if Some(id) <= query.after {
                continue;
            }
            if page.packages.len() == query.limit {
                page.next = last;
                break;
            }
            last = Some(id);
            if let Some(row) = self.row(id)? {
                let summary = row.into_summary(id);
                if query.project.as_ref().is_none_or(|p| *p == summary.project) && fits(&summary) {
                    page.packages.push(summary);
                }
            }
        }
        Ok(page)
    }

    /// A page of the records, of one project or all, that fit.
    fn scan(
        &self,
        query: &StoreQuery,
        fits: impl Fn(&PackageSummary) -> bool,
    ) -> Result<StorePage, StoreError> {
        let mut page = StorePage::default();
        let mut last = None;
        let mut look = |id: PackageId, place: usize, row: Option<Row>| {
            if page.packages.len() == query.limit || place == SCANNED_ROWS {
                page.next = last;
                return false;
            }
            last = Some(id);
            page.packages.extend(
                row.map(|row| row.into_summary(id))
                    .filter(|summary| fits(summary)),
            );
            true
        };
        if let Some(project) = &query.project {
            let limit = query.limit.saturating_add(1).clamp(1_000, SCANNED_ROWS + 1);
            let mut after = query.after;
            let mut place = 0;
            'pages: loop {
                let ids = self.members_after(project, after, limit)?;
                let Some(end) = ids.last() else { break };
                after = Some(*end);
                for id in ids {
                    if !look(id, place, self.row(id)?) {
                        break 'pages;
                    }
                    place += 1;
                }
            }
        } else {
            for (place, item) in self.rows_after(query.after).enumerate() {
                let (id, row) = item?;
                if !look(id, place, Some(row)) {
                    break;
                }
            }
        }
        Ok(page)
    }

    /// The rows behind a number.
    pub(super) fn rows_after(
        &self,
        after: Option<PackageId>,
    ) -> impl Iterator<Item = Result<(PackageId, Row), StoreError>> {
        let low = match after {
            Some(id) => Bound::Excluded(keys::row(id)),
            None => Bound::Included(keys::row(PackageId(0))),
        };
        let high = Bound::Included(keys::row(PackageId(u64::MAX)));
        self.catalog.range((low, high)).map(|item| {
            let (key, value) = item.map_err(|error| self.engine("read", error))?;
            let id = keys::trailing_id(&key)
                .ok_or_else(|| self.damaged("the key of a row makes no sense".to_owned()))?;
            Ok((id, self.decode_row(id, &value)?))
        })
    }

    /// The numbers of records of a project behind a number, at most `limit`.
    pub(super) fn members_after(
        &self,
        project: &ProjectName,
        after: Option<PackageId>,
        limit: usize,
    ) -> Result<Vec<PackageId>, StoreError> {
        let low = match after {
            Some(id) => Bound::Excluded(keys::member(project, id)),
            None => Bound::Included(keys::members(project)),
        };
        let high = Bound::Included(keys::member(project, PackageId(u64::MAX)));
        let ids = self.catalog.range((low, high)).keys().map(|key| {
            let key = key.map_err(|error| self.engine("read", error))?;
            keys::trailing_id(&key)
                .ok_or_else(|| self.damaged("a member of a project makes no sense".to_owned()))
        });
        ids.take(limit).collect()
    }

    /// The projects by name, with their counts.
    pub(super) fn project_stats(&self) -> Result<Vec<(ProjectName, Counts)>, StoreError> {
        let project = |item: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, value) = item.map_err(|error| self.engine("read", error))?;
            let name = std::str::from_utf8(&key[1..])
                .ok()
                .and_then(|name| name.parse().ok());
            let counts = Counts::decode(&value);
            name.zip(counts)
                .ok_or_else(|| self.damaged(format!("project {key:?} makes no sense")))
        };
        self.catalog
            .scan_prefix([keys::PROJECT])
            .map(project)
            .collect()
    }

    pub(super) fn store_stats(&self) -> Result<StoreStats, StoreError> {
        let store_bytes = self
            .db
            .size_on_disk()
            .map_err(|error| self.engine("read", error))?;
        let projects = self.project_stats()?;
        Ok(StoreStats {
            packages: projects.iter().map(|(_, counts)| counts.packages).sum(),
            digests: projects.iter().map(|(_, counts)| counts.digests).sum(),
            store_bytes,
            projects: projects
                .into_iter()
                .map(|(name, counts)| ProjectStats {
                    name,
                    packages: counts.packages,
                    files: counts.files,
                    anchors: counts.anchors,
                    packages_bytes: counts.bytes,
                })
                .collect(),
        })
    }
}
