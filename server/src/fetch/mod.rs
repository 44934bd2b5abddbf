//! Fetches what strangers name, without being sent where they could not go themselves.
//!
//! A URL is http or https, on a port of the settings, without credentials. Its name is resolved
//! once, every address of it is checked, and the connection goes to those addresses and nowhere
//! else, so that a name which changes in between gains nothing. Redirects are followed here, one
//! by one, each through the same gate. Bodies are bounded in bytes and in time. No proxy of the
//! environment is used, no cookie is kept. Files are asked for as they are; what comes in an
//! encoding all the same is decoded, since hashes are those of the files.

mod error;
mod resolve;

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashget_transfer::BodyHeaders;
use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use reqwest::blocking::{Client, Response};
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION,
};
use reqwest::{Method, redirect};
use url::{Host, Url};

pub(crate) use error::FetchError;
pub(crate) use resolve::{Resolver, SystemResolver};

use crate::settings::FetchSettings;

const MAX_REDIRECTS: usize = 5;
/// How long a connection, an answer's head, or the next piece of a body may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);
const PIECE_BYTES: usize = 64 * 1024;

/// Fetches URLs by the rules of the settings.
pub(crate) struct Fetcher {
    settings: FetchSettings,
    resolver: Arc<dyn Resolver>,
    step_timeout: Duration,
}

/// A body that was fetched whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) sha256: Digest,
    /// Its size in bytes.
    pub(crate) size: u64,
}

impl Fetcher {
    /// A fetcher that resolves names with `resolver`.
    pub(crate) fn new(settings: FetchSettings, resolver: Arc<dyn Resolver>) -> Self {
        Self {
            settings,
            resolver,
            step_timeout: STEP_TIMEOUT,
        }
    }

    /// Reads a URL and refuses what is never fetched, without looking its name up.
    pub(crate) fn check(&self, text: &str) -> Result<Url, FetchError> {
        let refused = |reason| FetchError::Refused {
            url: text.chars().take(300).collect(),
            reason,
        };
        let url = Url::parse(text).map_err(|_| refused("it is no URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("its scheme is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("it carries credentials"));
        }
        let port = url.port_or_known_default();
        if !port.is_some_and(|port| self.settings.ports.contains(&port)) {
            return Err(refused("its port is not allowed"));
        }
        match url.host() {
            None => return Err(refused("it has no host")),
            Some(Host::Ipv4(address)) if !self.is_allowed(address.into()) => {
                return Err(refused("its address is not public"));
            }
            Some(Host::Ipv6(address)) if !self.is_allowed(address.into()) => {
                return Err(refused("its address is not public"));
            }
            Some(_) => {}
        }
        Ok(url)
    }

    /// The size that the answer to a HEAD announces, after redirects; `None` if it tells none.
    pub(crate) fn head(&self, url: &str) -> Result<Option<u64>, FetchError> {
        let response = self.send(&Method::HEAD, url)?;
        let length = text_header(&response, &CONTENT_LENGTH);
        let encoding = list_header(&response, &CONTENT_ENCODING);
        Ok(length
            .filter(|_| encoding.is_none())
            .and_then(|length| length.parse().ok()))
    }

    /// Writes what is at a URL to `to`. `may_go_on` is asked about the bytes so far and those
    /// announced, before every piece.
    pub(crate) fn get(
        &self,
        url: &str,
        to: &mut dyn Write,
        may_go_on: &mut dyn FnMut(u64) -> std::io::Result<()>,
    ) -> Result<Fetched, FetchError> {
        let began = Instant::now();
        let response = self.send(&Method::GET, url)?;
        let limit_bytes = self.settings.max_bytes;
        let too_large = || FetchError::TooLarge {
            url: url.to_owned(),
            limit_bytes,
        };
        let announced = response.content_length();
        if announced.is_some_and(|bytes| bytes > limit_bytes) {
            return Err(too_large());
        }
        let mut file = file_of(response, url)?;
        let mut hasher = Hasher::new();
        let mut piece = vec![0; PIECE_BYTES];
        let mut received_bytes = 0;
        loop {
            let keep = |source| FetchError::Keep {
                url: url.to_owned(),
                source,
            };
            may_go_on(received_bytes).map_err(keep)?;
            let earned = received_bytes / self.settings.min_bytes_per_second;
            let passed = began.elapsed();
            if passed > self.settings.deadline + Duration::from_secs(earned) {
                return Err(FetchError::TooSlow {
                    url: url.to_owned(),
                    received_bytes,
                    seconds: passed.as_secs(),
                });
            }
            let count = file.read(&mut piece).map_err(|source| FetchError::Broken {
                url: url.to_owned(),
                received_bytes,
                source,
            })?;
            if count == 0 {
                break;
            }
            received_bytes += count as u64;
            if received_bytes > limit_bytes {
                return Err(too_large());
            }
            hasher.update(&piece[..count]);
            to.write_all(&piece[..count]).map_err(keep)?;
        }
        Ok(Fetched {
            sha256: hasher.finish(),
            size: received_bytes,
        })
    }

