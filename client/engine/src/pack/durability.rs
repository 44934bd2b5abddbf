//! Which of two places of a package is likelier to last.

use std::cmp::Reverse;

use hashget_words::expiry::Expiry;
use hashget_words::hash_package::is_http;

/// Orders sources; less is more durable.
///
/// First those that expire latest (`never` is the latest of all); then dated snapshots, whose URLs
/// never change their meaning; then other downloads; last the names that only a pool knows. What is
/// still equal is ordered by the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Durability<'a> {
    expires: Reverse<Expiry>,
    place: Place,
    url: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Snapshot,
    Download,
    Opaque,
}

impl<'a> Durability<'a> {
    pub(super) fn new(url: &'a str, expires: Expiry) -> Self {
        Self {
            expires: Reverse(expires),
            place: Place::of(url),
            url,
        }
    }
}

impl Place {
    fn of(url: &str) -> Self {
        if !is_http(url) {
            Self::Opaque
        } else if url.split('/').any(is_date) {
            Self::Snapshot
        } else {
            Self::Download
        }
    }
}

/// Whether a part of a path is a time such as `20171002T041924Z` or `20171002041924`.
fn is_date(part: &str) -> bool {
    let digits = part.replacen('T', "", 1);
    let digits = digits.strip_suffix('Z').unwrap_or(&digits);
    digits.len() == 14 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn durable_sources_come_first() {
        let snapshot = "http://example.org/archive/20171002T041924Z/a.deb";
        let plain = "https://example.org/a.deb";
        let june = Expiry::On(date(2030, 6, 1));
        let july = Expiry::On(date(2030, 7, 1));
        let mut sources = vec![
            Durability::new(snapshot, june),
            Durability::new("vault-17", Expiry::Never),
            Durability::new(plain, july),
            Durability::new(plain, Expiry::Never),
            Durability::new(snapshot, Expiry::Never),
        ];
        sources.sort();
        assert_eq!(
            sources,
            [
                Durability::new(snapshot, Expiry::Never),
                Durability::new(plain, Expiry::Never),
                Durability::new("vault-17", Expiry::Never),
                Durability::new(plain, july),
                Durability::new(snapshot, june),
            ]
        );
    }
}
