//! One package file becomes its record: what clients and servers share of indexing.

mod told;

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::thread;

use jiff::civil::DateTime;
use thiserror::Error;

use self::told::Told;
use hashget_archive::{
    ArchiveError, ArchiveKind, ArchiveOptions, Entry, EntryKind, Input, Limits, MayGoOn, Origin,
    ReadError, read_archive,
};
use hashget_words::content_batch::ContentBatch;
use hashget_words::deb822;
use hashget_words::digest::{Digest, HashSpec};
use hashget_words::expiry::Expiry;
use hashget_words::hash_package::{Attributes, HashPackage};
use hashget_words::hash_reader::Hasher;
use hashget_words::rel_path::RelPath;
use hashget_words::sha256_lanes::lanes;
use hashget_words::signature::Signature;

/// How a package is recorded.
pub struct RecordRules<'a> {
    /// Files larger than this many bytes are recorded; `None`: no file is (written as -1, the
    /// original's way to say so).
    pub filesz: Option<u64>,
    /// Files larger than this many bytes are anchors.
    pub anchsz: u64,
    /// Whether the file at a path is an anchor regardless of its size.
    pub is_forced_anchor: &'a dyn Fn(&RelPath) -> bool,
    /// Whether archives inside the package are read, too.
    pub recursive: bool,
    /// Until when the package may be relied on.
    pub expires: Expiry,
    /// Bounds on hostile packages.
    pub limits: Limits,
    /// The local time that is noted as `crawled_date`.
    pub now: DateTime,
    /// How many threads may decompress the package, where its format can be cut into parts.
    pub threads: u32,
    /// Asked again and again while the package is read; an error ends that, as
    /// [`ArchiveError::Stopped`].
    pub may_go_on: Option<MayGoOn>,
}

impl RecordRules<'_> {
    /// Files larger than this many bytes are recorded, by default: all but empty ones.
    /// The original's default is 1024 (`docs/decisions/0006`).
    pub const DEFAULT_FILESZ: u64 = 0;
    /// Files larger than this many bytes are anchors, by default.
    pub const DEFAULT_ANCHSZ: u64 = 100 * 1024;

    /// Every file is recorded that is not empty; the rest are the original's defaults.
    pub fn new(now: DateTime) -> Self {
        Self {
            filesz: Some(Self::DEFAULT_FILESZ),
            anchsz: Self::DEFAULT_ANCHSZ,
            is_forced_anchor: &|_| false,
            recursive: false,
            expires: Expiry::Never,
            limits: Limits::default(),
            now,
            threads: 1,
            may_go_on: None,
        }
    }
}

/// A package file whose digest and size are known.
#[derive(Clone, Copy, Debug)]
pub struct PackageFile<'a> {
    /// The file; it is read from its start.
    pub file: &'a File,
    /// The SHA-256 of the whole file.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// Why a package file could not be recorded.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The file cannot be read.
    #[error("cannot read the package file")]
    Read(#[source] io::Error),
    /// The package is an archive, but broken or beyond a limit.
    #[error("cannot read the package as an archive")]
    Archive(#[source] ArchiveError),
}

/// A record, with notes and warnings from making it.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexedPackage {
    /// The record, ready to be kept or published.
    pub record: HashPackage,
    /// What the package file is. [`ArchiveKind::NotArchive`]: nothing but the file itself is
    /// recorded, which is enough to leave copies of it out of a backup.
    pub kind: ArchiveKind,
    /// Regular files inside.
    pub seen_files: u64,
    /// What the user may want to know: the package is no archive, or archives inside could not be
    /// read, with the reason.
    pub notes: Vec<String>,
    /// What the record lacks though the package may have it, such as members that are encrypted,
    /// and bytes of the package that no reader of its format understands.
    pub warnings: Vec<String>,
}

