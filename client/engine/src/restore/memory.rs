//! How much memory a restore file may take.

use std::io::{self, Read};
use std::sync::OnceLock;

use thiserror::Error;

/// What one file of a restore file takes in memory beside its text, measured: with names of 30 bytes
/// and a digest, about.
const ENTRY_BYTES: u64 = 320;

static ALLOWED: OnceLock<u64> = OnceLock::new();

/// Sets, for the whole process, how many bytes of memory a restore file may take. Only the first call has an
/// effect; without one it is what the machine has to spare.
pub fn set_restore_memory(bytes: u64) {
    ALLOWED.get_or_init(|| bytes);
}

/// A restore file needs more memory than it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "it lists about {entries} files, which takes about {} MiB of memory; {} MiB are allowed (the setting \
     `memory`)",
    needed_bytes >> 20,
    allowed_bytes >> 20
)]
pub struct MemoryError {
    /// How many files there are, about.
    pub entries: u64,
    /// What they take.
    pub needed_bytes: u64,
    /// What they may take.
    pub allowed_bytes: u64,
}

/// Reads all of a restore file, if there is memory enough for it and for what it lists.
pub(super) fn read_json(content: &mut dyn Read, size: Option<u64>) -> io::Result<Vec<u8>> {
    let allowed = *ALLOWED.get_or_init(|| to_spare().unwrap_or(u64::MAX));
    read_json_within(content, size, allowed)
}

fn read_json_within(
    content: &mut dyn Read,
    size: Option<u64>,
    allowed: u64,
) -> io::Result<Vec<u8>> {
    // What it says of its size is believed as far as that costs little.
    const MOST_AHEAD: u64 = 64 << 20;
    let size = size.unwrap_or(0);
    if size > allowed {
        return Err(too_much(0, size, allowed));
    }
    let mut json = Vec::with_capacity(usize::try_from(size.min(MOST_AHEAD)).unwrap_or(0));
    let mut counted = 0;
    let mut entries: u64 = 0;
    loop {
        let read = (&mut *content).take(MOST_AHEAD).read_to_end(&mut json)?;
        entries += files_in(&json, counted);
        counted = json.len();
        let needed = (counted as u64).saturating_add(entries.saturating_mul(ENTRY_BYTES));
        if needed > allowed {
            return Err(too_much(entries, needed, allowed));
        }
        if read == 0 {
            return Ok(json);
        }
    }
}

/// About how many files are listed from `from` on: each has a member of this name.
fn files_in(json: &[u8], from: usize) -> u64 {
    const NAME: &[u8] = b"\"file\"";
    // One that was cut in two the last time is counted now.
    let from = from.saturating_sub(NAME.len() - 1);
    let mut rest = &json[from..];
    let mut files = 0;
    while let Some(quote) = memchr(b'"', rest) {
        rest = &rest[quote..];
        let is_name = rest.starts_with(NAME);
        files += u64::from(is_name);
        rest = &rest[if is_name { NAME.len() } else { 1 }..];
    }
    files
}

fn memchr(byte: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|other| *other == byte)
}

fn too_much(entries: u64, needed_bytes: u64, allowed_bytes: u64) -> io::Error {
    let error = MemoryError {
        entries,
        needed_bytes,
        allowed_bytes,
    };
    io::Error::new(io::ErrorKind::OutOfMemory, error)
}

/// What the machine has to spare, and the container.
fn to_spare() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok();
    let machine = machine.and_then(|text| available(&text));
    let number = |path: &str| -> Option<u64> {
        let text = std::fs::read_to_string(path).ok()?;
        text.trim().parse().ok()
    };
    let most = number("/sys/fs/cgroup/memory.max");
    let used = number("/sys/fs/cgroup/memory.current");
    let container = most.zip(used).map(|(most, used)| most.saturating_sub(used));
    machine.into_iter().chain(container).min()
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_much_is_refused_before_it_is_parsed() {
        let json = br#"{"files": [{"file": "a"}, {"file": "b"}]}"#;
        let needed = json.len() as u64 + 2 * ENTRY_BYTES;
        let read = |allowed| read_json_within(&mut &json[..], Some(json.len() as u64), allowed);
        assert_eq!(read(needed).unwrap(), json);
        let error = read(needed - 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        let text = error.to_string();
        assert!(
            text.contains("2 files") && text.contains("`memory`"),
            "{text}"
        );
        let error = read_json_within(&mut io::empty(), Some(11), 10).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        // An endless one is not read to its end.
        let endless = read_json_within(&mut io::repeat(b' '), None, 1 << 20);
        assert_eq!(endless.unwrap_err().kind(), io::ErrorKind::OutOfMemory);
    }

    #[test]
    fn files_are_counted_across_pieces() {
        let json = br#"{"file": 1, "file": 2, "profile": 3}"#;
        assert_eq!(files_in(json, 0), 2);
        for cut in 0..json.len() {
            let both = files_in(&json[..cut], 0) + files_in(json, cut);
            assert_eq!(both, 2, "{cut}");
        }
    }

    #[test]
    fn the_kernel_tells_what_is_available() {
        let text = "MemTotal:  16 kB\nMemAvailable:       3 kB\n";
        assert_eq!(available(text), Some(3072));
        assert_eq!(available("MemTotal: 1 kB"), None);
    }
}
