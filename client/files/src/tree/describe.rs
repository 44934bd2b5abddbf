//! Makes tree entries from what the file system says.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;

use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::Xattr;
use rustix::fs::Statx;

use super::entry::{TreeEntry, TreeKind};
use super::metadata::{kind_of, metadata_of};
use super::owners::Owners;
use super::root::statx_of;
use super::xattrs::{xattrs_at, xattrs_of};
use crate::monitor::{Monitor, Problem};

/// Makes tree entries; attributes that cannot be read are reported and missing.
pub struct Describer<'a> {
    owners: Owners,
    monitor: &'a dyn Monitor,
}

impl<'a> Describer<'a> {
    pub fn new(numeric_owner: bool, monitor: &'a dyn Monitor) -> Self {
        let owners = if numeric_owner {
            Owners::default()
        } else {
            Owners::of_system()
        };
        Self { owners, monitor }
    }

    /// The name of user number `uid`, if it is wanted and known.
    pub(super) fn user(&self, uid: u32) -> Option<String> {
        self.owners.user(uid)
    }

    /// The name of group number `gid`, if it is wanted and known.
    pub(super) fn group(&self, gid: u32) -> Option<String> {
        self.owners.group(gid)
    }

    /// The extended attributes of `name` in `directory`; `path` tells what it is known as.
    pub fn xattrs(
        &self,
        path: impl Fn() -> RelPath,
        directory: BorrowedFd<'_>,
        name: &[u8],
    ) -> Vec<Xattr> {
        self.or_none(path, xattrs_at(directory, name))
    }

    /// Describes an open file, which is known as `path`.
    pub fn open_file(&self, file: &File, path: &RelPath) -> io::Result<TreeEntry> {
        let status = statx_of(file)?;
        let kind = kind_of(&status, || Err(unknown_kind()))?.ok_or_else(unknown_kind)?;
        let mut metadata = metadata_of(&status);
        metadata.user = self.user(metadata.uid);
        metadata.group = self.group(metadata.gid);
        metadata.xattrs = self.or_none(|| path.clone(), xattrs_of(file));
        Ok(TreeEntry {
            path: path.clone(),
            kind,
            metadata,
        })
    }

    fn or_none(&self, path: impl Fn() -> RelPath, xattrs: io::Result<Vec<Xattr>>) -> Vec<Xattr> {
        xattrs.unwrap_or_else(|error| {
            let what = format!("cannot read its extended attributes: {error}");
            self.monitor
                .problem(&Problem::text(path().to_string(), what));
            Vec::new()
        })
    }
}

/// What `name` in `directory`, which has this status, is.
pub(super) fn kind_at(
    directory: BorrowedFd<'_>,
    name: &[u8],
    status: &Statx,
) -> io::Result<TreeKind> {
    kind_of(status, || {
        rustix::fs::readlinkat(directory, OsStr::from_bytes(name), Vec::new())
            .map(CString::into_bytes)
    })?
    .ok_or_else(unknown_kind)
}

fn unknown_kind() -> io::Error {
    io::Error::other("a kind of file that is unknown here")
}
