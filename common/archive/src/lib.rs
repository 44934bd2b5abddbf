//! Archives as streams of entries, without unpacking them to disk.
//!
//! [`read_archive`] recognises an archive by its content, never by its name, and hands every entry
//! to a visitor, in order, with its content as a reader. What is read is hostile: nothing is
//! allocated by a declared size, all sizes are checked, and [`Limits`] bound the rest. A short
//! file is never given as a whole one: the reader ends with an error instead. A fault that costs no byte of
//! a visited file, such as garbage after the end, is reported to [`ArchiveOptions::on_problem`].
//!
//! | content | kind | entries |
//! |---|---|---|
//! | `ar` that begins with `debian-binary` | [`ArchiveKind::Deb`] | members of `control.tar*`, then of `data.tar*` |
//! | tar, also compressed, once or twice | [`ArchiveKind::Tar`] | its members |
//! | zip (`.whl`, `.jar`, ...), also behind a program that unpacks it | [`ArchiveKind::Zip`] | its members |
//! | gzip, xz, lzma, bzip2, zstd that hold no tar | [`ArchiveKind::Compressed`] | the one file |
//! | anything else, other `ar` files included | [`ArchiveKind::NotArchive`] | none |
//!
//! [`TarWriter`] writes the other way: deterministic pax archives that keep every byte of a name.

mod budget;
mod compressed;
mod content;
mod deb;
mod decompress;
mod entry;
mod error;
mod formats;
mod kind;
mod limit_settings;
mod limits;
mod problem;
mod read;
mod sniff;
mod spool;
mod streams;
mod tar;
mod tar_header;
mod tar_writer;
mod walk;
mod with_holes;
mod xz;
mod zip;
mod zstd_frames;

pub use entry::{Entry, EntryKind, EntryMetadata, Origin, Timestamp};
pub use error::{ArchiveError, LimitKind, MemberName, ReadError};
pub use kind::{ArchiveKind, Compression};
pub use limit_settings::{LimitSettings, LimitSettingsError};
pub use limits::{ArchiveOptions, Limits, MayGoOn};
pub use problem::{ArchiveProblem, ProblemHandler};
pub use read::{Input, read_archive};
pub use tar_writer::{TarHeader, TarWriteError, TarWriter};
pub use with_holes::WithHoles;

#[cfg(test)]
mod tests;
