//! Which of the packages that hold a key are usable, and which of those is the best.
//!
//! Servers and clients choose by this rule and no other, so that a look-up leads to the same
//! package wherever it is answered.

use std::cmp::{Ordering, Reverse};
use std::ops::Deref;

use jiff::civil::Date;

use crate::digest::Digest;
use crate::expiry::Expiry;
use crate::hash_package::is_http;
use crate::package_summary::{PackageId, PackageSummary};

/// How long the one who asks needs a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    today: Date,
    until: Option<Expiry>,
}

impl Need {
    /// Of a package that has not expired at the start of `today`.
    pub fn today(today: Date) -> Self {
        Self { today, until: None }
    }

    /// The same, and it must last until `needed`; `None` asks no more than today.
    #[must_use]
    pub fn until(self, needed: impl Into<Option<Expiry>>) -> Self {
        Self {
            until: needed.into(),
            ..self
        }
    }

    /// True if a record that expires then may be relied on.
    pub fn admits(self, expires: Expiry) -> bool {
        !expires.is_expired_at(self.today) && self.until.is_none_or(|needed| expires.covers(needed))
    }
}

/// How likely a URL lasts, the likeliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UrlKind {
    /// A dated snapshot, which never changes its meaning: a part of its path is a time such as
    /// `20171002T041924Z` or `20171002041924`.
    Snapshot,
    /// Any other download.
    Download,
    /// A name that only a pool knows.
    Name,
}

impl UrlKind {
    /// The kind of a URL.
    pub fn of(url: &str) -> Self {
        if !is_http(url) {
            Self::Name
        } else if url.split('/').any(is_time) {
            Self::Snapshot
        } else {
            Self::Download
        }
    }
}

fn is_time(part: &str) -> bool {
    let digits = part.replacen('T', "", 1);
    let digits = digits.strip_suffix('Z').unwrap_or(&digits);
    digits.len() == 14 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Orders the URLs of one package, the most durable least: the one that lives longest, then by
/// its [`UrlKind`], then by its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UrlRank<'a> {
    expires: Reverse<Expiry>,
    kind: UrlKind,
    url: &'a str,
}

impl<'a> UrlRank<'a> {
    /// Of a URL whose record expires then.
    pub fn new(url: &'a str, expires: Expiry) -> Self {
        Self {
            expires: Reverse(expires),
            kind: UrlKind::of(url),
            url,
        }
    }
}

/// Orders packages that hold the same, the best least.
///
/// First those not known to be dead, then the one that lives longest, the smallest, by package
/// hash, and of one package as [`UrlRank`] says. What is unknown comes last.
#[derive(Clone, Copy, Debug)]
pub struct Rank<'a> {
    /// True if the package could not be had when its URL was last tried.
    pub is_dead: bool,
    /// Until when it may be relied on.
    pub expires: Expiry,
    /// Its size in bytes, where known.
    pub size: Option<u64>,
    /// Its SHA-256, where known.
    pub sha256: Option<Digest>,
    /// Where it can be downloaded.
    pub url: &'a str,
    /// Decides between records that tell the same, where they have numbers.
    pub id: Option<PackageId>,
}

impl<'a> From<&'a PackageSummary> for Rank<'a> {
    /// Of a package that is not known to be dead.
    fn from(package: &'a PackageSummary) -> Self {
        Self {
            is_dead: false,
            expires: package.expires,
            size: package.size,
            sha256: package.sha256,
            url: &package.url,
            id: Some(package.id),
        }
    }
}

impl Ord for Rank<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.is_dead
            .cmp(&other.is_dead)
            .then_with(|| other.expires.cmp(&self.expires))
            .then_with(|| unknown_last(self.size).cmp(&unknown_last(other.size)))
            .then_with(|| unknown_last(self.sha256).cmp(&unknown_last(other.sha256)))
            .then_with(|| compare_urls(self.url, other.url))
            .then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for Rank<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rank<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Rank<'_> {}

/// The kinds are found out only where all else is equal.
fn compare_urls(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    (UrlKind::of(a), a).cmp(&(UrlKind::of(b), b))
}

fn unknown_last<T>(known: Option<T>) -> (bool, Option<T>) {
    (known.is_none(), known)
}

/// The packages that a need admits, the best first; `is_dead` tells of a URL whether the package
/// could not be had there.
pub fn best_first<P: Deref<Target = PackageSummary>>(
    mut packages: Vec<P>,
    need: Need,
    is_dead: impl Fn(&str) -> bool,
) -> Vec<P> {
    packages.retain(|package| need.admits(package.expires));
    packages.sort_by(|a, b| {
        let [a, b] = [a, b].map(|package| Rank {
            is_dead: is_dead(&package.url),
            ..Rank::from(&**package)
        });
        a.cmp(&b)
    });
    packages
}

/// Puts packages that are named by their places into order, the best first, and keeps no more
/// than `most` of them.
pub fn keep_best<'a, I: Copy>(places: &mut Vec<I>, most: usize, rank: impl Fn(I) -> Rank<'a>) {
    places.sort_by_cached_key(|place| rank(*place));
    places.truncate(most);
}

#[cfg(test)]
mod tests;
