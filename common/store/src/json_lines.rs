//! Whole stores as text: one record a line, `{"project":…,"package":{…}}`.
//!
//! The way from one engine to another, and a backup that needs no engine to be read. Numbers are
//! not written: a store that reads the lines gives its own.

use std::io::{self, BufRead, Read, Write};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{PackageStore, StoreError, StoreQuery};
use hashget_words::hash_package::HashPackage;
use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::PackageId;
use hashget_words::package_url::without_password;
use hashget_words::project::ProjectName;

/// The longest line that is read, in bytes.
pub const MAX_LINE_BYTES: u64 = 256 << 20;
/// How many records are listed at once.
const PAGE: usize = 256;
/// How much of an export is gathered before it is written.
const PIECE_BYTES: usize = 1 << 20;
/// A batch of an import is published when it has this many records, or
const BATCH_RECORDS: usize = 1000;
/// came from this many bytes.
const BATCH_BYTES: usize = 32 << 20;

/// Why records could not be written or read as lines.
#[derive(Debug, Error)]
pub enum JsonLinesError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A line could not be written.
    #[error("cannot write the exported records")]
    Write(#[source] io::Error),
    /// A line could not be read.
    #[error("cannot read line {line} of the records")]
    Read {
        /// Its number, from 1.
        line: u64,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A line is too long.
    #[error("line {line} of the records is longer than {MAX_LINE_BYTES} bytes")]
    TooLong {
        /// Its number, from 1.
        line: u64,
    },
    /// A line is no record.
    #[error("line {line} is not a record {{\"project\":…,\"package\":…}}")]
    Parse {
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// A record's URL has a name or password, which would be published with it.
    #[error("line {line}: the URL {url} names a user or a password")]
    Password {
        /// The line, counted from 1.
        line: u64,
        /// The URL without them.
        url: String,
    },
    /// The store does not take the records that end at a line.
    #[error("cannot import lines {first} to {last}")]
    Publish {
        /// The first line that was not imported.
        first: u64,
        /// The last line of the batch that was not imported.
        last: u64,
        /// What the store says.
        #[source]
        source: StoreError,
    },
}

/// What [`import`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportStats {
    /// Lines that held a record.
    pub records: u64,
    /// Batches they were published in.
    pub batches: u64,
}

#[derive(Serialize)]
struct LineOut<'a> {
    project: &'a ProjectName,
    package: &'a HashPackage,
}

#[derive(Deserialize)]
struct LineIn {
    project: ProjectName,
    package: HashPackage,
}

/// Writes every record, by ascending number; how many. Records that come or go meanwhile may be
/// in it or not. About a megabyte of them is in memory at a time.
pub fn export(store: &dyn PackageStore, out: &mut dyn Write) -> Result<u64, JsonLinesError> {
    let mut after = None;
    let mut written = 0;
    loop {
        let mut piece = Vec::new();
        after = export_piece(store, after, PIECE_BYTES, &mut piece)?;
        written += piece.split_inclusive(|byte| *byte == b'\n').count() as u64;
        out.write_all(&piece).map_err(JsonLinesError::Write)?;
        if after.is_none() {
            out.flush().map_err(JsonLinesError::Write)?;
            return Ok(written);
        }
    }
}

/// Appends records with a higher number than `after` until `out` has `piece_bytes`; the number
/// to go on behind, if there may be more.
pub fn export_piece(
    store: &dyn PackageStore,
    after: Option<PackageId>,
    piece_bytes: usize,
    out: &mut Vec<u8>,
) -> Result<Option<PackageId>, JsonLinesError> {
    let mut query = StoreQuery {
        spec: PackageSpec::All,
        project: None,
        after,
        limit: PAGE,
        today: Date::MIN,
    };
    loop {
        let page = store.list(&query)?;
        for summary in &page.packages {
            for stored in store.get(&[summary.id])?.into_iter().flatten() {
                let line = LineOut {
                    project: &stored.project,
                    package: &stored.package,
                };
                serde_json::to_writer(&mut *out, &line)
                    .map_err(|error| JsonLinesError::Write(error.into()))?;
                out.push(b'\n');
            }
            if out.len() >= piece_bytes {
                return Ok(Some(summary.id));
            }
        }
        if page.next.is_none() {
            return Ok(None);
        }
        query.after = page.next;
    }
}

