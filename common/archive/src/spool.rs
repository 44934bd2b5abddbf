//! Bytes put aside, because they must be read twice.

use std::io::{self, Read, Seek, Write};

use tempfile::SpooledTempFile;

use super::budget::Budget;
use super::error::{ArchiveError, LimitKind, MemberName};

/// Spools up to this size stay in memory.
const SPOOL_MEMORY_BYTES: usize = 1 << 20;

/// The bytes of an archive that must be read twice: in memory, or in an unnamed temporary file.
pub(super) struct Spool {
    pub(super) file: SpooledTempFile,
    /// Whether all bytes fitted.
    pub(super) whole: bool,
}

impl Spool {
    /// Takes bytes from `input` until its end or the limit, and rewinds.
    pub(super) fn fill(input: &mut dyn Read, budget: &Budget) -> Result<Self, ArchiveError> {
        let mut file = SpooledTempFile::new(SPOOL_MEMORY_BYTES);
        let mut buffer = vec![0; 64 << 10];
        let mut left = budget.limits().max_spool_bytes;
        let mut whole = false;
        while left > 0 {
            let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            let count = input.read(&mut buffer[..wanted]).map_err(reading)?;
            if count == 0 {
                whole = true;
                break;
            }
            file.write_all(&buffer[..count]).map_err(spooling)?;
            left -= count as u64;
        }
        file.rewind().map_err(spooling)?;
        Ok(Self { file, whole })
    }

    pub(super) fn too_large(budget: &Budget) -> ArchiveError {
        ArchiveError::Limit {
            limit: LimitKind::SpoolBytes,
            allowed: budget.limits().max_spool_bytes,
            member: MemberName::part("the archive put aside"),
        }
    }
}

/// What a failed read of archive bytes means.
pub(super) fn reading(error: io::Error) -> ArchiveError {
    ArchiveError::take(error, |source| ArchiveError::Io {
        action: "read the archive",
        offset: 0,
        source,
    })
}

/// What a failed use of the spool means.
pub(super) fn spooling(source: io::Error) -> ArchiveError {
    ArchiveError::Io {
        action: "use a temporary file",
        offset: 0,
        source,
    }
}
