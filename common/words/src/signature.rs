//! (type, value) pairs that name one package.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::digest::FromStrVisitor;

/// A (type, value) pair that names one package, such as `deb` with
/// `vim_8.0.0197-4+deb9u1_amd64`, or `url` with its URL. Written `TYPE:VALUE`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature {
    kind: String,
    value: String,
}

impl Signature {
    /// The signature of Debian packages: `<name>_<version without epoch>_<architecture>`.
    pub const DEB: &'static str = "deb";
    /// The signature that repeats the package's URL.
    pub const URL: &'static str = "url";

    /// A signature of these parts; the type must not be empty nor hold a colon.
    pub fn new(kind: &str, value: &str) -> Result<Self, ParseSignatureError> {
        if kind.is_empty() || kind.contains(':') || value.is_empty() {
            return Err(ParseSignatureError(format!("{kind}:{value}")));
        }
        Ok(Self {
            kind: kind.to_owned(),
            value: value.to_owned(),
        })
    }

    /// The part before the colon, such as [`Signature::DEB`].
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The part behind the colon; it may hold colons itself.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The path that the original's static server keeps a `deb` signature under:
    /// `sig/deb/<prefix>/<name>/<signature>`; none for other types.
    pub fn deb_path(&self) -> Option<String> {
        let (name, _) = self
            .value
            .split_once('_')
            .filter(|_| self.kind == Self::DEB)?;
        Some(format!(
            "sig/deb/{}/{name}/{}",
            deb_prefix(name),
            self.value
        ))
    }
}

/// The first letter of a Debian package's name, or `lib` and the fourth.
fn deb_prefix(name: &str) -> &str {
    let letters = if name.starts_with("lib") { 4 } else { 1 };
    let end = name
        .char_indices()
        .nth(letters)
        .map_or(name.len(), |(place, _)| place);
    &name[..end]
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.value)
    }
}

/// Why a text is no signature.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0:?} is not a signature: use TYPE:VALUE, such as deb:vim_8.0.0197-4_amd64")]
pub struct ParseSignatureError(pub String);

impl FromStr for Signature {
    type Err = ParseSignatureError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, value) = text
            .split_once(':')
            .ok_or_else(|| ParseSignatureError(text.to_owned()))?;
        Self::new(kind, value)
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromStrVisitor::new("a signature TYPE:VALUE"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn debian_signatures_have_the_originals_path() {
        let path = |value: &str| Signature::new("deb", value).unwrap().deb_path();
        assert_eq!(
            path("vim_8.0.0197-4+deb9u1_amd64").as_deref(),
            Some("sig/deb/v/vim/vim_8.0.0197-4+deb9u1_amd64")
        );
        assert_eq!(
            path("libssl3_3.0_amd64").as_deref(),
            Some("sig/deb/libs/libssl3/libssl3_3.0_amd64")
        );
        assert_eq!(
            path("lib_1_all").as_deref(),
            Some("sig/deb/lib/lib/lib_1_all")
        );
        assert_eq!(path("noversion"), None);
        assert_eq!(Signature::new("url", "a_b").unwrap().deb_path(), None);
    }

    proptest! {
        #[test]
        fn text_round_trips(kind in "[a-z]{1,8}", value in ".+") {
            let signature = Signature::new(&kind, &value).unwrap();
            prop_assert_eq!(signature.to_string().parse::<Signature>(), Ok(signature));
        }
    }
}
