//! The text of a restore file, made and read in pieces.
//!
//! One of a big tree has tens of megabytes. Its entries are written apart, on as many threads as the
//! caller likes, and its checksum is computed while it is read.

use std::io::{self, Read};

use serde::Serialize;

use super::{Compact, RestoreEntry, RestoreFile, check};
use crate::hash_reader::Hasher;

/// What is around the entries where there are no other members.
const BEFORE: &[u8] = b"{\n  \"files\": [";
const AFTER: &[u8] = b"\n  ]\n}";

#[derive(Serialize)]
struct Files<'a> {
    files: &'a [RestoreEntry],
}

/// Some entries of a restore file as text.
#[derive(Clone, Debug)]
pub struct EntriesJson(Vec<u8>);

impl EntriesJson {
    /// The text of `files`, one JSON object each.
    pub fn new(files: &[RestoreEntry]) -> Result<Self, serde_json::Error> {
        const USUAL_BYTES: usize = 512;
        let mut text = Vec::with_capacity(files.len() * USUAL_BYTES);
        serde_json::to_writer_pretty(&mut text, &Files { files })?;
        Ok(Self(text))
    }

    fn text(&self) -> &[u8] {
        let text = self.0.strip_prefix(BEFORE).unwrap_or_default();
        text.strip_suffix(AFTER).unwrap_or_default()
    }
}

/// The text of a restore file: the same bytes as those of [`RestoreFile::to_json`].
#[derive(Clone, Debug)]
pub struct RestoreJson {
    before: Vec<u8>,
    entries: Vec<EntriesJson>,
    after: Vec<u8>,
}

impl RestoreJson {
    /// The text of `file` with these entries instead of its own.
    pub fn new(file: &RestoreFile, entries: Vec<EntriesJson>) -> Result<Self, serde_json::Error> {
        let is_none = |some: &EntriesJson| some.text().is_empty();
        let entries: Vec<_> = entries.into_iter().filter(|some| !is_none(some)).collect();
        let file = RestoreFile {
            files: Vec::new(),
            members: file.members.clone(),
            packages: file.packages.clone(),
            directories: file.directories.clone(),
            own_members: file.own_members.clone(),
            ..*file
        };
        let (mut text, name) = if file.is_compact() {
            (serde_json::to_vec_pretty(&Compact::of(&file))?, "listed")
        } else {
            (serde_json::to_vec_pretty(&file)?, "files")
        };
        text.truncate(text.len().saturating_sub(check::PLAIN_END.len() - 1));
        // No text of a member can hold this: there a line break is escaped.
        let none = format!("\n  \"{name}\": []");
        let place = text
            .windows(none.len())
            .position(|bytes| bytes == none.as_bytes())
            .map_or(text.len(), |place| place + none.len() - 1);
        let mut after = text.split_off(place);
        if !entries.is_empty() {
            after.splice(..0, *b"\n  ");
        }
        Ok(Self {
            before: text,
            entries,
            after,
        })
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> u64 {
        let pieces = self.pieces().map(|piece| piece.len() as u64);
        pieces.sum::<u64>() + check::END_BYTES as u64
    }

    /// Reads it once.
    pub fn reader(&self) -> impl Read + '_ {
        Reader {
            pieces: Box::new(self.pieces()),
            piece: b"",
            hasher: Some(Hasher::new()),
            end: Vec::new(),
            end_read: 0,
        }
    }

    /// All but the checksum.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let entries = self.entries.iter().enumerate();
        let entries = entries.flat_map(|(number, some)| {
            let comma: &[u8] = if number > 0 { b"," } else { b"" };
            [comma, some.text()]
        });
        std::iter::once(&self.before[..])
            .chain(entries)
            .chain(std::iter::once(&self.after[..]))
    }
}

struct Reader<'a> {
    pieces: Box<dyn Iterator<Item = &'a [u8]> + 'a>,
    piece: &'a [u8],
    /// Over all that was read; none when the end is being read.
    hasher: Option<Hasher>,
    end: Vec<u8>,
    end_read: usize,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.next() {
                Some(piece) => self.piece = piece,
                None => break,
            }
        }
        if !self.piece.is_empty() {
            let count = self.piece.len().min(buffer.len());
            let (taken, rest) = self.piece.split_at(count);
            buffer[..count].copy_from_slice(taken);
            if let Some(hasher) = &mut self.hasher {
                hasher.update(taken);
            }
            self.piece = rest;
            return Ok(count);
        }
        if let Some(hasher) = self.hasher.take() {
            self.end = check::end(hasher.finish());
        }
        let rest = &self.end[self.end_read..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.end_read += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::rel_path::RelPath;

    fn read(json: &RestoreJson) -> Vec<u8> {
        let mut text = Vec::new();
        json.reader().read_to_end(&mut text).unwrap();
        assert_eq!(text.len() as u64, json.bytes());
        text
    }

    #[test]
    fn pieces_make_what_is_written_in_one() {
        let text = r#"{"files": [{"file": "a\n  \"files\": []", "sha256": "DIGEST"}], "packages":
            [{"hash": "sha256:DIGEST", "url": "\n  \"files\": []"}]}"#;
        let text = text.replace("DIGEST", &Digest::of(b"").to_string());
        let mut file = RestoreFile::parse(text.as_bytes()).unwrap();
        let first = file.files[0].clone();
        for version in [None, Some(1), Some(RestoreFile::COMPACT_VERSION)] {
            file.version = version;
            file.own_members = vec![RelPath::new(b".hashget-changes.json").unwrap()];
            file.files.clear();
            for number in 0..20 {
                for share in 1..5 {
                    let shares = file.files.chunks(share);
                    let entries = shares.map(|files| EntriesJson::new(files).unwrap());
                    let json = RestoreJson::new(&file, entries.collect()).unwrap();
                    assert!(read(&json) == file.to_json().unwrap(), "{number} {share}");
                }
                file.files.push(RestoreEntry {
                    file: RelPath::new(format!("{number}").as_bytes()).unwrap(),
                    ..first.clone()
                });
            }
        }
        let none = RestoreJson::new(&file, vec![EntriesJson::new(&[]).unwrap()]).unwrap();
        file.files.clear();
        assert!(read(&none) == file.to_json().unwrap());
    }
}
