//! Names of projects: the collections that records are kept in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::digest::{Digest, FromStrVisitor};

/// The name of a project of a `HashDB`.
///
/// 1 to 64 of the ASCII letters, digits, `_`, `-` and `.`, not beginning with `.`: it is safe
/// as a file name, in a URL and in a token's scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectName(String);

impl ProjectName {
    /// The most characters a name may have.
    pub const MAX_CHARS: usize = 64;
    /// Where records of trees of static files, and older ones that do not say whose they are, are kept;
    /// those of a server's project in [one of its own](Self::cached_from).
    pub const CACHED: &'static str = "_cached";
    /// Where records go that this machine made to check those of others.
    pub const CHECKED: &'static str = "_checked";
    /// Where Debian packages go.
    pub const DEBIAN: &'static str = "debsnap";
    /// Where packages go that only hint files name.
    pub const HINTS: &'static str = "_hints";

    /// Where records of the project `name` of the hashserver at the base URL `server` are kept:
    /// `_cached.SERVER.NAME`, with a short sum for the server, and for a long name.
    pub fn cached_from(server: &str, name: &Self) -> Self {
        let mut text = format!("{}{name}", Self::cached_prefix(server));
        if text.len() > Self::MAX_CHARS {
            let sum = short_sum(name.as_str());
            text = format!("{}-{sum}", Self::cached_prefix(server));
        }
        Self(text)
    }

    /// How the names begin in which records of this hashserver are kept.
    pub fn cached_prefix(server: &str) -> String {
        format!("{}.{}.", Self::CACHED, short_sum(server))
    }

    /// The project that archives of a series count as.
    pub fn of_series() -> Self {
        Self("series".to_owned())
    }

    /// Whether records of this project are the word of a hashserver.
    pub fn is_cached(&self) -> bool {
        let rest = self.0.strip_prefix(Self::CACHED);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn short_sum(text: &str) -> String {
    let sum = Digest::of(text.as_bytes()).to_string();
    sum.chars().take(12).collect()
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no project name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{0:?} is not a project name: use 1 to 64 letters, digits, '_', '-' or '.', not beginning with '.'"
)]
pub struct ParseProjectError(pub String);

impl FromStr for ProjectName {
    type Err = ParseProjectError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let sound = (1..=Self::MAX_CHARS).contains(&text.len())
            && !text.starts_with('.')
            && text.bytes().all(allowed);
        if sound {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseProjectError(text.to_owned()))
        }
    }
}

impl Serialize for ProjectName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ProjectName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromStrVisitor::new("a project name"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_safe_as_file_names() {
        for good in ["_cached", "debsnap", "my_incremental", "a.b-c"] {
            assert_eq!(good.parse::<ProjectName>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", ".hidden", "a/b", "a b", "é", &"x".repeat(65)] {
            assert!(bad.parse::<ProjectName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_servers_say_is_kept_by_server_and_project() {
        let project = |name: &str| name.parse::<ProjectName>().unwrap();
        let of = |server, name| ProjectName::cached_from(server, &project(name));
        let one = of("http://example.org/", "debsnap");
        assert!(one.as_str().ends_with(".debsnap"), "{one}");
        assert!(
            one.as_str()
                .starts_with(&ProjectName::cached_prefix("http://example.org/"))
        );
        assert_ne!(one, of("http://example.org/", "other"));
        assert_ne!(one, of("http://example.org:81/", "debsnap"));
        let (long, longer) = ("x".repeat(50), "x".repeat(51));
        let cut = of("http://example.org/", &long);
        assert_ne!(cut, of("http://example.org/", &longer));
        for name in [&one, &cut, &project("_cached")] {
            assert!(name.is_cached(), "{name}");
            assert_eq!(&project(name.as_str()), name);
        }
        assert!(!project("_cachedx").is_cached() && !project("debsnap").is_cached());
    }

    proptest! {
        #[test]
        fn text_round_trips(text in "[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}") {
            prop_assert_eq!(text.parse::<ProjectName>().unwrap().to_string(), text);
        }
    }
}