/// Makes the record of a package file that can be downloaded from `url`.
///
/// `signatures` are added to those found: `url`, and `deb` from a `.deb`'s control file; a given
/// one replaces a found one of its type. The same file, URL and options give the same record:
/// `files` and `anchors` are in the order in which the package first has them.
///
/// The scripts and lists in the control archive of a `.deb` are not recorded. They reach a system
/// as `/var/lib/dpkg/info/*`, but the original unpacks packages with `dpkg -x`, which leaves them
/// out: an archive that relied on them could not be restored by it.
pub fn record_package(
    package: PackageFile<'_>,
    url: &str,
    signatures: &[Signature],
    rules: &RecordRules<'_>,
) -> Result<IndexedPackage, RecordError> {
    let told = Told::default();
    let mut listing = Listing::new(rules);
    let file = package.file.try_clone().map_err(RecordError::Read)?;
    let options = ArchiveOptions {
        recursive: rules.recursive,
        threads: rules.threads,
        limits: rules.limits.clone(),
        on_problem: Some(told.handler()),
        may_go_on: rules.may_go_on.clone(),
        ..ArchiveOptions::default()
    };
    // Not after the reading: then nothing else could be done for this package.
    let may_go_on = rules.may_go_on.as_ref();
    let (read, md5) = thread::scope(|scope| {
        let md5 = scope.spawn(|| md5_of(package.file, may_go_on));
        let read = read_archive(Input::File(file), &options, &mut |entry, content| {
            listing.visit(entry, content)
        });
        (read, md5.join())
    });
    listing.hash_batch();
    let kind = match read {
        Ok(kind) => kind,
        Err(ReadError::Visit(source)) => return Err(RecordError::Read(source)),
        Err(ReadError::Archive(source)) => return Err(RecordError::Archive(source)),
    };
    let md5 = match md5 {
        Ok(md5) => md5?,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    let (mut notes, warnings) = told.take();
    if kind == ArchiveKind::NotArchive {
        notes.push("it is no archive: only the file itself is recorded".to_owned());
    }
    let seen_files = listing.seen_files;
    let hashes = vec![HashSpec::Sha256(package.sha256), HashSpec::Md5(md5)];
    Ok(IndexedPackage {
        record: listing.into_record(package.size, url, hashes, signatures),
        kind,
        seen_files,
        notes,
        warnings,
    })
}

/// What is in a package, as far as it was read.
struct Listing<'o> {
    rules: &'o RecordRules<'o>,
    files: Distinct,
    anchors: Distinct,
    deb: Option<Signature>,
    seen_files: u64,
    sum_bytes: u64,
    indexed_bytes: u64,
    /// Files that were seen, and are not hashed yet; none where lanes do not pay.
    batch: Option<ContentBatch<Noted>>,
}

/// What a file that was hashed is noted as.
#[derive(Clone, Copy)]
struct Noted {
    file: bool,
    anchor: bool,
}

impl<'o> Listing<'o> {
    fn new(rules: &'o RecordRules<'o>) -> Self {
        Self {
            rules,
            files: Distinct::default(),
            anchors: Distinct::default(),
            deb: None,
            seen_files: 0,
            sum_bytes: 0,
            indexed_bytes: 0,
            batch: (lanes() > 1).then(ContentBatch::new),
        }
    }

    fn visit(&mut self, entry: &Entry, content: &mut dyn Read) -> io::Result<()> {
        if entry.kind != EntryKind::File {
            return Ok(());
        }
        if entry.origin == Origin::DebControl {
            return self.visit_control(entry, content);
        }
        self.seen_files += 1;
        if let Some(size) = entry.size {
            let wanted = self.is_indexed(size) || self.is_anchor(entry, size);
            if !wanted {
                self.sum_bytes = self.sum_bytes.saturating_add(size);
                return Ok(());
            }
            if self.put_aside(entry, size, content)? {
                return Ok(());
            }
        }
        // Digests are noted in the order of the package.
        self.hash_batch();
        let mut hasher = Hasher::new();
        let size = io::copy(content, &mut hasher)?;
        let noted = self.count(entry, size);
        self.note(noted, hasher.finish());
        Ok(())
    }

    /// Puts a small file aside, to be hashed with others; whether that was done.
    fn put_aside(&mut self, entry: &Entry, size: u64, content: &mut dyn Read) -> io::Result<bool> {
        let small = usize::try_from(size)
            .ok()
            .filter(|size| *size <= ContentBatch::<Noted>::MAX_CONTENT_BYTES);
        let (Some(small), true) = (small, self.batch.is_some()) else {
            return Ok(false);
        };
        let noted = self.count(entry, size);
        if let Some(batch) = &mut self.batch {
            // The reader gives no more than the size of its entry.
            let _whole = batch.take(content, small, noted)?;
            if batch.is_full() {
                self.hash_batch();
            }
        }
        Ok(true)
    }

