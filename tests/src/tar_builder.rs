//! Builds tar archives byte by byte, broken ones included.

use crate::compression::Compression;

/// Builds a tar archive, member by member, with ustar headers.
#[derive(Clone, Debug, Default)]
pub struct TarBuilder {
    bytes: Vec<u8>,
    mode: Option<u32>,
    mtime: u64,
}

impl TarBuilder {
    /// An archive without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the mode of the members that follow.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Sets the time of the members that follow, in seconds since 1970.
    #[must_use]
    pub fn mtime(mut self, mtime: u64) -> Self {
        self.mtime = mtime;
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn file(self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        self.member(b'0', path, b"", content)
    }

    /// Adds a directory.
    #[must_use]
    pub fn directory(self, path: impl AsRef<[u8]>) -> Self {
        self.member(b'5', path, b"", b"")
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn symlink(self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.member(b'2', path, target, b"")
    }

    /// Adds a hard link.
    #[must_use]
    pub fn hard_link(self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.member(b'1', path, target, b"")
    }

    /// Adds a pax header with the given records for the next member.
    #[must_use]
    pub fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let data: Vec<u8> = records
            .iter()
            .flat_map(|(keyword, value)| pax_record(keyword, value))
            .collect();
        self.pax_bytes(data)
    }

    /// Adds a pax header with any bytes in it.
    #[must_use]
    pub fn pax_bytes(self, data: impl AsRef<[u8]>) -> Self {
        self.member(b'x', b"PaxHeaders/member", b"", data)
    }

    /// Adds a member of any type. Names that do not fit their 100 bytes get GNU headers.
    #[must_use]
    pub fn member(
        mut self,
        type_flag: u8,
        path: impl AsRef<[u8]>,
        target: impl AsRef<[u8]>,
        content: impl AsRef<[u8]>,
    ) -> Self {
        let (path, target, content) = (path.as_ref(), target.as_ref(), content.as_ref());
        for (flag, name) in [(b'K', target), (b'L', path)] {
            if name.len() > 100 {
                self = self.member(flag, b"././@LongLink", b"", [name, b"\0"].concat());
            }
        }
        let mut header = header(type_flag, path, target, content.len() as u64);
        let usual = if type_flag == b'5' { 0o755 } else { 0o644 };
        set_octal(&mut header[100..108], u64::from(self.mode.unwrap_or(usual)));
        set_octal(&mut header[136..148], self.mtime);
        self.header(header).content(content)
    }

    /// Adds a header block, whose checksum is put right.
    #[must_use]
    pub fn header(mut self, mut header: [u8; 512]) -> Self {
        set_checksum(&mut header);
        self.bytes.extend_from_slice(&header);
        self
    }

    /// Adds content and its padding.
    #[must_use]
    pub fn content(mut self, content: impl AsRef<[u8]>) -> Self {
        self.bytes.extend_from_slice(content.as_ref());
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    /// The archive with its end, two blocks of zeros.
    pub fn build(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 1024, 0);
        self.bytes
    }

    /// The archive with its end, compressed.
    pub fn build_compressed(self, compression: Compression) -> Vec<u8> {
        compression.compress(&self.build())
    }

    /// The archive without its end.
    pub fn build_without_end(self) -> Vec<u8> {
        self.bytes
    }
}

/// A ustar header without a checksum; names are cut to 100 bytes.
pub fn header(type_flag: u8, path: &[u8], target: &[u8], size: u64) -> [u8; 512] {
    let mut header = [0; 512];
    let copy = |to: &mut [u8], from: &[u8]| {
        let count = from.len().min(to.len());
        to[..count].copy_from_slice(&from[..count]);
    };
    copy(&mut header[..100], path);
    set_octal(&mut header[100..108], 0o644);
    set_octal(&mut header[108..116], 0);
    set_octal(&mut header[116..124], 0);
    set_octal(&mut header[124..136], size);
    set_octal(&mut header[136..148], 0);
    header[156] = type_flag;
    copy(&mut header[157..257], target);
    header[257..265].copy_from_slice(b"ustar\x0000");
    header
}

/// Writes octal digits and a NUL, as far as they fit.
pub fn set_octal(field: &mut [u8], number: u64) {
    let digits = field.len() - 1;
    let text = format!("{number:0digits$o}\0");
    field.copy_from_slice(&text.as_bytes()[text.len() - field.len()..]);
}

/// Puts the checksum of a header right.
pub fn set_checksum(header: &mut [u8; 512]) {
    header[148..156].fill(b' ');
    let sum = header.iter().map(|&byte| u64::from(byte)).sum();
    set_octal(&mut header[148..155], sum);
}

/// One record of a pax header.
pub fn pax_record(keyword: &str, value: &[u8]) -> Vec<u8> {
    let rest = keyword.len() + value.len() + 3;
    let mut length = rest + 1;
    while length.to_string().len() + rest != length {
        length += 1;
    }
    [format!("{length} {keyword}=").as_bytes(), value, b"\n"].concat()
}
