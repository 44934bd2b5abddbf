//! A directory of packages, found by digest.
//!
//! What this program puts there lies at `sha256/<h0h1>/<h2h3>/<h4h5>/<other>`; that and the
//! original's `pool/sha256/...` are found by name. Any other file is found by its content: all
//! are hashed once, and again when their size or time changes. The list is kept in the cache, so
//! that the directory may be read-only. As with the original, links to files are followed.

use hashget_files::private::open_regular;
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cache::{hash_file, read_json, write_json};
use super::pool_error::PoolError;
use super::{LocalPackage, Origin};
use hashget_files::monitor::{Monitor, Problem, Progress, Unit};
use hashget_files::path_error::PathError;

/// Files of this program that are not complete begin with this.
const TEMP_PREFIX: &str = ".hashget-";
/// Where files are found by name.
const LAID_OUT: [&str; 2] = ["sha256", "pool/sha256"];
/// Directories are not looked into deeper than this.
const MAX_DEPTH: u32 = 64;

/// A directory of packages.
#[derive(Debug)]
pub(super) struct DirectoryPool {
    pub(super) path: PathBuf,
    /// Where the list of its files is kept.
    list_path: PathBuf,
    /// The files that are not found by name; made when first needed.
    files: Mutex<Option<BTreeMap<Digest, Vec<RelPath>>>>,
}

/// One file of the kept list.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ListedFile {
    path: RelPath,
    size: u64,
    mtime: i64,
    mtime_ns: i64,
    sha256: Digest,
}

impl DirectoryPool {
    pub(super) fn new(path: PathBuf, cache_dir: &Path) -> Self {
        use std::os::unix::ffi::OsStrExt;
        let absolute = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
        let key = Digest::of(absolute.as_os_str().as_bytes());
        Self {
            path,
            list_path: cache_dir.join("pools").join(format!("{key}.json")),
            files: Mutex::new(None),
        }
    }

    /// The file with this digest, its bytes checked. Files that cannot be read or have other
    /// bytes than their name or the list says go to `problems`.
    pub(super) fn find(
        &self,
        digest: &Digest,
        problems: &mut Vec<PoolError>,
        monitor: &dyn Monitor,
    ) -> Option<LocalPackage> {
        let named = self.named_paths(digest).into_iter();
        let mut tried = named.filter_map(|path| self.open_checked(path, digest, problems));
        if let Some(package) = tried.next() {
            return Some(package);
        }
        drop(tried);
        let listed = self.listed_paths(digest, problems, monitor).into_iter();
        let mut tried = listed.filter_map(|path| self.open_checked(path, digest, problems));
        tried.next()
    }

    /// The size in bytes of the file with this digest, unchecked.
    pub(super) fn size_of(&self, digest: &Digest, monitor: &dyn Monitor) -> Option<u64> {
        // Opened, because a file that cannot be read is none to rely on.
        let size = |path: &PathBuf| Some(open_regular(path).ok()?.metadata().ok()?.len());
        let named = self.named_paths(digest);
        named.iter().find_map(size).or_else(|| {
            let mut problems = Vec::new();
            let listed = self.listed_paths(digest, &mut problems, monitor);
            for problem in &problems {
                let pool = self.path.display().to_string();
                monitor.problem(&Problem::new(pool, problem));
            }
            listed.iter().find_map(size)
        })
    }

    /// Copies a file into the pool, unless it is there. A damaged file under its name is replaced;
    /// whether that was so.
    pub(super) fn add(&self, package: &mut LocalPackage) -> Result<bool, PoolError> {
        let path = self
            .path
            .join(LAID_OUT[0])
            .join(package.sha256.sharded_path());
        let there = open_regular(&path).and_then(|mut file| hash_file(&mut file));
        match &there {
            Ok((digest, _)) if *digest == package.sha256 => return Ok(false),
            _ => {}
        }
        write_file(&path, package).map_err(PathError::on("write", &path))?;
        Ok(there.is_ok())
    }

    fn named_paths(&self, digest: &Digest) -> Vec<PathBuf> {
        let place = |directory: &str| self.path.join(directory).join(digest.sharded_path());
        LAID_OUT.map(place).to_vec()
    }

