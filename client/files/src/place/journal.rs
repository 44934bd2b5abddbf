//! What directories were like before a restore changed them, kept over a kill.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;

use hashget_archive::Timestamp;
use hashget_words::rel_path::RelPath;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, unlinkat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::metadata::Wanted;
use super::target::Target;
use super::temp::JOURNAL_NAME;

/// No line that a run writes is longer: the path of a directory some ten thousand levels deep.
const MAX_LINE_BYTES: usize = 1 << 20;

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
        read_lines(&mut BufReader::new(file))
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

/// Reads lines one by one, however many there are. What is no line of ours was cut short by a kill.
fn read_lines(text: &mut dyn BufRead) -> io::Result<BTreeMap<RelPath, Wanted>> {
    let mut before = BTreeMap::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = MAX_LINE_BYTES as u64 + 1;
        if (&mut *text).take(most).read_until(b'\n', &mut line)? == 0 {
            return Ok(before);
        }
        if line.len() > MAX_LINE_BYTES {
            return Err(io::Error::other(format!(
                "{JOURNAL_NAME} has a line of more than {MAX_LINE_BYTES} bytes, the most that a restore writes"
            )));
        }
        if let Ok(line) = serde_json::from_slice::<Line>(&line) {
            before.entry(line.directory.clone()).or_insert(line.into());
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

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"folder":"a","mode":448,"atime":[1,2],"mtime":[3,4]}"#;

    /// The same bytes again and again.
    struct Again<'a>(&'a [u8], usize);

    impl Read for Again<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = (&self.0[self.1..]).read(buffer)?;
            self.1 = (self.1 + count) % self.0.len();
            Ok(count)
        }
    }

    /// So many lines that say nothing, of so many bytes each, and then one that does.
    fn read_behind(count: u64, bytes: usize) -> io::Result<BTreeMap<RelPath, Wanted>> {
        let mut nothing = vec![b'x'; bytes];
        nothing[bytes - 1] = b'\n';
        let many = Again(&nothing, 0).take(count * bytes as u64);
        read_lines(&mut BufReader::new(many.chain(LINE.as_bytes())))
    }

    #[test]
    fn a_journal_is_read_to_its_end_however_long_it_is() {
        let before = read_behind(4200, 64 << 10).unwrap();
        let path = RelPath::new(b"a").unwrap();
        assert_eq!(before[&path].mode, Some(0o700));
    }

    #[test]
    fn a_line_that_no_restore_writes_is_refused_by_name() {
        assert_eq!(read_behind(1, MAX_LINE_BYTES).unwrap().len(), 1);
        let error = read_behind(1, MAX_LINE_BYTES + 1).unwrap_err().to_string();
        assert!(error.contains("1048576 bytes"), "{error}");
    }
}
