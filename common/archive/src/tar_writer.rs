//! Writes tar archives in the pax format (POSIX.1-2001).
//!
//! A plain ustar header where that can say everything, and a pax header before it for the rest,
//! so that old programs get along as far as they can.

mod acl;
mod error;
mod header;
mod records;
mod sparse;

use std::io::{self, Read, Write};

use crc32fast::Hasher as Crc;

pub use self::error::TarWriteError;
use self::header::{Block, TypeFlag};
use self::records::Records;
use self::sparse::{Layout, Piece};
use super::entry::{EntryKind, EntryMetadata};
use super::error::MemberName;
use super::tar::checksum;

/// What [`TarWriter::append`] writes about a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TarHeader {
    /// The path: any bytes but NUL, of any length, not empty. A directory's gets a slash at its
    /// end if it has none; other members' must not have one.
    pub path: Vec<u8>,
    /// What the member is; [`EntryKind::Other`] is refused.
    pub kind: EntryKind,
    /// The size in bytes of a file, holes included; ignored for everything else.
    pub size: u64,
    /// Ownership, times and attributes. Absent numbers are written as 0, an absent mode as 0644,
    /// for directories 0755. With `sparse`, `content` gives only the data of these
    /// extents, and little more is stored (zeros up to the next multiple of 512).
    pub metadata: EntryMetadata,
}

/// Writes a tar archive in the pax format, member by member.
///
/// The same members give the same bytes. [`TarWriter::finish`] must be called: an archive
/// without its end looks cut short.
#[derive(Debug)]
pub struct TarWriter<W: Write> {
    inner: W,
    written: u64,
    crc: Crc,
    usable: bool,
}

impl<W: Write> TarWriter<W> {
    /// Begins an archive. Wrap `inner` in a [`BufWriter`](std::io::BufWriter) if its writes are
    /// costly: headers are written 512 bytes at a time.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            written: 0,
            crc: Crc::new(),
            usable: true,
        }
    }

    /// Adds a member.
    ///
    /// For a file, reads exactly the promised bytes of `content` and leaves the rest (a file may
    /// grow meanwhile); with fewer it fails. After an error that is not
    /// [`TarWriteError::Unstorable`] the archive is unusable.
    pub fn append(
        &mut self,
        header: &TarHeader,
        content: &mut dyn Read,
    ) -> Result<(), TarWriteError> {
        if !self.usable {
            return Err(TarWriteError::Unusable);
        }
        let plan = Plan::new(header)?;
        self.usable = false;
        self.write(&plan.head)?;
        for piece in &plan.pieces {
            match *piece {
                Piece::Zeros(count) => self.copy(&header.path, count, &mut io::repeat(0))?,
                Piece::Content(count) => self.copy(&header.path, count, content)?,
            }
        }
        self.write(&[0; 512][..padding(plan.data_bytes)])?;
        self.usable = true;
        Ok(())
    }

    /// Ends the archive, with a checksum of all of it, and gives back what it was written to, not flushed.
    pub fn finish(mut self) -> Result<W, TarWriteError> {
        if !self.usable {
            return Err(TarWriteError::Unusable);
        }
        self.write(&[0; 1024])?;
        self.write(&checksum::block(self.crc.clone().finalize()))?;
        Ok(self.inner)
    }

    /// What the archive is written to.
    pub fn get_ref(&self) -> &W {
        &self.inner
    }

    /// What the archive is written to; writing to it oneself spoils the archive.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TarWriteError> {
        self.inner
            .write_all(bytes)
            .map_err(|source| TarWriteError::Write {
                offset: self.written,
                source,
            })?;
        self.crc.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn copy(
        &mut self,
        path: &[u8],
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), TarWriteError> {
        let mut buffer = vec![0; usize::try_from(size).map_or(64 << 10, |n| n.min(64 << 10))];
        let mut left = size;
        while left > 0 {
            let wanted = usize::try_from(left).map_or(buffer.len(), |n| n.min(buffer.len()));
            match content.read(&mut buffer[..wanted]) {
                Ok(0) => {
                    let member = MemberName::of(path);
                    let actual = size - left;
                    return Err(TarWriteError::ShortContent {
                        member,
                        expected: size,
                        actual,
                    });
                }
                Ok(count) => {
                    self.write(&buffer[..count])?;
                    left -= count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(TarWriteError::Content {
                        member: MemberName::of(path),
                        source,
                    });
                }
            }
        }
        Ok(())
    }
}

/// Zero bytes after `size` bytes of content.
fn padding(size: u64) -> usize {
    usize::try_from(size.next_multiple_of(512) - size).unwrap_or(0)
}

