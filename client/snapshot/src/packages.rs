//! Files that known packages hold, unpacked once for all snapshots of a destination.
//!
//! The cache holds a file only as its package has it, metadata included, and only if a source has
//! it so: then it has the same inode in the snapshots of every machine, and keeps it when all
//! those are deleted.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use hashget_archive::{ArchiveOptions, Entry, EntryKind, Input, ReadError, read_archive};
use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use hashget_words::rel_path::RelPath;
use tempfile::NamedTempFile;

use super::destination::{Destination, TEMP_PREFIX, packages_path, sync_directory};
use super::error::SnapshotError;
use super::index::{Index, Stored};
use super::key::{Key, Seen};
use super::plan::{Fate, SnapshotPlan};
use super::stats::CreateStats;
use hashget_engine::restore::{Owners, RestoreSources};
use hashget_files::monitor::{Level, Monitor, Progress, Unit, error_chain};
use hashget_files::place::{ContentError, OwnerNames, Wanted, apply, write_content};
use hashget_files::tree::{
    Describer, DigestKind, HashedFile, TreeEntry, TreeRoot, hash_files_by, status_of,
};
use hashget_sources::hash_db::Found;
use hashget_sources::sources::PackageRef;

/// Smaller files are in no records of the original, and sharing them saves next to nothing.
const LEAST_BYTES: u64 = 1024;

/// Unpacks files into the package cache of one destination.
pub(super) struct PackageCache<'a> {
    pub(super) destination: &'a Destination,
    pub(super) sources: &'a dyn RestoreSources,
    pub(super) monitor: &'a dyn Monitor,
}

/// What the source has: the keys of the files with each content.
type WantedKeys = HashMap<Digest, HashSet<Key>>;

impl PackageCache<'_> {
    /// Unpacks what the source has and packages hold, and makes that known files in `plan`.
    ///
    /// Packages that cannot be fetched cost nothing: their files are copied from the source.
    pub(super) fn fill(
        &self,
        source: &TreeRoot,
        entries: &[TreeEntry],
        plan: &mut SnapshotPlan,
        index: &mut Index,
        stats: &mut CreateStats,
    ) -> Result<(), SnapshotError> {
        let unread = plan.fates.iter().enumerate().filter(|(number, fate)| {
            let size = entries[*number].stamp().map_or(0, |stamp| stamp.size);
            **fate == Fate::Read && size > LEAST_BYTES
        });
        let unread: Vec<usize> = unread.map(|(number, _)| number).collect();
        let files: Vec<&TreeEntry> = unread.iter().map(|number| &entries[*number]).collect();
        let sizes = files.iter().filter_map(|entry| entry.stamp());
        let bytes = sizes.map(|stamp| stamp.size).sum();
        let progress = Progress::start(self.monitor, "hashing", Unit::Bytes, Some(bytes));
        let contents = hash_files_by(DigestKind::Data, source, &files, &progress);
        drop(progress);
        stats.read_files += files.len() as u64;
        let mut wanted = WantedKeys::new();
        let mut keys = Vec::new();
        for ((number, entry), content) in unread.iter().zip(&files).zip(contents) {
            // What cannot be read is told when it is copied.
            let Ok(content) = content else { continue };
            let key = Key::new(entry, &content);
            keys.push((*number, key));
            if index.by_key(&key).is_none() {
                wanted.entry(content.sha256).or_default().insert(key);
            }
        }
        self.unpack_wanted(&mut wanted, index, stats)?;
        for (number, key) in keys {
            if index.by_key(&key).is_some() {
                plan.fates[number] = Fate::Known(key);
            }
        }
        Ok(())
    }

    fn unpack_wanted(
        &self,
        wanted: &mut WantedKeys,
        index: &mut Index,
        stats: &mut CreateStats,
    ) -> Result<(), SnapshotError> {
        let mut digests: Vec<Digest> = wanted.keys().copied().collect();
        digests.sort_unstable();
        let found = match self.sources.packages_with(&digests, self.monitor) {
            Ok(found) => found,
            Err(error) => {
                let text = format!("cannot look for packages: {}", error_chain(&*error));
                self.monitor.message(Level::Warning, &text);
                return Ok(());
            }
        };
        let directory = packages_path().under(self.destination.path());
        fs::create_dir_all(&directory)
            .map_err(SnapshotError::io("make the directory", &directory))?;
        for package in best_packages(&found) {
            let package = &found.packages[package];
            let reference = PackageRef {
                sha256: Some(package.sha256),
                size: package.size,
                urls: vec![package.url.clone()],
            };
            if let Err(error) = self.unpack(&reference, wanted, index, stats)? {
                let text = format!("{}: {error}: its files are copied", package.url);
                self.monitor.message(Level::Warning, &text);
            }
        }
        sync_directory(&directory)
    }

    /// Unpacks what is wanted of one package. The inner error is the package's.
    fn unpack(
        &self,
        package: &PackageRef,
        wanted: &mut WantedKeys,
        index: &mut Index,
        stats: &mut CreateStats,
    ) -> Result<Result<(), String>, SnapshotError> {
        let local = match self.sources.package(package, self.monitor) {
            Ok(local) => local,
            Err(error) => return Ok(Err(error_chain(&*error))),
        };
        let input = match local.file.try_clone() {
            Ok(file) => Input::File(file),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let mut visit = |entry: &Entry, content: &mut dyn Read| match entry.kind {
            EntryKind::File if entry.size.is_none_or(|size| size > LEAST_BYTES) => {
                self.unpack_file(entry, content, wanted, index, stats)
            }
            _ => Ok(()),
        };
        let options = ArchiveOptions {
            limits: local.limits(),
            ..ArchiveOptions::default()
        };
        match read_archive(input, &options, &mut visit) {
            Ok(_) => Ok(Ok(())),
            Err(ReadError::Archive(error)) => Ok(Err(error_chain(&error))),
            Err(ReadError::Visit(error)) => Err(error),
        }
    }

    fn unpack_file(
        &self,
        member: &Entry,
        content: &mut dyn Read,
        wanted: &mut WantedKeys,
        index: &mut Index,
        stats: &mut CreateStats,
    ) -> Result<(), SnapshotError> {
        let directory = packages_path().under(self.destination.path());
        let failed = || SnapshotError::io("write to", &directory);
        let Some((temp, digest)) = put_aside(member, content, &directory)? else {
            return Ok(());
        };
        let Some(keys) = wanted.get_mut(&digest) else {
            return Ok(());
        };
        let owners = OwnerNames::read(Owners::Numeric);
        apply(
            temp.as_file().as_fd(),
            &Wanted::of_member(&member.metadata, &owners),
        );
        let describer = Describer::new(true, self.monitor);
        let entry = describer
            .open_file(temp.as_file(), &RelPath::root())
            .map_err(failed())?;
        let content = HashedFile {
            sha256: digest,
            extents: member.metadata.sparse.clone(),
        };
        let key = Key::new(&entry, &content);
        if !keys.remove(&key) {
            return Ok(());
        }
        let name = key.0.to_string();
        let place: PathBuf = directory.join(&name);
        let file = temp
            .persist(&place)
            .map_err(|error| failed()(error.error))?;
        let seen = status_of(&file).map_err(SnapshotError::io("look at", &place))?;
        let seen = Seen::of(&seen);
        stats.unpacked_files += 1;
        stats.unpacked_bytes += seen.looks.size;
        index.add_new(Stored {
            key,
            digest,
            inode: seen.id.inode,
            looks: seen.looks,
            links: seen.links,
            checked: seen.ctime,
            root: 0,
            path: RelPath::new(name.as_bytes()).unwrap_or_default(),
        });
        Ok(())
    }
}

