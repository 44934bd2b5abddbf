//! Checks of single settings; each error names its setting.

use std::fmt::Display;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::{LogFormat, Network, SettingsError, TlsFiles};
pub(super) fn invalid(
    setting: &'static str,
    value: &impl Display,
    reason: impl Display,
) -> SettingsError {
    SettingsError::Invalid {
        setting,
        value: value.to_string(),
        reason: reason.to_string(),
    }
}

/// One processor a worker.
pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A number that must lie in a range.
pub(super) fn within<T: Copy + Display + PartialOrd>(
    setting: &'static str,
    given: Option<T>,
    default: T,
    range: RangeInclusive<T>,
) -> Result<T, SettingsError> {
    let value = given.unwrap_or(default);
    if range.contains(&value) {
        return Ok(value);
    }
    let reason = format!("use a number from {} to {}", range.start(), range.end());
    Err(invalid(setting, &value, reason))
}

/// An address `HOST:PORT`.
pub(super) fn listen(text: &str) -> Result<SocketAddr, SettingsError> {
    let reason = "use ADDRESS:PORT, such as 127.0.0.1:8700 or [::]:8700";
    let mut addresses = text
        .to_socket_addrs()
        .map_err(|error| invalid("listen", &text, format!("{error}; {reason}")))?;
    addresses
        .next()
        .ok_or_else(|| invalid("listen", &text, reason))
}

/// One line that is not empty.
pub(super) fn line(setting: &'static str, text: String) -> Result<String, SettingsError> {
    if text.trim().is_empty() || text.contains(char::is_control) {
        return Err(invalid(setting, &text, "use one line of text"));
    }
    Ok(text)
}

/// An http or https URL; a final `/` is added.
pub(super) fn base_url(text: &str) -> Result<Url, SettingsError> {
    let reason = "use http://HOST/ or https://HOST/, without query and fragment";
    let mut url = Url::parse(text)
        .map_err(|error| invalid("base_url", &text, format!("{error}; {reason}")))?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.has_host();
    if !plain || !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("base_url", &text, reason));
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// The patterns as given, once each is known to be a regular expression.
pub(super) fn patterns(patterns: Vec<String>) -> Result<Vec<String>, SettingsError> {
    for pattern in &patterns {
        Regex::new(pattern).map_err(|error| invalid("accept_url", pattern, error))?;
    }
    Ok(patterns)
}

/// The form of the log.
pub(super) fn log_format(text: &str) -> Result<LogFormat, SettingsError> {
    match text {
        "plain" => Ok(LogFormat::Plain),
        "json" => Ok(LogFormat::Json),
        _ => Err(invalid("log_format", &text, "use plain or json")),
    }
}

/// The directives that choose what is logged.
pub(super) fn log_level(text: String) -> Result<String, SettingsError> {
    match EnvFilter::try_new(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(invalid("log_level", &text, error)),
    }
}

/// A certificate with its key, or neither.
pub(super) fn tls(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Result<Option<TlsFiles>, SettingsError> {
    let given = |path: &PathBuf| !path.as_os_str().is_empty();
    match (certificate.filter(given), key.filter(given)) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (None, None) => Ok(None),
        (Some(path), None) => {
            let reason = "give `tls_key` too";
            Err(invalid("tls_certificate", &path.display(), reason))
        }
        (None, Some(path)) => {
            let reason = "give `tls_certificate` too";
            Err(invalid("tls_key", &path.display(), reason))
        }
    }
}

/// Addresses and networks.
pub(super) fn networks(texts: &[String]) -> Result<Vec<Network>, SettingsError> {
    let parse = |text: &String| {
        text.parse()
            .map_err(|reason: String| invalid("trusted_proxies", text, reason))
    };
    texts.iter().map(parse).collect()
}

/// A time of a second to a day.
pub(super) fn deadline(
    setting: &'static str,
    given: Option<u64>,
    default: u64,
) -> Result<Duration, SettingsError> {
    within(setting, given, default, 1..=86_400).map(Duration::from_secs)
}
