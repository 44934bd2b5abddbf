//! The one HTTP client of the process: timeouts, bounded retries, capped bodies, proxies,
//! passwords by host, and the circuit breaker that leaves dead hosts alone.

mod answer;
mod credentials;
mod error;
mod host_of;
mod hosts;
mod options;
mod pace;
mod proxy;
mod public;
mod token;
mod wait;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use hashget_api::ErrorBody;
use hashget_words::package_url::without_password;
use hashget_words::rel_path::display_bytes;
use reqwest::blocking::{Client, ClientBuilder, RequestBuilder};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, ETAG, HeaderMap, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use serde::de::DeserializeOwned;

use self::credentials::Access;
use self::error::is_passing;
use self::public::PublicResolver;

pub use self::answer::{Answer, list_header, number_header, parse_json, read_body, text_header};
pub use self::credentials::{Credentials, Login, is_private};
pub use self::error::{HttpError, NetworkError, ProxyName};
pub(crate) use self::host_of::host_of;
pub(crate) use self::hosts::{Hosts, Patience};
pub use self::options::HttpOptions;
pub use self::pace::Pace;
pub use self::proxy::Proxies;
pub use self::public::names_private_host;
pub use self::token::Token;

/// The answer to HEAD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadAnswer {
    /// The status: 200 if the thing is there.
    pub status: u16,
    /// `Content-Length`.
    pub size: Option<u64>,
    /// `ETag`.
    pub etag: Option<String>,
}

/// The HTTP client; one a process, shared by reference or clone. Clones share what is known of
/// hosts that do not answer.
///
/// Redirects are followed, at most 10. Bodies arrive as they were sent: nothing is decompressed.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    options: HttpOptions,
    hosts: Arc<Hosts>,
    /// Whether only hosts of the public internet are asked.
    public_only: bool,
}

impl Http {
    /// Sets up the client; no request is made.
    pub fn new(options: HttpOptions) -> Result<Self, HttpError> {
        let builder = Client::builder().redirect(reqwest::redirect::Policy::limited(10));
        Ok(Self {
            client: Self::client(builder, &options)?,
            options,
            hosts: Arc::default(),
            public_only: false,
        })
    }

    /// A client like this one that asks hosts of the public internet only, whatever a URL, a redirect or a name
    /// server says. What is asked by a proxy is judged by its URL alone.
    pub fn public_only(&self) -> Result<Self, HttpError> {
        let resolver = PublicResolver {
            proxies: self.options.proxies.hosts(),
        };
        let builder = Client::builder()
            .redirect(public::redirects())
            .dns_resolver(Arc::new(resolver));
        Ok(Self {
            client: Self::client(builder, &self.options)?,
            options: self.options.clone(),
            hosts: Arc::clone(&self.hosts),
            public_only: true,
        })
    }