    /// Follows redirects to an answer that is a success.
    fn send(&self, method: &Method, first: &str) -> Result<Response, FetchError> {
        let mut url = self.check(first)?;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send_once(method, &url)?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION);
            let location = location.and_then(|location| location.to_str().ok());
            let Some(location) = location.filter(|_| status.is_redirection()) else {
                return Err(FetchError::Status {
                    url: url.to_string(),
                    status: status.as_u16(),
                });
            };
            let next = url.join(location).map_err(|_| FetchError::Refused {
                url: location.chars().take(300).collect(),
                reason: "a redirect leads to it, and it is no URL",
            })?;
            if url.scheme() == "https" && next.scheme() != "https" {
                return Err(FetchError::Refused {
                    url: next.to_string(),
                    reason: "a redirect leads there from https",
                });
            }
            url = self.check(next.as_str())?;
        }
        Err(FetchError::Redirects {
            url: first.to_owned(),
            limit: MAX_REDIRECTS,
        })
    }

    /// One request, to addresses that were checked.
    fn send_once(&self, method: &Method, url: &Url) -> Result<Response, FetchError> {
        let failed = |source| FetchError::Request {
            url: url.to_string(),
            source,
        };
        let addresses = self.addresses(url)?;
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("hashserver/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.step_timeout)
            .timeout(self.step_timeout)
            .dns_resolver(Arc::new(resolve::Pinned(addresses.into())))
            .build()
            .map_err(failed)?;
        let request = client
            .request(method.clone(), url.clone())
            .header(ACCEPT_ENCODING, "identity");
        request.send().map_err(failed)
    }

    /// The addresses of a URL's host. One that is not allowed among them refuses all: a name
    /// that leads inside and outside is up to no good.
    fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, FetchError> {
        let none = || FetchError::NoAddress {
            url: url.to_string(),
        };
        let port = url.port_or_known_default().unwrap_or(0);
        let found = match url.host() {
            Some(Host::Ipv4(address)) => vec![IpAddr::from(address)],
            Some(Host::Ipv6(address)) => vec![IpAddr::from(address)],
            Some(Host::Domain(host)) => {
                let found = self.resolver.addresses(host);
                found.map_err(|error| {
                    tracing::debug!(host, "no address: {error}");
                    none()
                })?
            }
            None => Vec::new(),
        };
        if found.is_empty() || !found.iter().all(|address| self.is_allowed(*address)) {
            return Err(none());
        }
        let with_port = |address| SocketAddr::new(address, port);
        Ok(found.into_iter().map(with_port).collect())
    }

    fn is_allowed(&self, address: IpAddr) -> bool {
        let allowed = &self.settings.allowed_networks;
        hashget_words::address::is_public(address)
            || allowed.iter().any(|network| network.contains(address))
    }
}

/// The file in an answer's body.
fn file_of(response: Response, url: &str) -> Result<Box<dyn Read>, FetchError> {
    let encoding = list_header(&response, &CONTENT_ENCODING);
    let media_type = text_header(&response, &CONTENT_TYPE);
    let headers = BodyHeaders {
        url,
        encoding: encoding.as_deref(),
        media_type: media_type.as_deref(),
    };
    let coding = headers.coding().map_err(|source| FetchError::Encoded {
        url: url.to_owned(),
        source,
    })?;
    let Some(coding) = coding else {
        return Ok(Box::new(response));
    };
    let file = headers
        .undo(coding, response)
        .map_err(|source| FetchError::Broken {
            url: url.to_owned(),
            received_bytes: 0,
            source,
        })?;
    Ok(Box::new(file))
}

/// A header that is a list and may come in several lines (RFC 9110, 5.3), as one text.
fn list_header(response: &Response, name: &HeaderName) -> Option<String> {
    let lines = response.headers().get_all(name).iter();
    let lines: Vec<_> = lines
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

fn text_header(response: &Response, name: &HeaderName) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

#[cfg(test)]
mod tests;
