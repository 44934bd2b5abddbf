//! Sets owners, modes, extended attributes and times.

mod xattrs;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use hashget_archive::{EntryMetadata, Timestamp};
use hashget_words::restore_file::{RestoreDirectory, RestoreEntry, Xattr};
use rustix::fs::{
    AtFlags, CWD, Gid, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, Uid, chmod, chownat,
    fchmod, fcntl_getfl, fstat, futimens, utimensat,
};
use rustix::io::Errno;

pub(super) use self::xattrs::lends_attributes;
pub use self::xattrs::remove_xattrs;
use super::owners::OwnerNames;

const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;
/// What something is to be like; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    pub user: Option<u32>,
    pub group: Option<u32>,
    pub mode: Option<u32>,
    /// All of them: others are taken away.
    pub xattrs: Option<Vec<Xattr>>,
    pub atime: Option<Timestamp>,
    pub mtime: Option<Timestamp>,
}

impl Wanted {
    /// What a restore file says. `all` tells that it was written by a program that kept everything.
    pub fn of_entry(entry: &RestoreEntry, all: bool, owners: &OwnerNames) -> Self {
        let name = |name: &Option<String>| name.as_ref().map(|name| name.as_bytes().to_vec());
        Self {
            user: owners.user(entry.uid, name(&entry.user).as_deref()),
            group: owners.group(entry.gid, name(&entry.group).as_deref()),
            mode: entry.permissions(),
            xattrs: (all || !entry.xattrs.is_empty()).then(|| entry.xattrs.clone()),
            atime: entry
                .atime
                .map(|seconds| timestamp(seconds, entry.atime_ns)),
            mtime: entry
                .mtime
                .map(|seconds| timestamp(seconds, entry.mtime_ns)),
        }
    }

    /// What an archive says of a member.
    pub fn of_member(member: &EntryMetadata, owners: &OwnerNames) -> Self {
        let number = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
        let xattrs = member.xattrs.iter().map(|(name, value)| Xattr {
            name: name.clone(),
            value: value.clone(),
        });
        Self {
            user: owners.user(number(member.uid), member.user.as_deref()),
            group: owners.group(number(member.gid), member.group.as_deref()),
            mode: member.mode.map(|mode| mode & 0o7777),
            xattrs: Some(xattrs.collect()),
            atime: member.atime,
            mtime: member.mtime,
        }
    }

    /// The times of a directory.
    pub fn of_directory(directory: &RestoreDirectory) -> Self {
        Self {
            atime: Some(timestamp(directory.atime, directory.atime_ns)),
            mtime: Some(timestamp(directory.mtime, directory.mtime_ns)),
            ..Self::default()
        }
    }
}

fn timestamp(seconds: i64, nanoseconds: u32) -> Timestamp {
    Timestamp {
        seconds,
        nanoseconds,
    }
}

/// What came of setting metadata.
#[derive(Debug, Default, PartialEq)]
pub struct Applied {
    /// The owner could not be given away, for want of privilege.
    pub owner_unset: bool,
    /// What else could not be set, and why.
    pub failures: Vec<String>,
}

impl Applied {
    /// What comes of something that cannot be looked at.
    fn unknown(error: Errno) -> Self {
        let mut applied = Self::default();
        applied.check("metadata", Err(error));
        applied
    }

    fn check(&mut self, what: &str, result: Result<(), Errno>) {
        if let Err(error) = result {
            let error = io::Error::from(error);
            self.failures.push(format!("cannot set {what}: {error}"));
        }
    }
}

/// Makes the thing behind `fd` as it is wanted, changing only what differs.
///
/// In the order in which nothing undoes what came before: owner (which clears setuid and
/// capabilities), attributes (which an unprivileged owner may set only while the file is
/// writable), mode, times.
pub fn apply(fd: BorrowedFd<'_>, wanted: &Wanted) -> Applied {
    Thing::of(fd).map_or_else(Applied::unknown, |thing| {
        thing.apply(wanted, wanted.xattrs.as_deref())
    })
}

/// Like [`apply`], for a file that was made just now and is open for writing. `is_bare` says that it cannot
/// have attributes of ours yet.
pub(super) fn apply_to_new(file: BorrowedFd<'_>, is_bare: bool, wanted: &Wanted) -> Applied {
    let xattrs = wanted.xattrs.as_deref();
    Thing::of_file(file).map_or_else(Applied::unknown, |thing| {
        thing.apply(
            wanted,
            xattrs.filter(|xattrs| !(is_bare && xattrs.is_empty())),
        )
    })
}

/// The low bits of a mode.
pub(crate) fn permissions(stat: &Stat) -> u32 {
    stat.st_mode & 0o7777
}

/// The access and modification times.
pub(crate) fn times(stat: &Stat) -> (Timestamp, Timestamp) {
    let nanoseconds = |ns| u32::try_from(ns).unwrap_or(0);
    (
        timestamp(stat.st_atime, nanoseconds(stat.st_atime_nsec)),
        timestamp(stat.st_mtime, nanoseconds(stat.st_mtime_nsec)),
    )
}

/// Sets the mode of what `fd` stands for, also where it was opened for its path only.
pub fn set_mode(fd: BorrowedFd<'_>, mode: u32) -> Result<(), Errno> {
    Thing::of(fd)?.chmod(mode)
}

/// Something that is open, maybe for its path only. Then it is reached through `/proc`, where no
/// name is looked up that somebody could swap.
struct Thing<'a> {
    fd: BorrowedFd<'a>,
    stat: Stat,
    proc_path: Option<String>,
}

impl<'a> Thing<'a> {
    fn of(fd: BorrowedFd<'a>) -> Result<Self, Errno> {
        let path_only = fcntl_getfl(fd)?.contains(OFlags::PATH);
        let mut thing = Self::of_file(fd)?;
        thing.proc_path = path_only.then(|| format!("/proc/self/fd/{}", fd.as_raw_fd()));
        Ok(thing)
    }

