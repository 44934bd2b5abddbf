//! `.hashget-restore.json`: the files that an archive leaves out, and the packages that hold them.

mod check;
mod compact;
mod json;
mod members;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use self::check::Head;
use self::compact::Compact;
pub use self::json::{EntriesJson, RestoreJson};
pub use self::members::{MembersOwner, MembersSum, RestoreMembers};
use crate::digest::{Digest, HashSpec};
use crate::expiry::Expiry;
use crate::rel_path::RelPath;
use crate::surrogate_escape::{self, EscapedBytes};

/// The list of files that were left out of an archive, and of the packages that hold them.
///
/// Plain JSON at the root of the archive (`docs/format.md`). What the original wrote is read;
/// what it did not know is in members that it ignores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestoreFile {
    /// The version of the format; absent in the original's files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Until when the packages can be relied on.
    #[serde(default, skip_serializing_if = "Expiry::is_never")]
    pub expires: Expiry,
    /// The files that were left out, each name once. The one member that must be there.
    pub files: Vec<RestoreEntry>,
    /// What is left out without a word on each file. Files with such are of version 2.
    #[serde(skip)]
    pub members: Vec<RestoreMembers>,
    /// The packages that hold them.
    #[serde(default)]
    pub packages: Vec<RestorePackage>,
    /// The sum of the known sizes of the packages, in bytes.
    #[serde(default)]
    pub packagesize: u64,
    /// Whether the size of every package was known.
    #[serde(default)]
    pub packagesize_exact: bool,
    /// The directories whose times restoring disturbs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "folders")]
    pub directories: Vec<RestoreDirectory>,
    /// Members of the archive that are not of the tree, such as the change list of a backup. They go
    /// when all is restored. Each has a name with [`OWN_PREFIX`](Self::OWN_PREFIX) at the root, or is
    /// below such a directory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own_members: Vec<RelPath>,
}

/// One file that was left out.
///
/// The members up to `mtime` are the original's, which needs all of them; `None` means that
/// an old restore file lacks them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestoreEntry {
    /// Where the file belongs; never the root.
    pub file: RelPath,
    /// What it contains.
    pub sha256: Digest,
    /// Its size in bytes.
    #[serde(default)]
    pub size: Option<u64>,
    /// The low nine mode bits.
    #[serde(default)]
    pub mode: Option<u32>,
    /// The owner's number.
    #[serde(default)]
    pub uid: Option<u32>,
    /// The group's number.
    #[serde(default)]
    pub gid: Option<u32>,
    /// Last access, whole seconds since 1970, rounded down.
    #[serde(default)]
    pub atime: Option<i64>,
    /// Last change of the inode when packed; informative, it cannot be set.
    #[serde(default)]
    pub ctime: Option<i64>,
    /// Last modification, whole seconds since 1970, rounded down.
    #[serde(default)]
    pub mtime: Option<i64>,
    /// All twelve mode bits, where they differ from `mode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode_bits: Option<u32>,
    /// Nanoseconds to add to `atime`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub atime_ns: u32,
    /// Nanoseconds to add to `mtime`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mtime_ns: u32,
    /// The owner's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The group's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Extended attributes, POSIX ACLs and file capabilities among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub xattrs: Vec<Xattr>,
    /// The first name of this file, where this is a further hard link to it. That name may be
    /// in the archive or in `files`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardlink: Option<RelPath>,
    /// Where the data of a sparse file lies: `[offset, length]` in bytes, ascending; the rest
    /// are holes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extents: Option<Vec<(u64, u64)>>,
}

/// One package that is needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestorePackage {
    /// The SHA-256 of the package file.
    pub hash: HashSpec,
    /// Where it can be downloaded, or the name by which a cold storage knows it.
    pub url: String,
    /// Further places of the same bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Its size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// The times of a directory that files are restored into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestoreDirectory {
    /// The directory; the root is `""`.
    #[serde(rename = "folder")]
    pub directory: RelPath,
    /// Last access, whole seconds since 1970, rounded down.
    pub atime: i64,
    /// Nanoseconds to add to `atime`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub atime_ns: u32,
    /// Last modification, whole seconds since 1970, rounded down.
    pub mtime: i64,
    /// Nanoseconds to add to `mtime`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mtime_ns: u32,
}

