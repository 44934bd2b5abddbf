//! The original's wire: settings, message of the day, records by anchor and by signature.

use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::rel_path::display_bytes;
use hashget_words::signature::Signature;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;

use super::{HashServer, HashServerError, MAX_RECORD_BYTES, MAX_SMALL_BYTES};
use crate::http::{HttpError, parse_json, read_body, text_header};

/// The settings in a server's `config.json`; what is absent has its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteConfig {
    /// The server's name, escaped for showing.
    pub name: String,
    /// Where the message of the day is.
    pub motd: Url,
    /// Where packages are submitted.
    pub submit: Url,
    /// Regular expressions of the URLs whose packages may be submitted.
    pub accept_url: Vec<String>,
    /// What the paths of signatures are joined to. As with any relative URL the part behind the
    /// last `/` is replaced, so that the default `<base>/hashdb` makes them siblings of `a/`.
    pub hashdb: Url,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ConfigJson {
    name: Option<String>,
    motd: Option<String>,
    submit: Option<String>,
    #[serde(default)]
    accept_url: Vec<String>,
    hashdb: Option<String>,
}

/// More patterns than this are not tried.
const MAX_PATTERNS: usize = 1000;
/// A longer message of the day is cut.
const MAX_MOTD_BYTES: u64 = 64 << 10;
/// More lines of the message of the day are not shown.
const MAX_MOTD_LINES: usize = 20;

impl HashServer {
    /// The server's settings; asked for once a run.
    pub fn config(&self) -> Result<&SiteConfig, HashServerError> {
        if let Some(config) = self.learnt.config.get() {
            return Ok(config);
        }
        let url = self.place("config.json");
        let told = match self.ask(|| self.http.get_bytes(&url, MAX_SMALL_BYTES)) {
            Ok(body) => parse_json::<ConfigJson>(&url, &body)?,
            Err(HashServerError::Http(HttpError::Status {
                status: 400..=499, ..
            })) => ConfigJson::default(),
            Err(error) => return Err(error),
        };
        let config = self.resolve_config(told)?;
        Ok(self.learnt.config.get_or_init(|| config))
    }

    pub(super) fn resolve_config(&self, told: ConfigJson) -> Result<SiteConfig, HashServerError> {
        let place = |what: &str, told: Option<String>, default: &str| {
            let text = told.as_deref().unwrap_or(default);
            self.base
                .join(text)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https"))
                .ok_or_else(|| self.nonsense(format!("its setting {what} is {text:?}")))
        };
        let mut accept_url = told.accept_url;
        accept_url.truncate(MAX_PATTERNS);
        let name = told.name.unwrap_or_else(|| "noname".to_owned());
        Ok(SiteConfig {
            name: display_bytes(name.as_bytes()).into_owned(),
            motd: place("motd", told.motd, "motd.txt")?,
            submit: place("submit", told.submit, "submit")?,
            accept_url,
            hashdb: place("hashdb", told.hashdb, "hashdb")?,
        })
    }

    /// The message of the day: some lines to show once, what is not printable escaped. `None` if
    /// there is none; a web server's page about that is never taken for one.
    pub fn motd(&self) -> Result<Option<String>, HashServerError> {
        let url = self.config()?.motd.as_str();
        let answer = self.ask(|| {
            let response = self.http.send("GET", url, |client| client.get(url))?;
            let kind = text_header(response.headers(), &CONTENT_TYPE).unwrap_or_default();
            if kind.contains("html") {
                return Ok(None);
            }
            read_body(response, url, MAX_MOTD_BYTES).map(Some)
        });
        let body = match answer {
            Ok(body) => body.unwrap_or_default(),
            Err(HashServerError::Http(HttpError::Status { .. } | HttpError::TooLarge { .. })) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let lines: Vec<String> = body
            .trim_ascii_end()
            .split(|byte| *byte == b'\n')
            .take(MAX_MOTD_LINES)
            .map(|line| display_bytes(line.trim_ascii_end()).into_owned())
            .collect();
        let text = lines.join("\n");
        Ok((!text.is_empty()).then_some(text))
    }

    /// The record that has `digest` as an anchor or as its own hash, by `a/...`.
    pub fn package_by_anchor(
        &self,
        digest: &Digest,
    ) -> Result<Option<HashPackage>, HashServerError> {
        let url = self.place(&format!("a/{}", digest.sharded_path()));
        let package = self.record_at(&url)?;
        match package {
            Some(package) if !package.is_anchored_by(digest) => {
                Err(self.nonsense(format!("the record at {url} is not about {digest}")))
            }
            package => Ok(package),
        }
    }

    /// The record with `signature`, by `sig/deb/...`; `None` also for signatures of other types,
    /// which this wire does not have.
    pub fn package_by_signature(
        &self,
        signature: &Signature,
    ) -> Result<Option<HashPackage>, HashServerError> {
        let Some(path) = signature.deb_path() else {
            return Ok(None);
        };
        let mut url = self
            .config()?
            .hashdb
            .join(".")
            .map_err(|_| self.nonsense("its setting hashdb is no base of a path"))?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        let package = self.record_at(url.as_str())?;
        match package {
            Some(package) if !package.has_signature(signature) => {
                Err(self.nonsense(format!("the record at {url} is not about {signature}")))
            }
            package => Ok(package),
        }
    }

    /// The record at a URL. 200 is a record, any other answer a miss.
    fn record_at(&self, url: &str) -> Result<Option<HashPackage>, HashServerError> {
        let body = match self.ask(|| self.http.get_bytes(url, MAX_RECORD_BYTES)) {
            Ok(body) => body,
            Err(HashServerError::Http(HttpError::Status {
                status: 300..=499, ..
            })) => return Ok(None),
            Err(error) => return Err(error),
        };
        let package: HashPackage = parse_json(url, &body)?;
        if package.url.is_empty() || package.digest().is_none() {
            return Err(self.nonsense(format!("the record at {url} names no package")));
        }
        Ok(Some(package))
    }
}