    fn open_checked(
        &self,
        path: PathBuf,
        digest: &Digest,
        problems: &mut Vec<PoolError>,
    ) -> Option<LocalPackage> {
        let checked = open_regular(&path).and_then(|mut file| Ok((hash_file(&mut file)?, file)));
        match checked {
            Ok(((sha256, size), file)) if sha256 == *digest => {
                let origin = Origin::Pool(self.path.display().to_string());
                return Some(LocalPackage {
                    file,
                    path,
                    sha256,
                    size,
                    origin,
                });
            }
            Ok(((got, _), _)) => problems.push(PoolError::WrongBytes {
                path,
                expected: *digest,
                got,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => problems.push(PathError::on("read", path)(error).into()),
        }
        None
    }

    fn listed_paths(
        &self,
        digest: &Digest,
        problems: &mut Vec<PoolError>,
        monitor: &dyn Monitor,
    ) -> Vec<PathBuf> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let files = files.get_or_insert_with(|| self.list(problems, monitor));
        let paths = files.get(digest).into_iter().flatten();
        paths.map(|path| path.under(&self.path)).collect()
    }

    /// Hashes every file that is not found by name and not in the kept list.
    fn list(
        &self,
        problems: &mut Vec<PoolError>,
        monitor: &dyn Monitor,
    ) -> BTreeMap<Digest, Vec<RelPath>> {
        let kept: Vec<ListedFile> = read_json(&self.list_path).unwrap_or_default();
        let kept: BTreeMap<RelPath, ListedFile> = kept
            .into_iter()
            .map(|file| (file.path.clone(), file))
            .collect();
        let mut found = Vec::new();
        self.walk(&RelPath::root(), 0, &mut found, problems);
        let (mut listed, new): (Vec<_>, Vec<_>) = found
            .into_iter()
            .map(|file| match kept.get(&file.path) {
                Some(known) if known.is_same(&file) => (known.clone(), true),
                _ => (file, false),
            })
            .partition(|(_, is_known)| *is_known);
        let changed = !new.is_empty() || listed.len() != kept.len();
        let total = new.iter().map(|(file, _)| file.size).sum();
        if !new.is_empty() {
            let label = format!("reading pool {}", self.path.display());
            let progress = Progress::start(monitor, label, Unit::Bytes, Some(total));
            let hashed: Vec<_> = new
                .into_par_iter()
                .map(|(file, _)| self.hash(file, &progress))
                .collect();
            for file in hashed {
                match file {
                    Ok(file) => listed.push((file, true)),
                    Err(error) => problems.push(error),
                }
            }
        }
        let listed: Vec<ListedFile> = listed.into_iter().map(|(file, _)| file).collect();
        if changed && let Err(source) = write_json(&self.list_path, &listed) {
            let act = "keep the list of the pool in";
            problems.push(PathError::on(act, &self.list_path)(source).into());
        }
        let mut files: BTreeMap<Digest, Vec<RelPath>> = BTreeMap::new();
        for file in listed {
            files.entry(file.sha256).or_default().push(file.path);
        }
        files
    }

    fn hash(&self, file: ListedFile, progress: &Progress<'_>) -> Result<ListedFile, PoolError> {
        let path = file.path.under(&self.path);
        let hashed = open_regular(&path).and_then(|mut file| hash_file(&mut file));
        progress.advance(file.size);
        match hashed {
            Ok((sha256, _)) => Ok(ListedFile { sha256, ..file }),
            Err(error) => Err(PathError::on("read", path)(error).into()),
        }
    }

    /// Collects the files below `directory`, their digests not yet known.
    fn walk(
        &self,
        directory: &RelPath,
        depth: u32,
        found: &mut Vec<ListedFile>,
        problems: &mut Vec<PoolError>,
    ) {
        let path = directory.under(&self.path);
        let mut failed = |error: io::Error| {
            problems.push(PathError::on("read", &path)(error).into());
        };
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return failed(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            match entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?))) {
                Ok(child) => names.push(child),
                Err(error) => failed(error),
            }
        }
        names.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, kind) in names {
            use std::os::unix::ffi::OsStrExt;
            let Ok(child) = directory.join(name.as_bytes()) else {
                continue;
            };
            if kind.is_dir() && depth < MAX_DEPTH && !is_laid_out(&child) {
                self.walk(&child, depth + 1, found, problems);
            } else if !kind.is_dir() && !name.as_bytes().starts_with(TEMP_PREFIX.as_bytes()) {
                // A link to nowhere, or to a directory, is no file.
                let metadata = fs::metadata(child.under(&self.path));
                let file = metadata.ok().filter(Metadata::is_file);
                found.extend(file.map(|metadata| ListedFile::new(child, &metadata)));
            }
        }
    }
}

impl ListedFile {
    fn new(path: RelPath, metadata: &Metadata) -> Self {
        Self {
            path,
            size: metadata.len(),
            mtime: metadata.mtime(),
            mtime_ns: metadata.mtime_nsec(),
            sha256: Digest::from_bytes([0; Digest::BYTES]),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.size, self.mtime, self.mtime_ns) == (other.size, other.mtime, other.mtime_ns)
    }
}

fn is_laid_out(directory: &RelPath) -> bool {
    LAID_OUT
        .iter()
        .any(|laid_out| directory.as_bytes() == laid_out.as_bytes())
}

/// Copies a package to `path`: temporary name, sync, rename, sync of the directory.
fn write_file(path: &Path, package: &mut LocalPackage) -> io::Result<()> {
    use std::io::Seek;
    use std::os::unix::fs::PermissionsExt;
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut copy = tempfile::Builder::new()
        .prefix(TEMP_PREFIX)
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(directory)?;
    package.file.rewind()?;
    let copied = io::copy(&mut package.file, copy.as_file_mut());
    package.file.rewind()?;
    if copied? != package.size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    copy.flush()?;
    copy.as_file().sync_all()?;
    copy.persist(path)?;
    File::open(directory)?.sync_all()
}