/// Publishes every line; empty ones are passed over. Records whose URL has a password are refused.
///
/// Importing the same lines again changes nothing. At an error the batches before it are in the
/// store, and the error has the number of the line.
pub fn import(
    store: &dyn PackageStore,
    input: &mut dyn BufRead,
) -> Result<ImportStats, JsonLinesError> {
    let mut stats = ImportStats::default();
    let mut batch = Batch::default();
    let mut text = Vec::new();
    for line in 1.. {
        if !read_line(input, line, &mut text)? {
            break;
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        let read: LineIn = serde_json::from_slice(&text)
            .map_err(|source| JsonLinesError::Parse { line, source })?;
        if let Some(url) = read.package.password_in() {
            let url = without_password(url).into_owned();
            return Err(JsonLinesError::Password { line, url });
        }
        if batch.is_full() || batch.project.as_ref() != Some(&read.project) {
            batch.publish(store, &mut stats)?;
        }
        if batch.packages.is_empty() {
            batch.first = line;
        }
        batch.last = line;
        batch.bytes += text.len();
        batch.project = Some(read.project);
        batch.packages.push(read.package);
    }
    batch.publish(store, &mut stats)?;
    Ok(stats)
}

/// Records of one project, to be published together.
#[derive(Default)]
struct Batch {
    project: Option<ProjectName>,
    packages: Vec<HashPackage>,
    bytes: usize,
    first: u64,
    last: u64,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.packages.len() >= BATCH_RECORDS || self.bytes >= BATCH_BYTES
    }

    fn publish(
        &mut self,
        store: &dyn PackageStore,
        stats: &mut ImportStats,
    ) -> Result<(), JsonLinesError> {
        let batch = std::mem::take(self);
        if let Some(project) = batch.project {
            let published = store.publish(&project, &batch.packages);
            published.map_err(|source| JsonLinesError::Publish {
                first: batch.first,
                last: batch.last,
                source,
            })?;
            stats.records += batch.packages.len() as u64;
            stats.batches += 1;
        }
        Ok(())
    }
}

/// Reads a line; `false` at the end.
fn read_line(
    input: &mut dyn BufRead,
    line: u64,
    text: &mut Vec<u8>,
) -> Result<bool, JsonLinesError> {
    text.clear();
    let read = input
        .take(MAX_LINE_BYTES + 1)
        .read_until(b'\n', text)
        .map_err(|source| JsonLinesError::Read { line, source })?;
    if read as u64 > MAX_LINE_BYTES {
        return Err(JsonLinesError::TooLong { line });
    }
    Ok(read > 0)
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;
    use crate::conformance::package;
    use crate::{SledStore, StoreOptions};

    #[test]
    fn urls_with_passwords_are_not_imported() {
        let directory = tempdir().unwrap();
        let store = SledStore::open(&directory.path().join("s"), StoreOptions::default()).unwrap();
        let url = "http://user:secret@example.org/p.tar.gz";
        let mut signed = package("http://example.org/p.tar.gz", [1]);
        signed.signatures.insert("url".to_owned(), url.to_owned());
        for secret in [package(url, [1]), signed] {
            let line = serde_json::json!({"project": "p", "package": secret}).to_string();
            let error = import(&store, &mut line.as_bytes())
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("line 1: ") && !error.contains("secret"),
                "{error}"
            );
        }
        assert_eq!(store.stats().unwrap().packages, 0);
    }

    #[test]
    fn stores_move_as_lines() {
        let directory = tempdir().unwrap();
        let open =
            |name| SledStore::open(&directory.path().join(name), StoreOptions::default()).unwrap();
        let (from, to) = (open("from"), open("to"));
        for (name, count) in [("p", 1500), ("q", 7)] {
            let packages: Vec<HashPackage> = (0..count)
                .map(|n| package(&format!("u{n}"), n..n + 3))
                .collect();
            from.publish(&name.parse().unwrap(), &packages).unwrap();
        }
        let mut lines = Vec::new();
        assert_eq!(export(&from, &mut lines).unwrap(), 1507);
        assert!(lines.starts_with(br#"{"project":"p","package":{"url":"u0","#));
        for _ in 0..2 {
            let stats = import(&to, &mut &lines[..]).unwrap();
            assert_eq!(
                stats,
                ImportStats {
                    records: 1507,
                    batches: 3
                }
            );
            let mut again = Vec::new();
            export(&to, &mut again).unwrap();
            assert!(again == lines);
        }
    }

    #[test]
    fn a_bad_line_is_named() {
        let directory = tempdir().unwrap();
        let store = SledStore::open(directory.path(), StoreOptions::default()).unwrap();
        let good = r#"{"project":"p","package":{"url":"u"}}"#;
        let import_text = |text: String| import(&store, &mut text.as_bytes());
        let error = import_text(format!("{good}\n\n{{\n{good}")).unwrap_err();
        assert!(
            matches!(error, JsonLinesError::Parse { line: 3, .. }),
            "{error}"
        );
        let no_url = good.replace("\"u\"", "\"\"");
        let error = import_text(format!("\n{good}\n{no_url}\n")).unwrap_err();
        let expected = matches!(
            error,
            JsonLinesError::Publish {
                first: 2,
                last: 3,
                ..
            }
        );
        assert!(expected, "{error}");
        assert_eq!(import_text(good.to_owned()).unwrap().records, 1);
    }
}
