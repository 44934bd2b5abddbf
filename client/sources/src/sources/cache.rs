//! The download cache on disk.
//!
//! | path | what |
//! |---|---|
//! | `sha256/<h0h1>/<h2h3>/<h4h5>/<other>` | whole files, by digest |
//! | `urls/<SHA-256 of the URL>.json` | which file a URL gave, and the server's validators |
//! | `parts/<SHA-256 of the URL>.part` | a download in progress, locked while one runs |
//! | `parts/<SHA-256 of the URL>.json` | the validators that a part belongs to |
//! | `pools/<SHA-256 of the path>.json` | what is in a pool's directory |
//!
//! Any of it may be deleted at any time. A URL is taken whole, its query included.

use hashget_files::private::open_regular;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use hashget_files::atomic_file::write_cached;

/// What cleaning deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanStats {
    /// How many files.
    pub deleted_files: u64,
    /// How large they were together, in bytes.
    pub deleted_bytes: u64,
}

/// What a server says about the version of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Validators {
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
}

impl Validators {
    /// The one by which a download may be resumed; a weak tag does not promise equal bytes.
    pub(super) fn for_range(&self) -> Option<&str> {
        let strong = |tag: &&str| !tag.starts_with("W/");
        let etag = self.etag.as_deref().filter(strong);
        etag.or(self.last_modified.as_deref())
    }
}

/// What a URL gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UrlEntry {
    pub(super) url: String,
    pub(super) sha256: Digest,
    pub(super) size: u64,
    #[serde(flatten)]
    pub(super) validators: Validators,
}

/// The directory of the cache.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    dir: PathBuf,
}

/// The directories that cleaning deletes; the last two are the original's.
const DIRECTORIES: [&str; 6] = ["sha256", "urls", "parts", "pools", "files", "etags"];
/// More than this of a small file is not read.
const MAX_JSON_BYTES: u64 = 1 << 30;

impl Cache {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn content_path(&self, digest: &Digest) -> PathBuf {
        self.dir.join("sha256").join(digest.sharded_path())
    }

    pub(super) fn part_path(&self, url: &str, suffix: &str) -> PathBuf {
        let key = Digest::of(url.as_bytes());
        self.dir.join("parts").join(format!("{key}.{suffix}"))
    }

    fn url_path(&self, url: &str) -> PathBuf {
        let key = Digest::of(url.as_bytes());
        self.dir.join("urls").join(format!("{key}.json"))
    }

    /// What `url` gave the last time. An entry that cannot be read counts as none.
    pub(super) fn url_entry(&self, url: &str) -> Option<UrlEntry> {
        let entry: UrlEntry = read_json(&self.url_path(url))?;
        (entry.url == url).then_some(entry)
    }

    pub(super) fn save_url_entry(&self, entry: &UrlEntry) -> io::Result<()> {
        write_json(&self.url_path(&entry.url), entry)
    }

    /// Deletes everything that this program or the original has put here, and nothing else.
    pub(super) fn clean(&self) -> Result<CleanStats, (PathBuf, io::Error)> {
        let mut stats = CleanStats::default();
        for directory in DIRECTORIES {
            delete_all(&self.dir.join(directory), &mut stats)?;
        }
        Ok(stats)
    }
}

fn delete_all(directory: &Path, stats: &mut CleanStats) -> Result<(), (PathBuf, io::Error)> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed(directory))?,
    };
    for entry in entries {
        let entry = entry.map_err(failed(directory))?;
        let path = entry.path();
        let metadata = entry.metadata().map_err(failed(&path))?;
        if metadata.is_dir() {
            delete_all(&path, stats)?;
        } else {
            fs::remove_file(&path).map_err(failed(&path))?;
            stats.deleted_files += 1;
            stats.deleted_bytes += metadata.len();
        }
    }
    fs::remove_dir(directory).map_err(failed(directory))
}

/// Reads a small file that is ours; anything wrong with it counts as absent.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let mut json = Vec::new();
    open_regular(path)
        .ok()?
        .take(MAX_JSON_BYTES)
        .read_to_end(&mut json)
        .ok()?;
    serde_json::from_slice(&json).ok()
}

/// Replaces a small file as a whole.
pub(super) fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    write_cached(path, &serde_json::to_vec(value)?)
}

/// Hashes a file from its start and leaves it there.
pub(super) fn hash_file(file: &mut File) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::new();
    hash_into(file, &mut hasher)?;
    file.rewind()?;
    let size = hasher.bytes();
    Ok((hasher.finish(), size))
}

/// Hashes a file from its start to its end.
pub(super) fn hash_into(file: &mut File, hasher: &mut Hasher) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    file.rewind()?;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            read => hasher.update(&buffer[..read]),
        }
    }
}
