//! Records ready to be sent: the answers to `a/…` that were asked for lately, within a bound.
//!
//! An answer is sent again only if a look-up would find the same now. That nothing has changed is
//! told by the [`Moment`]; if something has, by the summaries that the look-up finds: a store
//! that keeps them in memory makes new ones for everything that changes.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::http::header::HeaderValue;
use actix_web::web::Bytes;
use hashget_words::digest::Digest;
use hashget_words::package_summary::PackageSummary;
use jiff::civil::Date;

/// The cache is cut into parts, so that threads seldom wait for each other.
const PARTS: usize = 16;
/// What an answer costs beside its text, in bytes.
const ANSWER_BYTES: usize = 512;

/// Everything that the best record for a digest depends on, beside the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// How often the store changed.
    pub(crate) changes: u64,
    /// How often it changed which sources are alive.
    pub(crate) health: u64,
    pub(crate) today: Date,
}

/// A record as it is sent.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) json: Bytes,
    /// Its entity tag.
    pub(crate) tag: HeaderValue,
    /// When it was the right one.
    pub(crate) moment: Moment,
    /// What was found then: the live records with the digest, the best first.
    pub(crate) found: Vec<Arc<PackageSummary>>,
}

impl Answer {
    /// Whether a look-up found the same.
    pub(crate) fn is_of(&self, found: &[Arc<PackageSummary>]) -> bool {
        let pairs = self.found.iter().zip(found);
        self.found.len() == found.len() && pairs.into_iter().all(|(a, b)| Arc::ptr_eq(a, b))
    }

    fn bytes(&self) -> usize {
        self.json.len() + self.found.len() * size_of::<usize>() + ANSWER_BYTES
    }
}

/// Hashes a digest by its first bytes. Only digests of records are kept, and who publishes those
/// can do worse than to make the server slow.
#[derive(Clone, Copy, Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}
}

type ByDigest = HashMap<Digest, Arc<Answer>, BuildHasherDefault<DigestHasher>>;

/// Two halves: what was asked for lately, and what was before. When the first is full it becomes
/// the second, and what was not asked for meanwhile is forgotten.
#[derive(Default)]
struct Part {
    young: ByDigest,
    old: ByDigest,
    young_bytes: usize,
}

pub(crate) struct Answers {
    max_half_bytes: usize,
    parts: [Mutex<Part>; PARTS],
}

impl Answers {
    /// None, and never more than so many bytes.
    pub(crate) fn new(max_bytes: u64) -> Self {
        let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        Self {
            max_half_bytes: max_bytes / PARTS / 2,
            parts: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// The answer for a digest, whenever it was right.
    pub(crate) fn get(&self, digest: &Digest) -> Option<Arc<Answer>> {
        let mut part = self.part(digest);
        if let Some(answer) = part.young.get(digest) {
            return Some(Arc::clone(answer));
        }
        let answer = part.old.remove(digest)?;
        part.put(digest, Arc::clone(&answer), self.max_half_bytes);
        Some(answer)
    }

    /// Keeps an answer.
    pub(crate) fn put(&self, digest: &Digest, answer: Arc<Answer>) {
        if answer.bytes() <= self.max_half_bytes {
            self.part(digest).put(digest, answer, self.max_half_bytes);
        }
    }

    fn part(&self, digest: &Digest) -> MutexGuard<'_, Part> {
        let part = &self.parts[usize::from(digest.as_bytes()[31]) % PARTS];
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    fn put(&mut self, digest: &Digest, answer: Arc<Answer>, max_bytes: usize) {
        if self.young_bytes + answer.bytes() > max_bytes {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += answer.bytes();
        if let Some(before) = self.young.insert(*digest, answer) {
            self.young_bytes -= before.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn answer(bytes: usize) -> Arc<Answer> {
        Arc::new(Answer {
            json: vec![b'x'; bytes].into(),
            tag: HeaderValue::from_static("\"t\""),
            moment: Moment {
                changes: 1,
                health: 0,
                today: date(2030, 1, 1),
            },
            found: Vec::new(),
        })
    }

    fn held(answers: &Answers) -> usize {
        let parts = answers.parts.iter().map(|part| part.lock().unwrap());
        let bytes = |half: &ByDigest| -> usize { half.values().map(|answer| answer.bytes()).sum() };
        parts
            .map(|part| bytes(&part.young) + bytes(&part.old))
            .sum()
    }

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_stays() {
        let max_bytes = 400_000;
        let answers = Answers::new(max_bytes);
        let favourite = Digest::of(b"favourite");
        answers.put(&favourite, answer(100));
        for n in 0..10_000_u32 {
            answers.put(&Digest::of(&n.to_le_bytes()), answer(n as usize % 2000));
            assert!(answers.get(&favourite).is_some(), "{n}");
            if n % 500 == 0 {
                assert!(held(&answers) as u64 <= max_bytes);
            }
        }
        assert!(answers.get(&Digest::of(&0_u32.to_le_bytes())).is_none());
        answers.put(&favourite, answer(1 << 20));
        assert_eq!(
            answers.get(&favourite).unwrap().json.len(),
            100,
            "too large"
        );
    }
}
