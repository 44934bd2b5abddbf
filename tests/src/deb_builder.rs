//! Builds Debian packages byte by byte.

use crate::compression::Compression;
use crate::tar_builder::TarBuilder;

/// Builds a `.deb`.
#[derive(Clone, Debug)]
pub struct DebBuilder {
    control: TarBuilder,
    data: TarBuilder,
    compression: Compression,
}

impl Default for DebBuilder {
    fn default() -> Self {
        Self {
            control: TarBuilder::new(),
            data: TarBuilder::new().directory("./"),
            compression: Compression::Xz,
        }
    }
}

impl DebBuilder {
    /// A package without files, compressed with xz.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the text of the control file.
    #[must_use]
    pub fn control(self, text: impl AsRef<[u8]>) -> Self {
        self.control_file("control", text)
    }

    /// Adds a file to the control archive, `md5sums` or `postinst` say.
    #[must_use]
    pub fn control_file(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.control = self.control.file(format!("./{name}"), content);
        self
    }

    /// Adds a file, whose path is given without the leading `./`.
    #[must_use]
    pub fn file(mut self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        self.data = self.data.file([b"./", path.as_ref()].concat(), content);
        self
    }

    /// Adds a symbolic link, whose path is given without the leading `./`.
    #[must_use]
    pub fn symlink(mut self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.data = self.data.symlink([b"./", path.as_ref()].concat(), target);
        self
    }

    /// Sets the compression of both archives inside.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// The package.
    pub fn build(self) -> Vec<u8> {
        let suffix = self.compression.suffix();
        ar(&[
            ("debian-binary", b"2.0\n"),
            (
                &format!("control.tar{suffix}"),
                &self.control.build_compressed(self.compression),
            ),
            (
                &format!("data.tar{suffix}"),
                &self.data.build_compressed(self.compression),
            ),
        ])
    }
}

/// An `ar` archive with the given members.
pub fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let header = format!(
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
            0,
            0,
            0,
            100_644,
            content.len()
        );
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        if content.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}
