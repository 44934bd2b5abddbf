//! Recognises formats by their first bytes.

use std::io::{self, Read};

use super::kind::Compression;
use super::tar_header::{is_damaged, is_header};

/// How many bytes [`sniff`] looks at: one tar block.
pub(super) const HEAD_BYTES: usize = 512;

/// What the first bytes promise; the rest may still break the promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// An `ar` archive that begins as Debian packages do.
    Deb,
    /// A tar header; with a matching checksum, unless it says itself what it is.
    Tar,
    /// A zip local file header, or the end record of an empty zip.
    Zip,
    Compressed(Compression),
    /// None of these.
    Unknown,
}

/// Names the format that begins with `head`.
///
/// An `ar` that is no Debian package is unknown on purpose: static libraries are rebuilt, not
/// downloaded.
pub(super) fn sniff(head: &[u8]) -> Format {
    if is_deb(head) {
        Format::Deb
    } else if let Some(compression) = compression(head) {
        Format::Compressed(compression)
    } else if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        Format::Zip
    } else if is_header(head) || is_damaged(head) {
        Format::Tar
    } else {
        Format::Unknown
    }
}

/// The name of the first member may be one of BSD's long ones, which stand before the content.
fn is_deb(head: &[u8]) -> bool {
    const NAME: &[u8] = b"debian-binary";
    let Some(ar) = head.strip_prefix(b"!<arch>\n") else {
        return false;
    };
    let long = || ar.get(60..).is_some_and(|name| name.starts_with(NAME));
    ar.starts_with(NAME) || (ar.starts_with(b"#1/") && long())
}

/// Whether this is how a program begins, which may unpack a zip behind it: a script, or an
/// executable of Windows, Linux or macOS.
pub(super) fn is_program(head: &[u8]) -> bool {
    let starts: [&[u8]; 5] = [
        b"#!",
        b"MZ",
        b"\x7fELF",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
    ];
    starts.iter().any(|start| head.starts_with(start))
}

fn compression(head: &[u8]) -> Option<Compression> {
    if head.len() >= 4 && head.starts_with(&[0x1f, 0x8b, 8]) && head[3] & 0xe0 == 0 {
        Some(Compression::Gzip)
    } else if head.starts_with(b"\xfd7zXZ\0") {
        Some(Compression::Xz)
    } else if is_bzip2(head) {
        Some(Compression::Bzip2)
    } else if is_zstd(head) {
        Some(Compression::Zstd)
    } else if is_lzma(head) {
        Some(Compression::Lzma)
    } else {
        None
    }
}

/// `BZh`, a level, and the magic of a block or of the end: `BZh1` alone may well be text.
fn is_bzip2(head: &[u8]) -> bool {
    const BLOCK: &[u8] = &[0x31, 0x41, 0x59, 0x26, 0x53, 0x59];
    const END: &[u8] = &[0x17, 0x72, 0x45, 0x38, 0x50, 0x90];
    head.len() >= 10
        && head.starts_with(b"BZh")
        && head[3].is_ascii_digit()
        && head[3] != b'0'
        && (&head[4..10] == BLOCK || &head[4..10] == END)
}

/// A frame, or a skippable frame (RFC 8878, 3.1.2), which may come first.
fn is_zstd(head: &[u8]) -> bool {
    head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
        || (head.len() >= 8 && head[0] & 0xf0 == 0x50 && head[1..4] == [0x2a, 0x4d, 0x18])
}

/// `.lzma` has no magic; this asks what `xz` and libarchive ask: usual properties, a dictionary
/// of 2^n or 2^n + 2^(n-1) bytes and a size that is absent or below 256 GiB.
fn is_lzma(head: &[u8]) -> bool {
    let Some((&[0x5d, d0, d1, d2, d3, ref size @ ..], _)) = head.split_first_chunk::<13>() else {
        return false;
    };
    let dictionary = u32::from_le_bytes([d0, d1, d2, d3]);
    let size = u64::from_le_bytes(*size);
    let top = 1 << dictionary.max(1).ilog2();
    let rest = dictionary & !top;
    dictionary >= 1 << 12
        && (rest == 0 || rest == top >> 1 || dictionary == u32::MAX)
        && (size == u64::MAX || size < 1 << 38)
}

/// Reads up to [`HEAD_BYTES`] bytes; fewer only at the end of `reader`.
pub(super) fn read_head(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    reader.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}
