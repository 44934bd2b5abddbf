//! What a token allows.

use std::fmt;
use std::str::FromStr;

use hashget_words::project::ProjectName;
use hashget_words::signature::Signature;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// What a token allows. Who publishes to a project may read it, too: he must be able to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `read`: look-ups, records and the pool, of every project, where reading is not open.
    Read,
    /// `read:<project>`: the same of one project.
    ReadProject(ProjectName),
    /// `publish:<project>`: records of one project, and its files in the pool.
    Publish(ProjectName),
    /// `publish:*`: records and files of every project.
    PublishAll,
    /// `sign:<kind>`: the projects that the token publishes to answer for signatures of this kind, such as `deb`.
    Sign(String),
    /// `admin`: may do everything, in every project.
    Admin,
}

impl Scope {
    /// Whether records may be published to `project`.
    pub fn may_publish_to(&self, project: &ProjectName) -> bool {
        match self {
            Self::Read | Self::ReadProject(_) | Self::Sign(_) => false,
            Self::Publish(own) => own == project,
            Self::PublishAll | Self::Admin => true,
        }
    }

    /// Whether it allows to read something.
    pub fn may_read(&self) -> bool {
        !matches!(self, Self::Sign(_))
    }

    /// The project that may be read, if [any](Self::may_read); `None`: every one.
    pub fn read_project(&self) -> Option<&ProjectName> {
        match self {
            Self::ReadProject(project) | Self::Publish(project) => Some(project),
            Self::Read | Self::PublishAll | Self::Sign(_) | Self::Admin => None,
        }
    }

    /// Whether files may be put into the pool: every publisher may, as its files are checked
    /// against their names.
    pub fn may_publish(&self) -> bool {
        !matches!(self, Self::Read | Self::ReadProject(_) | Self::Sign(_))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read => f.write_str("read"),
            Self::ReadProject(project) => write!(f, "read:{project}"),
            Self::Publish(project) => write!(f, "publish:{project}"),
            Self::PublishAll => f.write_str("publish:*"),
            Self::Sign(kind) => write!(f, "sign:{kind}"),
            Self::Admin => f.write_str("admin"),
        }
    }
}

/// Why a text is no scope.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{0:?} is not a scope: use read, read:PROJECT, publish:PROJECT, publish:*, sign:deb or admin"
)]
pub struct ParseScopeError(pub String);

impl FromStr for Scope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "read" => Ok(Self::Read),
            None if text == "admin" => Ok(Self::Admin),
            Some(("read", project)) => project
                .parse()
                .map(Self::ReadProject)
                .map_err(|_| ParseScopeError(text.to_owned())),
            Some(("publish", "*")) => Ok(Self::PublishAll),
            Some(("sign", kind)) if is_kind(kind) => Ok(Self::Sign(kind.to_owned())),
            Some(("publish", project)) => project
                .parse()
                .map(Self::Publish)
                .map_err(|_| ParseScopeError(text.to_owned())),
            _ => Err(ParseScopeError(text.to_owned())),
        }
    }
}

/// Whether this can be a kind of signatures.
fn is_kind(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text != Signature::URL && text.bytes().all(allowed)
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in [
            "read",
            "read:debsnap",
            "publish:debsnap",
            "publish:*",
            "sign:deb",
            "admin",
        ] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for wrong in [
            "",
            "root",
            "publish",
            "publish:",
            "sign:",
            "sign:url",
            "sign:a:b",
            "publish:a/b",
            "read:",
            "read:*",
            "admin:",
        ] {
            assert!(wrong.parse::<Scope>().is_err(), "{wrong}");
        }
    }
}
