//! Builds zip archives byte by byte, broken ones included.

use std::io::Write as _;

/// Builds a zip archive as a Unix program would.
#[derive(Clone, Debug, Default)]
pub struct ZipBuilder {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
    descriptors: bool,
    flags: u16,
}

impl ZipBuilder {
    /// An archive without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the members that follow tell their sizes after their data, as streaming writers do.
    #[must_use]
    pub fn with_descriptors(mut self) -> Self {
        self.descriptors = true;
        self
    }

    /// Marks the members that follow as encrypted (they are not).
    #[must_use]
    pub fn marked_encrypted(mut self) -> Self {
        self.flags |= 1;
        self
    }

    /// Adds a deflated file.
    #[must_use]
    pub fn file(self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        self.member(path, content, 8, 0o100_644)
    }

    /// Adds a file as it is.
    #[must_use]
    pub fn stored(self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        self.member(path, content, 0, 0o100_644)
    }

    /// Adds a directory, whose path should end with a slash.
    #[must_use]
    pub fn directory(self, path: impl AsRef<[u8]>) -> Self {
        self.member(path, b"", 0, 0o040_755)
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn symlink(self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.member(path, target, 0, 0o120_777)
    }

    /// Adds a member with its method (0 stored, 8 deflated) and its type and mode.
    #[must_use]
    pub fn member(
        mut self,
        path: impl AsRef<[u8]>,
        content: impl AsRef<[u8]>,
        method: u16,
        mode: u32,
    ) -> Self {
        let (path, content) = (path.as_ref(), content.as_ref());
        let data = if method == 8 {
            deflate(content)
        } else {
            content.to_vec()
        };
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let flags = self.flags | if self.descriptors { 8 } else { 0 };
        let offset = u32::try_from(self.bytes.len()).expect("a small archive");
        let sums = [crc.sum(), length(&data), length(content)]
            .map(u32::to_le_bytes)
            .concat();
        let name_length = u16::try_from(path.len()).expect("a short name");

        // From the version that is needed to the length of the extra field.
        let common = |sums: &[u8]| {
            let mut common = Vec::new();
            for field in [20, flags, method, 0, 0x21] {
                common.extend_from_slice(&field.to_le_bytes());
            }
            common.extend_from_slice(sums);
            common.extend_from_slice(&name_length.to_le_bytes());
            common.extend_from_slice(&[0, 0]);
            common
        };
        self.bytes.extend_from_slice(b"PK\x03\x04");
        self.bytes
            .extend(common(if self.descriptors { &[0; 12] } else { &sums }));
        self.bytes.extend_from_slice(path);
        self.bytes.extend_from_slice(&data);
        if self.descriptors {
            self.bytes.extend_from_slice(b"PK\x07\x08");
            self.bytes.extend_from_slice(&sums);
        }

        self.directory.extend_from_slice(b"PK\x01\x02\x14\x03");
        self.directory.extend(common(&sums));
        self.directory.extend_from_slice(&[0; 6]);
        self.directory
            .extend_from_slice(&(mode << 16).to_le_bytes());
        self.directory.extend_from_slice(&offset.to_le_bytes());
        self.directory.extend_from_slice(path);
        self.count += 1;
        self
    }

    /// The archive.
    pub fn build(mut self) -> Vec<u8> {
        let offset = length(&self.bytes);
        let size = length(&self.directory);
        self.bytes.extend_from_slice(&self.directory);
        self.bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        self.bytes.extend_from_slice(&self.count.to_le_bytes());
        self.bytes.extend_from_slice(&self.count.to_le_bytes());
        self.bytes.extend_from_slice(&size.to_le_bytes());
        self.bytes.extend_from_slice(&offset.to_le_bytes());
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a small archive")
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
    encoder.write_all(content).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}
