//! Tests of the whole reader, by format and by what can be wrong.

mod compressed;
mod damage;
mod deb;
mod edges;
mod limits;
mod nested;
mod parallel;
mod tar;
mod tools;
mod writer;
mod written_for_tools;
mod zip;

use std::io::{self, Read, Seek as _, Write as _};
use std::sync::{Arc, Mutex};

use super::*;

/// An entry as a visitor saw it, with its content.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    entry: Entry,
    content: Vec<u8>,
}

impl Seen {
    fn path(&self) -> String {
        String::from_utf8(self.entry.path.clone()).unwrap()
    }
}

type Listing = Result<(ArchiveKind, Vec<Seen>), ReadError<io::Error>>;

fn visit_all(
    input: Input<'_>,
    options: &ArchiveOptions,
    seen: &mut Vec<Seen>,
) -> Result<ArchiveKind, ReadError<io::Error>> {
    read_archive(
        input,
        options,
        &mut |entry: &Entry, reader: &mut dyn Read| {
            let mut content = Vec::new();
            reader.read_to_end(&mut content)?;
            if let Some(size) = entry.size {
                assert_eq!(
                    size,
                    content.len() as u64,
                    "a short file was given as a whole one"
                );
            }
            seen.push(Seen {
                entry: entry.clone(),
                content,
            });
            Ok(())
        },
    )
}

/// Reads `bytes` as a stream and as a file, which must agree.
fn list_with(bytes: &[u8], options: &ArchiveOptions) -> Listing {
    let mut streamed = Vec::new();
    let mut stream = bytes;
    let from_stream = visit_all(Input::Stream(&mut stream), options, &mut streamed);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.seek(io::SeekFrom::End(0)).unwrap();
    let mut filed = Vec::new();
    let from_file = visit_all(Input::File(file), options, &mut filed);
    assert_eq!(streamed, filed);
    match (&from_stream, &from_file) {
        (Ok(stream), Ok(file)) => assert_eq!(stream, file),
        (Err(stream), Err(file)) => assert_eq!(stream.to_string(), file.to_string()),
        _ => panic!("stream: {from_stream:?}, file: {from_file:?}"),
    }
    from_stream.map(|kind| (kind, streamed))
}

fn list(bytes: &[u8]) -> Listing {
    list_with(bytes, &ArchiveOptions::default())
}

fn recursive() -> ArchiveOptions {
    ArchiveOptions {
        recursive: true,
        ..ArchiveOptions::default()
    }
}

/// `options`, and where they put what the reader tells.
fn reporting(options: ArchiveOptions) -> (ArchiveOptions, Arc<Mutex<Vec<String>>>) {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&reports);
    let handler: ProblemHandler = Arc::new(move |problem| {
        sink.lock().unwrap().push(problem.to_string());
    });
    let on_problem = Some(handler);
    let options = ArchiveOptions {
        on_problem,
        ..options
    };
    (options, reports)
}

/// What is in an archive that must be readable, and what the reader tells, once.
fn list_told(bytes: &[u8]) -> (ArchiveKind, Vec<Seen>, Vec<String>) {
    let (options, reports) = reporting(ArchiveOptions::default());
    let (kind, seen) = list_with(bytes, &options).unwrap();
    let mut told = std::mem::take(&mut *reports.lock().unwrap());
    // It is read as a stream and as a file.
    let again = told.split_off(told.len() / 2);
    assert_eq!(told, again);
    (kind, seen, told)
}

fn archive_error(listing: Listing) -> ArchiveError {
    match listing {
        Err(ReadError::Archive(error)) => error,
        other => panic!("no archive error: {other:?}"),
    }
}

/// `path: content` of each file, just `path` of everything else.
fn summary(seen: &[Seen]) -> Vec<String> {
    seen.iter()
        .map(|seen| match seen.entry.kind {
            EntryKind::File => {
                format!(
                    "{}: {}",
                    seen.path(),
                    String::from_utf8_lossy(&seen.content)
                )
            }
            _ => seen.path(),
        })
        .collect()
}

#[test]
fn what_is_no_archive_visits_nothing() {
    for bytes in [
        b"".as_slice(),
        b"hello",
        &[0; 10_240],
        b"BZh1 is text",
        b"!<arch>\nfoo.o/          0           0     0     100644  2         `\nab",
        &[b'x'; 600],
    ] {
        assert_eq!(list(bytes).unwrap(), (ArchiveKind::NotArchive, vec![]));
    }
}

#[test]
fn the_visitors_error_comes_back() {
    let tar = hashget_tests::tar_builder::TarBuilder::new()
        .file("a", "1")
        .file("b", "2")
        .build();
    let mut seen = 0;
    let result = read_archive(
        Input::Stream(&mut tar.as_slice()),
        &ArchiveOptions::default(),
        &mut |_, _| {
            seen += 1;
            Err("stop")
        },
    );
    assert!(matches!(result, Err(ReadError::Visit("stop"))));
    assert_eq!(seen, 1);
}

#[test]
fn an_unread_member_is_skipped() {
    let tar = hashget_tests::tar_builder::TarBuilder::new()
        .file("a", vec![b'x'; 100_000])
        .file("b", "2")
        .build();
    let mut seen = Vec::new();
    let kind = read_archive(
        Input::Stream(&mut tar.as_slice()),
        &ArchiveOptions::default(),
        &mut |entry, reader| {
            seen.push(entry.path.clone());
            reader.read_exact(&mut [0; 1])
        },
    );
    assert_eq!(kind.unwrap(), ArchiveKind::Tar);
    assert_eq!(seen, [b"a", b"b"]);
}

#[test]
fn a_failing_source_is_told_from_damage() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the line is dead"))
        }
    }
    let tar = hashget_tests::tar_builder::TarBuilder::new()
        .file("a", vec![1; 5000])
        .build();
    let gz = hashget_tests::compression::Compression::Gzip.compress(&tar);
    for bytes in [&tar[..2000], &gz[..gz.len() - 9]] {
        let mut source = bytes.chain(Failing);
        let result = visit_all(Input::Stream(&mut source), &recursive(), &mut Vec::new());
        assert!(
            matches!(result, Err(ReadError::Archive(ArchiveError::Io { .. }))),
            "{result:?}"
        );
    }
}
