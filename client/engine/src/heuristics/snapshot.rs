//! The Debian snapshot service: every package Debian ever had, at a URL that lasts.
//!
//! Its machine API is asked: `mr/binary/<name>/<version>/binfiles` tells the SHA-1 of a package's
//! file for each architecture, `mr/file/<sha1>/info` where files of that content were.

mod answers;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use url::Url;

use self::answers::Answers;
use hashget_files::path_error::PathError;
use hashget_sources::http::{Http, HttpError, Pace, read_body};

/// How the snapshot service is asked.
#[derive(Clone, Debug)]
pub struct SnapshotSettings {
    /// Where the service is.
    pub base: Url,
    /// The directory that keeps its answers; `None`: they are kept for this run only.
    pub cache: Option<PathBuf>,
    /// The least time between two questions (`--sleep`).
    pub sleep: Duration,
}

impl SnapshotSettings {
    /// The service of the Debian project.
    pub const DEFAULT_BASE: &'static str = "https://snapshot.debian.org/";
}

/// The client of a snapshot service; shared by all threads.
#[derive(Debug)]
pub struct SnapshotService {
    base: Url,
    http: Http,
    answers: Answers,
    pace: Pace,
}

/// Why the snapshot service gave no URL.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The base URL cannot have anything below it.
    #[error("{url} cannot be the URL of a snapshot service")]
    Base { url: String },
    /// The service did not answer, or not with success.
    #[error("cannot ask the snapshot service")]
    Http(#[from] HttpError),
    /// The file to look for could not be read.
    #[error(transparent)]
    Read(#[from] PathError),
    /// The answer is not what the service's protocol says.
    #[error("cannot understand the answer of {url}: {reason}")]
    Answer {
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Deserialize)]
struct BinFiles {
    result: Vec<BinFile>,
}

#[derive(Deserialize)]
struct BinFile {
    hash: String,
    architecture: String,
}

#[derive(Deserialize)]
struct FileInfo {
    #[serde(alias = "results")]
    result: Vec<Place>,
}

/// Where a file was.
#[derive(Deserialize)]
struct Place {
    archive_name: String,
    first_seen: String,
    path: String,
    name: String,
}

impl SnapshotService {
    /// A client that asks by `http`, as patiently as that is; asks nothing yet.
    pub fn new(http: Http, settings: SnapshotSettings) -> Result<Self, SnapshotError> {
        let mut base = settings.base;
        let url = base.to_string();
        match base.path_segments_mut() {
            Ok(mut segments) => segments.pop_if_empty().push(""),
            Err(()) => return Err(SnapshotError::Base { url }),
        };
        Ok(Self {
            base,
            http,
            answers: Answers::new(settings.cache),
            pace: Pace::new(settings.sleep),
        })
    }

    /// The URL of a binary package, `version` with its epoch; `None` when the service does not
    /// have it.
    pub fn binary_url(
        &self,
        name: &str,
        version: &str,
        architecture: &str,
    ) -> Result<Option<String>, SnapshotError> {
        let url = self.place(&["mr", "binary", name, version, "binfiles"])?;
        let Some(files) = self.ask::<BinFiles>(&url)? else {
            return Ok(None);
        };
        let mut files = files.result.iter();
        match files.find(|file| file.architecture == architecture) {
            Some(file) => self.url_of_sha1(&file.hash, Some(name)),
            None => Ok(None),
        }
    }

    /// The URL of the file with the content of the one at `path`, found by its SHA-1; `None` when
    /// the service does not have it.
    pub fn file_url(&self, path: &Path) -> Result<Option<String>, SnapshotError> {
        let sha1 = sha1_of(path).map_err(PathError::on("read", path))?;
        self.url_of_sha1(&sha1, None)
    }

    /// Several packages may have had this content: one of the main archive and of the name asked
    /// for goes first.
    fn url_of_sha1(&self, sha1: &str, name: Option<&str>) -> Result<Option<String>, SnapshotError> {
        let url = self.place(&["mr", "file", sha1, "info"])?;
        let is_sha1 = sha1.len() == 40 && sha1.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_sha1 {
            let reason = format!("{sha1:?} is no SHA-1");
            return Err(SnapshotError::Answer { url, reason });
        }
        let Some(info) = self.ask::<FileInfo>(&url)? else {
            return Ok(None);
        };
        let prefix = name.map(|name| format!("{name}_"));
        let is_named = |place: &&Place| match &prefix {
            Some(prefix) => place.name.starts_with(prefix.as_str()),
            None => true,
        };
        let is_main = |place: &&Place| place.archive_name == "debian";
        let named = || info.result.iter().filter(is_named);
        let place = named().find(is_main).or_else(|| named().next());
        place.map(|place| self.archive_url(&url, place)).transpose()
    }

    fn archive_url(&self, question: &str, place: &Place) -> Result<String, SnapshotError> {
        let mut segments = vec!["archive", &place.archive_name, &place.first_seen];
        segments.extend(place.path.split('/').filter(|part| !part.is_empty()));
        segments.push(&place.name);
        let sound = |part: &&str| {
            !matches!(*part, "" | "." | "..")
                && !part.contains(['/', '\\'])
                && !part.contains(char::is_control)
        };
        if !segments.iter().all(sound) {
            return Err(SnapshotError::Answer {
                url: question.to_owned(),
                reason: "it names no path".to_owned(),
            });
        }
        self.place(&segments)
    }

    /// A URL below the base.
    fn place(&self, segments: &[&str]) -> Result<String, SnapshotError> {
        let mut url = self.base.clone();
        let Ok(mut path) = url.path_segments_mut() else {
            let url = self.base.to_string();
            return Err(SnapshotError::Base { url });
        };
        path.pop_if_empty().extend(segments);
        drop(path);
        Ok(url.into())
    }

    /// The answer to a question; `None` when the service knows no such thing. Answers are kept,
    /// that there is none is not: it may come to be.
    fn ask<T: for<'de> Deserialize<'de>>(&self, url: &str) -> Result<Option<T>, SnapshotError> {
        const MAX_ANSWER_BYTES: u64 = 4 << 20;
        if let Some(kept) = self.answers.get(url)
            && let Ok(answer) = serde_json::from_slice(&kept)
        {
            return Ok(Some(answer));
        }
        let body = self.http.retrying(url, || {
            self.pace.wait();
            let response = self.http.send_once("GET", url, |client| {
                client.get(url).timeout(self.http.question_timeout())
            })?;
            read_body(response, url, MAX_ANSWER_BYTES)
        });
        let body = match body {
            Ok(body) => body,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let answer = serde_json::from_slice(&body).map_err(|error| SnapshotError::Answer {
            url: url.to_owned(),
            reason: error.to_string(),
        })?;
        self.answers.keep(url, body);
        Ok(Some(answer))
    }
}

/// The service knows files by this hash only; nothing is trusted because of it.
fn sha1_of(path: &Path) -> io::Result<String> {
    use sha1::Digest as _;
    use std::fmt::Write as _;
    let mut file = File::open(path)?;
    let mut sha1 = sha1::Sha1::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => sha1.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut hex = String::with_capacity(40);
    for byte in sha1.finalize() {
        write!(hex, "{byte:02x}").map_err(io::Error::other)?;
    }
    Ok(hex)
}

#[cfg(test)]
pub(crate) mod stand_in;
#[cfg(test)]
mod tests;
