//! What can go wrong with a request, each thing named once.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use hashget_api::ErrorCode;
use thiserror::Error;

use super::host_of::host_of;
use super::public::NOT_PUBLIC;
use hashget_files::monitor::HostTrouble;

/// What can go wrong with a request. URLs are shown without their passwords.
#[derive(Debug, Error)]
pub enum HttpError {
    /// The client could not be set up, such as for want of TLS certificates.
    #[error("cannot set up the HTTP client")]
    Client(#[source] reqwest::Error),
    /// No (whole) answer came.
    #[error("cannot {method} {url}{}", via(.proxy.as_deref()))]
    Request {
        /// The request's method.
        method: &'static str,
        /// The URL asked for.
        url: String,
        /// The proxy that was asked instead of the URL's host.
        proxy: Option<Box<ProxyName>>,
        /// What the network says.
        #[source]
        source: NetworkError,
    },
    /// The answer was an error.
    #[error("cannot {method} {url}{}: status {status}{}", via(.proxy.as_deref()), text_of(.message.as_deref()))]
    Status {
        /// The request's method.
        method: &'static str,
        /// The URL asked for.
        url: String,
        /// The proxy that was asked instead of the URL's host.
        proxy: Option<Box<ProxyName>>,
        /// The answer's status.
        status: u16,
        /// The kind of error, where a hashserver told it.
        code: Option<ErrorCode>,
        /// What a hashserver says about it.
        message: Option<String>,
        /// When to come again, where the server tells.
        retry_after: Option<Duration>,
    },
    /// The body ended early, stalled or came too slowly.
    #[error("cannot receive {url}: {}", broken_off(.cause))]
    Body {
        /// The URL asked for.
        url: String,
        /// What the network says; told by the error itself, as its layers tell a user nothing.
        cause: io::Error,
    },
    /// The body is larger than anything sensible.
    #[error("the answer of {url} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The URL asked for.
        url: String,
        /// The bound, in bytes.
        limit_bytes: u64,
    },
    /// The body is no JSON of the right shape.
    #[error("the answer of {url} makes no sense")]
    Json {
        /// The URL asked for.
        url: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The host failed several times in a row, and is left alone for a while.
    #[error("{host} is not asked for a while: {why}")]
    HostDown {
        /// The host, with scheme and port.
        host: String,
        /// How it failed at last.
        why: String,
    },
    /// The URL leads to a private address, where nobody vouches for it.
    #[error("{url} is not asked: {NOT_PUBLIC}")]
    PrivateHost {
        /// The URL.
        url: String,
    },
    /// The variable that names the proxy for a URL names none.
    #[error("cannot use the proxy of {variable}: {what}")]
    Proxy {
        /// The variable of the environment.
        variable: String,
        /// What is wrong with it; its value, which may hold a password, is not shown.
        what: String,
    },
    /// The host wants a password, and there is one, but it is not sent in the clear.
    #[error("the password for {host} is not sent over plain http")]
    PlainPassword { host: String },
}

/// A proxy for showing, without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyName(pub(super) String);

fn via(proxy: Option<&ProxyName>) -> String {
    proxy.map_or_else(String::new, |proxy| format!(" by the proxy {}", proxy.0))
}

fn text_of(message: Option<&str>) -> String {
    message.map_or_else(String::new, |text| format!(": {text}"))
}

impl HttpError {
    /// The status, if the server answered with an error.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the server says that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self.status(), Some(404 | 410))
    }

    /// Whether the server cannot be used at present, whatever it is asked for.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Request { source, .. } => source.is_passing(),
            Self::Body { .. } | Self::HostDown { .. } => true,
            Self::Status { status, .. } => is_passing(*status),
            _ => false,
        }
    }

    /// Whether a long silence, or a drip, was the reason.
    pub(super) fn is_slow(&self) -> bool {
        match self {
            Self::Request { source, .. } => source.is_timeout(),
            Self::Body { cause, .. } => {
                cause.kind() == io::ErrorKind::TimedOut || is_timeout(cause)
            }
            _ => false,
        }
    }

    /// The host that does not answer, if that is the reason.
    pub fn host_trouble(&self) -> Option<HostTrouble> {
        if !self.is_unavailable() {
            return None;
        }
        let host = match self {
            Self::HostDown { host, .. } => Some(host.clone()),
            Self::Request { url, .. } | Self::Status { url, .. } | Self::Body { url, .. } => {
                host_of(url)
            }
            _ => None,
        };
        let why = self.reason();
        host.map(|host| HostTrouble { host, why })
    }

    /// Why the request failed, without method and URL: `connection refused`, `status 404`.
    pub fn reason(&self) -> String {
        match self {
            Self::Request { proxy, source, .. } => format!("{source}{}", via(proxy.as_deref())),
            Self::Status {
                proxy,
                status,
                message,
                ..
            } => {
                let (via, text) = (via(proxy.as_deref()), text_of(message.as_deref()));
                format!("status {status}{via}{text}")
            }
            Self::Body { cause, .. } => format!("the answer broke off: {}", broken_off(cause)),
            Self::TooLarge { limit_bytes, .. } => {
                format!("the answer is larger than {limit_bytes} bytes")
            }
            Self::Json { source, .. } => format!("the answer makes no sense: {source}"),
            Self::HostDown { why, .. } => why.clone(),
            Self::PrivateHost { .. } => NOT_PUBLIC.to_owned(),
            Self::Client(_) | Self::Proxy { .. } | Self::PlainPassword { .. } => self.to_string(),
        }
    }
}

/// Why a body ended early.
fn broken_off(error: &io::Error) -> String {
    if is_timeout(error) {
        return TIMED_OUT.to_owned();
    }
    match error.get_ref() {
        Some(inner) => root_of(inner).to_string(),
        None => error.to_string(),
    }
}

const TIMED_OUT: &str = "no answer in time (timed out)";

fn root_of<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut root = error;
    while let Some(cause) = root.source() {
        root = cause;
    }
    root
}

/// Whether a status may be another one when asked again.
pub(super) fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 500 | 502..=504)
}

/// Whether an error or one of its causes is that time is up.
fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let is_up = error
            .downcast_ref::<reqwest::Error>()
            .is_some_and(reqwest::Error::is_timeout)
            || error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref)
                .is_some_and(|inner| is_timeout(inner));
        if is_up {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What the network says, in one phrase: the layers of a client between it and the system tell
/// a user nothing.
#[derive(Debug)]
pub struct NetworkError(reqwest::Error);

impl NetworkError {
    pub(super) fn new(error: reqwest::Error) -> Self {
        Self(error.without_url())
    }

    /// Whether nothing came in time.
    pub fn is_timeout(&self) -> bool {
        self.0.is_timeout()
    }

    /// Whether the same request may well succeed later.
    pub fn is_passing(&self) -> bool {
        !self.0.is_builder() && !self.0.is_redirect()
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = root_of(&self.0);
        let system = root.downcast_ref::<io::Error>();
        match system.map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => return f.write_str("connection refused"),
            Some(io::ErrorKind::ConnectionReset) => return f.write_str("connection reset"),
            _ => {}
        }
        if self.0.is_timeout() {
            return f.write_str(TIMED_OUT);
        }
        let text = root.to_string();
        if text.contains("lookup address") {
            return f.write_str("no such host");
        }
        let is_tls =
            self.0.is_connect() && system.is_some_and(|error| error.raw_os_error().is_none());
        if is_tls {
            return write!(f, "no TLS connection: {text}");
        }
        f.write_str(&text)
    }
}

impl Error for NetworkError {}
