//! Hands entries to the visitor, and archives among them back to the readers.

use std::io::{self, Read, Seek, Write};

use tempfile::SpooledTempFile;

use super::budget::{Budget, ReadSeek, Source};
use super::content::{Content, Plain, Stored};
use super::entry::{Entry, EntryKind, EntryMetadata, Origin};
use super::error::{ArchiveError, LimitKind, MemberName, ReadError};
use super::limits::ArchiveOptions;
use super::problem::ArchiveProblem;
use super::read::ArchiveKind;
use super::sniff::{Format, is_program, read_head, sniff};
use super::{compressed, deb, tar, zip};

/// Spools up to this size stay in memory.
const SPOOL_MEMORY_BYTES: usize = 1 << 20;

/// The visitor, as the readers of the formats see it.
pub(super) type Visit<'a, E> = dyn FnMut(&Entry, &mut dyn Read) -> Result<(), E> + 'a;

/// One reading: the visitor with all that holds for the whole of it.
pub(super) struct Walk<'a, E> {
    pub(super) options: &'a ArchiveOptions,
    pub(super) budget: &'a Budget,
    pub(super) visit: &'a mut Visit<'a, E>,
}

/// Where an archive stands among the archives around it.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) origin: Origin,
    pub(super) depth: u32,
    /// The full path of the file that is this archive, if it is nested.
    pub(super) outer: Option<&'p [u8]>,
}

impl Place<'_> {
    /// The outermost archive.
    pub(super) const OUTERMOST: Self = Place {
        origin: Origin::Member,
        depth: 0,
        outer: None,
    };

    fn path(&self, inner: Vec<u8>) -> Vec<u8> {
        match self.outer {
            Some(outer) => [outer, b"/", &inner].concat(),
            None => inner,
        }
    }
}

/// What the reader of a format found; [`Walk::found`] makes an [`Entry`] of it.
pub(super) struct Found {
    pub(super) format: &'static str,
    pub(super) path: Vec<u8>,
    pub(super) kind: EntryKind,
    pub(super) size: Option<u64>,
    /// How many bytes of content there are to read: less than `size` if holes are skipped.
    pub(super) given: Option<u64>,
    pub(super) metadata: EntryMetadata,
}

