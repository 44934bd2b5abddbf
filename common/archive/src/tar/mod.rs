//! Tar archives: v7, ustar, GNU and pax, in any mixture.
//!
//! Only the header fields are read with the `tar` crate. Its pax parser cuts records at newlines
//! and it reads extension headers of any size, so these parts are done here.

mod blocks;
pub(super) mod checksum;
mod pax;
mod sparse;

use std::io::Read;

use tar::Header;

use self::blocks::{Blocks, FORMAT};
use self::pax::Attributes;
use self::sparse::Map;
use super::entry::{EntryKind, EntryMetadata};
use super::error::{ArchiveError, LimitKind, MemberName, ReadError};
use super::kind::ArchiveKind;
use super::limits::Limits;
use super::tar_header;
use super::walk::{Found, Place, Walk};

/// Visits the members of a tar archive.
///
/// It ends at the first block of zeros, as for GNU tar, and what follows is read but ignored. An
/// input that ends at a header boundary without such a block is accepted, as all tar programs
/// do: every member is whole; unless both blocks of the end were asked for. An end anywhere else
/// is an error.
pub(super) fn read<E>(
    walk: &mut Walk<'_, E>,
    place: Place<'_>,
    input: &mut dyn Read,
) -> Result<ArchiveKind, ReadError<E>> {
    let whole = place.depth == 0 && walk.options.require_end;
    let mut blocks = Blocks::new(input, whole);
    let mut pending = Pending::default();
    let mut has_end = !whole;
    while let Some(block) = blocks.next()? {
        if block == [0; 512] {
            has_end = has_end || blocks.next()? == Some([0; 512]);
            blocks.end()?;
            break;
        }
        if !tar_header::checksum_matches(&block) {
            return Err(blocks.corrupt("a header", "the checksum is wrong").into());
        }
        let header = Header::from_byte_slice(&block);
        let size = stored_size(header, &blocks)?;
        if pending.extend(header, size, &mut blocks, walk.budget.limits())? {
            if let Some(fault) = pending.fault.take() {
                if whole {
                    return Err(fault.into());
                }
                walk.ignore(place, &fault);
            }
            continue;
        }
        let is_pax = pending.is_pax;
        let attributes = pending.take();
        let size = Size {
            stored: size,
            is_pax,
        };
        member(walk, place, header, size, attributes, &mut blocks)?;
    }
    if pending.is_some() {
        let member = MemberName::part("an extension header: its member is missing");
        return Err(blocks.truncated(member).into());
    }
    if !has_end {
        return Err(ArchiveError::NoEnd {
            offset: blocks.offset(),
        }
        .into());
    }
    Ok(ArchiveKind::Tar)
}

/// What extension headers say about the member that follows them.
#[derive(Default)]
struct Pending {
    global: Attributes,
    local: Option<Attributes>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    /// Whether there was any pax header.
    is_pax: bool,
    /// Where a pax header has no record; the rest of it was not taken in.
    fault: Option<ArchiveError>,
}

/// What a header says of the content of its member.
#[derive(Clone, Copy)]
struct Size {
    stored: u64,
    /// Whether the archive is a pax one, where hard links may have content.
    is_pax: bool,
}

