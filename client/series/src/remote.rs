//! The archives of a section in a hashserver's pool.
//!
//! Each archive, and what is known of it (its manifest), is a file of the pool and a record of the
//! section's project, whose URL tells profile, section and name: `hashget-series:PROFILE/SECTION/NAME`
//! and the same with `.json`. The records without digests of files are found by nobody who looks for
//! files. A third record, with `.unfinished`, says that the two do not count (yet, or any more): it is
//! published before the first byte and removed after the last one, and the other way round when a
//! backup goes, so that what a killed run leaves is known and removed by the next one.

use hashget_files::private::open_regular;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashget_api::{ListQuery, PublishRequest, SpecQuery};
use hashget_words::digest::{Digest, HashSpec};
use hashget_words::hash_package::{Attributes, HashPackage};
use hashget_words::package_spec::PackageSpec;
use hashget_words::project::ProjectName;

use super::error::SeriesError;
use super::manifest::{Manifest, hash_file};
use super::name::{BackupId, NameTemplate};
use hashget_sources::hash_server::{HashServer, HashServerError, SERIES_URL_PREFIX};

const MANIFEST: &str = ".json";
const UNFINISHED: &str = ".unfinished";

/// The archives of a section in a hashserver's pool.
pub struct Remote {
    server: HashServer,
    project: ProjectName,
    /// What the URLs of all records of the section begin with.
    base: String,
    names: NameTemplate,
    /// What was there when it was last asked.
    listing: Mutex<Option<Listing>>,
    /// What the server refused to remove.
    refusals: Mutex<Vec<(BackupId, SeriesError)>>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The server knows a token, which is shown to nobody.
        f.debug_struct("Remote")
            .field("server", &self.server.url())
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// A backup as the server lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RemoteBackup {
    /// The digest of the archive.
    pub(super) sha256: Digest,
    /// Its size, in bytes.
    pub(super) size: u64,
    /// The digest of its manifest.
    pub(super) manifest: Digest,
}

/// All records of the section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Listing {
    backups: BTreeMap<BackupId, RemoteBackup>,
    /// What killed runs left: the files of archives that do not count, by the ending of their record.
    unfinished: BTreeMap<BackupId, Vec<(&'static str, Option<Digest>)>>,
}

type Records = BTreeMap<&'static str, (Option<Digest>, Option<u64>)>;

impl Remote {
    /// The section `profile`/`section` in a project of a server.
    pub(super) fn new(
        server: HashServer,
        project: ProjectName,
        (profile, section): (&str, &str),
        names: NameTemplate,
    ) -> Self {
        Self {
            server,
            project,
            base: format!("{SERIES_URL_PREFIX}{profile}/{section}/"),
            names,
            listing: Mutex::default(),
            refusals: Mutex::default(),
        }
    }

    /// Every backup that is there.
    pub(super) fn backups(&self) -> Result<BTreeMap<BackupId, RemoteBackup>, SeriesError> {
        Ok(self.listing()?.backups)
    }

    /// Asks anew what is there.
    pub(super) fn refresh(&self) -> Result<(), SeriesError> {
        let listing = self.load()?;
        *self.remembered() = Some(listing);
        Ok(())
    }

    /// Copies a file of the pool to `out`, which is empty; its digest is checked.
    pub(super) fn get(&self, digest: &Digest, out: &mut File) -> Result<(), SeriesError> {
        let got = self.server.pool_get(digest, out);
        got.map_err(failed("get an archive from the pool"))
    }

    /// Makes a backup of an archive: it is there when this returns, and not before.
    pub(super) fn put(
        &self,
        id: BackupId,
        archive: &Path,
        manifest: &Manifest,
        json: &Path,
    ) -> Result<(), SeriesError> {
        self.refuse_changed(&self.listing()?)?;
        let (json_sha256, json_size) = hash_file(json)?;
        let wanted = RemoteBackup {
            sha256: manifest.sha256,
            size: manifest.size,
            manifest: json_sha256,
        };
        let record = |ending, file: Option<(Digest, u64)>| self.record(id, ending, file);
        self.publish(vec![
            record(UNFINISHED, None),
            record(MANIFEST, Some((json_sha256, json_size))),
            record("", Some((wanted.sha256, wanted.size))),
        ])?;
        self.put_file(json, &json_sha256, json_size)?;
        self.put_file(archive, &wanted.sha256, wanted.size)?;
        // Another machine that cleaned up meanwhile would have removed them.
        let have = self
            .server
            .pool_have_by(&[json_sha256, wanted.sha256], &self.project);
        let have = have.map_err(failed("ask what the pool has"))?;
        if have != [Some(json_size), Some(wanted.size)] {
            return Err(self.changed());
        }
        self.remove_record(id, UNFINISHED)?;
        self.refresh()?;
        if self.backups()?.get(&id) != Some(&wanted) {
            return Err(self.changed());
        }
        Ok(())
    }

    fn put_file(&self, path: &Path, digest: &Digest, size: u64) -> Result<(), SeriesError> {
        let file = open_regular(path).map_err(SeriesError::io("open", path))?;
        let put = self.server.pool_put(digest, &file, size, &self.project);
        put.map_err(failed("put an archive into the pool"))
    }

    /// Removes a backup: from the first moment on it does not count.
    pub(super) fn remove(&self, id: BackupId) -> Result<(), SeriesError> {
        if let Some(backup) = self.backups()?.get(&id) {
            self.publish(vec![self.record(id, UNFINISHED, None)])?;
            self.finish(
                id,
                &[
                    ("", Some(backup.sha256)),
                    (MANIFEST, Some(backup.manifest)),
                    (UNFINISHED, None),
                ],
            )?;
        }
        self.refresh()
    }

