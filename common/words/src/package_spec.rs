//! HPSPEC: which packages a command is about.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::digest::FromStrVisitor;
use crate::expiry::{ParseExpiryError, parse_date};
use crate::hash_package::HashPackage;
use crate::signature::Signature;

/// Which packages a command is about, as the user writes it after `--hp`.
///
/// `url:U` or a bare http(s) URL; `name:BASENAME` or a bare name; `sig:TYPE:VALUE`; `all`;
/// `expired` (now) or `expired:YYYY-MM-DD` (at that date), also spelled `expires`. The
/// original's `all:…` and `expires:` with nothing behind it are read too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PackageSpec {
    /// The package with this URL.
    Url(String),
    /// Packages whose URL ends in this name.
    Name(String),
    /// Packages with this signature.
    Signature(Signature),
    /// Every package, expired ones included.
    All,
    /// Packages expired at the date, or now.
    Expired(Option<Date>),
}

impl PackageSpec {
    /// Whether `package` is meant, `today` being the day for [`PackageSpec::Expired`].
    pub fn matches(&self, package: &HashPackage, today: Date) -> bool {
        match self {
            Self::Url(url) => package.url == *url,
            Self::Name(name) => package.name() == name,
            Self::Signature(signature) => package.has_signature(signature),
            Self::All => true,
            Self::Expired(at) => package.expires.is_expired_at(at.unwrap_or(today)),
        }
    }
}

impl fmt::Display for PackageSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "url:{url}"),
            Self::Name(name) => write!(f, "name:{name}"),
            Self::Signature(signature) => write!(f, "sig:{signature}"),
            Self::All => f.write_str("all"),
            Self::Expired(None) => f.write_str("expired"),
            Self::Expired(Some(date)) => write!(f, "expired:{date}"),
        }
    }
}

/// Why a text is no HPSPEC.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ParseSpecError {
    /// Nothing was given, or nothing behind the colon.
    #[error(
        "{0:?} names no package: use url:URL, name:BASENAME, sig:TYPE:VALUE, all or expired[:YYYY-MM-DD]"
    )]
    Empty(String),
    /// The signature has no type or no value.
    #[error("signature {0:?} is not of the form TYPE:VALUE")]
    Signature(String),
    /// The date behind `expired:` is none.
    #[error(transparent)]
    Date(#[from] ParseExpiryError),
}

impl FromStr for PackageSpec {
    type Err = ParseSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let some = |value: &str| {
            if value.is_empty() {
                Err(ParseSpecError::Empty(text.to_owned()))
            } else {
                Ok(value.to_owned())
            }
        };
        match text.split_once(':') {
            Some(("url", url)) => some(url).map(Self::Url),
            Some(("name", name)) => some(name).map(Self::Name),
            Some(("sig", signature)) => signature
                .parse()
                .map(Self::Signature)
                .map_err(|_| ParseSpecError::Signature(signature.to_owned())),
            Some(("all", _)) => Ok(Self::All),
            Some(("expired" | "expires", "")) => Ok(Self::Expired(None)),
            Some(("expired" | "expires", date)) => Ok(Self::Expired(Some(parse_date(date)?))),
            Some(("http" | "https", _)) => Ok(Self::Url(text.to_owned())),
            _ => match text {
                "all" => Ok(Self::All),
                "expired" | "expires" => Ok(Self::Expired(None)),
                name => some(name).map(Self::Name),
            },
        }
    }
}

impl Serialize for PackageSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PackageSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromStrVisitor::new("a package spec"))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn spec(text: &str) -> PackageSpec {
        text.parse().unwrap()
    }

    #[test]
    fn every_form_is_read() {
        let url = "http://example.org/a.deb";
        assert_eq!(spec(url), PackageSpec::Url(url.to_owned()));
        assert_eq!(
            spec(&format!("url:{url}")),
            PackageSpec::Url(url.to_owned())
        );
        assert_eq!(
            spec("url:glacier-1"),
            PackageSpec::Url("glacier-1".to_owned())
        );
        assert_eq!(
            spec("full-1.tar.gz"),
            PackageSpec::Name("full-1.tar.gz".to_owned())
        );
        assert_eq!(spec("name:all"), PackageSpec::Name("all".to_owned()));
        assert_eq!(spec("all"), PackageSpec::All);
        assert_eq!(spec("all:all"), PackageSpec::All);
        assert_eq!(spec("expires:"), PackageSpec::Expired(None));
        assert_eq!(spec("expired"), PackageSpec::Expired(None));
        let day = date(2019, 6, 1);
        assert_eq!(spec("expires:2019-06-01"), PackageSpec::Expired(Some(day)));
        let deb = Signature::new("deb", "vim_8.0_amd64").unwrap();
        assert_eq!(spec("sig:deb:vim_8.0_amd64"), PackageSpec::Signature(deb));
    }

    #[test]
    fn a_version_with_a_colon_is_a_name() {
        assert_eq!(
            spec("vim_2:8_amd64"),
            PackageSpec::Name("vim_2:8_amd64".to_owned())
        );
    }

    #[test]
    fn wrong_forms_are_refused() {
        for wrong in [
            "",
            "url:",
            "name:",
            "sig:deb",
            "sig::x",
            "expired:soon",
            "expired:2019-13-01",
        ] {
            assert!(wrong.parse::<PackageSpec>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(text: String) {
            if let Ok(spec) = text.parse::<PackageSpec>() {
                prop_assert_eq!(spec.to_string().parse::<PackageSpec>(), Ok(spec));
            }
        }
    }
}
