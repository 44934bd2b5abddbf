//! Counts what a whole reading has used of its [`Limits`], over all levels of nesting.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};

use super::error::{ArchiveError, LimitKind, MemberName};
use super::limits::{ArchiveOptions, Limits, MayGoOn};

/// The counters of one reading, shared by every reader in it.
pub(super) struct Budget {
    limits: Limits,
    may_go_on: Option<MayGoOn>,
    encoded: Cell<u64>,
    decoded: Cell<u64>,
    holes: Cell<u64>,
    entries: Cell<u64>,
}

impl Budget {
    /// Starts counting; `encoded` is the size of the outermost file where that is known.
    pub(super) fn new(limits: Limits, encoded: u64) -> Self {
        Self {
            limits,
            may_go_on: None,
            encoded: Cell::new(encoded),
            decoded: Cell::new(0),
            holes: Cell::new(0),
            entries: Cell::new(0),
        }
    }

    /// Starts counting for a reading with these options.
    pub(super) fn of(options: &ArchiveOptions, encoded: u64) -> Self {
        Self {
            may_go_on: options.may_go_on.clone(),
            ..Self::new(options.limits.clone(), encoded)
        }
    }

    /// Asks whether the reading may go on.
    pub(super) fn go_on(&self) -> Result<(), ArchiveError> {
        match &self.may_go_on {
            Some(may_go_on) => may_go_on().map_err(ArchiveError::Stopped),
            None => Ok(()),
        }
    }

    /// The bounds that are counted against.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts one more entry.
    pub(super) fn add_entry(&self, path: &[u8]) -> Result<(), ArchiveError> {
        self.go_on()?;
        self.entries.set(self.entries.get().saturating_add(1));
        if self.entries.get() > self.limits.max_entries {
            return Err(ArchiveError::Limit {
                limit: LimitKind::Entries,
                allowed: self.limits.max_entries,
                member: MemberName::of(path),
            });
        }
        Ok(())
    }

    /// Counts bytes that a decoder made.
    pub(super) fn add_decoded(&self, bytes: u64) -> Result<(), ArchiveError> {
        self.go_on()?;
        self.decoded.set(self.decoded.get().saturating_add(bytes));
        let decoded = self.decoded.get();
        let fair = self
            .encoded
            .get()
            .max(1)
            .saturating_mul(self.limits.max_ratio);
        if decoded > self.limits.ratio_free_bytes && decoded > fair {
            return Err(ArchiveError::Limit {
                limit: LimitKind::Ratio,
                allowed: self.limits.max_ratio,
                member: MemberName::part("the decompressed data"),
            });
        }
        self.check_total()
    }

    /// Counts zeros that stand for the holes of the sparse file at `path`, before they are made.
    pub(super) fn add_holes(&self, bytes: u64, path: &[u8]) -> Result<(), ArchiveError> {
        self.holes.set(self.holes.get().saturating_add(bytes));
        if self.holes.get() > self.limits.max_hole_bytes {
            return Err(ArchiveError::Limit {
                limit: LimitKind::HoleBytes,
                allowed: self.limits.max_hole_bytes,
                member: MemberName::of(path),
            });
        }
        self.check_total()
    }

    fn check_total(&self) -> Result<(), ArchiveError> {
        if self.decoded.get().saturating_add(self.holes.get()) > self.limits.max_total_bytes {
            return Err(ArchiveError::Limit {
                limit: LimitKind::TotalBytes,
                allowed: self.limits.max_total_bytes,
                member: MemberName::part("the expanded data"),
            });
        }
        Ok(())
    }
}

/// A reader that can also seek.
pub(super) trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// The bytes of an archive as they come from outside: marks failures as
/// [`ArchiveError::Io`], so that they are not taken for damage further up.
pub(super) struct Source<'b, R> {
    inner: R,
    offset: u64,
    counted_by: Option<&'b Budget>,
    watched_by: Option<&'b Budget>,
}

impl<'b, R> Source<'b, R> {
    /// Reads from `inner`; `counted_by` learns how many bytes came.
    pub(super) fn new(inner: R, counted_by: Option<&'b Budget>) -> Self {
        Self {
            inner,
            offset: 0,
            counted_by,
            watched_by: None,
        }
    }

    /// Asks `budget` before each piece whether the reading may go on.
    pub(super) fn watched_by(self, budget: &'b Budget) -> Self {
        Self {
            watched_by: Some(budget),
            ..self
        }
    }

    fn failed(&self, source: io::Error) -> io::Error {
        ArchiveError::Io {
            action: "read the archive",
            offset: self.offset,
            source,
        }
        .into_io()
    }
}

impl<R: Read> Read for Source<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(budget) = self.watched_by {
            budget.go_on().map_err(ArchiveError::into_io)?;
        }
        loop {
            match self.inner.read(buffer) {
                Ok(count) => {
                    self.offset += count as u64;
                    if let Some(budget) = self.counted_by {
                        budget
                            .encoded
                            .set(budget.encoded.get().saturating_add(count as u64));
                    }
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
    }
}

impl<R: Seek> Seek for Source<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self.inner.seek(to) {
            Ok(offset) => {
                self.offset = offset;
                Ok(offset)
            }
            Err(error) => Err(self.failed(error)),
        }
    }
}
