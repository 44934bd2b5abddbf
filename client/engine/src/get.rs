//! `--get` and `--fetch`: one file by its hash, or one package by its signature.
//!
//! The file gets the last part of its name in the package (of its URL, for a package), or its hash
//! where that is no name for a file. A file of that name that is there already is never replaced
//! silently: one with the same content is left alone, another one is an error unless overwriting
//! was asked for. The original replaces it without a word.

mod spec;
mod target;

use std::io::{self, Read};
use std::path::PathBuf;

use hashget_archive::{
    ArchiveError, ArchiveOptions, EntryKind, Input, Limits, ReadError, read_archive,
};
use hashget_sources::hash_db::whose;
use hashget_words::digest::Digest;
use hashget_words::hash_package::url_name;
use hashget_words::hash_reader::Hasher;
use hashget_words::package_url::without_password;
use thiserror::Error;

pub use spec::{GetSpec, ParseGetSpecError};

use self::target::{Target, file_name};
use crate::index::IndexServices;
use hashget_files::monitor::{Level, Problem};
use hashget_files::path_error::PathError;
use hashget_sources::hash_db::HashDbError;
use hashget_sources::sources::{FetchError, LocalPackage, PackageRef};

/// How a file is got.
#[derive(Clone, Debug)]
pub struct GetOptions {
    /// The directory that receives it (`--outdir`).
    pub out_dir: PathBuf,
    /// Whether archives inside packages are searched, too.
    pub recursive: bool,
    /// Replaces a file of that name; without it, a file with other content is an error.
    pub overwrite: bool,
    /// Bounds on hostile packages.
    pub limits: Limits,
}

/// What was got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GotFile {
    /// Where it is now.
    pub path: PathBuf,
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The URL of the package it came from; none if only a pool of files had it.
    pub url: Option<String>,
    /// Whether it was there already, with this content.
    pub unchanged: bool,
}

/// Why a file could not be got.
#[derive(Debug, Error)]
pub enum GetError {
    /// No record has it.
    #[error("no package with {what} is known here or at the hashservers")]
    Unknown {
        /// The hash or signature.
        what: String,
    },
    /// Every package that should hold it failed; each was reported.
    #[error("{what} could not be got from any of {packages} packages that should hold it")]
    Failed {
        /// The hash or signature.
        what: String,
        /// How many packages were tried.
        packages: usize,
    },
    /// The package of a signature could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A file of that name but with other content is there.
    #[error("{} is there with other content; it was not replaced", path.display())]
    Exists { path: PathBuf },
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] PathError),
    /// The local records cannot be read.
    #[error(transparent)]
    HashDb(#[from] HashDbError),
}

/// Fetches a file or package, checks it and puts it into the directory.
pub fn get(
    spec: &GetSpec,
    options: &GetOptions,
    services: &IndexServices<'_>,
) -> Result<GotFile, GetError> {
    match spec {
        GetSpec::File(digest) => get_file(digest, options, services),
        GetSpec::Package(signature) => {
            let stored = services.lookup.find_signature(signature)?;
            let Some(stored) = stored else {
                let what = signature.to_string();
                return Err(GetError::Unknown { what });
            };
            let record = stored.package;
            let whose = whose(&stored.project, services.lookup.servers);
            let url = without_password(&record.url);
            let text = format!("{signature} is {url} by the record of {whose}");
            services.monitor().message(Level::Info, &text);
            let wanted = PackageRef {
                sha256: record.digest(),
                size: record.attrs.size,
                urls: vec![record.url.clone()],
            };
            let package = services.sources.fetch(&wanted, services.monitor())?;
            put_package(&package, &record.url, options)
        }
    }
}

