//! The directories that files are placed in: made, opened up, and put right again at the end.

mod finish;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashget_words::rel_path::RelPath;
use rustix::fs::{AtFlags, FileType, Mode, Stat, fstat, mkdirat, statat, unlinkat};
use rustix::io::Errno;

use super::journal::Journal;
use super::metadata::{self, Wanted};
use super::target::{InTheWay, PlaceError, Target, is_no_directory};
use super::temp::{OpenDirectory, remove_litter};
use super::trail::Trail;
use crate::private::users_umask;

/// What a directory is to be like at the end.
pub(crate) type DirectoryMetadata = Wanted;

const OWN_ALL: u32 = 0o700;

/// The directories of a target, with their metadata before and after the restore.
#[derive(Debug)]
pub struct Directories<'a> {
    target: &'a Target,
    /// Whether a directory may replace something that is none.
    replace: bool,
    state: Mutex<State>,
    trail: Mutex<Trail>,
}

#[derive(Debug, Default)]
struct State {
    /// What directories were like, from this run or an earlier one.
    before: BTreeMap<RelPath, Wanted>,
    /// What they are to be like.
    wanted: BTreeMap<RelPath, DirectoryMetadata>,
    /// Those that files can be placed in now.
    ready: BTreeSet<RelPath>,
    /// The one of them that was opened last, which the next file is in mostly.
    last: Option<(RelPath, OpenDirectory)>,
    /// Those whose mode was changed.
    opened_up: BTreeSet<RelPath>,
    /// Those that this run made, in which nothing is left from others.
    made: BTreeSet<RelPath>,
    journal: Option<Journal>,
    /// Whether the journal cannot be written; then a kill costs the times of some directories.
    no_journal: bool,
    /// Whether what is wanted of directories is known to this run only, so that the journal must keep
    /// what they are like.
    keep_all: bool,
}

impl<'a> Directories<'a> {
    /// Reads what an earlier run left to be put right. With `replace`, a directory that is needed
    /// takes the place of a file or a link.
    pub fn open(target: &'a Target, replace: bool) -> io::Result<Self> {
        let before = Journal::read(target)?;
        let opened_up = before.keys().cloned().collect();
        let state = State {
            before,
            opened_up,
            ..State::default()
        };
        Ok(Self {
            target,
            replace,
            state: Mutex::new(state),
            trail: Mutex::default(),
        })
    }

    /// Sets the metadata that `directory` will get at the end; it need not exist yet.
    pub fn want(&self, directory: RelPath, wanted: DirectoryMetadata) {
        self.state().wanted.insert(directory, wanted);
    }

    /// Sets the times that `directory` will get at the end, unless they are set already.
    pub fn want_times(&self, directory: RelPath, times: &DirectoryMetadata) {
        let mut state = self.state();
        let wanted = state.wanted.entry(directory).or_default();
        wanted.atime = wanted.atime.or(times.atime);
        wanted.mtime = wanted.mtime.or(times.mtime);
    }

    /// Forgets the metadata that was set for `directory`.
    pub fn forget(&self, directory: &RelPath) {
        self.state().wanted.remove(directory);
    }

    /// Forgets a directory that something else replaced, and everything below it.
    pub(super) fn replaced(&self, directory: &RelPath) {
        let mut state = self.state();
        state.last = None;
        self.trail
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        state.wanted.retain(|path, _| !path.starts_with(directory));
        state.before.retain(|path, _| !path.starts_with(directory));
        state.ready.retain(|path| !path.starts_with(directory));
        state.made.retain(|path| !path.starts_with(directory));
        state.opened_up.retain(|path| !path.starts_with(directory));
    }

    /// How many directories were made.
    pub fn created(&self) -> u64 {
        self.state().made.len() as u64
    }

    /// Opens the directory `path` to place something in it; makes it if it is missing.
    pub fn prepare(&self, path: &RelPath) -> Result<OpenDirectory, PlaceError> {
        let mut state = self.state();
        if let Some((last, directory)) = &state.last
            && last == path
        {
            return Ok(directory.clone());
        }
        let directory = self.prepare_in(&mut state, path)?;
        let directory =
            OpenDirectory::new(directory).map_err(PlaceError::to("look at its directory"))?;
        state.last = Some((path.clone(), directory.clone()));
        Ok(directory)
    }

