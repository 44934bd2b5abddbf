//! Debian packages: deb(5), which are `ar` archives of tar archives.

use std::io::{self, Read};

use super::compressed::read_tar;
use super::entry::Origin;
use super::error::{ArchiveError, MemberName, ReadError};
use super::kind::ArchiveKind;
use super::spool::reading;
use super::walk::{Place, Walk};

const FORMAT: &str = "deb";
const MAGIC: &[u8] = b"!<arch>\n";
/// Name, three times unused, mode, size and an end mark.
const HEADER_BYTES: usize = 60;
const NAME_BYTES: usize = 16;

/// Visits the members of `control.tar*` and `data.tar*` in stored order.
///
/// Both must be there once, in either order. Members that deb(5) lets others add (`_gpgorigin` and the like) are
/// passed over.
pub(super) fn read<E>(
    walk: &mut Walk<'_, E>,
    place: Place<'_>,
    input: &mut dyn Read,
) -> Result<ArchiveKind, ReadError<E>> {
    let mut ar = Ar {
        input,
        offset: 0,
        names: Vec::new(),
    };
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
        let format = FORMAT;
        return Err(ArchiveError::MissingMember { format, missing }.into());
    }
    Ok(ArchiveKind::Deb)
}

/// An `ar` archive: with plain names as dpkg writes it, or with the long ones of BSD or GNU.
struct Ar<'r> {
    input: &'r mut dyn Read,
    offset: u64,
    /// GNU's table of long names.
    names: Vec<u8>,
}

/// No member that a package needs has a longer name, nor are there more than a few.
const MAX_NAME_BYTES: u64 = 1 << 10;
const MAX_NAMES_BYTES: u64 = 64 << 10;

struct Header {
    name: Vec<u8>,
    /// Of the content, without a name that stands before it.
    size: u64,
    /// Whether a byte follows that makes the stored size even.
    is_padded: bool,
}

impl Ar<'_> {
    fn magic(&mut self) -> Result<(), ArchiveError> {
        let mut magic = [0; MAGIC.len()];
        if self.fill(&mut magic)? == MAGIC.len() && magic == MAGIC {
            return Ok(());
        }
        Err(self.corrupt(b"", "the magic is missing"))
    }

    /// The header of the next member; tables are read on the way.
    fn next(&mut self) -> Result<Option<Header>, ArchiveError> {
        loop {
            let mut bytes = [0; HEADER_BYTES];
            let count = self.fill(&mut bytes)?;
            if count == 0 {
                return Ok(None);
            }
            if count < bytes.len() {
                return Err(self.truncated(MemberName::part("a member header")));
            }
            let fault = |ar: &Self, reason: &str| ar.corrupt(&bytes[..NAME_BYTES], reason);
            let (name, size) = parse_header(&bytes).map_err(|reason| fault(self, &reason))?;
            let mut header = Header {
                name: name.to_vec(),
                size,
                is_padded: size % 2 == 1,
            };
            if name == b"//" {
                self.names = self.text(&mut header, size, MAX_NAMES_BYTES)?;
                self.skip(&header)?;
                continue;
            }
            if let Some(length) = name.strip_prefix(b"#1/") {
                let length =
                    decimal(length).ok_or_else(|| fault(self, "its name has no length"))?;
                let name = self.text(&mut header, length, MAX_NAME_BYTES)?;
                header.name = name.trim_ascii_end().to_vec();
                header.name.retain(|&byte| byte != 0);
            } else if let Some(start) = name.strip_prefix(b"/").and_then(decimal) {
                let name = self.long_name(start);
                header.name = name.ok_or_else(|| fault(self, "its name is not in the table"))?;
            }
            return Ok(Some(header));
        }
    }

    /// Text of `length` bytes that begins a member.
    fn text(
        &mut self,
        header: &mut Header,
        length: u64,
        most: u64,
    ) -> Result<Vec<u8>, ArchiveError> {
        if length > most || length > header.size {
            return Err(self.corrupt(&header.name, "a name is too long"));
        }
        let mut text = Vec::new();
        let read = (&mut *self.input).take(length).read_to_end(&mut text);
        let read = read.map_err(reading)? as u64;
        self.offset += read;
        header.size -= read;
        if read < length {
            return Err(self.truncated(MemberName::part("a member's name")));
        }
        Ok(text)
    }

    /// The name that begins at `start` of GNU's table, and ends with `/` and a newline.
    fn long_name(&self, start: u64) -> Option<Vec<u8>> {
        let names = self.names.get(usize::try_from(start).ok()?..)?;
        let end = names.iter().position(|&byte| byte == b'\n')?;
        Some(names[..end].to_vec())
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
        if header.is_padded {
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

/// The name and size of a member, its header read by the `ar` crate, which sees no more than these bytes.
///
/// It believes what it is told: a table of long names is allocated by its declared size, a number beyond the table is a
/// panic, and a member cut short is a whole one. So it never sees the names that stand for long ones, and members are counted by [`Ar`].
fn parse_header(bytes: &[u8; HEADER_BYTES]) -> Result<(&[u8], u64), String> {
    if !bytes.ends_with(b"`\n") {
        return Err("the member header has no end mark".to_owned());
    }
    let mut plain = *bytes;
    plain[..NAME_BYTES].copy_from_slice(b"member          ");
    let mut archive = ar::Archive::new(MAGIC.chain(&plain[..]));
    let entry = archive.next_entry().transpose();
    let entry = entry.map_err(|error| error.to_string())?;
    let entry = entry.ok_or("the member header is empty")?;
    let size = entry.header().size();
    Ok((bytes[..NAME_BYTES].trim_ascii_end(), size))
}

/// Decimal digits with blanks around them.
fn decimal(field: &[u8]) -> Option<u64> {
    let digits = field.trim_ascii();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
    text.parse().ok()
}
