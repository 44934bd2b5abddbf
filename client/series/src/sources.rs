//! The archives of a section as packages: the destination is their pool, replicas stand in.

use hashget_files::private::open_regular;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use hashget_words::digest::Digest;

use super::config::Section;
use super::destination::Destination;
use super::error::SeriesError;
use super::manifest::{Manifest, hash_file};
use super::name::BackupId;
use super::patches::Rebuilder;
use hashget_engine::restore::list::load;
use hashget_engine::restore::{RestoreSources, Selection, SourceFailure, SourceReport};
use hashget_files::monitor::{Level, Monitor, Problem, error_chain};
use hashget_sources::hash_db::Found;
use hashget_sources::sources::{LocalPackage, Origin, PackageRef};

/// The archives of a section, then all other sources.
pub struct SeriesSources<'a> {
    /// Where each archive lies; the destination first.
    archives: HashMap<Digest, Vec<(Destination, BackupId)>>,
    rebuilder: Rebuilder,
    others: &'a dyn RestoreSources,
}

impl<'a> SeriesSources<'a> {
    /// The archives of a section over `others`.
    pub fn new(section: &Section, others: &'a dyn RestoreSources) -> Result<Self, SeriesError> {
        let mut archives: HashMap<Digest, Vec<(Destination, BackupId)>> = HashMap::new();
        let mut rebuilder = Rebuilder::default();
        each_archive(section, &mut |directory, id, manifest| {
            let places = archives.entry(manifest.sha256).or_default();
            places.push((directory.clone(), id));
            rebuilder.add(&directory.names().name(id), manifest);
        });
        if !rebuilder.is_empty() {
            each_archive(section, &mut |directory, id, manifest| {
                rebuilder.add_holder(&directory.names().name(id), manifest);
            });
        }
        Ok(Self {
            archives,
            rebuilder,
            others,
        })
    }

    /// Whether an archive of the section has a patch for this content.
    pub(super) fn has_patch(&self, content: &Digest) -> bool {
        self.rebuilder.knows(content)
    }

    /// Says what of an archive will be asked for, so that files are made of patches in one go.
    pub(super) fn expect(&self, archive: &Path, selection: &Selection) -> Result<(), SeriesError> {
        if self.rebuilder.is_empty() {
            return Ok(());
        }
        let list = load(archive, None)?;
        let wanted = list.files.iter();
        let wanted = wanted.filter(|entry| selection.contains(&entry.file));
        self.rebuilder.expect(wanted.map(|entry| entry.sha256));
        Ok(())
    }

    /// Whether this is an archive of the section.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.archives.contains_key(digest)
    }

    fn places(&self, package: &PackageRef) -> &[(Destination, BackupId)] {
        let places = package.sha256.and_then(|digest| self.archives.get(&digest));
        places.map_or(&[], Vec::as_slice)
    }
}

/// What is known of every archive, in the destination first and then in replicas.
fn each_archive(section: &Section, visit: &mut dyn FnMut(&Destination, BackupId, &Manifest)) {
    for directory in Destination::with_replicas(section) {
        for id in directory.backups().unwrap_or_default() {
            // A damaged archive is looked for by what it should be, and then not believed.
            let known = directory.remembered(id).map(Ok);
            if let Ok(manifest) = known.unwrap_or_else(|| directory.manifest(id)) {
                visit(&directory, id, &manifest);
            }
        }
    }
}