    fn client(builder: ClientBuilder, options: &HttpOptions) -> Result<Client, HttpError> {
        let proxies = options.proxies.clone();
        // A variable that names no proxy is told before a request is sent.
        let proxy = move |url: &Url| proxies.for_url(url).ok().flatten().cloned();
        // The blocking client's `timeout` bounds every single wait (for the answer's head, for
        // the next part of the body), not their sum.
        builder
            .user_agent(concat!("hashget/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.connect_timeout)
            .timeout(options.stall_timeout)
            .retry(reqwest::retry::never())
            .no_proxy()
            .proxy(reqwest::Proxy::custom(proxy))
            .build()
            .map_err(HttpError::Client)
    }

    /// How patient this client is.
    pub fn options(&self) -> &HttpOptions {
        &self.options
    }

    /// Which hosts do not answer.
    pub(crate) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// GETs a body of at most `limit_bytes` into memory; a status other than 200 is an error.
    pub fn get_bytes(&self, url: &str, limit_bytes: u64) -> Result<Vec<u8>, HttpError> {
        self.retrying(url, || {
            let answer = self.send_once("GET", url, |client| client.get(url))?;
            read_body(answer, url, limit_bytes)
        })
    }

    /// GETs JSON of at most `limit_bytes`; a status other than 200 is an error.
    pub fn get_json<T: DeserializeOwned>(
        &self,
        url: &str,
        limit_bytes: u64,
    ) -> Result<T, HttpError> {
        parse_json(url, &self.get_bytes(url, limit_bytes)?)
    }

    /// Asks for a thing's status and size. No status is an error, but unavailable servers are.
    pub fn head(&self, url: &str) -> Result<HeadAnswer, HttpError> {
        let answer = |headers: &HeaderMap, status| HeadAnswer {
            status,
            size: number_header(headers, &CONTENT_LENGTH),
            etag: text_header(headers, &ETAG),
        };
        let patience = self.question_timeout();
        match self.send("HEAD", url, |client| client.head(url).timeout(patience)) {
            Ok(response) => Ok(answer(response.headers(), response.status().as_u16())),
            Err(HttpError::Status { status, .. }) if !is_passing(status) => {
                Ok(answer(&HeaderMap::new(), status))
            }
            Err(error) => Err(error),
        }
    }

    /// How long the answer to a small question is waited for.
    pub fn question_timeout(&self) -> Duration {
        self.options
            .question_timeout
            .min(self.options.stall_timeout)
    }

    /// Sends the request that `build` makes, again where it failed for a passing reason. Only
    /// answers of status 2xx and 304 are handed out.
    pub fn send(
        &self,
        method: &'static str,
        url: &str,
        build: impl Fn(&Client) -> RequestBuilder,
    ) -> Result<Answer, HttpError> {
        self.retrying(url, || self.send_once(method, url, &build))
    }

    /// Like [`Http::send`], without retries, and without asking whether the host is known not to
    /// answer.
    pub fn send_once(
        &self,
        method: &'static str,
        url: &str,
        build: impl FnOnce(&Client) -> RequestBuilder,
    ) -> Result<Answer, HttpError> {
        let parsed = Url::parse(url).ok();
        if self.public_only && parsed.as_ref().is_some_and(names_private_host) {
            return Err(HttpError::PrivateHost {
                url: without_password(url).into_owned(),
            });
        }
        let proxy = match &parsed {
            Some(url) => self
                .options
                .proxies
                .for_url(url)?
                .map(|proxy| Box::new(proxy::shown(proxy))),
            None => None,
        };
        let access = match &parsed {
            Some(url) => self.options.credentials.for_url(url),
            None => Access::Open,
        };
        let request = build(&self.client);
        let sent = request.build().and_then(|mut request| {
            if let (Access::With(login), false) =
                (access, request.headers().contains_key(AUTHORIZATION))
            {
                let header = self
                    .client
                    .get(request.url().clone())
                    .basic_auth(&login.user, Some(login.password.secret()))
                    .build()?;
                request.headers_mut().extend(header.headers().clone());
            }
            self.client.execute(request)
        });
        let shown = without_password(url);
        let response = sent.map_err(|source| HttpError::Request {
            method,
            url: shown.to_string(),
            proxy: proxy.clone(),
            source: NetworkError::new(source),
        })?;
        let status = response.status();
        let answer = Answer::new(response, self.options.clone());
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(answer);
        }
        if let (StatusCode::UNAUTHORIZED, Access::Withheld, Some(host)) =
            (status, access, host_of(url))
        {
            return Err(HttpError::PlainPassword { host });
        }
        Err(status_error(method, &shown, proxy, answer))
    }

    /// Runs `act`, which asks the host of `url`, until it succeeds, fails for good, or has used up
    /// the retries. A host that is known not to answer is not asked.
    pub fn retrying<T>(
        &self,
        url: &str,
        mut act: impl FnMut() -> Result<T, HttpError>,
    ) -> Result<T, HttpError> {
        self.hosts.check(url, Patience::Retries)?;
        let mut retry = 0;
        let result = loop {
            match act() {
                Err(error) if retry < self.options.retries && error.is_unavailable() => {
                    if self.hosts.note_try(url, Patience::Retries, &error) {
                        break Err(error);
                    }
                    self.wait_before_retry(retry, &error);
                    if self.hosts.check(url, Patience::Retries).is_err() {
                        break Err(error);
                    }
                    retry += 1;
                }
                result => break result,
            }
        };
        let failed = result.as_ref().err();
        self.hosts.note(url, Patience::Retries, failed);
        result
    }

    /// Sleeps as long as fits the `retry`-th retry (from 0) after `error`.
    pub fn wait_before_retry(&self, retry: u32, error: &HttpError) {
        thread::sleep(self.wait(retry, error));
    }

    /// How long to wait before the `retry`-th retry (from 0) after `error`.
    pub fn wait(&self, retry: u32, error: &HttpError) -> Duration {
        self.options.wait(retry, error)
    }

    /// The same client with another number of retries.
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.options.retries = retries;
        self
    }
}

fn status_error(
    method: &'static str,
    url: &str,
    proxy: Option<Box<ProxyName>>,
    answer: Answer,
) -> HttpError {
    let status = answer.status().as_u16();
    let retry_after = text_header(answer.headers(), &RETRY_AFTER)
        .and_then(|seconds| seconds.parse().ok())
        .map(Duration::from_secs);
    let told = read_body(answer, url, MAX_ERROR_BYTES)
        .ok()
        .and_then(|body| serde_json::from_slice::<ErrorBody>(&body).ok());
    HttpError::Status {
        method,
        url: url.to_owned(),
        proxy,
        status,
        code: told.as_ref().map(|body| body.error),
        message: told.map(|body| display_bytes(body.message.as_bytes()).into_owned()),
        retry_after,
    }
}

/// More than this of an error's body is not read.
const MAX_ERROR_BYTES: u64 = 64 << 10;

#[cfg(test)]
pub(crate) mod tests;
