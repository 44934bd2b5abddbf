//! The pool: files by their SHA-256, at `sha256/<h0h1>/<h2h3>/<h4h5>/<other 58 digits>`.
//!
//! A file gets its name only when all of it is on disk and its hash was checked, so whatever has
//! a name is whole. What is coming in lies in `tmp`. Who put a file is noted beside the pool, by `owners`.

mod owners;
mod upload;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hashget_words::digest::Digest;
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, openat, openat2, unlinkat};
use rustix::io::Errno;
use thiserror::Error;

pub use owners::{OverQuota, Owner, Owners, Quotas, Released};
pub use upload::Upload;

/// Where files are.
const FILES: &str = "sha256";
/// Where they come in.
const TEMP: &str = "tmp";

/// What can go wrong in a pool.
#[derive(Debug, Error)]
pub enum PoolError {
    /// A file or directory could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The bytes are not those that the digest names.
    #[error("the hash is sha256:{found}, not sha256:{expected}")]
    Mismatch {
        /// The digest that was to be stored.
        expected: Digest,
        /// The digest of what came.
        found: Digest,
    },
}

/// A directory of files by their SHA-256.
pub struct Pool {
    root: PathBuf,
    /// The directory of files.
    files: File,
}

impl Pool {
    /// Opens the pool in the directory `root`, made if it is new, and removes what an earlier
    /// process left in `tmp`. No other process may write to the pool.
    pub fn open(root: PathBuf) -> Result<Self, PoolError> {
        for directory in [FILES, TEMP].map(|name| root.join(name)) {
            fs::create_dir_all(&directory)
                .map_err(|source| io_error("make", &directory, source))?;
        }
        let directory = root.join(FILES);
        let files =
            File::open(&directory).map_err(|source| io_error("open", &directory, source))?;
        let pool = Self { root, files };
        pool.sweep(Duration::ZERO)?;
        Ok(pool)
    }

    /// The size of a file in bytes, if it is there.
    pub fn size_of(&self, digest: &Digest) -> Result<Option<u64>, PoolError> {
        Ok(self.open_file(digest)?.map(|(_, bytes)| bytes))
    }

    /// Opens a file, if it is there, with its size in bytes. Links below the pool's directory lead
    /// nowhere: whoever can make one there must not make the server read other files.
    pub fn open_file(&self, digest: &Digest) -> Result<Option<(File, u64)>, PoolError> {
        let path = self.path(digest);
        let open = || {
            // A pipe would make the server wait for its other end.
            let flags = OFlags::RDONLY | OFlags::NONBLOCK;
            let file = self.open_below(Path::new(&digest.sharded_path()), flags)?;
            let metadata = file.metadata()?;
            Ok(metadata.is_file().then_some((file, metadata.len())))
        };
        match open() {
            Err(error) if is_missing(&error) => Ok(None),
            other => other.map_err(|source| io_error("open", &path, source)),
        }
    }

    /// Begins to take in a file.
    pub fn begin(&self) -> Result<Upload, PoolError> {
        Upload::begin(&self.temp_directory())
    }

    /// Gives a file that has come in its name, if it is the one that `digest` names. An older
    /// one is replaced.
    pub fn keep(&self, upload: Upload, digest: &Digest) -> Result<(), PoolError> {
        upload.keep(digest, &self.files_directory())
    }

    /// Removes a file; `false` if it is not there.
    pub fn remove(&self, digest: &Digest) -> Result<bool, PoolError> {
        let sharded = digest.sharded_path();
        let sharded = Path::new(&sharded);
        let remove = || {
            let directory = sharded.parent().unwrap_or(Path::new(""));
            let directory = self.open_below(directory, OFlags::PATH | OFlags::DIRECTORY)?;
            let name = sharded.file_name().unwrap_or_default();
            Ok(unlinkat(&directory, name, AtFlags::empty())?)
        };
        match remove() {
            Ok(()) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(source) => Err(io_error("remove", &self.path(digest), source)),
        }
    }

    /// Removes files in `tmp` that were not written to for `age`; how many.
    pub fn sweep(&self, age: Duration) -> Result<u64, PoolError> {
        let directory = self.temp_directory();
        let before = SystemTime::now().checked_sub(age);
        let sweep = || -> io::Result<u64> {
            let mut removed = 0;
            for entry in fs::read_dir(&directory)? {
                let entry = entry?;
                let modified = entry.metadata()?.modified()?;
                if before.is_some_and(|before| modified <= before) {
                    fs::remove_file(entry.path())?;
                    removed += 1;
                }
            }
            Ok(removed)
        };
        sweep().map_err(|source| io_error("clean up", &directory, source))
    }