/// Writes a member to a temporary file in `directory`; `None` if it could not be read, which the archive's reader reports.
fn put_aside(
    member: &Entry,
    content: &mut dyn Read,
    directory: &Path,
) -> Result<Option<(NamedTempFile, Digest)>, SnapshotError> {
    let failed = || SnapshotError::io("write to", directory);
    let mut temp = tempfile::Builder::new()
        .prefix(TEMP_PREFIX)
        .tempfile_in(directory)
        .map_err(failed())?;
    let hasher = Some(Hasher::new());
    let extents = member.metadata.sparse.as_deref();
    match write_content(content, temp.as_file_mut(), extents, u64::MAX, hasher) {
        Ok((Some(digest), _)) => Ok(Some((temp, digest))),
        Err(ContentError::Write(error)) => Err(failed()(error)),
        Ok((None, _)) | Err(_) => Ok(None),
    }
}

/// Packages that together hold all that was found; those that hold most come first.
fn best_packages(found: &Found) -> Vec<usize> {
    let mut holds: HashMap<usize, Vec<usize>> = HashMap::new();
    for (digest, packages) in found.matches.iter().enumerate() {
        for package in packages {
            holds.entry(*package).or_default().push(digest);
        }
    }
    let mut order: Vec<(usize, Vec<usize>)> = holds.into_iter().collect();
    order.sort_by_key(|(package, digests)| (std::cmp::Reverse(digests.len()), *package));
    let mut covered: HashSet<usize> = HashSet::new();
    let mut chosen = Vec::new();
    for (package, digests) in order {
        let news = digests.iter().filter(|digest| covered.insert(**digest));
        if news.count() > 0 && package < found.packages.len() {
            chosen.push(package);
        }
    }
    chosen
}