    /// Whether files can be placed in `path` already.
    pub fn is_ready(&self, path: &RelPath) -> bool {
        self.state().ready.contains(path)
    }

    /// Opens the directory that was prepared last anew the next time.
    pub(super) fn forget_last(&self) {
        self.state().last = None;
    }

    /// What is at `path`, if anything, as [`Target::stat`] says.
    pub(super) fn stat(&self, path: &RelPath) -> io::Result<Option<Stat>> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return self.target.stat(path);
        };
        let last = match &self.state().last {
            Some((last, directory)) if *last == parent => directory.clone(),
            _ => return self.target.stat(path),
        };
        let name = OsStr::from_bytes(name);
        match statat(last.handle(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the directory `path`, from the one that was prepared last if that is it or the one above.
    fn open_directory(&self, state: &State, path: &RelPath) -> io::Result<OwnedFd> {
        if let Some((last, directory)) = &state.last {
            if last == path {
                return directory.handle().try_clone_to_owned();
            }
            if let (Some(parent), Some(name)) = (path.parent(), path.file_name())
                && *last == parent
            {
                return self.target.directory_in(directory.handle(), name);
            }
        }
        self.open_along(path)
    }

    /// Opens the directory `path`, whatever was prepared last.
    fn open_along(&self, path: &RelPath) -> io::Result<OwnedFd> {
        let mut trail = self.trail.lock().unwrap_or_else(PoisonError::into_inner);
        self.target.directory_along(&mut trail, path)
    }

    /// Removes what killed runs left in `path`, if it exists; returns how many files that were.
    pub fn clean(&self, path: &RelPath) -> Result<u64, PlaceError> {
        let mut state = self.state();
        let times_known = (state.wanted.get(path)).is_some_and(|wanted| wanted.mtime.is_some());
        if times_known && state.made.contains(path) {
            return Ok(0);
        }
        let Ok(directory) = self.open_directory(&state, path) else {
            // Missing, or nothing that can be listed: trouble shows when it is used.
            return Ok(0);
        };
        let stat = fstat(&directory).map_err(PlaceError::to("look at its directory"))?;
        state
            .before
            .entry(path.clone())
            .or_insert_with(|| of_stat(&stat));
        match remove_litter(directory.as_fd()) {
            Ok(removed) => Ok(removed),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let directory = self.prepare_in(&mut state, path)?;
                remove_litter(directory.as_fd()).map_err(PlaceError::to("clean its directory"))
            }
            Err(error) if error.raw_os_error() == Some(Errno::BADF.raw_os_error()) => Ok(0),
            Err(error) => Err(PlaceError::to("clean its directory")(error)),
        }
    }

    /// From now on, the metadata of every directory goes to the journal before it is changed.
    pub(super) fn keep_all(&self) {
        self.state().keep_all = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prepare_in(&self, state: &mut State, path: &RelPath) -> Result<OwnedFd, PlaceError> {
        let mut opened = self.open_directory(state, path);
        if state.ready.contains(path) {
            return opened.map_err(open_error);
        }
        let root = RelPath::root();
        if !path.is_root() && !state.ready.contains(&root) {
            // The journal goes there. If the root is not ours, there is none.
            state.no_journal |= self.prepare_in(state, &root).is_err();
        }
        if let (Err(error), Some(parent)) = (&opened, path.parent())
            && error.kind() == io::ErrorKind::PermissionDenied
        {
            self.prepare_in(state, &parent)?;
            opened = self.open_directory(state, path);
        }
        let directory = match opened {
            Ok(directory) => directory,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.make(state, path)?,
            Err(error) if self.replace && is_no_directory(&error) => self.make(state, path)?,
            Err(error) => return Err(open_error(error)),
        };
        let directory = self.open_up(state, path, directory)?;
        state.ready.insert(path.clone());
        Ok(directory)
    }

    fn make(&self, state: &mut State, path: &RelPath) -> Result<OwnedFd, PlaceError> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(PlaceError::because(
                "make the directory",
                "the root is gone",
            ));
        };
        let parent = self.prepare_in(state, &parent)?;
        // One that gets its mode at the end is nobody else's business before.
        let has_mode = |wanted: &Wanted| wanted.mode.is_some();
        let is_shared = !state.wanted.get(path).is_some_and(has_mode);
        let (name, mode) = (OsStr::from_bytes(name), Mode::from_raw_mode(OWN_ALL));
        let mut result = mkdirat(&parent, name, mode);
        if result == Err(Errno::EXIST) && self.replace && is_other_kind(&parent, name) {
            // The name itself goes, never what a link leads to.
            unlinkat(&parent, name, AtFlags::empty())
                .map_err(PlaceError::to("replace what has its name"))?;
            result = mkdirat(&parent, name, mode);
        }
        match result {
            Ok(()) => {
                state.made.insert(path.clone());
                if is_shared {
                    let opened = self.open_directory(state, path).map_err(open_error)?;
                    metadata::set_mode(opened.as_fd(), 0o777 & !users_umask())
                        .map_err(PlaceError::to("set the mode of its directory"))?;
                }
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(PlaceError::to("make its directory")(error)),
        }
        self.open_directory(state, path).map_err(open_error)
    }

    /// Notes the metadata of a directory, and changes its mode if that keeps us out.
    fn open_up(
        &self,
        state: &mut State,
        path: &RelPath,
        directory: OwnedFd,
    ) -> Result<OwnedFd, PlaceError> {
        let stat = fstat(&directory).map_err(PlaceError::to("look at its directory"))?;
        let euid = rustix::process::geteuid();
        let closed = !euid.is_root()
            && stat.st_uid == euid.as_raw()
            && metadata::permissions(&stat) & OWN_ALL != OWN_ALL;
        state
            .before
            .entry(path.clone())
            .or_insert_with(|| of_stat(&stat));
        let wanted = state.wanted.get(path);
        let times_known = wanted.is_some_and(|wanted| wanted.mtime.is_some());
        let mode_known = wanted.is_some_and(|wanted| wanted.mode.is_some());
        let keep = state.keep_all || !times_known || (closed && !mode_known);
        // Into a closed root the journal cannot be written before it is opened up.
        if keep && !path.is_root() {
            self.keep(state, path);
        }
        let directory = if closed {
            let mode = metadata::permissions(&stat) | OWN_ALL;
            metadata::set_mode(directory.as_fd(), mode)
                .map_err(PlaceError::to("open up its directory"))?;
            state.opened_up.insert(path.clone());
            self.open_along(path).map_err(open_error)?
        } else {
            directory
        };
        if keep && path.is_root() {
            self.keep(state, path);
        }
        Ok(directory)
    }

    /// Writes the earlier metadata of `path` to the journal.
    fn keep(&self, state: &mut State, path: &RelPath) {
        if state.no_journal {
            return;
        }
        let root = RelPath::root();
        if state.journal.is_none() {
            // The journal itself changes the root.
            if let Ok(stat) = fstat(self.target.root()) {
                state
                    .before
                    .entry(root.clone())
                    .or_insert_with(|| of_stat(&stat));
            }
            match Journal::open(self.target) {
                Ok(journal) => state.journal = Some(journal),
                // A root that is not ours to write to.
                Err(_) => state.no_journal = true,
            }
            if !path.is_root() {
                self.keep(state, &root);
            }
        }
        if let (Some(journal), Some(before)) = (&mut state.journal, state.before.get(path)) {
            state.no_journal = journal.record(path, before).is_err();
        }
    }
}

/// True if something that is no directory has the name.
fn is_other_kind(directory: &OwnedFd, name: &OsStr) -> bool {
    let there = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
    there.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) != FileType::Directory)
}

fn of_stat(stat: &Stat) -> Wanted {
    let (atime, mtime) = metadata::times(stat);
    Wanted {
        mode: Some(metadata::permissions(stat)),
        atime: Some(atime),
        mtime: Some(mtime),
        ..Wanted::default()
    }
}

fn open_error(error: io::Error) -> PlaceError {
    if is_no_directory(&error) {
        return PlaceError::in_the_way("go to its directory", InTheWay::NoDirectory);
    }
    PlaceError::to("open its directory")(error)
}
