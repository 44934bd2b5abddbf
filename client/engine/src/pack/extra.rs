//! Files that an archive gets besides those of the tree.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use hashget_words::rel_path::RelPath;

/// A file that an archive gets besides the tree.
#[derive(Clone, Debug)]
pub struct ExtraFile {
    /// Where it appears when the archive is extracted; the tree must have nothing there. It begins with
    /// [`RestoreFile::OWN_PREFIX`](hashget_words::restore_file::RestoreFile::OWN_PREFIX), and the restore file names
    /// it, so that it goes when all is restored.
    pub path: RelPath,
    /// What is in it.
    pub content: ExtraContent,
}

/// What is in a file that an archive gets besides the tree.
#[derive(Clone, Debug)]
pub enum ExtraContent {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The bytes of a file, which is opened when its turn has come and not held in memory.
    File {
        /// The file.
        path: PathBuf,
        /// Its size, in bytes.
        size: u64,
    },
}

impl ExtraContent {
    /// The size, in bytes.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { size, .. } => *size,
        }
    }

    /// Opens the content.
    pub(super) fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Bytes(bytes) => Box::new(&bytes[..]),
            Self::File { path, .. } => Box::new(File::open(path)?),
        })
    }
}
