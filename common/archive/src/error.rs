//! What can go wrong with an archive.

use std::fmt;
use std::io;

use thiserror::Error;

/// Why [`read_archive`](super::read_archive) stopped.
#[derive(Debug, Error)]
pub enum ReadError<E> {
    /// The archive is broken, beyond a limit, or could not be read.
    ///
    /// Also when the visitor failed because its reader did: this is then the cause.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The visitor returned this error.
    #[error(transparent)]
    Visit(E),
}

/// A fault of an archive, with the member and the place where it was found.
///
/// Offsets count bytes of the layer named: of the decompressed tar for a compressed one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The archive ends too early.
    #[error(
        "{format} archive ends in the middle of {member} at byte {offset}: the file is cut short"
    )]
    Truncated {
        /// The format that ended.
        format: &'static str,
        /// The member or structure that is incomplete.
        member: MemberName,
        /// Where the data ends.
        offset: u64,
    },
    /// A tar archive ends between two members, without its end marker.
    #[error(
        "tar archive ends at byte {offset} without its end marker: it is cut short, unless the \
         program that made it leaves that out"
    )]
    NoEnd {
        /// Where the data ends.
        offset: u64,
    },
    /// A package lacks a member that its format demands.
    #[error("{format} package has no {missing} member: it is cut short, or no such package")]
    MissingMember {
        /// The format of the package.
        format: &'static str,
        /// The member's name, without the ending of its compression.
        missing: &'static str,
    },
    /// Bytes follow the end of compressed data. They are no part of it, and are not read.
    #[error("garbage after the {compression} data, which decompresses to {offset} bytes")]
    Trailing {
        /// The name of the compression.
        compression: &'static str,
        /// Bytes of decompressed data.
        offset: u64,
    },
    /// The archive contradicts its format or itself.
    #[error("{format} archive is damaged at byte {offset}, {member}: {reason}")]
    Corrupt {
        /// The format that is violated.
        format: &'static str,
        /// The member or structure concerned.
        member: MemberName,
        /// Where it was found.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// Compressed data is damaged or cut short.
    #[error("{compression} data is damaged or cut short near byte {offset}")]
    Decode {
        /// The name of the compression.
        compression: &'static str,
        /// Bytes of decompressed data before the fault.
        offset: u64,
        /// What the decompressor says.
        source: io::Error,
    },
    /// The archive asks for more than the [`Limits`](super::Limits) allow.
    #[error(
        "{member} exceeds the limit {limit} of {allowed}; raise the setting `package_limits.{limit}` if the \
         archive is to be trusted"
    )]
    Limit {
        /// The limit that was hit.
        limit: LimitKind,
        /// The highest value that the limit allows.
        allowed: u64,
        /// Where in the archive.
        member: MemberName,
    },
    /// A zip member needs a password.
    #[error("{member} is encrypted; decrypt the archive first")]
    Encrypted {
        /// The name of the encrypted member.
        member: MemberName,
    },
    /// The archive uses a part of its format that is not supported.
    #[error("{format} archive uses what is not supported, {member}: {reason}")]
    Unsupported {
        /// The format of the archive, as `tar` or `zip`.
        format: &'static str,
        /// The member or structure concerned.
        member: MemberName,
        /// What is not supported.
        reason: String,
    },
    /// The archive, or the temporary file it is put aside in, could not be read or written.
    #[error("cannot {action} at byte {offset}")]
    Io {
        /// The act that failed, as a verb with its object.
        action: &'static str,
        /// The offset in bytes, in the stream that was being read.
        offset: u64,
        /// The system's error.
        source: io::Error,
    },
    /// [`ArchiveOptions::may_go_on`](super::ArchiveOptions::may_go_on) ended the reading.
    #[error("the archive is not read to its end")]
    Stopped(#[source] io::Error),
}

/// Names the field of [`Limits`](super::Limits) that was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitKind {
    /// The limit [`Limits::max_entries`](super::Limits::max_entries).
    Entries,
    /// The limit [`Limits::max_total_bytes`](super::Limits::max_total_bytes).
    TotalBytes,
    /// The limit [`Limits::max_hole_bytes`](super::Limits::max_hole_bytes).
    HoleBytes,
    /// The limit [`Limits::max_ratio`](super::Limits::max_ratio).
    Ratio,
    /// The limit [`Limits::max_depth`](super::Limits::max_depth).
    Depth,
    /// The limit [`Limits::max_decoder_memory`](super::Limits::max_decoder_memory).
    DecoderMemory,
    /// The limit [`Limits::max_extension_bytes`](super::Limits::max_extension_bytes).
    ExtensionBytes,
    /// The limit [`Limits::max_global_bytes`](super::Limits::max_global_bytes).
    GlobalBytes,
    /// The limit [`Limits::max_sparse_extents`](super::Limits::max_sparse_extents).
    SparseExtents,
    /// The limit [`Limits::max_spool_bytes`](super::Limits::max_spool_bytes).
    SpoolBytes,
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Entries => "max_entries",
            Self::TotalBytes => "max_total_bytes",
            Self::HoleBytes => "max_hole_bytes",
            Self::Ratio => "max_ratio",
            Self::Depth => "max_depth",
            Self::DecoderMemory => "max_decoder_memory",
            Self::ExtensionBytes => "max_extension_bytes",
            Self::GlobalBytes => "max_global_bytes",
            Self::SparseExtents => "max_sparse_extents",
            Self::SpoolBytes => "max_spool_bytes",
        })
    }
}

/// A member's name for people to read: control characters and broken UTF-8 are escaped, long
/// names are shortened. Never use it as a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberName(String);

impl MemberName {
    /// Names a member by its stored path.
    pub(super) fn of(path: &[u8]) -> Self {
        const SHOWN: usize = 200;
        let mut shown = String::from("`");
        for chunk in path[..path.len().min(SHOWN)].utf8_chunks() {
            for c in chunk.valid().chars() {
                if c.is_control() {
                    shown.extend(c.escape_default());
                } else {
                    shown.push(c);
                }
            }
            shown.extend(chunk.invalid().escape_ascii().map(char::from));
        }
        shown.push_str(if path.len() > SHOWN { "...`" } else { "`" });
        Self(shown)
    }

    /// Names a structure of the archive, such as "a header".
    pub(super) fn part(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ArchiveError {
    /// Whether it ends the whole reading even when found in a nested archive: limits that count
    /// over all levels, and faults of this machine rather than of the archive.
    pub(super) fn is_fatal(&self) -> bool {
        match self {
            Self::Limit { limit, .. } => {
                matches!(
                    limit,
                    LimitKind::Entries
                        | LimitKind::TotalBytes
                        | LimitKind::HoleBytes
                        | LimitKind::Ratio
                )
            }
            Self::Io { .. } | Self::Stopped(_) => true,
            _ => false,
        }
    }

    /// Carries it through a [`Read`](std::io::Read) interface; [`ArchiveError::take`] gets it out.
    pub(super) fn into_io(self) -> io::Error {
        let kind = match &self {
            Self::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            Self::Io { source, .. } | Self::Stopped(source) => source.kind(),
            Self::Unsupported { .. } | Self::Encrypted { .. } => io::ErrorKind::Unsupported,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, self)
    }

    /// Gets back what [`ArchiveError::into_io`] hid, or else what `other` makes of the error.
    pub(super) fn take(error: io::Error, other: impl FnOnce(io::Error) -> Self) -> Self {
        error.downcast::<Self>().unwrap_or_else(other)
    }
}