impl Pending {
    /// Takes in an extension header; `false` if `header` is a member.
    fn extend(
        &mut self,
        header: &Header,
        size: u64,
        blocks: &mut Blocks<'_>,
        limits: &Limits,
    ) -> Result<bool, ArchiveError> {
        let limit = limits.max_extension_bytes;
        match header.as_old().linkflag[0] {
            b'L' => self.long_name = Some(long_text(size, blocks, limit)?),
            b'K' => self.long_link = Some(long_text(size, blocks, limit)?),
            b'g' => {
                let data = blocks.extension(size, limit)?;
                self.is_pax = true;
                self.fault = applied(self.global.apply(&data), blocks)?;
                if self.global.kept_bytes() as u64 > limits.max_global_bytes {
                    return Err(ArchiveError::Limit {
                        limit: LimitKind::GlobalBytes,
                        allowed: limits.max_global_bytes,
                        member: MemberName::part("a global pax header"),
                    });
                }
            }
            // `X` is what Solaris wrote before there was a standard.
            b'x' | b'X' => {
                let data = blocks.extension(size, limit)?;
                if self.local.is_some() {
                    return Err(blocks.corrupt("a pax header", "a second one for one member"));
                }
                let mut local = self.global.clone();
                self.is_pax = true;
                self.fault = applied(local.apply(&data), blocks)?;
                self.local = Some(local);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What holds for the next member. Pax names win over GNU ones, as for GNU tar.
    fn take(&mut self) -> Attributes {
        let mut all = self.local.take().unwrap_or_else(|| self.global.clone());
        let (name, link) = (self.long_name.take(), self.long_link.take());
        all.path = all.path.or(name);
        all.link_path = all.link_path.or(link);
        all
    }

    fn is_some(&self) -> bool {
        self.local.is_some() || self.long_name.is_some() || self.long_link.is_some()
    }
}

/// Where a pax header has no record at all, the rest is passed over, as `bsdtar` does. Records that
/// make no sense are refused: they may tell sizes.
fn applied(
    result: Result<(), pax::Fault>,
    blocks: &Blocks<'_>,
) -> Result<Option<ArchiveError>, ArchiveError> {
    let Err(fault) = result else {
        return Ok(None);
    };
    let reason = format!("{}, {} bytes into it", fault.reason, fault.offset);
    let error = blocks.corrupt("a pax header", &reason);
    if fault.is_no_record {
        Ok(Some(error))
    } else {
        Err(error)
    }
}

fn long_text(size: u64, blocks: &mut Blocks<'_>, limit: u64) -> Result<Vec<u8>, ArchiveError> {
    let data = blocks.extension(size, limit)?;
    Ok(tar_header::text(&data).to_vec())
}

fn stored_size(header: &Header, blocks: &Blocks<'_>) -> Result<u64, ArchiveError> {
    let field = &header.as_old().size;
    if tar_header::is_blank(field) {
        return Ok(0);
    }
    let size = tar_header::number(field).and_then(|size| i64::try_from(size).ok());
    size.and_then(|size| u64::try_from(size).ok())
        .ok_or_else(|| blocks.corrupt("a header", "the size is no number"))
}

/// Visits one member and passes to the next header.
fn member<E>(
    walk: &mut Walk<'_, E>,
    place: Place<'_>,
    header: &Header,
    size: Size,
    mut attributes: Attributes,
    blocks: &mut Blocks<'_>,
) -> Result<(), ReadError<E>> {
    let path = attributes
        .path
        .take()
        .unwrap_or_else(|| tar_header::path(header));
    let path = attributes.sparse.name.take().unwrap_or(path);
    let mut kind = kind(header, &mut attributes, &path)?;
    let mut stored = attributes.size.unwrap_or(size.stored);
    if i64::try_from(stored).is_err() {
        return Err(blocks.corrupt_member(&path, "the size is too large").into());
    }
    if is_linked_with_content(&kind, header, stored, size.is_pax, blocks)? {
        kind = EntryKind::File;
    }
    if !has_content(&kind, header) {
        // Programs that put a size here (of the linked file, say) store no content for it.
        stored = 0;
    }
    let map = if kind == EntryKind::File {
        sparse_map(header, &attributes, &mut stored, &path, blocks, walk)?
    } else {
        None
    };
    let metadata = metadata(header, attributes, map.as_ref());
    let is_file = kind == EntryKind::File;
    let size = if is_file {
        map.as_ref().map_or(stored, |map| map.real_size)
    } else {
        0
    };
    let budget = walk.budget;
    let skip_holes = walk.options.skip_holes;
    let found = Found {
        format: FORMAT,
        path: path.clone(),
        kind,
        size: Some(size),
        given: Some(if skip_holes && is_file { stored } else { size }),
        metadata,
    };
    let mut data = blocks.data(stored);
    match &map {
        Some(map) if !skip_holes => walk.found(
            place,
            found,
            &mut sparse::Expanded::new(&mut data, map, &path, budget),
        )?,
        _ => walk.found(place, found, &mut data)?,
    }
    let left = data.left;
    blocks.pass(left, stored, &path)?;
    Ok(())
}

/// Whether a hard link brings its content along, which makes it a file for all who ask for
/// content. Pax archives may have such; of others those do where no header follows.
fn is_linked_with_content(
    kind: &EntryKind,
    header: &Header,
    stored: u64,
    is_pax: bool,
    blocks: &mut Blocks<'_>,
) -> Result<bool, ArchiveError> {
    if stored == 0 || !matches!(kind, EntryKind::HardLink { .. }) {
        return Ok(false);
    }
    if is_pax {
        return Ok(true);
    }
    if header.as_ustar().is_none() {
        return Ok(false);
    }
    let next = blocks.peek()?;
    Ok(!next.iter().all(|&byte| byte == 0) && !tar_header::is_header(next))
}

fn kind(
    header: &Header,
    attributes: &mut Attributes,
    path: &[u8],
) -> Result<EntryKind, ArchiveError> {
    let extras = tar_header::extras(header);
    let major = attributes.device.0.unwrap_or(extras.major);
    let minor = attributes.device.1.unwrap_or(extras.minor);
    let mut target = || {
        let stored = || tar_header::text(&header.as_old().linkname).to_vec();
        attributes.link_path.take().unwrap_or_else(stored)
    };
    Ok(match header.as_old().linkflag[0] {
        // v7 had no type for directories; 7 is a contiguous file.
        0 | b'0' if path.ends_with(b"/") => EntryKind::Directory,
        0 | b'0' | b'7' | b'S' => EntryKind::File,
        b'1' => EntryKind::HardLink { target: target() },
        b'2' => EntryKind::Symlink { target: target() },
        b'3' => EntryKind::CharDevice { major, minor },
        b'4' => EntryKind::BlockDevice { major, minor },
        // D is a directory of a GNU incremental dump, with a list as its content.
        b'5' | b'D' => EntryKind::Directory,
        b'6' => EntryKind::Fifo,
        b'M' => {
            return Err(ArchiveError::Unsupported {
                format: FORMAT,
                member: MemberName::of(path),
                reason: "it continues a member of another volume; join the volumes first"
                    .to_owned(),
            });
        }
        other => EntryKind::Other(other),
    })
}

fn has_content(kind: &EntryKind, header: &Header) -> bool {
    match kind {
        EntryKind::File | EntryKind::Other(_) => true,
        EntryKind::Directory => header.as_old().linkflag[0] != b'5',
        _ => false,
    }
}

/// The map of a sparse file; a map before the data is taken off `stored`.
fn sparse_map<E>(
    header: &Header,
    attributes: &Attributes,
    stored: &mut u64,
    path: &[u8],
    blocks: &mut Blocks<'_>,
    walk: &Walk<'_, E>,
) -> Result<Option<Map>, ArchiveError> {
    let limit = walk.budget.limits().max_sparse_extents;
    let records = &attributes.sparse;
    if header.as_old().linkflag[0] == b'S' {
        let Some(header) = header.as_gnu() else {
            return Err(blocks.corrupt_member(path, "a sparse file without a GNU header"));
        };
        return sparse::old_map(header, *stored, blocks, limit).map(Some);
    }
    let Some(real_size) = records.real_size else {
        return Ok(None);
    };
    match (records.major, records.minor) {
        (Some(1), _) => {
            let (map, data) = sparse::inline_map(real_size, *stored, blocks, limit)?;
            *stored = data;
            Ok(Some(map))
        }
        (None | Some(0), _) => {
            let Some(extents) = &records.map else {
                return Ok(None);
            };
            sparse::check_count(extents.len() as u64, limit)?;
            let map = Map::new(extents.clone(), real_size, *stored);
            map.map(Some)
                .map_err(|why| blocks.corrupt_member(path, why))
        }
        (Some(_), _) => Err(ArchiveError::Unsupported {
            format: FORMAT,
            member: MemberName::of(path),
            reason: "an unknown version of sparse files".to_owned(),
        }),
    }
}

fn metadata(header: &Header, attributes: Attributes, map: Option<&Map>) -> EntryMetadata {
    let old = header.as_old();
    let extras = tar_header::extras(header);
    let owned = |name: Option<&[u8]>| name.map(<[u8]>::to_vec);
    EntryMetadata {
        mode: tar_header::maybe::<u32>(&old.mode).map(|mode| mode & 0o7777),
        uid: attributes.uid.or_else(|| tar_header::maybe(&old.uid)),
        gid: attributes.gid.or_else(|| tar_header::maybe(&old.gid)),
        user: attributes.user.or_else(|| owned(extras.user)),
        group: attributes.group.or_else(|| owned(extras.group)),
        mtime: attributes.mtime.or_else(|| tar_header::time(&old.mtime)),
        atime: attributes.atime.or(extras.atime),
        xattrs: attributes.xattrs.into_iter().collect(),
        sparse: map.map(|map| map.extents.clone()),
    }
}
