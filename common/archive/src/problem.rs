//! What is wrong with an archive without ending its reading.

use std::fmt;
use std::sync::Arc;

use super::error::ArchiveError;
use hashget_words::rel_path::display_bytes;

/// Told what a reading goes on in spite of.
pub type ProblemHandler = Arc<dyn Fn(&ArchiveProblem<'_>) + Send + Sync>;

/// Something wrong that a reading went on from. Shown, it is a sentence that names the place.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ArchiveProblem<'a> {
    /// A file that looks like an archive is broken or beyond a limit. It was visited as a file,
    /// and yields no (more) entries.
    Nested {
        /// The file's full path.
        path: &'a [u8],
        /// What is wrong with it.
        error: &'a ArchiveError,
    },
    /// A member cannot be read, such as one that is encrypted, and was not visited. All others
    /// are.
    LeftOut {
        /// The nested archive that has the member; `None` for the outermost.
        archive: Option<&'a [u8]>,
        /// Why, with the member's name.
        error: &'a ArchiveError,
    },
    /// Bytes that no reader of the format understands were passed over.
    Ignored {
        /// The nested archive that has them; `None` for the outermost.
        archive: Option<&'a [u8]>,
        /// What they are.
        error: &'a ArchiveError,
    },
}

impl fmt::Display for ArchiveProblem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (archive, what, error) = match self {
            Self::Nested { path, error } => (Some(*path), "", error),
            Self::LeftOut { archive, error } => (*archive, "left out: ", error),
            Self::Ignored { archive, error } => (*archive, "ignored: ", error),
        };
        if let Some(archive) = archive {
            write!(f, "{}: ", display_bytes(archive))?;
        }
        write!(f, "{what}{error}")?;
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
