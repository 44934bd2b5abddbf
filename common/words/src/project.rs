//! Names of projects: the collections that records are kept in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::digest::FromStrVisitor;

/// The name of a project of a `HashDB`.
///
/// 1 to 64 of the ASCII letters, digits, `_`, `-` and `.`, not beginning with `.`: it is safe
/// as a file name, in a URL and in a token's scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectName(String);

impl ProjectName {
    /// The most characters a name may have.
    pub const MAX_CHARS: usize = 64;
    /// Where records pulled from a hashserver are kept.
    pub const CACHED: &'static str = "_cached";
    /// Where Debian packages go.
    pub const DEBIAN: &'static str = "debsnap";
    /// Where packages named by hint files go, unless the hint names a project.
    pub const HINTS: &'static str = "_hints";

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
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

    proptest! {
        #[test]
        fn text_round_trips(text in "[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}") {
            prop_assert_eq!(text.parse::<ProjectName>().unwrap().to_string(), text);
        }
    }
}