    /// Opens what is below the directory of files without following links.
    fn open_below(&self, path: &Path, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let links = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match openat2(&self.files, path, flags, Mode::empty(), links) {
            // Kernels before 5.6 and some sandboxes do not have it.
            Err(Errno::NOSYS | Errno::PERM) => {
                let mut directory = self.files.try_clone()?;
                let flags_of_directories = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW;
                for part in path.parent().into_iter().flatten() {
                    let flags = flags_of_directories | OFlags::CLOEXEC;
                    directory = openat(&directory, part, flags, Mode::empty())?.into();
                }
                let name = path.file_name().unwrap_or_default();
                Ok(openat(&directory, name, flags, Mode::empty())?.into())
            }
            other => Ok(other?.into()),
        }
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.files_directory().join(digest.sharded_path())
    }

    fn files_directory(&self) -> PathBuf {
        self.root.join(FILES)
    }

    fn temp_directory(&self) -> PathBuf {
        self.root.join(TEMP)
    }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> PoolError {
    let path = path.to_owned();
    PoolError::Io {
        action,
        path,
        source,
    }
}

/// Whether nothing, or something else than a file, has the name.
fn is_missing(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    let is_link = error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
    is_link || matches!(error.kind(), NotFound | NotADirectory)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn pool() -> (tempfile::TempDir, Pool) {
        let directory = tempfile::tempdir().unwrap();
        let pool = Pool::open(directory.path().join("pool")).unwrap();
        (directory, pool)
    }

    fn temp_files(pool: &Pool) -> usize {
        fs::read_dir(pool.temp_directory()).unwrap().count()
    }

    #[test]
    fn what_was_kept_is_found() {
        let (_directory, pool) = pool();
        let digest = Digest::of(b"bytes");
        assert_eq!(pool.size_of(&digest).unwrap(), None);
        assert!(pool.open_file(&digest).unwrap().is_none());
        for _ in 0..2 {
            let mut upload = pool.begin().unwrap();
            upload.write(b"by").unwrap();
            upload.write(b"tes").unwrap();
            pool.keep(upload, &digest).unwrap();
        }
        assert_eq!(pool.size_of(&digest).unwrap(), Some(5));
        let (mut file, bytes) = pool.open_file(&digest).unwrap().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), bytes), ("bytes", 5));
        assert_eq!(temp_files(&pool), 0);
    }

    #[test]
    fn nothing_is_kept_of_other_bytes() {
        let (_directory, pool) = pool();
        let mut upload = pool.begin().unwrap();
        upload.write(b"other").unwrap();
        let error = pool.keep(upload, &Digest::of(b"bytes")).unwrap_err();
        assert!(matches!(error, PoolError::Mismatch { .. }));
        assert_eq!(pool.size_of(&Digest::of(b"bytes")).unwrap(), None);
        assert_eq!(temp_files(&pool), 0);
    }

    #[test]
    fn links_lead_nowhere() {
        let (directory, pool) = pool();
        let secret = directory.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        let digest = Digest::of(b"link");
        let path = pool.path(&digest);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&secret, &path).unwrap();
        assert_eq!(pool.size_of(&digest).unwrap(), None);
        assert!(pool.open_file(&digest).unwrap().is_none());
        let digest = Digest::of(b"linked directory");
        let mut upload = pool.begin().unwrap();
        upload.write(b"linked directory").unwrap();
        pool.keep(upload, &digest).unwrap();
        let shard = digest.sharded_path();
        let shard = pool.files_directory().join(&shard[..2]);
        fs::rename(&shard, directory.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(directory.path().join("elsewhere"), &shard).unwrap();
        assert_eq!(pool.size_of(&digest).unwrap(), None);
        assert!(!pool.remove(&digest).unwrap());
        let shard_path = digest.sharded_path();
        assert!(
            directory
                .path()
                .join("elsewhere")
                .join(&shard_path[3..])
                .exists()
        );
        fs::remove_file(&shard).unwrap();
        fs::create_dir_all(pool.path(&digest)).unwrap();
        assert_eq!(
            pool.size_of(&digest).unwrap(),
            None,
            "a directory is no file"
        );
    }

    #[test]
    fn litter_is_removed_at_the_start() {
        let (directory, pool) = pool();
        fs::write(pool.temp_directory().join("litter"), "x").unwrap();
        assert_eq!(pool.sweep(Duration::from_secs(3600)).unwrap(), 0);
        let pool = Pool::open(directory.path().join("pool")).unwrap();
        assert_eq!(temp_files(&pool), 0);
    }
}
