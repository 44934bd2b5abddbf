//! What was checked, remembered from run to run.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use hashget_files::atomic_file::write_cached;
use hashget_words::digest::Digest;
use jiff::ToSpan;
use jiff::civil::Date;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

/// The file's name in the directory of the local records.
const NAME: &str = ".checked.json";
/// A file larger than this is passed over, in bytes: of some 500,000 packages.
const MAX_BYTES: u64 = 64 << 20;
/// So long it counts that a package was there.
const GOOD_FOR_DAYS: i64 = 30;

/// Which packages were there, and the secret that chooses which are read in any case.
#[derive(Debug)]
pub(super) struct Memory {
    path: PathBuf,
    today: Date,
    content: Content,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    /// Random; nobody else is to know which packages will be read.
    secret: String,
    /// When a package was last seen, by its SHA-256.
    there: BTreeMap<Digest, String>,
}

impl Memory {
    /// What is remembered in `directory`; nothing if that cannot be read.
    pub(super) fn load(directory: &Path, today: Date) -> Self {
        let path = directory.join(NAME);
        let mut content: Content = read(&path)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or_default();
        if content.secret.is_empty() {
            content.secret = random();
        }
        let oldest = today.saturating_sub(GOOD_FOR_DAYS.days());
        // What was seen in the future was seen by a wrong clock.
        content.there.retain(|_, seen| {
            seen.parse()
                .is_ok_and(|seen: Date| (oldest..=today).contains(&seen))
        });
        Self {
            path,
            today,
            content,
        }
    }

    /// Keeps it for the next run. Of two runs at once the later one is remembered, and the other's checks are made
    /// again.
    pub(super) fn save(&self) -> io::Result<()> {
        if let Some(directory) = self.path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        write_cached(&self.path, &serde_json::to_vec(&self.content)?)
    }

    /// Whether the package was seen lately.
    pub(super) fn was_there(&self, sha256: &Digest) -> bool {
        self.content.there.contains_key(sha256)
    }

    /// Notes that the package is there.
    pub(super) fn note(&mut self, sha256: &Digest) {
        self.content.there.insert(*sha256, self.today.to_string());
    }

    /// Whether the package is one of those, one in `one_in`, that are read in any case.
    pub(super) fn is_sample(&self, sha256: &Digest, one_in: u64) -> bool {
        let sum = Digest::of(&[self.content.secret.as_bytes(), sha256.as_bytes()].concat());
        let mut number = [0; 8];
        number.copy_from_slice(&sum.as_bytes()[..8]);
        one_in > 0 && u64::from_le_bytes(number).is_multiple_of(one_in)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let mut json = Vec::new();
    if file.take(MAX_BYTES + 1).read_to_end(&mut json)? as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than anything sensible"));
    }
    Ok(json)
}

/// 256 random bits, as text.
fn random() -> String {
    let mut bytes = [0; 32];
    let filled =
        std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    if filled.is_err() {
        // Keyed by the system's randomness as well.
        use std::hash::{BuildHasher, RandomState};
        let number = RandomState::new().hash_one(std::process::id());
        bytes[..8].copy_from_slice(&number.to_le_bytes());
    }
    Digest::of(&bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = Date::constant(2026, 11, 27);

    #[test]
    fn what_was_seen_is_remembered_for_a_while() {
        let directory = tempfile::tempdir().unwrap();
        let one = Digest::of(b"one");
        let mut memory = Memory::load(directory.path(), TODAY);
        assert!(!memory.was_there(&one));
        memory.note(&one);
        memory.save().unwrap();
        for (day, known) in [
            (TODAY, true),
            (TODAY + 30.days(), true),
            (TODAY + 31.days(), false),
            // The clock was set back since.
            (TODAY - 1.day(), false),
        ] {
            let memory = Memory::load(directory.path(), day);
            assert_eq!(memory.was_there(&one), known, "{day}");
        }
        std::fs::write(directory.path().join(NAME), "{").unwrap();
        assert!(!Memory::load(directory.path(), TODAY).was_there(&one));
    }

    #[test]
    fn samples_are_chosen_by_a_secret_that_stays() {
        let directory = tempfile::tempdir().unwrap();
        let memory = Memory::load(directory.path(), TODAY);
        memory.save().unwrap();
        let again = Memory::load(directory.path(), TODAY);
        let other = tempfile::tempdir().unwrap();
        let other = Memory::load(other.path(), TODAY);
        let samples = |memory: &Memory| -> Vec<u32> {
            let numbers = 0..10_000_u32;
            let is_sample = |number: &u32| memory.is_sample(&Digest::of(&number.to_le_bytes()), 50);
            numbers.filter(is_sample).collect()
        };
        assert_eq!(samples(&memory), samples(&again));
        assert_ne!(samples(&memory), samples(&other));
        assert!((100..350).contains(&samples(&memory).len()));
        assert!(!memory.is_sample(&Digest::of(b""), 0));
        assert!(memory.is_sample(&Digest::of(b""), 1));
    }
}