    /// Removes what killed runs left; gives how many records.
    pub(super) fn clean(&self) -> Result<u64, SeriesError> {
        let unfinished = self.listing()?.unfinished;
        let mut removed = 0;
        for (id, records) in &unfinished {
            self.finish(*id, records)?;
            removed += records.len() as u64;
        }
        if removed > 0 {
            self.refresh()?;
        }
        Ok(removed)
    }

    /// Removes files, then their records: what is left is found by them. A file that the server keeps, keeps
    /// its records, which say that the backup does not count; [`Remote::take_refusals`] tells.
    fn finish(
        &self,
        id: BackupId,
        records: &[(&'static str, Option<Digest>)],
    ) -> Result<(), SeriesError> {
        let others = self.load()?.backups;
        let is_needed = |digest: &Digest| {
            let mut others = others.iter().filter(|(other, _)| **other != id);
            others.any(|(_, backup)| [backup.sha256, backup.manifest].contains(digest))
        };
        for (ending, digest) in records {
            if let Some(digest) = digest.filter(|digest| !is_needed(digest)) {
                let failed = failed("remove an archive from the pool");
                match self.server.pool_remove(&digest, &self.project) {
                    Err(HashServerError::Http(error)) if error.status() == Some(403) => {
                        let refusal = (id, failed(HashServerError::Http(error)));
                        self.refusals().push(refusal);
                        return Ok(());
                    }
                    removed => removed.map(drop).map_err(failed)?,
                }
            }
            self.remove_record(id, ending)?;
        }
        Ok(())
    }

    /// The backups whose files the server refused to remove since this was last asked.
    pub(super) fn take_refusals(&self) -> Vec<(BackupId, SeriesError)> {
        std::mem::take(&mut self.refusals())
    }

    fn refusals(&self) -> MutexGuard<'_, Vec<(BackupId, SeriesError)>> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listing(&self) -> Result<Listing, SeriesError> {
        if let Some(listing) = &*self.remembered() {
            return Ok(listing.clone());
        }
        let listing = self.load()?;
        Ok(self.remembered().insert(listing).clone())
    }

    fn remembered(&self) -> MutexGuard<'_, Option<Listing>> {
        self.listing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load(&self) -> Result<Listing, SeriesError> {
        let query = ListQuery {
            project: Some(self.project.clone()),
            ..ListQuery::default()
        };
        let mut found: BTreeMap<BackupId, Records> = BTreeMap::new();
        for package in self.server.list(query) {
            let package = match package {
                // A project that nobody has published to yet.
                Err(HashServerError::Http(error)) if error.is_not_found() => break,
                package => package.map_err(failed("list the backups"))?,
            };
            let Some(name) = package.url.strip_prefix(&self.base) else {
                continue;
            };
            let endings = [UNFINISHED, MANIFEST, ""];
            let parsed = endings.into_iter().find_map(|ending| {
                let id = self.names.parse(name.strip_suffix(ending)?)?;
                Some((id, ending))
            });
            if let Some((id, ending)) = parsed {
                let records = found.entry(id).or_default();
                records.insert(ending, (package.sha256, package.size));
            }
        }
        let mut listing = Listing::default();
        for (id, records) in found {
            if let Some(backup) = whole(&records) {
                listing.backups.insert(id, backup);
                continue;
            }
            // The marker goes last.
            let ordered = ["", MANIFEST, UNFINISHED].into_iter();
            let there = ordered.filter_map(|ending| Some((ending, records.get(ending)?.0)));
            listing.unfinished.insert(id, there.collect());
        }
        Ok(listing)
    }

    fn refuse_changed(&self, before: &Listing) -> Result<(), SeriesError> {
        if self.load()?.backups == before.backups {
            return Ok(());
        }
        Err(self.changed())
    }

    fn changed(&self) -> SeriesError {
        SeriesError::Changed {
            url: self.server.url().to_owned(),
        }
    }

    fn url(&self, id: BackupId, ending: &str) -> String {
        format!("{}{}{ending}", self.base, self.names.name(id))
    }

    fn record(&self, id: BackupId, ending: &str, file: Option<(Digest, u64)>) -> HashPackage {
        HashPackage {
            url: self.url(id, ending),
            hashes: file.iter().map(|(it, _)| HashSpec::from(*it)).collect(),
            attrs: Attributes {
                size: file.map(|(_, size)| size),
                ..Attributes::default()
            },
            ..HashPackage::default()
        }
    }

    fn publish(&self, packages: Vec<HashPackage>) -> Result<(), SeriesError> {
        let request = PublishRequest {
            project: self.project.clone(),
            packages,
        };
        let published = self.server.publish(&request);
        published.map(drop).map_err(failed("publish a backup"))
    }

    fn remove_record(&self, id: BackupId, ending: &str) -> Result<(), SeriesError> {
        let query = SpecQuery {
            spec: PackageSpec::Url(self.url(id, ending)),
            project: Some(self.project.clone()),
        };
        let removed = self.server.remove(&query);
        removed.map(drop).map_err(failed("remove a record"))
    }
}

/// A backup, if all of it is there and nothing says that it does not count.
fn whole(records: &Records) -> Option<RemoteBackup> {
    if records.contains_key(UNFINISHED) {
        return None;
    }
    let (sha256, size) = records.get("")?;
    Some(RemoteBackup {
        sha256: (*sha256)?,
        size: (*size)?,
        manifest: records.get(MANIFEST)?.0?,
    })
}

fn failed(action: &'static str) -> impl FnOnce(HashServerError) -> SeriesError {
    move |source| SeriesError::Server { action, source }
}
