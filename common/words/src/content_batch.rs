//! Small contents that pass one after another, put aside so that many are hashed at once.

use std::io::{self, Read};

use crate::digest::Digest;
use crate::sha256_lanes::digest_many;

/// A batch of this many bytes is full: a few milliseconds of hashing.
const FULL_BYTES: usize = 4 << 20;
/// A batch of this many contents is full.
const FULL_CONTENTS: usize = 4096;

/// Small contents, each with what its owner wants to know of it later.
///
/// One content alone cannot fill the lanes of [`digest_many`], and an archive gives its members one
/// after another.
pub struct ContentBatch<T> {
    /// The contents in a row; what is behind `used` is left from earlier ones.
    bytes: Vec<u8>,
    used: usize,
    /// Where each content ends.
    ends: Vec<(usize, T)>,
}

impl<T> Default for ContentBatch<T> {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            used: 0,
            ends: Vec::new(),
        }
    }
}

impl<T> ContentBatch<T> {
    /// Larger contents, in bytes, are better hashed alone: the other lanes would wait for one.
    pub const MAX_CONTENT_BYTES: usize = 128 << 10;

    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many contents there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Whether it is time to [`drain`](Self::drain) it.
    pub fn is_full(&self) -> bool {
        self.used >= FULL_BYTES || self.ends.len() >= FULL_CONTENTS
    }

    /// Takes a whole content, which is about `owner`. One of more than `max` bytes is not taken,
    /// which is told by `false`.
    pub fn take(&mut self, content: &mut dyn Read, max: usize, owner: T) -> io::Result<bool> {
        let enough = self.used.saturating_add(max).saturating_add(1);
        if self.bytes.len() < enough {
            self.bytes.resize(enough, 0);
        }
        let mut end = self.used;
        while end < enough {
            match content.read(&mut self.bytes[end..enough]) {
                Ok(0) => break,
                Ok(count) => end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if end == enough {
            return Ok(false);
        }
        self.used = end;
        self.ends.push((end, owner));
        Ok(true)
    }

    /// Hashes all contents and hands them to `each`, in the order in which they were taken, until
    /// that fails. Then the batch is empty.
    pub fn drain<E>(
        &mut self,
        mut each: impl FnMut(T, Digest, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut start = 0;
        let mut contents: Vec<(usize, &[u8])> = Vec::with_capacity(self.ends.len());
        for (place, (end, _)) in self.ends.iter().enumerate() {
            contents.push((place, &self.bytes[start..*end]));
            start = *end;
        }
        // The longest first, so that the lanes end together.
        contents.sort_by_key(|(_, content)| std::cmp::Reverse(content.len()));
        let sorted: Vec<&[u8]> = contents.iter().map(|(_, content)| *content).collect();
        let mut digests = vec![Digest::from_bytes([0; Digest::BYTES]); sorted.len()];
        for ((place, _), digest) in contents.iter().zip(digest_many(&sorted)) {
            digests[*place] = digest;
        }
        self.used = 0;
        let mut start = 0;
        for ((end, owner), digest) in self.ends.drain(..).zip(digests) {
            each(owner, digest, &self.bytes[start..end])?;
            start = end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn drained(batch: &mut ContentBatch<u32>) -> Vec<(u32, Digest, Vec<u8>)> {
        let mut seen = Vec::new();
        let done: Result<(), Infallible> = batch.drain(|owner, digest, content| {
            seen.push((owner, digest, content.to_vec()));
            Ok(())
        });
        done.unwrap();
        seen
    }

    #[test]
    fn contents_come_back_in_order_with_their_digests() {
        let mut batch = ContentBatch::new();
        for round in 0..3_u8 {
            let contents: Vec<Vec<u8>> = (0..50_u8)
                .map(|i| vec![i + round; usize::from(i) * 7919 % 5000])
                .collect();
            for (owner, content) in (0..).zip(&contents) {
                assert!(batch.take(&mut &content[..], 5000, owner).unwrap());
            }
            assert_eq!(batch.len(), 50);
            let seen = drained(&mut batch);
            assert!(batch.is_empty());
            assert_eq!(seen.len(), 50);
            for ((owner, digest, content), expected) in seen.iter().zip(&contents) {
                assert_eq!(content, expected, "{owner}");
                assert_eq!(*digest, Digest::of(expected), "{owner}");
            }
        }
    }

    #[test]
    fn what_is_too_long_or_fails_leaves_no_trace() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        }
        let mut batch = ContentBatch::new();
        assert!(batch.take(&mut &b"one"[..], 3, 1).unwrap());
        assert!(!batch.take(&mut &b"four"[..], 3, 2).unwrap());
        batch
            .take(&mut (&b"a"[..]).chain(Broken), 3, 3)
            .unwrap_err();
        assert!(batch.take(&mut &b""[..], 0, 4).unwrap());
        let seen = drained(&mut batch);
        let owners: Vec<_> = seen.iter().map(|(owner, ..)| *owner).collect();
        assert_eq!(owners, [1, 4]);
        assert_eq!(seen[0].1, Digest::of(b"one"));
        assert_eq!(seen[1].1, Digest::of(b""));
    }

    #[test]
    fn it_is_full_by_bytes_or_by_count() {
        let mut batch = ContentBatch::new();
        let content = vec![1; ContentBatch::<u32>::MAX_CONTENT_BYTES];
        while !batch.is_full() {
            batch.take(&mut &content[..], content.len(), 0).unwrap();
        }
        assert_eq!(batch.len(), FULL_BYTES / content.len());
        drained(&mut batch);
        while !batch.is_full() {
            batch.take(&mut &b""[..], 0, 0).unwrap();
        }
        assert_eq!(batch.len(), FULL_CONTENTS);
    }
}
