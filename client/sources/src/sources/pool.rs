//! Pools: directories or HTTP locations that hold packages by digest.

use std::ffi::OsStr;
use std::path::Path;

use hashget_words::digest::Digest;
use hashget_words::hash_package::is_http;
use hashget_words::package_url::without_password;

use super::directory_pool::DirectoryPool;
use super::download::DownloadRequest;
use super::pool_error::PoolError;
use super::{DownloadError, Downloader, LocalPackage, Origin};
use crate::http::Patience;
use hashget_files::monitor::Monitor;

#[derive(Debug)]
pub struct Pool {
    place: Place,
}

#[derive(Debug)]
enum Place {
    Directory(DirectoryPool),
    /// A base URL without a final slash.
    Http(String),
}

impl Pool {
    /// The pool at `place`: a directory, or an HTTP base URL. `cache_dir` is where the lists of what
    /// is in directories are kept.
    pub fn new(place: &OsStr, cache_dir: &Path) -> Self {
        let place = match place.to_str().filter(|text| is_http(text)) {
            Some(url) => Place::Http(url.trim_end_matches('/').to_owned()),
            None => Place::Directory(DirectoryPool::new(place.into(), cache_dir)),
        };
        Self { place }
    }

    /// The directory or URL, for showing.
    pub fn name(&self) -> String {
        match &self.place {
            Place::Directory(directory) => directory.path.display().to_string(),
            Place::Http(url) => without_password(url).into_owned(),
        }
    }

    /// Whether this is a directory, into which files can be put.
    pub fn is_directory(&self) -> bool {
        matches!(self.place, Place::Directory(_))
    }

    /// The file with this digest, its bytes checked. What does not work goes to `problems`; that
    /// a file is not there is none.
    pub(super) fn find(
        &self,
        digest: &Digest,
        size: Option<u64>,
        (downloader, patience): (&Downloader, Patience),
        problems: &mut Vec<PoolError>,
        monitor: &dyn Monitor,
    ) -> Option<LocalPackage> {
        let base = match &self.place {
            Place::Directory(directory) => return directory.find(digest, problems, monitor),
            Place::Http(base) => base,
        };
        for url in http_places(base, digest) {
            let request = DownloadRequest {
                url: &url,
                sha256: Some(digest),
                size,
                token: None,
                patience,
            };
            match downloader.request(request, monitor) {
                Ok(package) if package.origin == Origin::Cache => return Some(package),
                Ok(package) => {
                    let origin = Origin::Pool(base.clone());
                    return Some(LocalPackage { origin, ..package });
                }
                Err(DownloadError::Http(error)) if error.is_not_found() => {}
                Err(error) => {
                    let is_alive = !error.is_passing();
                    problems.push(error.into());
                    if !is_alive {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// The size in bytes of the file with this digest, if it is there; nothing is read.
    pub fn size_of(
        &self,
        digest: &Digest,
        downloader: &Downloader,
        monitor: &dyn Monitor,
    ) -> Result<Option<u64>, PoolError> {
        let base = match &self.place {
            Place::Directory(directory) => return Ok(directory.size_of(digest, monitor)),
            Place::Http(base) => base,
        };
        for url in http_places(base, digest) {
            let answer = downloader.http().head(&url).map_err(DownloadError::Http)?;
            if answer.status == 200 {
                return Ok(answer.size);
            }
        }
        Ok(None)
    }

    /// Copies a file into the pool, unless it is there already. A damaged file under its name is
    /// replaced; `true` if that was so. HTTP pools take none.
    pub fn add(&self, package: &mut LocalPackage) -> Result<bool, PoolError> {
        match &self.place {
            Place::Directory(directory) => directory.add(package),
            Place::Http(_) => Ok(false),
        }
    }
}

/// Where an HTTP pool may have a file: as the original's admin tool lays it out, or as a directory
/// pool of ours does.
fn http_places(base: &str, digest: &Digest) -> [String; 2] {
    let path = digest.sharded_path();
    [
        format!("{base}/pool/sha256/{path}"),
        format!("{base}/sha256/{path}"),
    ]
}
