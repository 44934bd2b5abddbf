//! Names of snapshots.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use hashget_words::rel_path::RelPath;
use jiff::ToSpan;
use jiff::civil::DateTime;
use serde::{Serialize, Serializer};
use thiserror::Error;

/// What a row of snapshots is called: a directory's name in the destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotName(String);

/// When a snapshot was begun, in local time; its directory's name, `YYYY-MM-DD-HHMMSS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(DateTime);

/// One snapshot of a destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId {
    /// Which row it belongs to.
    pub name: SnapshotName,
    /// When it was begun.
    pub stamp: Stamp,
}

/// Why a text names no snapshot.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NameError {
    /// A directory cannot be called so.
    #[error(
        "{0:?} cannot be the name of snapshots: it must not be empty, longer than 200 bytes, begin \
         with a dot, or hold slashes or control characters"
    )]
    Name(String),
    /// No time of the right form.
    #[error("{0:?} is no time of the form YYYY-MM-DD-HHMMSS")]
    Stamp(String),
}

const FORMAT: &str = "%Y-%m-%d-%H%M%S";
const STAMP_BYTES: usize = 17;

impl SnapshotName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What snapshots of the directory at `path` are called by default: as the directory is.
    pub fn of_directory(path: &Path) -> Result<Self, NameError> {
        match path.file_name() {
            Some(name) => name.to_string_lossy().parse(),
            None => Ok(Self("root".to_owned())),
        }
    }
}

impl FromStr for SnapshotName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let odd = |c: char| c == '/' || c.is_control() || c == char::REPLACEMENT_CHARACTER;
        if text.is_empty() || text.len() > 200 || text.starts_with('.') || text.contains(odd) {
            return Err(NameError::Name(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Stamp {
    /// The stamp of a moment, to the second.
    pub fn new(moment: DateTime) -> Self {
        let whole = moment.with().subsec_nanosecond(0).build();
        Self(whole.unwrap_or(moment))
    }

    pub fn moment(self) -> DateTime {
        self.0
    }

    /// One second later.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1.second()))
    }
}

impl FromStr for Stamp {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError::Stamp(text.to_owned());
        if text.len() != STAMP_BYTES {
            return Err(wrong());
        }
        let stamp = Self(DateTime::strptime(FORMAT, text).map_err(|_| wrong())?);
        // Only the one spelling is a snapshot.
        if stamp.to_string() == text {
            Ok(stamp)
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.strftime(FORMAT), f)
    }
}

impl SnapshotId {
    /// Where the snapshot lies in its destination.
    pub fn path(&self) -> Result<RelPath, hashget_words::rel_path::RelPathError> {
        RelPath::new(self.to_string().as_bytes())
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.stamp)
    }
}

impl Serialize for SnapshotId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_have_one_spelling() {
        let stamp: Stamp = "2016-01-07-085247".parse().unwrap();
        assert_eq!(stamp.to_string(), "2016-01-07-085247");
        assert_eq!(stamp.next().to_string(), "2016-01-07-085248");
        for wrong in [
            "",
            "2016-01-07-085260x",
            "2016-13-07-085247",
            "2016-1-007-085247",
            "2016-01-07-0852 7",
            "2016-01-07 085247",
            ".hashget-partial-",
        ] {
            assert!(wrong.parse::<Stamp>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_names_of_directories() {
        for good in ["documents", "my photos", "über", "a.b"] {
            assert_eq!(good.parse::<SnapshotName>().unwrap().as_str(), good);
        }
        for wrong in ["", ".", "..", ".hidden", "a/b", "a\nb", "\u{fffd}"] {
            assert!(wrong.parse::<SnapshotName>().is_err(), "{wrong}");
        }
        assert!("x".repeat(201).parse::<SnapshotName>().is_err());
        assert_eq!(
            SnapshotName::of_directory(Path::new("/srv/www"))
                .unwrap()
                .as_str(),
            "www"
        );
        assert_eq!(
            SnapshotName::of_directory(Path::new("/")).unwrap().as_str(),
            "root"
        );
    }
}
