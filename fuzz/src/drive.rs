//! What each fuzz target does with its input; `common/record/tests/fuzz_corpus.rs` replays the corpora
//! through the same functions, without a fuzzer.

#![allow(dead_code, reason = "each target uses one of these functions")]

use std::io::{self, Read};

use hashget_api::LookupResponse;
use hashget_archive::{ArchiveOptions, Entry, Input, Limits, read_archive};
use hashget_transfer::BodyHeaders;
use hashget_words::deb822::paragraphs;
use hashget_words::digest::Digest;
use hashget_words::filter::Filter;
use hashget_words::hash_package::HashPackage;
use hashget_words::restore_file::RestoreFile;

/// A tar archive, or whatever else the input looks like.
pub(crate) fn tar(data: &[u8]) {
    read(data);
}

/// The records of a pax header, in front of a file.
pub(crate) fn pax(data: &[u8]) {
    let mut tar = header(b'x', data.len()).to_vec();
    tar.extend_from_slice(data);
    tar.resize(tar.len().next_multiple_of(512), 0);
    tar.extend_from_slice(&header(b'0', 600));
    tar.extend_from_slice(&[b'1'; 1024]);
    read(&tar);
}

/// A Debian package.
pub(crate) fn deb(data: &[u8]) {
    read(data);
}

/// A zip archive.
pub(crate) fn zip(data: &[u8]) {
    read(data);
}

/// The members of an `ar` archive that begins as packages do.
pub(crate) fn ar(data: &[u8]) {
    let start = b"!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\n";
    read(&[start, data].concat());
}

/// Frames of Zstandard.
pub(crate) fn zstd_frames(data: &[u8]) {
    read(data);
}

/// A filter; one that is sound is asked.
pub(crate) fn filter(data: &[u8]) {
    if let Ok(filter) = Filter::decode(data) {
        assert_eq!(filter.encode(), data);
        filter.contains(&Digest::of(data));
    }
}

/// What dpkg knows of installed packages.
pub(crate) fn deb822(data: &[u8]) {
    for paragraph in paragraphs(data) {
        paragraph.is_installed();
        paragraph.signature();
    }
}

/// The body of an answer. The first line names its encoding, the second its media type, the third its URL.
pub(crate) fn content_coding(data: &[u8]) {
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut line = || std::str::from_utf8(parts.next().unwrap_or_default()).ok();
    let (encoding, media_type, url) = (line(), line(), line());
    let headers = BodyHeaders {
        url: url.unwrap_or_default(),
        encoding,
        media_type,
    };
    let body = parts.next().unwrap_or_default();
    if let Ok(Some(coding)) = headers.coding()
        && let Ok(file) = headers.undo(coding, body)
    {
        let is_undone = file.is_undone();
        let read = io::copy(&mut file.take(1 << 22), &mut io::sink());
        assert!(is_undone || read.is_ok_and(|read| read == body.len() as u64));
    }
}

/// A restore file.
pub(crate) fn restore_file(data: &[u8]) {
    if let Ok(file) = RestoreFile::parse(data) {
        let json = file.to_json().expect("what was read can be written");
        assert_eq!(RestoreFile::parse(&json).expect("and read again"), file);
    }
}

/// The answer to a look-up in the compact form.
pub(crate) fn lookup_answer(data: &[u8]) {
    if let Ok(answer) = LookupResponse::from_bytes(data) {
        let again = LookupResponse::to_bytes(answer.packages.iter(), &answer.digests);
        let again = LookupResponse::from_bytes(&again).expect("what was read can be written");
        assert_eq!(again, answer);
    }
}

/// A record.
pub(crate) fn record(data: &[u8]) {
    if let Ok(record) = serde_json::from_slice::<HashPackage>(data) {
        let json = serde_json::to_vec(&record).expect("what was read can be written");
        let again: HashPackage = serde_json::from_slice(&json).expect("and read again");
        assert_eq!(again, record);
        assert!(record.all_digests().is_sorted());
        assert!(
            record.url.ends_with(record.name())
                || record.is_downloadable()
                || record.url.ends_with('/')
        );
    }
}

/// Reads an archive with small limits and checks what the reader promises.
fn read(data: &[u8]) {
    let limits = Limits {
        max_entries: 1000,
        max_total_bytes: 1 << 22,
        ratio_free_bytes: 1 << 20,
        max_depth: 3,
        max_decoder_memory: 16 << 20,
        max_extension_bytes: 1 << 16,
        max_sparse_extents: 1000,
        max_spool_bytes: 1 << 20,
        ..Limits::default()
    };
    let options = ArchiveOptions {
        recursive: true,
        limits,
        ..ArchiveOptions::default()
    };
    let mut input = data;
    let result = read_archive(
        Input::Stream(&mut input),
        &options,
        &mut |entry: &Entry, content: &mut dyn Read| {
            let read = io::copy(content, &mut io::sink())?;
            assert!(
                entry.size.is_none_or(|size| size == read),
                "a short file was given as whole"
            );
            Ok::<_, io::Error>(())
        },
    );
    if let Err(error) = result {
        assert!(!error.to_string().is_empty());
    }
}

fn header(type_flag: u8, size: usize) -> [u8; 512] {
    let mut header = [0; 512];
    header[..4].copy_from_slice(b"file");
    header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    header[156] = type_flag;
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
    header
}
