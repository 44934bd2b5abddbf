//! Answers that need not be asked for again.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hashget_words::digest::Digest;

use hashget_files::atomic_file::write_cached;

/// Answers by their question's URL, in a directory or in memory.
///
/// What the service has said once stays true: nothing is ever removed from it. A file that cannot
/// be written or read costs a question and is no error.
#[derive(Debug)]
pub(super) struct Answers {
    directory: Option<PathBuf>,
    memory: Mutex<HashMap<Digest, Vec<u8>>>,
}

impl Answers {
    pub(super) fn new(directory: Option<PathBuf>) -> Self {
        Self {
            directory,
            memory: Mutex::default(),
        }
    }

    /// The answer kept for `url`.
    pub(super) fn get(&self, url: &str) -> Option<Vec<u8>> {
        let key = Digest::of(url.as_bytes());
        match &self.directory {
            Some(directory) => read(&path(directory, &key)).ok(),
            None => self.memory.lock().ok()?.get(&key).cloned(),
        }
    }

    /// Keeps an answer.
    pub(super) fn keep(&self, url: &str, answer: Vec<u8>) {
        let key = Digest::of(url.as_bytes());
        let Some(directory) = &self.directory else {
            if let Ok(mut memory) = self.memory.lock() {
                memory.insert(key, answer);
            }
            return;
        };
        // Without the file the question is asked again next time.
        let _kept = write_cached(&path(directory, &key), &answer).is_ok();
    }
}

fn path(directory: &Path, key: &Digest) -> PathBuf {
    directory.join(format!("{key}.json"))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    const MAX_BYTES: u64 = 4 << 20;
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(MAX_BYTES)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
