//! The fields of one 512-byte tar header: v7, ustar and GNU.

use tar::Header;

use super::entry::Timestamp;

/// Whether a block is a tar header: long enough, not all zero, and its checksum is right.
pub(super) fn is_header(block: &[u8]) -> bool {
    block.first_chunk::<512>().is_some_and(checksum_matches)
}

/// Whether a block has the marks of a tar header, whatever its checksum.
pub(super) fn is_damaged(block: &[u8]) -> bool {
    block.first_chunk::<512>().is_some_and(|block| {
        let has_magic =
            block[257..].starts_with(b"ustar\0") || block[257..].starts_with(b"ustar  ");
        has_magic && number(&block[148..156]).is_some()
    })
}

/// Compares the checksum field with the sum of the bytes, which old programs took as signed.
pub(super) fn checksum_matches(block: &[u8; 512]) -> bool {
    let field = &block[148..156];
    let Some(stored) = number(field) else {
        return false;
    };
    let others = || block[..148].iter().chain(&block[156..]);
    let unsigned: i32 = others().map(|&byte| i32::from(byte)).sum();
    let signed: i32 = others().map(|&byte| i32::from(byte.cast_signed())).sum();
    let spaces = 8 * i32::from(b' ');
    stored == i128::from(unsigned + spaces) || stored == i128::from(signed + spaces)
}

/// A number field: octal digits, or base-256 (two's complement) with the top bit set.
///
/// `None` if it is blank or anything else.
pub(super) fn number(field: &[u8]) -> Option<i128> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        // The bit below the mark is the sign.
        let top = i128::from(first & 0x7f) - if first & 0x40 == 0 { 0 } else { 0x80 };
        return Some(
            rest.iter()
                .fold(top, |value, &byte| (value << 8) | i128::from(byte)),
        );
    }
    let digits = field.trim_ascii_start();
    let end = digits
        .iter()
        .position(|&byte| byte == 0 || byte == b' ')
        .unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    let only_octal = digits.iter().all(|digit| (b'0'..=b'7').contains(digit));
    let only_padding = rest.iter().all(|&byte| byte == 0 || byte == b' ');
    if digits.is_empty() || !only_octal || !only_padding {
        return None;
    }
    Some(
        digits
            .iter()
            .fold(0, |value, &digit| (value << 3) | i128::from(digit - b'0')),
    )
}

/// Whether a number field holds nothing at all, as some programs write 0.
pub(super) fn is_blank(field: &[u8]) -> bool {
    field.iter().all(|&byte| byte == 0 || byte == b' ')
}

/// A number field that may be absent, out of range or broken, none of which matters much.
pub(super) fn maybe<T: TryFrom<i128>>(field: &[u8]) -> Option<T> {
    number(field).and_then(|value| T::try_from(value).ok())
}

/// A time field, in whole seconds.
pub(super) fn time(field: &[u8]) -> Option<Timestamp> {
    maybe(field).map(|seconds| Timestamp {
        seconds,
        nanoseconds: 0,
    })
}

/// A text field: up to the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    let end = field
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(field.len());
    &field[..end]
}

/// The path: only POSIX headers have a prefix (GNU keeps times in its place), and `star` ones
/// a shorter prefix.
pub(super) fn path(header: &Header) -> Vec<u8> {
    let name = text(&header.as_old().name);
    let Some(ustar) = header.as_ustar() else {
        return name.to_vec();
    };
    let is_star = header.as_bytes().ends_with(b"tar\0");
    let prefix = text(&ustar.prefix[..if is_star { 131 } else { 155 }]);
    if prefix.is_empty() {
        name.to_vec()
    } else {
        [prefix, b"/", name].concat()
    }
}

/// Owner's and group's name and the device numbers, which v7 headers lack.
pub(super) struct Extras<'h> {
    pub(super) user: Option<&'h [u8]>,
    pub(super) group: Option<&'h [u8]>,
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) atime: Option<Timestamp>,
}

/// Reads what ustar and GNU headers have beyond v7.
pub(super) fn extras(header: &Header) -> Extras<'_> {
    let (user, group, major, minor) = if let Some(h) = header.as_ustar() {
        (
            text(&h.uname),
            text(&h.gname),
            maybe(&h.dev_major),
            maybe(&h.dev_minor),
        )
    } else if let Some(h) = header.as_gnu() {
        (
            text(&h.uname),
            text(&h.gname),
            maybe(&h.dev_major),
            maybe(&h.dev_minor),
        )
    } else {
        (&[][..], &[][..], None, None)
    };
    Extras {
        user: Some(user).filter(|name| !name.is_empty()),
        group: Some(group).filter(|name| !name.is_empty()),
        major: major.unwrap_or(0),
        minor: minor.unwrap_or(0),
        atime: header
            .as_gnu()
            .filter(|h| h.atime[0] != 0)
            .and_then(|h| time(&h.atime)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x02\0\0\0\0"), Some(2 << 32));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        assert_eq!(
            number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0"),
            Some(-256)
        );
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), None);
        assert_eq!(number(b"0000888\0"), None);
        assert_eq!(number(b"12 34\0\0\0"), None);
    }
}
