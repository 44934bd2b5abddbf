//! Names the host of a URL.

use reqwest::Url;

/// The host of a URL, with scheme and port.
pub(crate) fn host_of(url: &str) -> Option<String> {
    let parsed = Url::parse(url).ok()?;
    Some(parsed.origin().ascii_serialization())
}
