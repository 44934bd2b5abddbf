//! Hashservers: a typed client of the JSON API, and of the original's static wire.
//!
//! A server is a stranger: bodies are capped, places in its answers are checked, records that do
//! not fit the question are refused. One that could not be reached is not asked again.

mod api;
mod error;
mod lookup_mode;
mod pool;
mod recognise;
mod site;
mod submit;

use hashget_words::package_url::{has_password, without_password};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hashget_api::API_PREFIX;
use reqwest::Url;
use reqwest::blocking::RequestBuilder;

use lookup_mode::Discretion;

use crate::http::{Http, HttpError};

pub use api::PackagePages;
pub use error::HashServerError;
pub(crate) use error::warn;
pub use lookup_mode::LookupMode;
pub use site::SiteConfig;
pub use submit::SubmitOutcome;

/// What a hashserver understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerKind {
    /// The JSON API, and the original's wire.
    Api,
    /// Only the original's wire: static files behind a web server.
    Static,
}

/// One hashserver. Nothing is asked of it before the first method that needs it. Clones share what
/// was learnt of the server.
#[derive(Clone, Debug)]
pub struct HashServer {
    base: Url,
    token: Option<String>,
    http: Http,
    learnt: Arc<Learnt>,
    discretion: Arc<Discretion>,
}

/// What was learnt of a server in this run.
#[derive(Debug, Default)]
struct Learnt {
    down: AtomicBool,
    kind: OnceLock<ServerKind>,
    /// Whether look-ups may be asked and answered in the compact form.
    compact_lookup: AtomicBool,
    config: OnceLock<SiteConfig>,
}

impl HashServer {
    /// The server at `url`, with the token for what needs one. Makes no request.
    pub fn new(url: &str, token: Option<String>, http: Http) -> Result<Self, HashServerError> {
        let bad = || HashServerError::BadUrl {
            url: without_userinfo(url),
        };
        let mut base = Url::parse(url).map_err(|_| bad())?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(bad());
        }
        if has_password(url) {
            let url = without_password(url).into_owned();
            return Err(HashServerError::Password { url });
        }
        base.set_query(None);
        base.set_fragment(None);
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self {
            base,
            token,
            http,
            learnt: Arc::default(),
            discretion: Arc::default(),
        })
    }

    /// The same server, asked with another client.
    #[must_use]
    pub fn with_http(&self, http: Http) -> Self {
        Self {
            http,
            ..self.clone()
        }
    }

    /// The base URL, ending in `/`.
    pub fn url(&self) -> &str {
        self.base.as_str()
    }

    /// The token, for downloads from the server's pool.
    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Whether the server failed to answer before; it is not asked again in this run.
    pub fn is_down(&self) -> bool {
        self.learnt.down.load(Ordering::Relaxed)
    }

    /// Fails unless the server understands the JSON API.
    fn need_api(&self, action: &'static str) -> Result<(), HashServerError> {
        match self.kind()? {
            ServerKind::Api => Ok(()),
            ServerKind::Static => Err(HashServerError::Static {
                url: self.url().to_owned(),
                action,
            }),
        }
    }

    /// The URL of `path`, which is a constant or made of hexadecimal digits and slashes.
    fn place(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn api_place(&self, endpoint: &str) -> String {
        self.place(&format!("{API_PREFIX}/{endpoint}"))
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Runs a request unless the server is known to be down, and remembers if it is.
    fn ask<T>(&self, act: impl FnOnce() -> Result<T, HttpError>) -> Result<T, HashServerError> {
        if self.is_down() {
            return Err(HashServerError::Down {
                url: self.url().to_owned(),
            });
        }
        act().map_err(|error| {
            // A 500 may be about this one question only.
            if error.is_unavailable() && error.status() != Some(500) {
                self.learnt.down.store(true, Ordering::Relaxed);
            }
            HashServerError::Http(error)
        })
    }

    fn nonsense(&self, what: impl Into<String>) -> HashServerError {
        HashServerError::Nonsense {
            url: self.url().to_owned(),
            what: what.into(),
        }
    }
}

/// What the URLs of records begin with that tell of the archives of a backup series. Such an archive
/// goes when its time has come: nothing else may rely on it.
pub const SERIES_URL_PREFIX: &str = "hashget-series:";

/// So long a server may take to say what it is; those that follow wait for it.
const STATUS_TIMEOUT: Duration = Duration::from_secs(10);
/// More than this of a small answer (status, settings) is not read.
const MAX_SMALL_BYTES: u64 = 4 << 20;
/// More than this of a list or a look-up is not read.
const MAX_ANSWER_BYTES: u64 = 256 << 20;
/// More than this of one record is not read: about three million digests.
const MAX_RECORD_BYTES: u64 = 256 << 20;

/// What is between the scheme and the last `@` of a text that may be no URL at all goes.
fn without_userinfo(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((before, host)) => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            format!(
                "{scheme}{}{host}",
                if scheme.is_empty() { "" } else { "://" }
            )
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
