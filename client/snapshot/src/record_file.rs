//! The files that this program keeps beside snapshots: versioned, checked, replaced whole.
//!
//! ```text
//! magic "HGSNAP\n" and a byte for the kind │ version, u32 │ zstd of the body │ SHA-256 of all that
//! ```
//! All numbers are little-endian; byte strings follow their length as u32.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use hashget_archive::Timestamp;
use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;

use super::destination::{TEMP_PREFIX, sync_directory};
use super::error::SnapshotError;
use hashget_files::tree::file_stamp;

const MAGIC: &[u8; 7] = b"HGSNAP\n";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 12;
/// A body may be so large whatever its file is.
const FREE_BODY_BYTES: u64 = 1 << 20;
/// A body may have so many bytes for each of its file: so a small file costs no more memory than its like. What packs better
/// is written with padding.
const MAX_RATIO: u64 = 100;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordKind {
    /// The inodes of a destination.
    Index = b'i' as isize,
    /// What the source of a row was like.
    State = b's' as isize,
    /// In which order the snapshots of a row were made.
    Order = b'o' as isize,
    /// Which files of a snapshot were not hard links of each other.
    Separate = b'h' as isize,
}

/// Writes the body of a file.
#[derive(Debug, Default)]
pub(super) struct Encoder(Vec<u8>);

impl Encoder {
    pub(super) fn u32(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn digest(&mut self, digest: &Digest) {
        self.0.extend_from_slice(digest.as_bytes());
    }

    pub(super) fn time(&mut self, time: Timestamp) {
        self.0.extend_from_slice(&time.seconds.to_le_bytes());
        self.u32(time.nanoseconds);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn count(&mut self, count: usize) {
        self.u64(count as u64);
    }

    /// The body so far.
    pub(super) fn body(&self) -> &[u8] {
        &self.0
    }
}

/// Reads the body of a file; `None` when it is not as it should be.
#[derive(Debug)]
pub(super) struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self(body)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn digest(&mut self) -> Option<Digest> {
        self.array().map(Digest::from_bytes)
    }

    pub(super) fn time(&mut self) -> Option<Timestamp> {
        let seconds = self.array().map(i64::from_le_bytes)?;
        let nanoseconds = self.u32()?;
        Some(Timestamp {
            seconds,
            nanoseconds,
        })
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        self.take(length)
    }

    pub(super) fn path(&mut self) -> Option<RelPath> {
        RelPath::new(self.bytes()?).ok()
    }

    /// A count of things that take at least `least` bytes each.
    pub(super) fn count(&mut self, least: usize) -> Option<usize> {
        let count = usize::try_from(self.u64()?).ok()?;
        (count <= self.0.len() / least.max(1)).then_some(count)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A file that is written, but has not its name yet.
#[must_use]
pub(super) struct Prepared {
    file: tempfile::NamedTempFile,
    path: PathBuf,
}

impl Prepared {
    /// When it was written, by the clock of its file system.
    pub(super) fn made(&self) -> Result<Timestamp, SnapshotError> {
        let stamp = file_stamp(self.file.as_file());
        let stamp = stamp.map_err(SnapshotError::io("look at", &self.path))?;
        Ok(stamp.ctime)
    }

    /// Gives it its name, in place of the old one. Nothing is forced to disk.
    pub(super) fn place(self) -> Result<(), SnapshotError> {
        let failed = SnapshotError::io("write", &self.path);
        let placed = self.file.persist(&self.path);
        placed.map_err(|error| failed(io::Error::from(error)))?;
        Ok(())
    }
}

/// Writes a file in place of the old one, forced to disk.
pub(super) fn save(path: &Path, kind: RecordKind, body: &[u8]) -> Result<(), SnapshotError> {
    let prepared = prepare(path, kind, body)?;
    let synced = prepared.file.as_file().sync_all();
    synced.map_err(SnapshotError::io("write", path))?;
    prepared.place()?;
    sync_directory(path.parent().unwrap_or(Path::new(".")))
}

/// Writes a file that gets its name later.
pub(super) fn prepare(
    path: &Path,
    kind: RecordKind,
    body: &[u8],
) -> Result<Prepared, SnapshotError> {
    let failed = || SnapshotError::io("write", path);
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(SnapshotError::io("make the directory", directory))?;
    let mut data = Vec::with_capacity(HEAD_BYTES + body.len() / 2);
    data.extend_from_slice(MAGIC);
    data.push(kind as u8);
    data.extend_from_slice(&VERSION.to_le_bytes());
    zstd::stream::copy_encode(body, &mut data, 1).map_err(failed())?;
    pad(&mut data, body.len());
    let digest = Digest::of(&data);
    data.extend_from_slice(digest.as_bytes());
    let mut file = tempfile::Builder::new()
        .prefix(TEMP_PREFIX)
        .tempfile_in(directory)
        .map_err(failed())?;
    file.write_all(&data).map_err(failed())?;
    Ok(Prepared {
        file,
        path: path.to_owned(),
    })
}

/// Reads the body of a file; `None` if it is missing or damaged: then it is made anew.
pub(super) fn load(path: &Path, kind: RecordKind) -> Result<Option<Vec<u8>>, SnapshotError> {
    let data = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        data => data.map_err(SnapshotError::io("read", path))?,
    };
    let Some((data, digest)) = data.split_last_chunk::<{ Digest::BYTES }>() else {
        return Ok(None);
    };
    if !data.starts_with(MAGIC) || data.get(MAGIC.len()) != Some(&(kind as u8)) {
        return Ok(None);
    }
    let version = data.get(8..HEAD_BYTES).and_then(|v| v.try_into().ok());
    let Some(version) = version.map(u32::from_le_bytes) else {
        return Ok(None);
    };
    if Digest::of(data).as_bytes() != digest {
        return Ok(None);
    }
    if version > VERSION {
        let path = path.to_owned();
        return Err(SnapshotError::Newer { path, version });
    }
    let most = most_body_bytes(data.len());
    let mut body = Vec::new();
    let read = zstd::stream::Decoder::new(&data[HEAD_BYTES..])
        .and_then(|decoder| decoder.take(most + 1).read_to_end(&mut body));
    if body.len() as u64 > most {
        let path = path.to_owned();
        return Err(SnapshotError::TooLarge { path, most });
    }
    Ok(read.ok().map(|_| body))
}

/// How many bytes a body may have whose file has so many, its digest not counted.
fn most_body_bytes(file_bytes: usize) -> u64 {
    FREE_BODY_BYTES.max((file_bytes as u64).saturating_mul(MAX_RATIO))
}

/// Adds a skippable frame (RFC 8878, 3.1.2) to a file that is too small for its body.
fn pad(data: &mut Vec<u8>, body_bytes: usize) {
    const MAGIC: [u8; 4] = 0x184D_2A50_u32.to_le_bytes();
    const HEAD: usize = 8;
    if body_bytes as u64 <= most_body_bytes(data.len()) {
        return;
    }
    let wanted = (body_bytes as u64).div_ceil(MAX_RATIO);
    let missing = usize::try_from(wanted).unwrap_or(usize::MAX) - data.len();
    let content = u32::try_from(missing.saturating_sub(HEAD)).unwrap_or(u32::MAX);
    data.extend_from_slice(&MAGIC);
    data.extend_from_slice(&content.to_le_bytes());
    data.resize(data.len() + content as usize, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_of_any_byte_is_noticed() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("own/index");
        assert_eq!(load(&path, RecordKind::Index).unwrap(), None);
        save(&path, RecordKind::Index, b"the body").unwrap();
        assert_eq!(
            load(&path, RecordKind::Index).unwrap().unwrap(),
            b"the body"
        );
        assert_eq!(load(&path, RecordKind::State).unwrap(), None);
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert_eq!(load(&path, RecordKind::Index).unwrap(), None, "byte {at}");
            fs::write(&path, &good[..at]).unwrap();
            assert_eq!(load(&path, RecordKind::Index).unwrap(), None, "cut at {at}");
        }
    }

    #[test]
    fn a_newer_version_is_refused_by_name() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("index");
        save(&path, RecordKind::Index, b"x").unwrap();
        let mut data = fs::read(&path).unwrap();
        data.truncate(data.len() - Digest::BYTES);
        data[8] = 9;
        let digest = Digest::of(&data);
        data.extend_from_slice(digest.as_bytes());
        fs::write(&path, data).unwrap();
        let error = load(&path, RecordKind::Index).unwrap_err();
        assert!(error.to_string().contains("version 9"), "{error}");
    }

