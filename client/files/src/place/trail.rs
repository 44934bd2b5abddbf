//! Opens one long path after another.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use hashget_words::rel_path::RelPath;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::target::{Target, directory_flags, first_piece, path_flags};

/// Paths up to this length are opened at once.
const SHORT_BYTES: usize = 512;
/// How far a [`Trail`]'s handles are apart at least, and how many it keeps.
const STEP_BYTES: usize = 64;
const MOST_STEPS: usize = 64;

/// Handles on the way to the long path that was opened last, each with where its path ends in that one.
#[derive(Debug, Default)]
pub(super) struct Trail {
    path: Vec<u8>,
    steps: Vec<(usize, OwnedFd)>,
}

impl Trail {
    pub(super) fn clear(&mut self) {
        self.steps.clear();
    }

    /// Adds a handle; the way to the latest ones is kept in wider steps.
    fn push(&mut self, end: usize, handle: OwnedFd) {
        if self.steps.len() == MOST_STEPS {
            let mut number = 0_usize;
            self.steps.retain(|_| {
                number += 1;
                number.is_multiple_of(2)
            });
        }
        self.steps.push((end, handle));
    }

    /// Keeps the handles of directories that are above `path`, too.
    fn keep_shared(&mut self, path: &[u8]) {
        let both = self.path.iter().zip(path);
        let shared = both.take_while(|(one, other)| one == other).count();
        self.steps
            .retain(|(end, _)| *end <= shared && path.get(*end) == Some(&b'/'));
        self.path.clear();
        self.path.extend_from_slice(path);
    }
}

impl Target {
    /// Like [`directory`](Self::directory), for one path after another: of a long path, what it shares with the one
    /// before is not looked up again.
    pub(super) fn directory_along(&self, trail: &mut Trail, path: &RelPath) -> io::Result<OwnedFd> {
        if path.as_bytes().len() <= SHORT_BYTES {
            return self.directory(path);
        }
        let mut opened = self.open_along(trail, path, directory_flags());
        if matches!(opened, Err(Errno::ACCESS)) {
            opened = self.open_along(trail, path, path_flags());
        }
        // What the trail leads through may have been replaced since.
        opened.or_else(|_| {
            trail.clear();
            self.directory(path)
        })
    }

    fn open_along(
        &self,
        trail: &mut Trail,
        path: &RelPath,
        flags: OFlags,
    ) -> Result<OwnedFd, Errno> {
        let bytes = path.as_bytes();
        trail.keep_shared(bytes);
        loop {
            let (from, start) = match trail.steps.last() {
                Some((end, handle)) => (handle.as_fd(), end + 1),
                None => (self.root(), 0),
            };
            let rest = &bytes[start..];
            let step = match rest.len() {
                0..=SHORT_BYTES => STEP_BYTES,
                _ => SHORT_BYTES,
            };
            let (piece, next) = first_piece(rest, step);
            if next.is_empty() {
                return self.open_pieces(from, rest, flags);
            }
            let handle = self.open_piece(from, piece, path_flags())?;
            trail.push(start + piece.len(), handle);
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{AtFlags, Mode, fstat, mkdirat, renameat, unlinkat};

    use super::*;

    #[test]
    fn a_trail_leads_where_the_path_leads_now() {
        let temp = tempfile::tempdir().unwrap();
        let target = Target::open(temp.path()).unwrap();
        let mut trail = Trail::default();
        let mut paths = vec![RelPath::root()];
        for _ in 0..20 {
            let at = paths.last().unwrap();
            let parent = target.directory_along(&mut trail, at).unwrap();
            mkdirat(&parent, "n".repeat(100), Mode::RWXU).unwrap();
            paths.push(at.join("n".repeat(100).as_bytes()).unwrap());
        }
        assert!(!trail.steps.is_empty());
        let inode = |handle: io::Result<OwnedFd>| fstat(handle.unwrap()).unwrap().st_ino;
        for path in paths.iter().rev().chain(&paths) {
            let along = inode(target.directory_along(&mut trail, path));
            assert_eq!(along, inode(target.directory(path)));
        }
        // The lower half moves away, and an empty directory comes in its place.
        let middle = target.directory(&paths[10]).unwrap();
        renameat(&middle, "n".repeat(100), target.root(), "moved").unwrap();
        trail.clear();
        assert!(target.directory_along(&mut trail, &paths[20]).is_err());
        mkdirat(&middle, "n".repeat(100), Mode::RWXU).unwrap();
        target.directory_along(&mut trail, &paths[11]).unwrap();
        unlinkat(&middle, "n".repeat(100), AtFlags::REMOVEDIR).unwrap();
        let gone = target.directory_along(&mut trail, &paths[11]).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }
}
