//! Sets metadata of things in the directory, all or an error.

use std::os::fd::{AsFd, OwnedFd};

use hashget_words::rel_path::RelPath;
use rustix::fs::{Mode, OFlags, openat};

use crate::entry::{IndexEntry, is_kept};
use crate::error::DeltaError;
use crate::stage_directory::place_of;
use hashget_files::place::{Applied, Target, apply, remove_xattrs, set_mode};

/// Makes the thing at the path of `entry` like it, but for its content.
pub(super) fn set_metadata(target: &Target, entry: &IndexEntry) -> Result<(), DeltaError> {
    let handle = open_thing(target, &entry.path)?;
    let is_surplus =
        |name: &[u8]| is_kept(name) && !entry.xattrs.iter().any(|xattr| xattr.name == name);
    let removed = remove_xattrs(handle.as_fd(), is_surplus);
    check_applied(&entry.path, removed)?;
    check_applied(&entry.path, apply(handle.as_fd(), &entry.wanted()))
}

fn open_thing(target: &Target, path: &RelPath) -> Result<OwnedFd, DeltaError> {
    if path.is_root() {
        let root = target.directory(path);
        return root.map_err(DeltaError::act("open", path));
    }
    let (directory, name) = place_of(target, path)?;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(&directory, name, flags, Mode::empty()).map_err(DeltaError::act("open", path))
}

/// Makes sure that things can be moved into and out of a directory; root always may.
pub(super) fn open_up(target: &Target, entry: &IndexEntry) -> Result<(), DeltaError> {
    if !entry.is_directory() {
        return Ok(());
    }
    open_up_path(target, &entry.path)
}

/// The same for a path.
pub(super) fn open_up_path(target: &Target, path: &RelPath) -> Result<(), DeltaError> {
    const OWN_ALL: u32 = 0o700;
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    // What is not there, or is no directory now, needs nothing.
    let Ok(Some(stat)) = target.stat(path) else {
        return Ok(());
    };
    let is_directory =
        rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Directory;
    let mode = stat.st_mode & 0o7777;
    if !is_directory || mode & OWN_ALL == OWN_ALL {
        return Ok(());
    }
    let handle = open_thing(target, path)?;
    set_mode(handle.as_fd(), mode | OWN_ALL).map_err(DeltaError::act("open up", path))
}

/// Metadata that cannot be set is a failure: the new state is all or nothing.
pub(super) fn check_applied(path: &RelPath, applied: Applied) -> Result<(), DeltaError> {
    let mut failures = applied.failures;
    if applied.owner_unset {
        failures.push("its owner can be set by root only".to_owned());
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(DeltaError::Metadata {
        path: path.clone(),
        what: failures.join("; "),
    })
}
