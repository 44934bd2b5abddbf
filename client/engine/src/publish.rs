//! Sends local records, and the files they are about, to a hashserver.
//!
//! `hashget publish` and `hashget-admin publish` end up here.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek};

use hashget_api::{MAX_BATCH_PACKAGES, PublishRequest};
use hashget_archive::{
    ArchiveError, ArchiveOptions, Entry, EntryKind, Input, ReadError, read_archive,
};
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::hash_reader::HashReader;
use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::package_url::{has_password, without_password};
use hashget_words::project::ProjectName;
use jiff::civil::Date;
use thiserror::Error;

use hashget_files::monitor::{Monitor, Problem, Progress, Unit};
use hashget_sources::hash_db::{HashDbError, LocalHashDb};
use hashget_sources::hash_server::{HashServer, HashServerError};
use hashget_sources::sources::{LocalPackage, PackageRef, PackageSources};

/// Which files go along with records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WithFiles {
    /// The packages themselves.
    pub packages: bool,
    /// The anchors, taken out of the packages.
    pub anchors: bool,
}

/// What is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishOptions {
    pub spec: PackageSpec,
    /// From which local project; `None`: every used one but `_cached`.
    pub project: Option<ProjectName>,
    /// Into which project of the server; `None`: the one of the same name.
    pub into: Option<ProjectName>,
    /// Which files go into the server's pool.
    pub with_files: WithFiles,
    /// The day at which records may have expired; those are not published.
    pub today: Date,
}

/// What was published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishStats {
    /// Records that the server has taken.
    pub published_packages: u64,
    /// Records that have expired and were left out.
    pub expired_packages: u64,
    /// Records without the digest of their package, left out.
    pub unusable_packages: u64,
    /// Packages that could not be fetched, so that their files were not sent. Each is a problem.
    pub failed_packages: u64,
    /// Files put into the server's pool.
    pub uploaded_files: u64,
    /// Their size, in bytes.
    pub uploaded_bytes: u64,
    /// Files that were in the server's pool already.
    pub present_files: u64,
}

/// Why publishing ended early. What was published before stays published.
#[derive(Debug, Error)]
pub enum PublishError {
    /// The local records cannot be read.
    #[error(transparent)]
    HashDb(#[from] HashDbError),
    /// The server cannot or will not take them.
    #[error("cannot publish to {server}")]
    Server {
        /// The server's URL.
        server: String,
        #[source]
        source: HashServerError,
    },
}

/// Sends the records that `options` name to `server`, in batches, then the files.
pub fn publish(
    db: &LocalHashDb,
    server: &HashServer,
    sources: &PackageSources,
    options: &PublishOptions,
    monitor: &dyn Monitor,
) -> Result<PublishStats, PublishError> {
    let project = options.project.as_ref();
    let listed = db.list(&options.spec, project, options.today, monitor)?;
    let mut stats = PublishStats::default();
    let mut by_project: BTreeMap<ProjectName, Vec<PackageSummary>> = BTreeMap::new();
    for package in listed {
        let is_own = project.is_some() || !package.project.is_cached();
        if package.expires.is_expired_at(options.today) {
            stats.expired_packages += 1;
        } else if package.sha256.is_none() {
            stats.unusable_packages += 1;
        } else if is_own && has_password(&package.url) {
            stats.unusable_packages += 1;
            let what = "not published, as its URL names a user or a password: submit it again \
                        without, and put them under [credentials.\"HOST\"] in a settings file";
            let shown = without_password(&package.url);
            monitor.problem(&Problem::text(shown, what));
        } else if is_own {
            let into = options.into.as_ref().unwrap_or(&package.project);
            by_project.entry(into.clone()).or_default().push(package);
        }
    }
    let total: usize = by_project.values().map(Vec::len).sum();
    let progress = Progress::start(monitor, "publishing", Unit::Packages, Some(total as u64));
    for (into, packages) in &by_project {
        for batch in batches(packages) {
            let ids: Vec<PackageId> = batch.iter().map(|package| package.id).collect();
            let records = db.get(&ids, monitor)?;
            let packages: Vec<HashPackage> =
                records.into_iter().map(|record| record.package).collect();
            send(server, into, &packages).map_err(|source| PublishError::Server {
                server: server.url().to_owned(),
                source,
            })?;
            stats.published_packages += packages.len() as u64;
            progress.advance(packages.len() as u64);
            if options.with_files != WithFiles::default() {
                let pool = ServerPool {
                    server,
                    project: into,
                };
                for package in &packages {
                    send_files(pool, sources, package, options, &mut stats, monitor)?;
                }
            }
        }
    }
    Ok(stats)
}

/// About how many digests go into a request: 75 bytes of JSON each.
const BATCH_DIGESTS: u64 = 300_000;

fn batches(mut packages: &[PackageSummary]) -> Vec<&[PackageSummary]> {
    let mut batches = Vec::new();
    while !packages.is_empty() {
        let mut digests = 0_u64;
        let fitting = packages
            .iter()
            .take(MAX_BATCH_PACKAGES)
            .take_while(|package| {
                digests = digests
                    .saturating_add(package.files)
                    .saturating_add(package.anchors);
                digests <= BATCH_DIGESTS
            });
        let (batch, rest) = packages.split_at(fitting.count().max(1));
        batches.push(batch);
        packages = rest;
    }
    batches
}

/// Publishes a batch; in halves where the server finds it too large.
fn send(
    server: &HashServer,
    project: &ProjectName,
    packages: &[HashPackage],
) -> Result<(), HashServerError> {
    let request = PublishRequest {
        project: project.clone(),
        packages: packages.to_vec(),
    };
    match server.publish(&request) {
        Err(HashServerError::Http(error)) if error.status() == Some(413) && packages.len() > 1 => {
            let (first, second) = packages.split_at(packages.len() / 2);
            send(server, project, first)?;
            send(server, project, second)
        }
        result => result.map(drop),
    }
}

/// Where files go.
#[derive(Clone, Copy)]
struct ServerPool<'a> {
    server: &'a HashServer,
    /// The project whose files they become.
    project: &'a ProjectName,
}

