//! Recognises an archive and reads it.

use std::fs::File;
use std::io::{Read, Seek};

use super::budget::{Budget, Source};
use super::entry::Entry;
use super::error::ReadError;
use super::formats::{Body, read_body, read_nested};
use super::kind::ArchiveKind;
use super::limits::ArchiveOptions;
use super::walk::{Place, Walk};

/// Where the bytes of an archive come from.
pub enum Input<'a> {
    /// A file, read from its start. If it cannot seek (a pipe), it is read as a stream.
    File(File),
    /// Anything else. It is read to its end, and a zip is put aside in an unnamed temporary file.
    Stream(&'a mut dyn Read),
}

/// Reads an archive and calls `visit` for every entry, in stored order.
///
/// The visitor gets the content of [`EntryKind::File`](super::EntryKind::File) entries as a
/// reader (of others an empty one) and may leave it unread. The reader ends with an error, never
/// just early, if the archive does; the result is then [`ReadError::Archive`], whatever the
/// visitor makes of it. A visitor's own error stops the reading and is returned as
/// [`ReadError::Visit`]. Entries visited before an error have been read in full and are sound as
/// far as their format can tell.
pub fn read_archive<E>(
    input: Input<'_>,
    options: &ArchiveOptions,
    visit: &mut dyn FnMut(&Entry, &mut dyn Read) -> Result<(), E>,
) -> Result<ArchiveKind, ReadError<E>> {
    match input {
        Input::File(mut file) => match file.rewind() {
            Ok(()) => {
                let length = file.metadata().map_or(0, |metadata| metadata.len());
                let budget = Budget::of(options, length);
                // Devices tell no length; what is read of them counts instead.
                let counted_by = (length == 0).then_some(&budget);
                let mut source = Source::new(file, counted_by).watched_by(&budget);
                let mut walk = Walk {
                    options,
                    budget: &budget,
                    visit,
                    open_nested: read_nested,
                };
                read_body(&mut walk, Place::OUTERMOST, Body::Seekable(&mut source))
            }
            Err(_) => read_archive(Input::Stream(&mut file), options, visit),
        },
        Input::Stream(stream) => {
            let budget = Budget::of(options, 0);
            let mut source = Source::new(stream, Some(&budget)).watched_by(&budget);
            let mut walk = Walk {
                options,
                budget: &budget,
                visit,
                open_nested: read_nested,
            };
            read_body(&mut walk, Place::OUTERMOST, Body::Stream(&mut source))
        }
    }
}