/// One extended attribute, written `[name, base64 of the value]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Xattr {
    /// The full name, such as `security.capability`.
    pub name: Vec<u8>,
    /// The raw value.
    pub value: Vec<u8>,
}

/// Why a restore file cannot be used.
#[derive(Debug, Error)]
pub enum RestoreFileError {
    /// It is no JSON of the right shape.
    #[error("not a restore file")]
    Json(#[from] serde_json::Error),
    /// It is not even text.
    #[error("not a restore file: not UTF-8 at byte {0}")]
    NotUtf8(usize),
    /// A newer program wrote it.
    #[error(
        "restore file has format version {found}, this program reads up to {}: use a newer hashget",
        RestoreFile::COMPACT_VERSION
    )]
    Version {
        /// The version in the file.
        found: u32,
    },
    /// It ends with a checksum that does not fit.
    #[error("restore file is not as it was written: its checksum does not fit")]
    Changed,
    /// Its entries contradict each other.
    #[error("restore file is inconsistent: {0}")]
    Inconsistent(String),
}

impl RestoreFile {
    /// The file's name, at the root of an archive or packed directory.
    pub const NAME: &'static str = ".hashget-restore.json";
    /// How the names of hashget's own files begin, so that no restore file makes others go.
    pub const OWN_PREFIX: &'static str = ".hashget-";
    /// The version that is written where every file is listed.
    pub const VERSION: u32 = 1;
    /// The version of files with [`members`](Self::members), the newest.
    pub const COMPACT_VERSION: u32 = 2;

    /// Reads and checks a restore file.
    pub fn parse(json: &[u8]) -> Result<Self, RestoreFileError> {
        let text = std::str::from_utf8(json)
            .map_err(|error| RestoreFileError::NotUtf8(error.valid_up_to()))?;
        if let Some(mut file) = Self::parse_at_once(text) {
            file.check()?;
            file.files.shrink_to_fit();
            return Ok(file);
        }
        // From a slice, because only there lone surrogates are accepted.
        let head = serde_json::from_slice::<Head>(json).unwrap_or_default();
        let version = head.version;
        if let Some(found) = version.filter(|found| *found > Self::COMPACT_VERSION) {
            return Err(RestoreFileError::Version { found });
        }
        if !head.fits(json) {
            return Err(RestoreFileError::Changed);
        }
        if !text.trim_start().starts_with('{') {
            // serde would also take a list of the members' values.
            return Err(RestoreFileError::Inconsistent(
                "it is no JSON object".to_owned(),
            ));
        }
        let file = if version == Some(Self::COMPACT_VERSION) {
            serde_json::from_slice::<Compact<'_>>(json)?.into()
        } else {
            serde_json::from_slice::<Self>(json)?
        };
        file.check()?;
        Ok(file)
    }

    /// Reads what is just as [`to_json`](Self::to_json) writes version 1, as nearly every file is, in
    /// one pass. Gives nothing for any other text, whatever is the matter with it.
    fn parse_at_once(text: &str) -> Option<Self> {
        let starts = text.starts_with("{\n  \"version\": 1,\n");
        if !starts || !check::has_right_end(text.as_bytes()) {
            return None;
        }
        let file = serde_json::from_slice::<Self>(text.as_bytes()).ok()?;
        (file.version == Some(Self::VERSION)).then_some(file)
    }

