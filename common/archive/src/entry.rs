//! What an archive says about one of its members.

/// One member of an archive, as the archive describes it.
///
/// Everything in here was chosen by whoever made the archive: do not use it as a path before
/// checking it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path exactly as stored: any bytes, possibly absolute, with `..` or a trailing slash.
    ///
    /// Empty, or the name in the gzip header, for a single compressed file. For an entry of a
    /// nested archive it is the path of that archive, `/`, and the inner path.
    pub path: Vec<u8>,
    /// What the member is.
    pub kind: EntryKind,
    /// The bytes of content the visitor's reader gives, holes of sparse files included.
    ///
    /// `None` only for a single compressed file, whose size is known when it has been read; 0 for
    /// whatever has no content.
    pub size: Option<u64>,
    /// Which part of the archive holds the member.
    pub origin: Origin,
    /// How many archives are around the archive that holds the member: 0 for the outermost.
    pub depth: u32,
    /// Ownership, times and attributes, as far as the format stores them.
    pub metadata: EntryMetadata,
}

/// The type of an [`Entry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file, the only kind with content.
    File,
    /// A directory, without its members: they are entries of their own.
    Directory,
    /// A symbolic link to `target`, which is untrusted and need not exist.
    Symlink {
        /// Where it points, exactly as stored.
        target: Vec<u8>,
    },
    /// Another name of the member called `target`, which came earlier. It has no content.
    HardLink {
        /// The path of the other member, exactly as stored (never prefixed, even when nested).
        target: Vec<u8>,
    },
    /// A character device.
    CharDevice {
        /// Major device number.
        major: u32,
        /// Minor device number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major device number.
        major: u32,
        /// Minor device number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A tar member of a type unknown here, given by its type flag; its content is not read.
    Other(u8),
}

/// Which part of an archive an [`Entry`] belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An ordinary member, of a `.deb` one of `data.tar`.
    Member,
    /// A member of a `.deb`'s `control.tar`: not installed as a file.
    DebControl,
    /// A member of an archive that is itself a file in an archive.
    Nested,
}

/// Ownership, times and attributes of an [`Entry`]; `None` where the archive does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryMetadata {
    /// The 12 permission bits.
    pub mode: Option<u32>,
    /// The numeric id of the owner.
    pub uid: Option<u64>,
    /// The numeric id of the group.
    pub gid: Option<u64>,
    /// The owner's user name, as bytes: it may be no UTF-8.
    pub user: Option<Vec<u8>>,
    /// The group's name, as bytes: it may be no UTF-8.
    pub group: Option<Vec<u8>>,
    /// Time of last modification. Zip stores local time without a zone, so there only the
    /// extended timestamp (UTC) counts.
    pub mtime: Option<Timestamp>,
    /// Time of last access.
    pub atime: Option<Timestamp>,
    /// Extended attributes, name and value, sorted by name, each name once.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where a sparse file has data, as (offset, length) in rising order; the rest is holes.
    /// `None` if the file is not sparse, an empty list if it is one hole.
    pub sparse: Option<Vec<(u64, u64)>>,
}

/// A point in time: `seconds` since 1970-01-01T00:00:00Z plus `nanoseconds` forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Whole seconds, rounded down: half a second before 1970 is -1.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}
