//! The other shape of a restore file, with members of packages.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{RestoreDirectory, RestoreEntry, RestoreFile, RestoreMembers, RestorePackage};
use crate::expiry::Expiry;
use crate::rel_path::RelPath;

/// A restore file of version 2. The list has another name there, so that the original, which knows
/// of no versions, ends with an error instead of restoring only what is listed.
#[derive(Serialize, Deserialize)]
pub(super) struct Compact<'a> {
    version: u32,
    #[serde(default, skip_serializing_if = "Expiry::is_never")]
    expires: Expiry,
    members: Cow<'a, [RestoreMembers]>,
    listed: Cow<'a, [RestoreEntry]>,
    packages: Cow<'a, [RestorePackage]>,
    packagesize: u64,
    packagesize_exact: bool,
    #[serde(default)]
    #[serde(rename = "folders")]
    directories: Cow<'a, [RestoreDirectory]>,
    #[serde(default, skip_serializing_if = "is_empty")]
    own_members: Cow<'a, [RelPath]>,
}

// serde asks for a reference.
#[expect(clippy::ptr_arg)]
fn is_empty(paths: &Cow<'_, [RelPath]>) -> bool {
    paths.is_empty()
}

impl<'a> Compact<'a> {
    pub(super) fn of(file: &'a RestoreFile) -> Self {
        Self {
            version: RestoreFile::COMPACT_VERSION,
            expires: file.expires,
            members: Cow::Borrowed(&file.members),
            listed: Cow::Borrowed(&file.files),
            packages: Cow::Borrowed(&file.packages),
            packagesize: file.packagesize,
            packagesize_exact: file.packagesize_exact,
            directories: Cow::Borrowed(&file.directories),
            own_members: Cow::Borrowed(&file.own_members),
        }
    }
}

impl From<Compact<'_>> for RestoreFile {
    fn from(compact: Compact<'_>) -> Self {
        Self {
            version: Some(compact.version),
            expires: compact.expires,
            files: compact.listed.into_owned(),
            members: compact.members.into_owned(),
            packages: compact.packages.into_owned(),
            packagesize: compact.packagesize,
            packagesize_exact: compact.packagesize_exact,
            directories: compact.directories.into_owned(),
            own_members: compact.own_members.into_owned(),
        }
    }
}