/// Tries every package that should hold the file, then the pools, which may have it by itself.
fn get_file(
    digest: &Digest,
    options: &GetOptions,
    services: &IndexServices<'_>,
) -> Result<GotFile, GetError> {
    let monitor = services.monitor();
    let found = services.lookup.find_anywhere(&[*digest])?;
    for package in &found.packages {
        let wanted = PackageRef {
            sha256: Some(package.sha256),
            size: package.size,
            urls: vec![package.url.clone()],
        };
        let local = match services.sources.fetch(&wanted, monitor) {
            Ok(local) => local,
            Err(error) => {
                monitor.problem(&Problem::new(&package.url, &error));
                continue;
            }
        };
        if package.sha256 == *digest {
            return put_package(&local, &package.url, options);
        }
        match put_member(&local, digest, &package.url, options) {
            Err(PutMemberError::Put(error)) => return Err(error),
            Err(error) => monitor.problem(&Problem::new(&package.url, &error)),
            Ok(got) => return Ok(got),
        }
    }
    let what = format!("sha256:{digest}");
    match services.sources.fetch_file(digest, monitor) {
        Ok(file) => {
            let name = file_name(b"", digest);
            let target = Target::new(options, name, *digest);
            Ok(target.put(&mut &file.file)?.into_got(None))
        }
        Err(_) if found.packages.is_empty() => Err(GetError::Unknown { what }),
        Err(_) => Err(GetError::Failed {
            what,
            packages: found.packages.len(),
        }),
    }
}

fn put_package(
    package: &LocalPackage,
    url: &str,
    options: &GetOptions,
) -> Result<GotFile, GetError> {
    let name = file_name(url_name(url).as_bytes(), &package.sha256);
    let target = Target::new(options, name, package.sha256);
    Ok(target.put(&mut &package.file)?.into_got(Some(url)))
}

/// Why a package did not give the file.
#[derive(Debug, Error)]
enum PutMemberError {
    #[error("it does not hold sha256:{0}, whatever its record says")]
    NotInside(Digest),
    #[error("cannot read it")]
    Archive(#[from] ArchiveError),
    #[error("cannot read it")]
    Read(#[from] io::Error),
    /// The directory is at fault, not the package.
    #[error(transparent)]
    Put(#[from] GetError),
}

impl From<ReadError<Self>> for PutMemberError {
    fn from(error: ReadError<Self>) -> Self {
        match error {
            ReadError::Archive(error) => Self::Archive(error),
            ReadError::Visit(error) => error,
        }
    }
}

/// Looks for the file by its digest, then reads the package again up to there to write it: only
/// what is wanted gets to the disk.
fn put_member(
    package: &LocalPackage,
    digest: &Digest,
    url: &str,
    options: &GetOptions,
) -> Result<GotFile, PutMemberError> {
    let mut wanted = None;
    let mut place = 0_u64;
    visit_files(package, options, &mut |path, content| {
        place += 1;
        let mut hasher = Hasher::new();
        if wanted.is_none() {
            io::copy(content, &mut hasher)?;
            if hasher.finish() == *digest {
                wanted = Some((place, path.to_vec()));
            }
        }
        Ok(())
    })?;
    let (wanted, path) = wanted.ok_or(PutMemberError::NotInside(*digest))?;
    let path = if path.is_empty() {
        single_name(url).as_bytes().to_vec()
    } else {
        path
    };
    let target = Target::new(options, file_name(&path, digest), *digest);
    let mut placed = None;
    let mut place = 0_u64;
    visit_files(package, options, &mut |_, content| {
        place += 1;
        if place == wanted {
            placed = Some(target.put(content)?);
        }
        Ok(())
    })?;
    let placed = placed.ok_or(PutMemberError::NotInside(*digest))?;
    Ok(placed.into_got(Some(url)))
}

type VisitFile<'v> = dyn FnMut(&[u8], &mut dyn Read) -> Result<(), PutMemberError> + 'v;

/// Files as indexing sees them, and the members of a `.deb`'s control archive.
fn visit_files(
    package: &LocalPackage,
    options: &GetOptions,
    visit: &mut VisitFile<'_>,
) -> Result<(), PutMemberError> {
    let file = package.file.try_clone()?;
    let archive = ArchiveOptions {
        recursive: options.recursive,
        limits: options.limits.clone(),
        ..ArchiveOptions::default()
    };
    read_archive(Input::File(file), &archive, &mut |entry, content| {
        if entry.kind == EntryKind::File {
            visit(&entry.path, content)
        } else {
            Ok(())
        }
    })?;
    Ok(())
}

/// The name of the one file in a compressed file: without the suffix.
fn single_name(url: &str) -> &str {
    let name = url_name(url);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests;
