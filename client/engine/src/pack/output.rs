//! Where an archive goes.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, FileType};

use super::error::PackError;
use hashget_files::atomic_file::{AtomicFile, Place};
use hashget_files::tree::{OmittedNames, id_of};

/// Where an archive goes.
pub enum Output {
    /// To a file, which gets its name only when it is whole and synced. What exists there and is no
    /// regular file (a device, a pipe) is written to as it is.
    File(PathBuf),
    /// To a stream, such as standard output.
    Stream(Box<dyn Write + Send>),
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path().display())
    }
}

impl Output {
    /// What to call it.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Stream(_) => Path::new("the output stream"),
        }
    }

    /// Checks that the archive can be written there, removes what killed runs left beside it, and
    /// tells which names a walk must not see.
    pub(super) fn prepare(&self) -> Result<Option<OmittedNames>, PackError> {
        let Self::File(path) = self else {
            return Ok(None);
        };
        prepare_file(path).map_err(|source| PackError::Output {
            path: path.clone(),
            source,
        })
    }

    /// Whether others may read the archive that is there now, which the new one ends.
    pub(super) fn is_open_to_others(&self) -> bool {
        let Self::File(path) = self else {
            return false;
        };
        let metadata = path.metadata();
        metadata.is_ok_and(|metadata| metadata.is_file() && metadata.mode() & 0o004 != 0)
    }

    /// Opens it for writing.
    pub(super) fn open(self) -> Result<Sink, PackError> {
        let (kind, path) = match self {
            Self::Stream(stream) => {
                let path = PathBuf::from("the output stream");
                (SinkKind::Plain(stream), path)
            }
            Self::File(path) => match open_file(&path) {
                Ok(kind) => (kind, path),
                Err(source) => return Err(PackError::Output { path, source }),
            },
        };
        Ok(Sink {
            kind,
            path,
            bytes: 0,
        })
    }
}

fn prepare_file(path: &Path) -> io::Result<Option<OmittedNames>> {
    let place = Place::find(path)?;
    match place.existing() {
        None | Some(FileType::RegularFile) => {}
        Some(FileType::Directory) => return Err(io::ErrorKind::IsADirectory.into()),
        Some(_) => return Ok(None),
    }
    place.check_access(Access::WRITE_OK)?;
    place.clean()?;
    Ok(Some(OmittedNames {
        directory: id_of(&place.directory_status()?),
        name: place.name().as_bytes().to_vec(),
    }))
}

fn open_file(path: &Path) -> io::Result<SinkKind> {
    let place = Place::find(path)?;
    Ok(match place.existing() {
        None | Some(FileType::RegularFile) => {
            SinkKind::Atomic(Box::new(AtomicFile::create(place)?))
        }
        Some(_) => SinkKind::Plain(Box::new(OpenOptions::new().write(true).open(path)?)),
    })
}

/// An output that is being written; must be finished.
pub(super) struct Sink {
    kind: SinkKind,
    path: PathBuf,
    bytes: u64,
}

enum SinkKind {
    Atomic(Box<AtomicFile>),
    Plain(Box<dyn Write + Send>),
}

impl Sink {
    /// What to call it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the output final; gives how many bytes were written.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.flush()?;
        if let SinkKind::Atomic(file) = self.kind {
            file.commit()?;
        }
        Ok(self.bytes)
    }
}

impl Write for Sink {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = match &mut self.kind {
            SinkKind::Atomic(file) => file.write(data),
            SinkKind::Plain(stream) => stream.write(data),
        }?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.kind {
            SinkKind::Atomic(file) => file.flush(),
            SinkKind::Plain(stream) => stream.flush(),
        }
    }
}

/// Writes a whole file at once, under its name only when it is synced.
pub(super) fn write_whole(path: &Path, content: &mut dyn Read) -> Result<(), PackError> {
    let mut write = || -> io::Result<()> {
        let place = Place::find(path)?;
        if place
            .existing()
            .is_some_and(|kind| kind != FileType::RegularFile)
        {
            let mut file = File::options().write(true).open(path)?;
            return io::copy(content, &mut file).map(drop);
        }
        place.clean()?;
        let mut file = AtomicFile::create(place)?;
        io::copy(content, &mut file)?;
        file.commit()?;
        Ok(())
    };
    write().map_err(|source| PackError::Output {
        path: path.to_owned(),
        source,
    })
}
