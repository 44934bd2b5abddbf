//! Debian packages: deb(5), which are `ar` archives of tar archives.

use std::io::{self, Read};

use super::compressed::read_tar;
use super::entry::Origin;
use super::error::{ArchiveError, MemberName, ReadError};
use super::read::ArchiveKind;
use super::walk::{Place, Walk, reading};

const FORMAT: &str = "deb";
const MAGIC: &[u8] = b"!<arch>\n";
/// Name, three times unused, mode, size and an end mark.
const HEADER_BYTES: usize = 60;

/// Visits the members of `control.tar*` and `data.tar*` in stored order.
///
/// Both must be there once. Members that deb(5) lets others add (`_gpgorigin` and the like) are
/// passed over.
pub(super) fn read<E>(
    walk: &mut Walk<'_, E>,
    place: Place<'_>,
    input: &mut dyn Read,
) -> Result<ArchiveKind, ReadError<E>> {
    let mut ar = Ar { input, offset: 0 };
    ar.magic()?;
    let (mut control, mut data) = (false, false);
    while let Some(header) = ar.next()? {
        let (seen, origin) = if header.name.starts_with(b"control.tar") {
            (&mut control, Origin::DebControl)
        } else if header.name.starts_with(b"data.tar") {
            (&mut data, Origin::Member)
        } else {
            ar.skip(&header)?;
            continue;
        };
        if std::mem::replace(seen, true) {
            return Err(ar.corrupt(&header.name, "the member comes twice").into());
        }
        let origin = if place.outer.is_some() {
            Origin::Nested
        } else {
            origin
        };
        ar.member(&header, |member| {
            read_tar(walk, Place { origin, ..place }, member)
        })?;
    }
    if !(control && data) {
        let missing = if control { "data.tar" } else { "control.tar" };
        let member = MemberName::part(missing);
        return Err(ArchiveError::Truncated {
            format: FORMAT,
            member,
            offset: ar.offset,
        }
        .into());
    }
    Ok(ArchiveKind::Deb)
}

/// An `ar` archive as dpkg writes it: plain names, no tables.
struct Ar<'r> {
    input: &'r mut dyn Read,
    offset: u64,
}

struct Header {
    name: Vec<u8>,
    size: u64,
}

impl Ar<'_> {
    fn magic(&mut self) -> Result<(), ArchiveError> {
        let mut magic = [0; MAGIC.len()];
        if self.fill(&mut magic)? == MAGIC.len() && magic == MAGIC {
            return Ok(());
        }
        Err(self.corrupt(b"", "the magic is missing"))
    }

    /// The header of the next member.
    fn next(&mut self) -> Result<Option<Header>, ArchiveError> {
        let mut bytes = [0; HEADER_BYTES];
        let count = self.fill(&mut bytes)?;
        if count == 0 {
            return Ok(None);
        }
        if count < bytes.len() {
            return Err(self.truncated(MemberName::part("a member header")));
        }
        parse_header(&bytes)
            .map(Some)
            .map_err(|reason| self.corrupt(&bytes[..16], &reason))
    }

    /// Lets `read` have the member, then checks that all of it was there.
    ///
    /// The length is counted here: a reader of what is inside cannot know that its input ended
    /// before the size in the header.
    fn member<E>(
        &mut self,
        header: &Header,
        read: impl FnOnce(&mut dyn Read) -> Result<(), ReadError<E>>,
    ) -> Result<(), ReadError<E>> {
        let offset = self.offset;
        let mut member = Member {
            input: &mut *self.input,
            left: header.size,
            offset,
        };
        let result = read(&mut member);
        let left = member.left;
        self.offset += header.size - left;
        result?;
        Ok(self.pass(header, left)?)
    }

    fn skip(&mut self, header: &Header) -> Result<(), ArchiveError> {
        self.pass(header, header.size)
    }

    /// Passes the rest of a member and the byte that makes its size even.
    fn pass(&mut self, header: &Header, left: u64) -> Result<(), ArchiveError> {
        let passed = io::copy(&mut (&mut *self.input).take(left), &mut io::sink());
        let passed = passed.map_err(reading)?;
        self.offset += passed;
        if passed < left {
            return Err(self.truncated(MemberName::of(&header.name)));
        }
        if header.size % 2 == 1 {
            // Some writers leave the last one out.
            self.fill(&mut [0])?;
        }
        Ok(())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ArchiveError> {
        let mut count = 0;
        while count < buffer.len() {
            match self.input.read(&mut buffer[count..]).map_err(reading)? {
                0 => break,
                more => count += more,
            }
        }
        self.offset += count as u64;
        Ok(count)
    }

    fn truncated(&self, member: MemberName) -> ArchiveError {
        ArchiveError::Truncated {
            format: FORMAT,
            member,
            offset: self.offset,
        }
    }

    fn corrupt(&self, name: &[u8], reason: &str) -> ArchiveError {
        ArchiveError::Corrupt {
            format: FORMAT,
            member: MemberName::of(name),
            offset: self.offset,
            reason: reason.to_owned(),
        }
    }
}

/// The bytes of one `ar` member; an early end of the input is an error.
struct Member<'r> {
    input: &'r mut dyn Read,
    left: u64,
    offset: u64,
}

impl Read for Member<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).map_or(buffer.len(), |n| n.min(buffer.len()));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.input.read(&mut buffer[..wanted])?;
        if count == 0 {
            let member = MemberName::part("a tar member of the package");
            return Err(ArchiveError::Truncated {
                format: FORMAT,
                member,
                offset: self.offset,
            }
            .into_io());
        }
        self.left -= count as u64;
        self.offset += count as u64;
        Ok(count)
    }
}

/// Reads one header with the `ar` crate, which never sees more than that.
///
/// It believes what it is told: a table of long names is allocated by its declared size, a number
/// beyond the table is a panic, and a member cut short is a whole one. deb(5) has no
/// long names, so they are refused here, and the members are counted by [`Member`].
fn parse_header(bytes: &[u8; HEADER_BYTES]) -> Result<Header, String> {
    if bytes.starts_with(b"/") || bytes.starts_with(b"#1/") {
        return Err("a Debian package has no members with long names".to_owned());
    }
    if !bytes.ends_with(b"`\n") {
        return Err("the member header has no end mark".to_owned());
    }
    let mut archive = ar::Archive::new(MAGIC.chain(&bytes[..]));
    let entry = archive
        .next_entry()
        .transpose()
        .map_err(|error| error.to_string())?;
    let entry = entry.ok_or("the member header is empty")?;
    let header = entry.header();
    Ok(Header {
        name: header.identifier().to_vec(),
        size: header.size(),
    })
}
