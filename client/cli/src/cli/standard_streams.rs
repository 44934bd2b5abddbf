//! `-` as the name of a file.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, OFlags};

use super::error::CliError;

/// An archive that was named on the command line.
pub(super) struct NamedArchive {
    path: PathBuf,
    /// What came from standard input, in a file without a name.
    _spool: Option<File>,
}

impl NamedArchive {
    /// Finds the archive `name`; `-` is standard input, which is put aside first unless it is a file, as
    /// archives are read more than once. That needs as much space in `near`, or if that does not exist, in
    /// the nearest directory above it.
    pub(super) fn new(name: &Path, near: &Path) -> Result<Self, CliError> {
        if name.as_os_str() != "-" {
            return Ok(Self {
                path: name.to_owned(),
                _spool: None,
            });
        }
        let mut input = io::stdin().lock();
        if input.is_terminal() {
            return Err(
                CliError::usage("- stands for standard input, which is a terminal")
                    .hint("redirect an archive into it, or write ./- for a file of this name"),
            );
        }
        if is_whole_file(&input) {
            return Ok(Self {
                path: path_of(&input),
                _spool: None,
            });
        }
        let directory = existing(near);
        let mut spool = || -> io::Result<File> {
            let mut spool = tempfile::tempfile_in(&directory)?;
            io::copy(&mut input, &mut spool)?;
            Ok(spool)
        };
        let spool = spool().map_err(|error| {
            let place = directory.display();
            CliError::new(&error).context(format!("cannot put standard input aside in {place}"))
        })?;
        Ok(Self {
            path: path_of(&spool),
            _spool: Some(spool),
        })
    }

    /// Where it can be opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn path_of(file: &impl AsRawFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Whether it is a file of which nothing was read, and which can be opened again.
fn is_whole_file(input: &(impl std::os::fd::AsFd + AsRawFd)) -> bool {
    let status = rustix::fs::fstat(input);
    let is_file =
        status.is_ok_and(|status| FileType::from_raw_mode(status.st_mode) == FileType::RegularFile);
    let at_start = rustix::fs::seek(input, rustix::fs::SeekFrom::Current(0)) == Ok(0);
    is_file && at_start && File::open(path_of(input)).is_ok()
}

fn existing(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_default();
    let mut above = absolute.ancestors().filter(|path| path.is_dir());
    above.next().map_or_else(std::env::temp_dir, Path::to_owned)
}

/// Refuses to write an archive to a standard output that is closed.
///
/// The runtime puts `/dev/null`, open for reading and writing, in its place before `main` begins; a
/// shell's `> /dev/null` is open for writing only.
pub(super) fn refuse_closed_output() -> Result<(), CliError> {
    let null_device = rustix::fs::makedev(1, 3);
    let output = io::stdout();
    let is_open = rustix::fs::fstat(&output).is_ok_and(|status| {
        let is_device = FileType::from_raw_mode(status.st_mode) == FileType::CharacterDevice;
        let flags = rustix::fs::fcntl_getfl(&output);
        let both_ways = flags.is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDWR);
        !(is_device && status.st_rdev == null_device && both_ways)
    });
    if is_open {
        return Ok(());
    }
    Err(
        CliError::failed("standard output is closed: the archive would be lost")
            .hint("redirect it, or name a file with -f; -f /dev/null throws it away"),
    )
}
