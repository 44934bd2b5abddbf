//! The directories of a new snapshot: made with all in them that needs no reading, and at the end given
//! their metadata.

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use rayon::Scope;
use rayon::prelude::*;
use rustix::fs::{Mode, mkdirat};

use super::builder::Builder;
use super::copy::wanted;
use super::link::NearDirectory;
use super::plan::Fate;
use hashget_files::monitor::Progress;
use hashget_files::place::apply;

/// A directory of the source and what is in it, by their numbers.
#[derive(Debug)]
struct Directory {
    number: usize,
    directories: Vec<usize>,
    others: Vec<usize>,
}

/// What the threads share that make directories.
struct Work<'w> {
    directories: Vec<Directory>,
    unread: Mutex<Vec<usize>>,
    progress: &'w Progress<'w>,
}

impl Builder<'_> {
    /// Makes all directories, and in them what needs no reading; gives the files that are left, in order.
    pub(super) fn make_directories(&self, progress: &Progress<'_>) -> Vec<usize> {
        let work = Work {
            directories: self.directories(),
            unread: Mutex::default(),
            progress,
        };
        rayon::scope(|scope| self.enter(scope, 0, &work));
        let unread = work.unread.into_inner();
        let mut unread = unread.unwrap_or_else(PoisonError::into_inner);
        unread.sort_unstable();
        unread
    }

    /// The directories, each after the one that it is in.
    fn directories(&self) -> Vec<Directory> {
        let mut directories: Vec<Directory> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for (number, (entry, fate)) in self.entries.iter().zip(&self.plan.fates).enumerate() {
            while let Some(at) = open.last()
                && !entry
                    .path
                    .starts_with(&self.entries[directories[*at].number].path)
            {
                open.pop();
            }
            let parent = open.last().copied();
            if *fate == Fate::Directory {
                let at = directories.len();
                open.push(at);
                directories.push(Directory {
                    number,
                    directories: Vec::new(),
                    others: Vec::new(),
                });
                if let Some(parent) = parent {
                    directories[parent].directories.push(at);
                }
            } else if let Some(parent) = parent {
                directories[parent].others.push(number);
            }
        }
        directories
    }

    fn enter<'s>(&'s self, scope: &Scope<'s>, at: usize, work: &'s Work<'_>) {
        let Some(directory) = work.directories.get(at) else {
            return;
        };
        self.guard(|| self.fill_directory(scope, directory, work));
    }

    fn fill_directory<'s>(
        &'s self,
        scope: &Scope<'s>,
        directory: &Directory,
        work: &'s Work<'_>,
    ) -> io::Result<()> {
        let made = self
            .tree
            .open_directory(&self.entries[directory.number].path)?;
        for at in &directory.directories {
            let path = &self.entries[work.directories[*at].number].path;
            let name = OsStr::from_bytes(path.file_name().unwrap_or_default());
            mkdirat(&made, name, Mode::RWXU)?;
            let at = *at;
            scope.spawn(move |scope| self.enter(scope, at, work));
        }
        let mut near = NearDirectory::default();
        let mut later = Vec::new();
        for number in &directory.others {
            let entry = &self.entries[*number];
            match self.plan.fates[*number] {
                Fate::Known(key) => {
                    if self.link_known(*number, &key, &made, &mut near)? {
                        self.settled[*number].store(true, Ordering::Relaxed);
                        work.progress.advance(1);
                    } else {
                        later.push(*number);
                    }
                }
                Fate::Read => later.push(*number),
                Fate::Node => {
                    self.node(entry, &made);
                    work.progress.advance(1);
                }
                Fate::Socket => self.stats().socket_files += 1,
                Fate::Directory | Fate::SameAs(_) => {}
            }
        }
        self.stats().directories += 1;
        let mut unread = work.unread.lock().unwrap_or_else(PoisonError::into_inner);
        unread.append(&mut later);
        Ok(())
    }

    /// Sets what directories are like, the deepest first: one may take away the right to enter it.
    pub(super) fn finish_directories(&self) {
        let mut levels: Vec<Vec<usize>> = Vec::new();
        for (number, fate) in self.plan.fates.iter().enumerate() {
            if *fate == Fate::Directory {
                let depth = self.entries[number].path.components().count();
                levels.resize_with(levels.len().max(depth + 1), Vec::new);
                levels[depth].push(number);
            }
        }
        for level in levels.iter().rev() {
            level.par_iter().with_min_len(16).for_each(|number| {
                self.guard(|| {
                    let entry = &self.entries[*number];
                    let directory = self.tree.open_directory(&entry.path)?;
                    self.report(entry, &apply(directory.as_fd(), &wanted(entry)));
                    Ok(())
                });
            });
        }
    }
}
