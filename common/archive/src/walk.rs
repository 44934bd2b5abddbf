//! Hands entries to the visitor, and archives among them back to the readers.

use std::io::{self, Read, Seek};

use super::budget::{Budget, ReadSeek, Source};
use super::content::{Content, Plain, Stored};
use super::entry::{Entry, EntryKind, EntryMetadata, Origin};
use super::error::{ArchiveError, LimitKind, MemberName, ReadError};
use super::kind::ArchiveKind;
use super::limits::ArchiveOptions;
use super::problem::ArchiveProblem;
use super::sniff::{Format, sniff};
use super::spool::{Spool, spooling};

/// The visitor, as the readers of the formats see it.
pub(super) type Visit<'a, E> = dyn FnMut(&Entry, &mut dyn Read) -> Result<(), E> + 'a;

/// Recognises the archive at a place, and hands its entries to the walk.
type OpenNested<E> =
    fn(&mut Walk<'_, E>, Place<'_>, &mut dyn ReadSeek) -> Result<ArchiveKind, ReadError<E>>;

/// One reading: the visitor with all that holds for the whole of it.
pub(super) struct Walk<'a, E> {
    pub(super) options: &'a ArchiveOptions,
    pub(super) budget: &'a Budget,
    pub(super) visit: &'a mut Visit<'a, E>,
    /// Reads an archive among the members; given by who knows the formats, which know this walk.
    pub(super) open_nested: OpenNested<E>,
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
        match (self.open_nested)(self, place, &mut file) {
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