/// Puts the package and its anchors into the server's pool, as far as the project did not yet.
fn send_files(
    pool: ServerPool<'_>,
    sources: &PackageSources,
    package: &HashPackage,
    options: &PublishOptions,
    stats: &mut PublishStats,
    monitor: &dyn Monitor,
) -> Result<(), PublishError> {
    let server_error = |source| PublishError::Server {
        server: pool.server.url().to_owned(),
        source,
    };
    let Some(sha256) = package.digest() else {
        return Ok(());
    };
    let mut missing =
        missing_files(pool, package, sha256, options.with_files, stats).map_err(server_error)?;
    if missing.is_empty() {
        return Ok(());
    }
    let reference = PackageRef {
        sha256: Some(sha256),
        size: package.attrs.size,
        urls: vec![package.url.clone()],
    };
    let local = match sources.fetch(&reference, monitor) {
        Ok(local) => local,
        Err(error) => {
            stats.failed_packages += 1;
            monitor.problem(&Problem::new(package.name(), &error));
            return Ok(());
        }
    };
    if missing.remove(&sha256) {
        pool.server
            .pool_put(&sha256, &local.file, local.size, pool.project)
            .map_err(server_error)?;
        stats.uploaded_files += 1;
        stats.uploaded_bytes += local.size;
    }
    match send_anchors(pool, local, &mut missing, stats) {
        Ok(()) if missing.is_empty() => {}
        Ok(()) => {
            stats.failed_packages += 1;
            let what = format!("{} of its anchors are not in it", missing.len());
            monitor.problem(&Problem::text(package.name(), what));
        }
        Err(AnchorError::Server(error)) => return Err(server_error(error)),
        Err(error) => {
            stats.failed_packages += 1;
            monitor.problem(&Problem::new(package.name(), &error));
        }
    }
    Ok(())
}

/// Which files of a package are to be sent, and not yet there as the project's; counts those that are.
fn missing_files(
    pool: ServerPool<'_>,
    package: &HashPackage,
    sha256: Digest,
    with_files: WithFiles,
    stats: &mut PublishStats,
) -> Result<BTreeSet<Digest>, HashServerError> {
    let mut wanted: BTreeSet<Digest> = BTreeSet::new();
    if with_files.packages {
        wanted.insert(sha256);
    }
    if with_files.anchors {
        wanted.extend(&package.anchors);
    }
    let asked: Vec<Digest> = wanted.into_iter().collect();
    let have = pool.server.pool_have_by(&asked, pool.project)?;
    stats.present_files += have.iter().flatten().count() as u64;
    let missing = asked.into_iter().zip(have);
    let missing = missing.filter(|(_, size)| size.is_none());
    Ok(missing.map(|(digest, _)| digest).collect())
}

/// Why anchors could not be sent.
#[derive(Debug, Error)]
enum AnchorError {
    #[error("cannot read the package")]
    Archive(#[source] ArchiveError),
    #[error("cannot put a file of the package aside")]
    Spool(#[source] io::Error),
    #[error(transparent)]
    Server(HashServerError),
    /// Not an error: there is nothing left to look for.
    #[error("done")]
    Done,
}

/// Reads the package once and sends the files in it that are in `missing`, taking them out.
fn send_anchors(
    pool: ServerPool<'_>,
    local: LocalPackage,
    missing: &mut BTreeSet<Digest>,
    stats: &mut PublishStats,
) -> Result<(), AnchorError> {
    if missing.is_empty() {
        return Ok(());
    }
    let archive_options = ArchiveOptions {
        recursive: true,
        limits: local.limits(),
        ..ArchiveOptions::default()
    };
    let mut spool = tempfile::tempfile().map_err(AnchorError::Spool)?;
    let mut visit = |entry: &Entry, content: &mut dyn Read| {
        if entry.kind != EntryKind::File {
            return Ok(());
        }
        spool.set_len(0).map_err(AnchorError::Spool)?;
        spool.rewind().map_err(AnchorError::Spool)?;
        let mut content = HashReader::new(content);
        io::copy(&mut content, &mut spool).map_err(AnchorError::Spool)?;
        let size = content.read_bytes();
        let digest = content.into_hasher().finish();
        if missing.remove(&digest) {
            pool.server
                .pool_put(&digest, &spool, size, pool.project)
                .map_err(AnchorError::Server)?;
            stats.uploaded_files += 1;
            stats.uploaded_bytes += size;
        }
        if missing.is_empty() {
            return Err(AnchorError::Done);
        }
        Ok(())
    };
    match read_archive(Input::File(local.file), &archive_options, &mut visit) {
        Ok(_) | Err(ReadError::Visit(AnchorError::Done)) => Ok(()),
        Err(ReadError::Visit(error)) => Err(error),
        Err(ReadError::Archive(error)) => Err(AnchorError::Archive(error)),
    }
}
