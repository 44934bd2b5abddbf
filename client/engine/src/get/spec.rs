//! What `--get` and `--fetch` name.

use std::str::FromStr;

use hashget_words::digest::{Digest, HashSpec, ParseHashError};
use hashget_words::signature::Signature;
use thiserror::Error;

/// What to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GetSpec {
    /// The file, or package, with this hash: `sha256:<64 hex>`.
    File(Digest),
    /// The Debian package with this signature: `vim_8.0_amd64`, also `vim_8.0_amd64.deb`, with an
    /// epoch as in the names that `apt-get download` gives (`2%3a8.0`), or `deb:vim_8.0_amd64`;
    /// other types of signatures are written `TYPE:VALUE`.
    Package(Signature),
}

/// Why a text does not say what to get.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ParseGetSpecError {
    /// It begins like a hashspec, but is none.
    #[error("{text:?} is not a hashspec")]
    Hash {
        text: String,
        /// What is wrong with it.
        source: ParseHashError,
    },
    /// Packages are not found by their MD5.
    #[error("files are found by sha256 only, not by {0:?}")]
    Md5(String),
    /// It names nothing.
    #[error(
        "{0:?} names no file: use sha256:<64 hex digits>, or a Debian package such as \
         vim_8.0.0197-4_amd64.deb"
    )]
    Empty(String),
}

impl FromStr for GetSpec {
    type Err = ParseGetSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("sha256:") || text.starts_with("md5:") {
            return match text.parse() {
                Ok(HashSpec::Sha256(digest)) => Ok(Self::File(digest)),
                Ok(HashSpec::Md5(_)) => Err(ParseGetSpecError::Md5(text.to_owned())),
                Err(source) => Err(ParseGetSpecError::Hash {
                    text: text.to_owned(),
                    source,
                }),
            };
        }
        let typed = text.split_once(':').filter(|(kind, _)| {
            *kind != Signature::DEB
                && kind.bytes().all(|byte| byte.is_ascii_lowercase())
                && !kind.is_empty()
        });
        let signature = match typed {
            Some((kind, value)) => Signature::new(kind, value),
            None => Signature::new(Signature::DEB, &deb_value(text)),
        };
        signature
            .map(Self::Package)
            .map_err(|_| ParseGetSpecError::Empty(text.to_owned()))
    }
}

/// The value of a `deb` signature, from that or from the package's file name.
fn deb_value(text: &str) -> String {
    let value = text.strip_prefix("deb:").unwrap_or(text);
    let value = value.strip_suffix(".deb").unwrap_or(value);
    let value = value.replace("%3a", ":").replace("%3A", ":");
    match value.split_once('_') {
        Some((name, rest)) => {
            let version = match rest.split_once(':') {
                Some((epoch, version)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => {
                    version
                }
                _ => rest,
            };
            format!("{name}_{version}")
        }
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_by_signature_or_file_name() {
        for text in [
            "vim_8.0-4+deb9u1_amd64",
            "vim_8.0-4+deb9u1_amd64.deb",
            "vim_2%3a8.0-4+deb9u1_amd64.deb",
            "vim_2:8.0-4+deb9u1_amd64",
            "deb:vim_8.0-4+deb9u1_amd64",
        ] {
            let expected = "deb:vim_8.0-4+deb9u1_amd64".parse().unwrap();
            assert_eq!(text.parse(), Ok(GetSpec::Package(expected)), "{text}");
        }
        let url = "url:http://example.org/a.zip";
        assert_eq!(url.parse(), Ok(GetSpec::Package(url.parse().unwrap())));
    }

    #[test]
    fn files_are_named_by_sha256() {
        let digest = Digest::of(b"x");
        assert_eq!(
            format!("sha256:{digest}").parse(),
            Ok(GetSpec::File(digest))
        );
        assert!(matches!(
            "sha256:12".parse::<GetSpec>(),
            Err(ParseGetSpecError::Hash { .. })
        ));
        assert!(matches!(
            format!("md5:{}", "0".repeat(32)).parse::<GetSpec>(),
            Err(ParseGetSpecError::Md5(_))
        ));
        for text in ["", ".deb", "deb:", "url:"] {
            assert!(
                matches!(text.parse::<GetSpec>(), Err(ParseGetSpecError::Empty(_))),
                "{text}"
            );
        }
    }
}
