//! A package that nobody knows is fetched and indexed, put into the pool, and offered to servers.

use std::path::PathBuf;

use hashget_archive::ArchiveKind;
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_url::{has_password, without_password};
use hashget_words::project::ProjectName;
use hashget_words::signature::Signature;

use super::misnamed::misnamed;
use super::package::{IndexedPackage, RecordOptions, index_package};
use super::{AcquireError, IndexPackageError, IndexServices};
use hashget_files::monitor::{Level, Problem};
use hashget_sources::hash_server::SubmitOutcome;
use hashget_sources::sources::{LocalPackage, PackageRef, given_package};

/// A package to fetch, index and save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) place: Place,
    pub(crate) signatures: Vec<Signature>,
    pub(crate) project: ProjectName,
    /// Whether only a hint names it.
    pub(crate) of_hint: bool,
    /// The SHA-256 that the package must have.
    pub(crate) sha256: Option<Digest>,
}

/// Where the package of a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At this URL.
    Url(String),
    /// In this file; it can be fetched at the URL, or at a pool under that name.
    File { url: String, path: PathBuf },
    /// Where the snapshot service says.
    Snapshot {
        name: String,
        version: String,
        architecture: String,
    },
}

impl Place {
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Url(url) | Self::File { url, .. } => without_password(url).into_owned(),
            Self::Snapshot {
                name,
                version,
                architecture,
            } => format!("{name} {version} {architecture}"),
        }
    }
}

/// What became of a job.
#[derive(Debug)]
pub(crate) struct Acquisition {
    pub(crate) outcome: Outcome,
    /// How many hashservers took the package.
    pub(crate) accepted_uploads: u64,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    /// Indexed and saved.
    New(Box<HashPackage>),
    /// There is no URL.
    Skipped,
    /// Told to the monitor as a problem.
    Failed,
}

/// Fetches, indexes, keeps and offers one package; its record is not yet saved.
pub(super) fn acquire(
    job: &Job,
    options: &RecordOptions,
    services: &IndexServices<'_>,
) -> Result<Acquisition, AcquireError> {
    let monitor = services.monitor();
    let Some(url) = locate(&job.place, services)? else {
        let text = format!("skipped {}: no URL is known for it", job.place.describe());
        monitor.message(Level::Info, &text);
        return Ok(Acquisition {
            outcome: Outcome::Skipped,
            accepted_uploads: 0,
        });
    };
    if has_password(&url) {
        let url = without_password(&url).into_owned();
        return Err(AcquireError::Password { url });
    }
    let mut package = match &job.place {
        Place::File { path, .. } => given_package(path).map_err(|source| AcquireError::Given {
            path: path.clone(),
            source,
        })?,
        Place::Url(_) | Place::Snapshot { .. } => {
            let wanted = PackageRef {
                sha256: job.sha256,
                size: None,
                urls: vec![url.clone()],
            };
            let sources = if job.of_hint {
                services.hint_sources
            } else {
                services.sources
            };
            sources.fetch(&wanted, monitor)?
        }
    };
    if let Some(expected) = job.sha256.filter(|expected| *expected != package.sha256) {
        let found = package.sha256;
        return Err(AcquireError::OtherHash {
            url,
            expected,
            found,
        });
    }
    let indexed = index_package(&package, &url, &job.signatures, options)?;
    let is_debian = matches!(job.place, Place::Snapshot { .. });
    if is_debian && indexed.kind != ArchiveKind::Deb {
        return Err(IndexPackageError::NotDeb { url }.into());
    }
    if indexed.kind == ArchiveKind::NotArchive {
        refuse_misnamed(&url, &package)?;
    }
    tell(&indexed, services);
    keep(&mut package, services);
    Ok(Acquisition {
        accepted_uploads: offer(&url, &package, services),
        outcome: Outcome::New(Box::new(indexed.record)),
    })
}

/// Refuses a page that is in the place of a package.
fn refuse_misnamed(url: &str, package: &LocalPackage) -> Result<(), IndexPackageError> {
    let what = misnamed(url, &package.file).map_err(|source| IndexPackageError::Read {
        url: url.to_owned(),
        path: package.path.clone(),
        source,
    })?;
    let url = url.to_owned();
    what.map_or(Ok(()), |what| {
        Err(IndexPackageError::Misnamed { url, what })
    })
}

fn locate(place: &Place, services: &IndexServices<'_>) -> Result<Option<String>, AcquireError> {
    match place {
        Place::Url(url) | Place::File { url, .. } => Ok(Some(url.clone())),
        Place::Snapshot {
            name,
            version,
            architecture,
        } => {
            let url = services.snapshot.binary_url(name, version, architecture);
            url.map_err(|source| AcquireError::Locate {
                what: place.describe(),
                source,
            })
        }
    }
}

fn tell(indexed: &IndexedPackage, services: &IndexServices<'_>) {
    let record = &indexed.record;
    let (monitor, url) = (services.monitor(), &record.url);
    let text = format!(
        "indexed {url}: {} of {} files, {} anchors",
        record.files.len(),
        indexed.seen_files,
        record.anchors.len()
    );
    monitor.message(Level::Detail, &text);
    for warning in &indexed.warnings {
        monitor.message(Level::Warning, &format!("{url}: {warning}"));
    }
    for note in &indexed.notes {
        monitor.message(Level::Info, &format!("{url}: {note}"));
    }
}

/// Appends a package to the first pool that is a directory. Fetching does so with what it downloads,
/// but not with what came from a file or the cache.
fn keep(package: &mut LocalPackage, services: &IndexServices<'_>) {
    let Some(pool) = services
        .sources
        .pools
        .iter()
        .find(|pool| pool.is_directory())
    else {
        return;
    };
    if let Err(error) = pool.add(package) {
        services
            .monitor()
            .problem(&Problem::new(pool.name(), &error));
    }
}

/// Offers a package to the hashservers that accept such; how many took it. A server that fails
/// is told of and costs nothing else.
fn offer(url: &str, package: &LocalPackage, services: &IndexServices<'_>) -> u64 {
    let monitor = services.monitor();
    let mut taken = 0;
    for server in services.lookup.servers {
        if server.is_down() {
            continue;
        }
        match server.submit(url, &package.sha256, &package.file, package.size) {
            Ok(SubmitOutcome::Sent { status, text }) => {
                taken += 1;
                let text = format!("sent {url} to {}: {status} {text}", server.url());
                monitor.message(Level::Info, &text);
            }
            Ok(SubmitOutcome::NotAccepted) => {}
            Ok(SubmitOutcome::AlreadyKnown) => {
                monitor.message(
                    Level::Detail,
                    &format!("{} has {url} already", server.url()),
                );
            }
            Err(error) => monitor.problem(&Problem::new(server.url(), &error)),
        }
    }
    taken
}