    /// Counts a file; tells what it is noted as.
    fn count(&mut self, entry: &Entry, size: u64) -> Noted {
        self.sum_bytes = self.sum_bytes.saturating_add(size);
        let noted = Noted {
            file: self.is_indexed(size),
            anchor: self.is_anchor(entry, size),
        };
        if noted.file {
            self.indexed_bytes = self.indexed_bytes.saturating_add(size);
        }
        noted
    }

    fn note(&mut self, noted: Noted, digest: Digest) {
        if noted.file {
            self.files.add(digest);
        }
        if noted.anchor {
            self.anchors.add(digest);
        }
    }

    /// Notes what was put aside.
    fn hash_batch(&mut self) {
        let Some(mut batch) = self.batch.take() else {
            return;
        };
        let Ok(()) = batch.drain(|noted, digest, _| {
            self.note(noted, digest);
            Ok::<(), Infallible>(())
        });
        self.batch = Some(batch);
    }

    fn visit_control(&mut self, entry: &Entry, content: &mut dyn Read) -> io::Result<()> {
        const MAX_CONTROL_BYTES: u64 = 1 << 20;
        let is_control = RelPath::new(&entry.path).is_ok_and(|path| path.as_bytes() == b"control");
        if entry.depth == 0 && is_control {
            let mut text = Vec::new();
            content.take(MAX_CONTROL_BYTES).read_to_end(&mut text)?;
            self.deb = deb822::paragraphs(&text)
                .next()
                .and_then(|paragraph| paragraph.signature());
        }
        Ok(())
    }

    fn is_indexed(&self, size: u64) -> bool {
        self.rules.filesz.is_some_and(|least| size > least)
    }

    /// Every empty file is alike, so none names a package.
    fn is_anchor(&self, entry: &Entry, size: u64) -> bool {
        let forced = || {
            let path = entry.path.trim_ascii_start();
            let start = path.iter().position(|byte| *byte != b'/');
            let path = RelPath::new(&path[start.unwrap_or(path.len())..]);
            path.is_ok_and(|path| (self.rules.is_forced_anchor)(&path))
        };
        size > 0 && (size > self.rules.anchsz || forced())
    }

    fn into_record(
        self,
        size: u64,
        url: &str,
        hashes: Vec<HashSpec>,
        signatures: &[Signature],
    ) -> HashPackage {
        let limit = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let mut named = BTreeMap::from([(Signature::URL.to_owned(), url.to_owned())]);
        for signature in self.deb.iter().chain(signatures) {
            named.insert(signature.kind().to_owned(), signature.value().to_owned());
        }
        HashPackage {
            url: url.to_owned(),
            files: self.files.in_order,
            anchors: self.anchors.in_order,
            signatures: named,
            hashes,
            attrs: Attributes {
                size: Some(size),
                filesz: Some(self.rules.filesz.map_or(-1, limit)),
                anchorsz: Some(limit(self.rules.anchsz)),
                sum_size: Some(self.sum_bytes),
                indexed_size: Some(self.indexed_bytes),
                crawled_date: Some(self.rules.now.strftime("%Y-%m-%d %H:%M:%S").to_string()),
                ..Attributes::default()
            },
            expires: self.rules.expires,
        }
    }
}

/// Digests in the order they came, each once.
#[derive(Default)]
struct Distinct {
    in_order: Vec<Digest>,
    seen: HashSet<Digest>,
}

impl Distinct {
    fn add(&mut self, digest: Digest) {
        if self.seen.insert(digest) {
            self.in_order.push(digest);
        }
    }
}

/// Reads the file a second time: it has just been read, so it comes from memory.
fn md5_of(file: &File, may_go_on: Option<&MayGoOn>) -> Result<[u8; 16], RecordError> {
    use md5::Digest as _;
    let mut md5 = md5::Md5::new();
    let mut buffer = vec![0; 256 << 10];
    let mut offset = 0;
    loop {
        if let Some(may_go_on) = may_go_on {
            may_go_on().map_err(|reason| RecordError::Archive(ArchiveError::Stopped(reason)))?;
        }
        match file.read_at(&mut buffer, offset) {
            Ok(0) => return Ok(md5.finalize().into()),
            Ok(count) => {
                md5.update(&buffer[..count]);
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(RecordError::Read(error)),
        }
    }
}