/// An archive to be read from its start.
pub(super) enum Body<'r> {
    Stream(&'r mut dyn Read),
    Seekable(&'r mut dyn ReadSeek),
}

impl<E> Walk<'_, E> {
    /// How many threads may decompress what is at `place`.
    pub(super) fn threads(&self, place: Place<'_>) -> u32 {
        // What is nested is small, and may be many.
        if place.depth == 0 {
            self.options.threads
        } else {
            1
        }
    }

    /// Recognises an archive and reads it.
    pub(super) fn archive(
        &mut self,
        place: Place<'_>,
        body: Body<'_>,
    ) -> Result<ArchiveKind, ReadError<E>> {
        match body {
            Body::Seekable(file) => {
                let head = read_head(&mut *file).map_err(reading)?;
                file.rewind().map_err(reading)?;
                match sniff(&head) {
                    Format::Zip => zip::read(self, place, file),
                    Format::Unknown => zip::read_behind(self, place, file),
                    format => self.stream(place, format, &mut *file),
                }
            }
            Body::Stream(stream) => {
                let head = read_head(stream).map_err(reading)?;
                let format = sniff(&head);
                if format == Format::Unknown && is_program(&head) {
                    return self.program(place, &mut head.chain(stream));
                }
                self.stream(place, format, &mut head.chain(stream))
            }
        }
    }

    fn stream(
        &mut self,
        place: Place<'_>,
        format: Format,
        stream: &mut dyn Read,
    ) -> Result<ArchiveKind, ReadError<E>> {
        match format {
            Format::Deb => deb::read(self, place, stream),
            Format::Tar => tar::read(self, place, stream),
            Format::Compressed(compression) => compressed::read(self, place, compression, stream),
            Format::Zip => {
                let mut spool = Spool::fill(stream, self.budget)?;
                if !spool.whole {
                    return Err(Spool::too_large(self.budget).into());
                }
                zip::read(self, place, &mut Source::new(&mut spool.file, None))
            }
            Format::Unknown => Ok(ArchiveKind::NotArchive),
        }
    }

    /// A program that comes as a stream may have a zip behind it.
    fn program(
        &mut self,
        place: Place<'_>,
        stream: &mut dyn Read,
    ) -> Result<ArchiveKind, ReadError<E>> {
        let mut spool = Spool::fill(stream, self.budget)?;
        if !spool.whole {
            return Ok(ArchiveKind::NotArchive);
        }
        zip::read_behind(self, place, &mut Source::new(&mut spool.file, None))
    }

    /// Visits one entry, and what is in it if it is an archive.
    pub(super) fn found(
        &mut self,
        place: Place<'_>,
        found: Found,
        content: &mut dyn Stored,
    ) -> Result<(), ReadError<E>> {
        self.budget.add_entry(&found.path)?;
        let entry = Entry {
            path: place.path(found.path),
            kind: found.kind,
            size: found.size,
            origin: place.origin,
            depth: place.depth,
            metadata: found.metadata,
        };
        if entry.kind != EntryKind::File {
            return (self.visit)(&entry, &mut io::empty()).map_err(ReadError::Visit);
        }
        let name = MemberName::of(&entry.path);
        let mut content = Content::new(content, found.format, name, found.given);
        if self.options.recursive && sniff(content.peek()?) != Format::Unknown {
            if place.depth < self.budget.limits().max_depth {
                return self.nested(&entry, &mut content);
            }
            self.visit_file(&entry, &mut content)?;
            self.report(
                &entry,
                &ArchiveError::Limit {
                    limit: LimitKind::Depth,
                    allowed: u64::from(self.budget.limits().max_depth),
                    member: MemberName::of(&entry.path),
                },
            );
            return Ok(());
        }
        self.visit_file(&entry, &mut content)
    }

    fn visit_file(&mut self, entry: &Entry, content: &mut Content<'_>) -> Result<(), ReadError<E>> {
        let visited = (self.visit)(entry, content);
        if visited.is_ok() {
            content.finish()?;
        }
        if let Some(error) = content.take_failure() {
            return Err(error.into());
        }
        visited.map_err(ReadError::Visit)
    }

    /// Puts a file that looks like an archive aside, visits it, and then what is in it.
    fn nested(&mut self, entry: &Entry, content: &mut Content<'_>) -> Result<(), ReadError<E>> {
        let mut spool = match Spool::fill(content, self.budget) {
            Ok(spool) => spool,
            Err(error) => return Err(content.take_failure().unwrap_or(error).into()),
        };
        let mut whole = (&mut spool.file).chain(&mut *content);
        let mut whole = Plain(&mut whole);
        let name = MemberName::of(&entry.path);
        let visited = self.visit_file(
            entry,
            &mut Content::new(&mut whole, "nested", name, entry.size),
        );
        if let Some(error) = content.take_failure() {
            // It is the cause of what the visitor ran into.
            return Err(error.into());
        }
        visited?;
        content.finish()?;
        if !spool.whole {
            let error = Spool::too_large(self.budget);
            self.report(entry, &error);
            return Ok(());
        }
        spool.file.rewind().map_err(spooling)?;
        let place = Place {
            origin: Origin::Nested,
            depth: entry.depth + 1,
            outer: Some(&entry.path),
        };
        let mut file = Source::new(&mut spool.file, None);
        match self.archive(place, Body::Seekable(&mut file)) {
            Ok(_) => Ok(()),
            Err(ReadError::Archive(error)) if !error.is_fatal() => {
                self.report(entry, &error);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Goes on without a member that cannot be read; fails if all of the archive is wanted.
    pub(super) fn leave_out(
        &mut self,
        place: Place<'_>,
        path: &[u8],
        error: ArchiveError,
    ) -> Result<(), ArchiveError> {
        if self.is_strict(place) {
            return Err(error);
        }
        self.budget.add_entry(path)?;
        let archive = place.outer;
        self.tell(&ArchiveProblem::LeftOut {
            archive,
            error: &error,
        });
        Ok(())
    }

    /// Tells of bytes that are passed over.
    pub(super) fn ignore(&self, place: Place<'_>, error: &ArchiveError) {
        let archive = place.outer;
        self.tell(&ArchiveProblem::Ignored { archive, error });
    }

    /// Whether all of the archive at `place` must be there and readable.
    pub(super) fn is_strict(&self, place: Place<'_>) -> bool {
        place.depth == 0 && self.options.require_end
    }

    fn report(&self, entry: &Entry, error: &ArchiveError) {
        let path = &entry.path;
        self.tell(&ArchiveProblem::Nested { path, error });
    }

    fn tell(&self, problem: &ArchiveProblem<'_>) {
        if let Some(handler) = &self.options.on_problem {
            handler(problem);
        }
    }
}

/// The bytes of an archive that must be read twice: in memory, or in an unnamed temporary file.
struct Spool {
    file: SpooledTempFile,
    /// Whether all bytes fitted.
    whole: bool,
}

impl Spool {
    /// Takes bytes from `input` until its end or the limit, and rewinds.
    fn fill(input: &mut dyn Read, budget: &Budget) -> Result<Self, ArchiveError> {
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

    fn too_large(budget: &Budget) -> ArchiveError {
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

fn spooling(source: io::Error) -> ArchiveError {
    ArchiveError::Io {
        action: "use a temporary file",
        offset: 0,
        source,
    }
}