    /// Writes the file as indented JSON, ASCII only, with a checksum at its end.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = if self.is_compact() {
            serde_json::to_vec_pretty(&Compact::of(self))?
        } else {
            serde_json::to_vec_pretty(self)?
        };
        json.push(b'\n');
        check::add(&mut json);
        Ok(json)
    }

    fn is_compact(&self) -> bool {
        !self.members.is_empty() || self.version == Some(Self::COMPACT_VERSION)
    }

    /// How many files were left out.
    pub fn files_count(&self) -> u64 {
        let members = self.members.iter().map(|members| members.files);
        members.fold(self.files.len() as u64, u64::saturating_add)
    }

    /// The sum of the sizes of all files, as far as known, in bytes.
    pub fn files_bytes(&self) -> u64 {
        let listed = self.files.iter().filter_map(|entry| entry.size);
        let members = self.members.iter().map(|members| members.bytes);
        listed.chain(members).fold(0, u64::saturating_add)
    }

    /// Checks that its entries do not contradict each other.
    pub fn check(&self) -> Result<(), RestoreFileError> {
        // As they are written, they are in order, which shows that each is there once.
        let in_order = self.files.is_sorted_by(|a, b| a.file < b.file);
        let mut names = std::collections::HashSet::new();
        for entry in &self.files {
            let wrong = |what: &str| {
                Err(RestoreFileError::Inconsistent(format!(
                    "{} {what}",
                    entry.file
                )))
            };
            if entry.file.is_root() {
                return wrong("is listed as a file, but is the root");
            }
            if !in_order && !names.insert(&entry.file) {
                return wrong("is listed twice");
            }
            if entry
                .hardlink
                .as_ref()
                .is_some_and(|first| first.is_root() || *first == entry.file)
            {
                return wrong("is a hard link to itself or to the root");
            }
            if entry
                .extents
                .as_ref()
                .is_some_and(|extents| !are_extents(extents, entry.size))
            {
                return wrong("has data extents that overlap or lie beyond its end");
            }
            if entry.atime_ns >= NANOS || entry.mtime_ns >= NANOS {
                return wrong("has a time with 10^9 nanoseconds or more");
            }
        }
        if let Some(directory) = self
            .directories
            .iter()
            .find(|f| f.atime_ns >= NANOS || f.mtime_ns >= NANOS)
        {
            let what = format!(
                "{} has a time with 10^9 nanoseconds or more",
                directory.directory
            );
            return Err(RestoreFileError::Inconsistent(what));
        }
        let is_own = |path: &RelPath| path.as_bytes().starts_with(Self::OWN_PREFIX.as_bytes());
        if let Some(other) = self.own_members.iter().find(|path| !is_own(path)) {
            let what = format!("{other} is none of hashget's own files");
            return Err(RestoreFileError::Inconsistent(what));
        }
        Ok(())
    }
}

const NANOS: u32 = 1_000_000_000;

impl RestoreEntry {
    /// The twelve mode bits, as well as they are known.
    pub fn permissions(&self) -> Option<u32> {
        self.mode_bits.or(self.mode).map(|mode| mode & 0o7777)
    }
}

fn are_extents(extents: &[(u64, u64)], size: Option<u64>) -> bool {
    let mut end = 0;
    for (offset, length) in extents {
        let Some(next) = offset.checked_add(*length).filter(|_| *offset >= end) else {
            return false;
        };
        end = next;
    }
    end <= size.unwrap_or(u64::MAX)
}

// serde asks for a reference.
#[expect(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Serialize for Xattr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Name<'a>(&'a [u8]);
        impl Serialize for Name<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                surrogate_escape::serialize(self.0, serializer)
            }
        }
        (Name(&self.name), BASE64_STANDARD.encode(&self.value)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Xattr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (EscapedBytes(name), value) = <(EscapedBytes, String)>::deserialize(deserializer)?;
        if name.is_empty() || name.contains(&0) {
            return Err(de::Error::custom(
                "an extended attribute's name is empty or holds NUL",
            ));
        }
        let value = BASE64_STANDARD.decode(value).map_err(de::Error::custom)?;
        Ok(Self { name, value })
    }
}
