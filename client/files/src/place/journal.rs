//! What directories were like before a restore changed them, kept over a kill.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use hashget_archive::Timestamp;
use hashget_words::rel_path::RelPath;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, unlinkat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::metadata::Wanted;
use super::target::Target;
use super::temp::JOURNAL_NAME;

/// More than any run writes, less than would hurt.
const MAX_BYTES: u64 = 256 << 20;

/// One line of the journal.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(rename = "folder")]
    directory: RelPath,
    mode: u32,
    atime: (i64, u32),
    mtime: (i64, u32),
}

/// The file at the target's root that keeps what directories were like.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
}

impl Journal {
    /// What an earlier run, which did not end, kept. Its last line may be incomplete.
    pub(super) fn read(target: &Target) -> io::Result<BTreeMap<RelPath, Wanted>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(target.root(), JOURNAL_NAME, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT | Errno::LOOP) => return Ok(BTreeMap::new()),
            Err(error) => return Err(error.into()),
        };
        let stat = fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile
            || stat.st_uid != rustix::process::geteuid().as_raw()
        {
            return Ok(BTreeMap::new());
        }
        let mut text = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut text)?;
        let mut before = BTreeMap::new();
        for line in text.split(|byte| *byte == b'\n') {
            if let Ok(line) = serde_json::from_slice::<Line>(line) {
                before.entry(line.directory.clone()).or_insert(line.into());
            }
        }
        Ok(before)
    }

    /// Begins or goes on.
    pub(super) fn open(target: &Target) -> io::Result<Self> {
        let flags = OFlags::WRONLY
            | OFlags::CREATE
            | OFlags::APPEND
            | OFlags::NOFOLLOW
            | OFlags::NONBLOCK
            | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let fd = openat(target.root(), JOURNAL_NAME, flags, mode)?;
        let mut file = File::from(fd);
        // Ends what a kill cut short.
        file.write_all(b"\n")?;
        Ok(Self { file })
    }

    /// Records the metadata of `directory`.
    pub(super) fn record(&mut self, directory: &RelPath, before: &Wanted) -> io::Result<()> {
        let time = |time: Option<Timestamp>| time.map_or((0, 0), |t| (t.seconds, t.nanoseconds));
        let line = Line {
            directory: directory.clone(),
            mode: before.mode.unwrap_or(0o755),
            atime: time(before.atime),
            mtime: time(before.mtime),
        };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        self.file.write_all(&text)
    }

    /// Removes the journal, if there is one.
    pub(super) fn remove(target: &Target) -> io::Result<()> {
        match unlinkat(target.root().as_fd(), JOURNAL_NAME, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl From<Line> for Wanted {
    fn from(line: Line) -> Self {
        let time = |(seconds, nanoseconds): (i64, u32)| Timestamp {
            seconds,
            nanoseconds: nanoseconds.min(999_999_999),
        };
        Self {
            mode: Some(line.mode & 0o7777),
            atime: Some(time(line.atime)),
            mtime: Some(time(line.mtime)),
            ..Self::default()
        }
    }
}