    /// That of something that is not open for its path only.
    fn of_file(fd: BorrowedFd<'a>) -> Result<Self, Errno> {
        Ok(Self {
            fd,
            stat: fstat(fd)?,
            proc_path: None,
        })
    }

    fn apply(&self, wanted: &Wanted, xattrs: Option<&[Xattr]>) -> Applied {
        let mut applied = Applied::default();
        let mut touched = self.set_owner(wanted, &mut applied);
        if let Some(xattrs) = xattrs {
            touched |= self.set_xattrs(xattrs, &mut applied);
        }
        let mode = wanted
            .mode
            .and_then(|mode| self.set_mode(mode, wanted, touched, &mut applied));
        let stamped = self.set_times(wanted, touched || mode.is_some(), &mut applied);
        self.verify(wanted, mode, stamped, &mut applied);
        applied
    }

    fn is_symlink(&self) -> bool {
        rustix::fs::FileType::from_raw_mode(self.stat.st_mode) == rustix::fs::FileType::Symlink
    }

    fn chown(&self, user: Option<u32>, group: Option<u32>) -> Result<(), Errno> {
        let (user, group) = (user.map(Uid::from_raw), group.map(Gid::from_raw));
        chownat(self.fd, "", user, group, AtFlags::EMPTY_PATH)
    }

    /// Whether anything was tried, which may change more than the owner.
    fn set_owner(&self, wanted: &Wanted, applied: &mut Applied) -> bool {
        let user = wanted.user.filter(|user| *user != self.stat.st_uid);
        let group = wanted.group.filter(|group| *group != self.stat.st_gid);
        if user.is_none() && group.is_none() {
            return false;
        }
        let mut done = self.chown(user, group);
        if done.is_err() && user.is_some() && group.is_some() {
            // The group may be one of ours.
            let _group_only = self.chown(None, group);
        }
        // The second is what a user namespace says of an owner that it does not know.
        if matches!(done, Err(Errno::PERM | Errno::INVAL)) {
            applied.owner_unset = true;
            done = Ok(());
        }
        applied.check("the owner", done);
        true
    }

    fn chmod(&self, mode: u32) -> Result<(), Errno> {
        let mode = Mode::from_raw_mode(mode);
        match &self.proc_path {
            None => fchmod(self.fd, mode),
            Some(path) => chmod(path, mode),
        }
    }

    /// The mode that was set, if it had to be. `touched` tells that owner or attributes may have
    /// changed it.
    fn set_mode(
        &self,
        mode: u32,
        wanted: &Wanted,
        touched: bool,
        applied: &mut Applied,
    ) -> Option<u32> {
        if self.is_symlink() {
            return None;
        }
        let now = match if touched {
            fstat(self.fd)
        } else {
            Ok(self.stat)
        } {
            Ok(now) => now,
            Err(error) => {
                applied.check("the mode", Err(error));
                return None;
            }
        };
        let mut allowed = mode;
        let directory =
            rustix::fs::FileType::from_raw_mode(now.st_mode) == rustix::fs::FileType::Directory;
        if !directory {
            // Set for another owner, these bits would lend out the rights of the wrong one.
            if wanted.user.is_some_and(|user| user != now.st_uid) {
                allowed &= !SETUID;
            }
            if wanted.group.is_some_and(|group| group != now.st_gid) {
                allowed &= !SETGID;
            }
        }
        if allowed != mode {
            let what = "setuid and setgid bits are left out, because the owner could not be set";
            applied.failures.push(what.to_owned());
        }
        if permissions(&now) == allowed {
            return None;
        }
        applied.check("the mode", self.chmod(allowed));
        Some(allowed)
    }

    /// Whether times were set. `touched` tells that something was changed before.
    fn set_times(&self, wanted: &Wanted, touched: bool, applied: &mut Applied) -> bool {
        let right = |now: &Stat| !differ(now, wanted);
        if right(&self.stat) && (!touched || fstat(self.fd).is_ok_and(|now| right(&now))) {
            return false;
        }
        let stamps = Timestamps {
            last_access: timespec(wanted.atime),
            last_modification: timespec(wanted.mtime),
        };
        let done = match &self.proc_path {
            None => futimens(self.fd, &stamps),
            Some(path) => utimensat(CWD, path, &stamps, AtFlags::empty()),
        };
        let set = done.is_ok();
        applied.check("the times", done);
        set
    }

    /// Looks whether the system took the `mode` and the times that were set.
    fn verify(&self, wanted: &Wanted, mode: Option<u32>, stamped: bool, applied: &mut Applied) {
        if mode.is_none() && !stamped {
            return;
        }
        let Ok(now) = fstat(self.fd) else { return };
        // The kernel drops setgid without a word where the group is not ours.
        if let Some(mode) = mode.filter(|mode| permissions(&now) != *mode) {
            let what = format!("the system does not take mode {mode:04o}");
            applied.failures.push(what);
        }
        if stamped && differ(&now, wanted) {
            let what = "the file system does not keep these times exactly";
            applied.failures.push(what.to_owned());
        }
    }
}

/// Whether something has other times than are wanted.
fn differ(now: &Stat, wanted: &Wanted) -> bool {
    let (atime, mtime) = times(now);
    wanted.atime.is_some_and(|wanted| wanted != atime)
        || wanted.mtime.is_some_and(|wanted| wanted != mtime)
}

fn timespec(time: Option<Timestamp>) -> Timespec {
    time.map_or(
        Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        |time| Timespec {
            tv_sec: time.seconds,
            tv_nsec: time.nanoseconds.into(),
        },
    )
}
