//! Hashing while streaming, so that nothing is read twice.

use std::io::{self, Read, Write};

use sha2::Digest as _;

use crate::digest::Digest;

/// A SHA-256 in the making, with the count of bytes that went in.
#[derive(Clone, Default)]
pub struct Hasher {
    sha256: sha2::Sha256,
    bytes: u64,
}

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next bytes of the content.
    pub fn update(&mut self, data: &[u8]) {
        self.sha256.update(data);
        self.bytes += data.len() as u64;
    }

    /// How many bytes were added so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The digest of all that was added.
    pub fn finish(self) -> Digest {
        Digest::from_bytes(self.sha256.finalize().into())
    }
}

impl Write for Hasher {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.update(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reader that hashes every byte that passes through it.
pub struct HashReader<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: Read> HashReader<R> {
    /// Hashes what will be read from `inner`.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            hasher: Hasher::new(),
        }
    }

    /// The hasher of what was read so far.
    pub fn into_hasher(self) -> Hasher {
        self.hasher
    }

    /// How many bytes were read so far.
    pub fn read_bytes(&self) -> u64 {
        self.hasher.bytes()
    }
}

impl<R: Read> Read for HashReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_in_pieces_gives_the_digest_of_the_whole() {
        let data: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        let mut reader = HashReader::new(&data[..]);
        let mut piece = [0; 777];
        while reader.read(&mut piece).unwrap() > 0 {}
        assert_eq!(reader.read_bytes(), 100_000);
        assert_eq!(reader.into_hasher().finish(), Digest::of(&data));
    }
}
