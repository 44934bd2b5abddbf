//! Locks on open files that end with their holder.

use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// What came of asking for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockAttempt {
    /// It is held now, until the file is dropped.
    Held,
    /// Somebody else holds it.
    Busy,
    /// The file system has no locks, or none for such a file.
    Unsupported,
}

/// An open file or directory that can be locked.
///
/// A lock belongs to the open file, not to the process: a program that was being started at
/// that moment has the file too, until it has begun to run. Closing alone would leave the file locked
/// for that long, so dropping this unlocks it first.
#[derive(Debug)]
pub struct LockFile<F: AsFd>(F);

impl<F: AsFd> LockFile<F> {
    /// A file that is not locked yet.
    pub fn new(file: F) -> Self {
        Self(file)
    }

    /// Asks for the lock without waiting.
    pub fn try_lock(&self) -> io::Result<LockAttempt> {
        match flock(&self.0, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(LockAttempt::Held),
            Err(Errno::WOULDBLOCK) => Ok(LockAttempt::Busy),
            // Network file systems: of a directory, of a file opened for reading only, or of any.
            Err(Errno::BADF | Errno::INVAL | Errno::NOLCK | Errno::NOSYS | Errno::NOTSUP) => {
                Ok(LockAttempt::Unsupported)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl<F: AsFd> AsFd for LockFile<F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<F: AsFd> Deref for LockFile<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.0
    }
}

impl<F: AsFd> DerefMut for LockFile<F> {
    fn deref_mut(&mut self) -> &mut F {
        &mut self.0
    }
}

impl<F: AsFd> Drop for LockFile<F> {
    fn drop(&mut self) {
        // Without a lock there is nothing to give up, and closing gives it up in the end.
        flock(&self.0, FlockOperation::Unlock).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use std::fs::File;

    use super::*;

    #[test]
    fn a_lock_ends_with_its_holder_although_the_file_is_open_elsewhere() {
        let work = tempfile::tempdir().unwrap();
        let path = work.path().join("lock");
        let first = LockFile::new(File::create(&path).unwrap());
        let second = LockFile::new(File::open(&path).unwrap());
        assert_eq!(first.try_lock().unwrap(), LockAttempt::Held);
        assert_eq!(second.try_lock().unwrap(), LockAttempt::Busy);
        // As a program has it that is being started just now.
        let inherited = first.try_clone().unwrap();
        drop(first);
        assert_eq!(second.try_lock().unwrap(), LockAttempt::Held);
        drop(inherited);
    }
}
