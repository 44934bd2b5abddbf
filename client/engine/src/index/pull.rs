//! `--pull`: the packages that the hashservers know by the large files of a directory.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use hashget_words::rel_path::display_bytes;
use rayon::prelude::*;

use super::{IndexError, IndexServices};
use hashget_files::monitor::{Problem, Progress, Unit};

/// Hashes the files and pulls the records that have one of them as an anchor; how many came.
pub(super) fn pull(files: &[PathBuf], services: &IndexServices<'_>) -> Result<u64, IndexError> {
    if files.is_empty() || services.lookup.servers.is_empty() {
        return Ok(0);
    }
    let monitor = services.monitor();
    let progress = Progress::start(monitor, "hashing", Unit::Files, Some(files.len() as u64));
    let mut digests: Vec<Digest> = files
        .par_iter()
        .filter_map(|path| {
            let digest = digest_of(path);
            progress.advance(1);
            digest
                .inspect_err(|error| {
                    let subject = display_bytes(path.as_os_str().as_encoded_bytes());
                    monitor.problem(&Problem::new(subject, error));
                })
                .ok()
        })
        .collect();
    drop(progress);
    digests.sort_unstable();
    digests.dedup();
    Ok(services.lookup.pull_anchors(&digests)?.pulled_packages)
}

fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hasher.finish())
}