/// Where the archive of a backup lies whole: in the destination, else in a replica.
pub(super) fn whole_archive(
    section: &Section,
    id: BackupId,
    monitor: &dyn Monitor,
) -> Result<PathBuf, SeriesError> {
    let destination = Destination::of(section);
    let missing = || SeriesError::NoBackup {
        id: id.to_string(),
        path: section.destination.clone(),
    };
    let Some(known) = destination.remembered(id) else {
        let kept = destination.kept();
        if destination.backups()?.contains(&id) {
            return destination.fetch(id);
        }
        let archive = kept.archive(id);
        return archive.is_file().then_some(archive).ok_or_else(missing);
    };
    let mut told = None;
    for directory in Destination::with_replicas(section) {
        let archive = directory.archive(id);
        match directory.fetch(id).and_then(|archive| hash_file(&archive)) {
            Ok((sha256, _)) if sha256 == known.sha256 => return Ok(archive),
            Ok(_) => {
                let text = format!("{} is damaged", archive.display());
                monitor.message(Level::Warning, &text);
                told = Some(SeriesError::NoChangeList {
                    path: archive,
                    what: "the archive is damaged".to_owned(),
                });
            }
            Err(error) => {
                told.get_or_insert(error);
            }
        }
    }
    Err(told.unwrap_or_else(missing))
}

impl RestoreSources for SeriesSources<'_> {
    fn package(
        &self,
        package: &PackageRef,
        monitor: &dyn Monitor,
    ) -> Result<LocalPackage, SourceFailure> {
        for (directory, id) in self.places(package) {
            let path = directory.archive(*id);
            match directory.fetch(*id).and_then(|path| hash_file(&path)) {
                Ok((sha256, size)) if Some(sha256) == package.sha256 => {
                    return Ok(LocalPackage {
                        file: open_regular(&path)?,
                        path: path.clone(),
                        sha256,
                        size,
                        origin: Origin::Archive(path.display().to_string()),
                    });
                }
                Ok(_) => {
                    let text = format!("{} is damaged", path.display());
                    monitor.message(Level::Warning, &text);
                }
                Err(error) => monitor.message(Level::Warning, &error_chain(&error)),
            }
        }
        self.others.package(package, monitor)
    }

    fn at_hand(
        &self,
        packages: &[PackageRef],
        network: bool,
        monitor: &dyn Monitor,
    ) -> Vec<Option<String>> {
        let others = self.others.at_hand(packages, network, monitor);
        let own = |package: &PackageRef| {
            let (directory, id) = self.places(package).first()?;
            Some(directory.archive(*id).display().to_string())
        };
        let both = packages.iter().zip(others);
        both.map(|(package, other)| own(package).or(other))
            .collect()
    }

    fn packages_with(
        &self,
        digests: &[Digest],
        monitor: &dyn Monitor,
    ) -> Result<Found, SourceFailure> {
        self.others.packages_with(digests, monitor)
    }

    fn single_files(&self, digests: &[Digest], monitor: &dyn Monitor) -> Vec<Option<u64>> {
        self.others.single_files(digests, monitor)
    }

    fn single_file(
        &self,
        digest: &Digest,
        monitor: &dyn Monitor,
    ) -> Result<LocalPackage, SourceFailure> {
        if !self.has_patch(digest) {
            return self.others.single_file(digest, monitor);
        }
        let open = |archive: &Digest| {
            let package = PackageRef {
                sha256: Some(*archive),
                size: None,
                urls: Vec::new(),
            };
            self.package(&package, monitor)
        };
        self.rebuilder.take(digest, &open).or_else(|error| {
            // A hashserver's pool may have it all the same.
            self.others.single_file(digest, monitor).map_err(|_| {
                let subject = "a file that is stored as a patch";
                monitor.problem(&Problem::new(subject, &error));
                SourceFailure::from(error)
            })
        })
    }

    fn probe(&self, package: &PackageRef, monitor: &dyn Monitor) -> Vec<SourceReport> {
        let places = self.places(package).iter();
        let own = places.map(|(directory, id)| {
            let size = directory.size(*id).ok();
            SourceReport {
                source: directory.archive(*id).display().to_string(),
                alive: size.is_some(),
                size,
                detail: "archive of the series".to_owned(),
                trouble: None,
            }
        });
        own.chain(self.others.probe(package, monitor)).collect()
    }
}