/// All that comes before the content of a member.
struct Plan {
    head: Vec<u8>,
    pieces: Vec<Piece>,
    data_bytes: u64,
}

impl Plan {
    fn new(header: &TarHeader) -> Result<Self, TarWriteError> {
        let refuse = |reason| TarWriteError::Unstorable {
            member: MemberName::of(&header.path),
            reason,
        };
        let type_flag = TypeFlag::of(&header.kind).ok_or_else(|| refuse("its type is unknown"))?;
        let mut path = header.path.clone();
        check_name(&path).map_err(refuse)?;
        if header.kind == EntryKind::Directory {
            if !path.ends_with(b"/") {
                path.push(b'/');
            }
        } else if path.ends_with(b"/") {
            return Err(refuse("only the path of a directory may end with a slash"));
        }
        let is_file = header.kind == EntryKind::File;
        let size = if is_file { header.size } else { 0 };
        let sparse = header.metadata.sparse.as_deref().filter(|_| is_file);
        let layout = match sparse {
            Some(extents) => Layout::new(extents, size).map_err(refuse)?,
            None => Layout {
                map: Vec::new(),
                pieces: vec![Piece::Content(size)],
                data_bytes: size,
            },
        };
        let Layout {
            map,
            pieces,
            data_bytes,
        } = layout;
        let stored = data_bytes
            .checked_add(map.len() as u64)
            .filter(|&stored| stored <= i64::MAX as u64 - 512)
            .ok_or_else(|| refuse("it is too large"))?;

        let mut records = Records::default();
        let mut block = Block::new(type_flag);
        if sparse.is_some() {
            records.sparse(&path, size);
            block.path(&records::sparse_fallback(&path));
        } else {
            records.name("path", &path, 100);
            block.path(&path);
        }
        link(&header.kind, &mut records, &mut block).map_err(refuse)?;
        records.size(stored);
        block.size(stored);
        metadata(&header.metadata, &header.kind, &mut records, &mut block).map_err(refuse)?;

        let mut head = records.into_blocks(&path);
        head.extend_from_slice(&block.finish());
        head.extend_from_slice(&map);
        Ok(Self {
            head,
            pieces,
            data_bytes,
        })
    }
}

fn check_name(name: &[u8]) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("its name is empty");
    }
    if name.contains(&0) {
        return Err("its name contains a NUL");
    }
    Ok(())
}

fn link(kind: &EntryKind, records: &mut Records, block: &mut Block) -> Result<(), &'static str> {
    match kind {
        EntryKind::Symlink { target } | EntryKind::HardLink { target } => {
            check_name(target).map_err(|_| "the target is empty or contains a NUL")?;
            records.name("linkpath", target, 100);
            block.link_path(target);
        }
        EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor } => {
            block.device(*major, *minor);
        }
        _ => {}
    }
    Ok(())
}

fn metadata(
    metadata: &EntryMetadata,
    kind: &EntryKind,
    records: &mut Records,
    block: &mut Block,
) -> Result<(), &'static str> {
    let usual = if *kind == EntryKind::Directory {
        0o755
    } else {
        0o644
    };
    block.mode(metadata.mode.unwrap_or(usual) & 0o7777);
    let (uid, gid) = (metadata.uid.unwrap_or(0), metadata.gid.unwrap_or(0));
    records.id("uid", uid);
    records.id("gid", gid);
    block.owner(uid, gid);
    let user = metadata.user.as_deref().unwrap_or_default();
    let group = metadata.group.as_deref().unwrap_or_default();
    if user.contains(&0) || group.contains(&0) {
        return Err("the name of its owner or group contains a NUL");
    }
    records.name("uname", user, 31);
    records.name("gname", group, 31);
    block.owner_names(user, group);
    if [metadata.mtime, metadata.atime]
        .iter()
        .flatten()
        .any(|time| time.nanoseconds >= 1_000_000_000)
    {
        return Err("a time has a second or more of nanoseconds");
    }
    if let Some(mtime) = metadata.mtime {
        records.mtime(mtime);
        block.mtime(mtime.seconds);
    }
    if let Some(atime) = metadata.atime {
        records.time("atime", atime);
    }
    let mut xattrs: Vec<_> = metadata.xattrs.iter().collect();
    xattrs.sort();
    for (name, value) in xattrs {
        check_name(name).map_err(|_| "an attribute's name is empty or contains a NUL")?;
        records.xattr(name, value);
        if let Some((keyword, text)) = acl::record(name, value) {
            records.acl(keyword, &text);
        }
    }
    Ok(())
}
