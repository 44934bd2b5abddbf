//! Indexes in files.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::write::GzEncoder;
use hashget_words::rel_path::RelPath;
use serde::{Deserialize, Serialize};

use super::consistent;
use super::error::DeltaError;
use super::index::DirIndex;
use super::json_lines::{Lines, open, write_line};
use super::output::{create, failed};
use super::patch::Signature;
use super::rules::IndexRules;

const VERSION: u32 = 1;
/// More than fits on any file system that could be indexed.
const MOST_ENTRIES: u64 = 1 << 32;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    hashget_index: u32,
    rules: IndexRules,
    entries: u64,
    signatures: u64,
}

/// A line after the entries.
#[derive(Serialize, Deserialize)]
struct SignatureLine {
    path: RelPath,
    signature: String,
}

impl DirIndex {
    /// Writes the index to a file, which gets its name when it is whole.
    pub fn to_file(&self, path: &Path) -> Result<u64, DeltaError> {
        let failed = failed(path);
        let out = BufWriter::new(create(path)?);
        let mut out = GzEncoder::new(out, flate2::Compression::default());
        self.write(&mut out).map_err(&failed)?;
        let out = out.finish().map_err(&failed)?;
        let file = out
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        file.commit().map_err(&failed)
    }

    fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let header = Header {
            hashget_index: VERSION,
            rules: self.rules.clone(),
            entries: self.entries.len() as u64,
            signatures: self.signatures.len() as u64,
        };
        write_line(out, &header)?;
        for entry in &self.entries {
            write_line(out, entry)?;
        }
        for (path, signature) in &self.signatures {
            let line = SignatureLine {
                path: path.clone(),
                signature: BASE64_STANDARD.encode(signature.to_bytes()),
            };
            write_line(out, &line)?;
        }
        Ok(())
    }

    /// Reads an index from a file.
    pub fn from_file(path: &Path) -> Result<Self, DeltaError> {
        let mut file = open(path).map_err(DeltaError::io("read", path))?;
        let mut lines = Lines::new(&mut *file, path, "index");
        let header: Header = lines.next()?;
        if header.hashget_index != VERSION {
            let version = header.hashget_index;
            return Err(lines.error(&format!(
                "its version {version} is unknown; use a newer hashget"
            )));
        }
        if header.entries > MOST_ENTRIES || header.signatures > header.entries {
            return Err(lines.error("it has an impossible number of entries"));
        }
        let mut entries = Vec::new();
        for _ in 0..header.entries {
            entries.push(lines.next()?);
        }
        consistent::check(&entries).map_err(|reason| lines.error(&reason))?;
        let mut index = Self {
            rules: header.rules,
            entries,
            signatures: BTreeMap::new(),
        };
        for _ in 0..header.signatures {
            let line: SignatureLine = lines.next()?;
            let bytes = BASE64_STANDARD
                .decode(&line.signature)
                .map_err(|error| lines.error(&error.to_string()))?;
            let signature =
                Signature::from_bytes(&bytes).map_err(|error| lines.error(&error.to_string()))?;
            let file = index.get(&line.path).and_then(|entry| entry.file());
            if !file.is_some_and(|file| {
                (file.size, file.sha256) == (signature.size(), signature.sha256())
            }) {
                return Err(lines.error("a signature belongs to no file"));
            }
            index.signatures.insert(line.path, signature);
        }
        lines.end()?;
        Ok(index)
    }
}