    #[test]
    fn a_body_that_packs_well_is_read_back_and_one_that_its_file_does_not_justify_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("index");
        for size in [FREE_BODY_BYTES, FREE_BODY_BYTES + 1, 5 << 20] {
            let body = vec![0; usize::try_from(size).unwrap()];
            save(&path, RecordKind::Index, &body).unwrap();
            let read = load(&path, RecordKind::Index).unwrap().unwrap();
            assert_eq!(read.len() as u64, size);
            assert!(size <= FREE_BODY_BYTES.max(fs::metadata(&path).unwrap().len() * MAX_RATIO));
        }
        let bomb = |size: u64| {
            let mut data = [&MAGIC[..], &[RecordKind::Index as u8]].concat();
            data.extend_from_slice(&VERSION.to_le_bytes());
            zstd::stream::copy_encode(io::repeat(0).take(size), &mut data, 1).unwrap();
            data.extend_from_slice(Digest::of(&data).as_bytes());
            fs::write(&path, &data).unwrap();
            load(&path, RecordKind::Index)
        };
        assert!(bomb(FREE_BODY_BYTES).unwrap().is_some());
        let error = bomb(FREE_BODY_BYTES + 1).unwrap_err().to_string();
        assert!(error.contains("more than 1048576 bytes"), "{error}");
    }

    #[test]
    fn numbers_and_texts_come_back() {
        let mut encoder = Encoder::default();
        let time = Timestamp {
            seconds: -5,
            nanoseconds: 7,
        };
        encoder.u32(1);
        encoder.u64(2);
        encoder.time(time);
        encoder.bytes(b"a/\xff");
        encoder.digest(&Digest::of(b""));
        let mut decoder = Decoder::new(encoder.body());
        assert_eq!(decoder.u32(), Some(1));
        assert_eq!(decoder.u64(), Some(2));
        assert_eq!(decoder.time(), Some(time));
        assert_eq!(decoder.path().unwrap().as_bytes(), b"a/\xff");
        assert_eq!(decoder.digest(), Some(Digest::of(b"")));
        assert!(decoder.is_empty());
        assert_eq!(decoder.u32(), None);
        assert_eq!(Decoder::new(&[255; 8]).count(1), None);
    }
}
