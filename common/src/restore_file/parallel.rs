//! Writes the many entries of a restore file on all processors.

use std::thread;

use serde::Serialize;

use super::{RestoreEntry, RestoreFile};

/// With fewer files one thread is as quick.
const LEAST_FILES: usize = 4096;
const MOST_THREADS: usize = 8;
/// How the list of files is written when there are none. No text of a member can hold it: there a
/// line break is escaped.
const NO_FILES: &[u8] = b"\n  \"files\": []";
/// What is around the entries where there are no other members.
const BEFORE: &[u8] = b"{\n  \"files\": [";
const AFTER: &[u8] = b"\n  ]\n}";

#[derive(Serialize)]
struct Files<'a> {
    files: &'a [RestoreEntry],
}

/// The same bytes as those of `serde_json::to_vec_pretty`.
pub(super) fn to_vec_pretty(file: &RestoreFile) -> Result<Vec<u8>, serde_json::Error> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    write(file, threads.min(MOST_THREADS), LEAST_FILES)
}

fn write(file: &RestoreFile, threads: usize, least: usize) -> Result<Vec<u8>, serde_json::Error> {
    if threads < 2 || file.files.len() < least.max(threads) {
        return serde_json::to_vec_pretty(file);
    }
    let rest = RestoreFile {
        version: file.version,
        expires: file.expires,
        files: Vec::new(),
        members: Vec::new(),
        packages: file.packages.clone(),
        packagesize: file.packagesize,
        packagesize_exact: file.packagesize_exact,
        folders: file.folders.clone(),
    };
    let rest = serde_json::to_vec_pretty(&rest)?;
    let place = rest
        .windows(NO_FILES.len())
        .position(|bytes| bytes == NO_FILES);
    let Some(place) = place.map(|place| place + NO_FILES.len() - 1) else {
        return serde_json::to_vec_pretty(file);
    };
    let share = file.files.len().div_ceil(threads);
    let shares: Vec<_> = thread::scope(|scope| {
        let started: Vec<_> = (file.files.chunks(share))
            .map(|files| scope.spawn(move || serde_json::to_vec_pretty(&Files { files })))
            .collect();
        started.into_iter().map(|it| it.join()).collect()
    });
    let mut entries = Vec::with_capacity(shares.len());
    for share in shares {
        let share = share.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        entries.push(share);
    }
    let length: usize = entries.iter().map(Vec::len).sum();
    let mut json = Vec::with_capacity(rest.len() + length + 200);
    json.extend_from_slice(&rest[..place]);
    for (number, share) in entries.into_iter().enumerate() {
        if number > 0 {
            json.push(b',');
        }
        let share = share.strip_prefix(BEFORE).unwrap_or_default();
        json.extend_from_slice(share.strip_suffix(AFTER).unwrap_or_default());
    }
    json.extend_from_slice(b"\n  ");
    json.extend_from_slice(&rest[place..]);
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::rel_path::RelPath;

    #[test]
    fn many_threads_write_what_one_would() {
        let text = r#"{"files": [{"file": "a\n  \"files\": []", "sha256": "DIGEST"}], "packages":
            [{"hash": "sha256:DIGEST", "url": "\n  \"files\": []"}]}"#;
        let text = text.replace("DIGEST", &Digest::of(b"").to_string());
        let mut file = RestoreFile::parse(text.as_bytes()).unwrap();
        let first = file.files[0].clone();
        for number in 0..50 {
            for threads in 1..7 {
                let one = serde_json::to_vec_pretty(&file).unwrap();
                assert!(
                    write(&file, threads, 0).unwrap() == one,
                    "{number} {threads}"
                );
            }
            file.files.push(RestoreEntry {
                file: RelPath::new(format!("{number}").as_bytes()).unwrap(),
                ..first.clone()
            });
        }
    }
}
