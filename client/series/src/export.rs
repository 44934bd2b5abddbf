//! Turns any backup into a standalone archive.

use hashget_files::private::{create_own, open_regular};
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use hashget_archive::{
    Entry, EntryKind, EntryMetadata, TarHeader, TarWriteError, TarWriter, Timestamp,
};
use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::{RestoreEntry, RestoreFile};
use serde::Serialize;

use super::change_list::ChangeList;
use super::compressor::Compressor;
use super::config::Section;
use super::contents::find_contents;
use super::destination::Destination;
use super::error::SeriesError;
use super::manifest::{Manifest, is_change_list, read_change_list, read_members};
use super::name::BackupId;
use super::sources::{SeriesSources, whole_archive};
use super::stored_patch::is_patch_member;
use hashget_engine::restore::list::{load, reference};
use hashget_engine::restore::{RestoreSources, Selection};
use hashget_files::monitor::{Monitor, error_chain};

/// What an export did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ExportStats {
    /// Files that came from other archives or packages.
    pub inlined_files: u64,
    /// Files that are still left out, because public packages hold them.
    pub left_out_files: u64,
    /// The size of the new archive, in bytes.
    pub archive_bytes: u64,
}

/// Writes a backup as an archive that relies on no other archive of the series; with
/// `self_sufficient` on no package at all. The ending of `output` decides the compression. The file
/// gets its name only when it is whole.
pub fn export(
    section: &Section,
    id: BackupId,
    output: &Path,
    self_sufficient: bool,
    others: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Result<ExportStats, SeriesError> {
    let archive = whole_archive(section, id, monitor)?;
    let sources = SeriesSources::new(section, others)?;
    sources.expect(&archive, &Selection::default())?;
    let list = load(&archive, None)?;
    let (taken, left) = split(&list, section, &sources, self_sufficient);
    let directory = match output.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    let temp = tempfile::Builder::new()
        .prefix(".hashget-tmp-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(directory)
        .map_err(SeriesError::io("write", output))?;
    let mut writer = Standalone {
        tar: TarWriter::new(Compressor::new(
            output,
            temp.reopen().map_err(SeriesError::io("write", output))?,
        )?),
        output,
        done: HashSet::new(),
    };
    writer.copy_members(&archive, &left)?;
    writer.take(id, &taken, &list, &sources, monitor)?;
    let finished = writer
        .tar
        .finish()
        .map_err(|error| tar_error(output, error))?;
    finished
        .finish()
        .map_err(SeriesError::io("write", output))?;
    temp.as_file()
        .sync_all()
        .map_err(SeriesError::io("sync", output))?;
    let size = temp.as_file().metadata().map(|metadata| metadata.len());
    temp.persist(output)
        .map_err(|error| SeriesError::io("write", output)(error.error))?;
    Ok(ExportStats {
        inlined_files: taken.len() as u64,
        left_out_files: left.files.len() as u64,
        archive_bytes: size.map_err(SeriesError::io("write", output))?,
    })
}

/// Makes a backup stationary: a standalone copy of it goes into the directory `kept`, where
/// no rule looks.
pub fn keep_backup(
    section: &Section,
    id: BackupId,
    others: &dyn RestoreSources,
    monitor: &dyn Monitor,
) -> Result<ExportStats, SeriesError> {
    section.need_directory("stationary backups")?;
    let kept = Destination::of(section).kept();
    let _lock = kept.lock()?;
    kept.clean()?;
    let incoming = kept.incoming(id);
    let stats = export(section, id, &incoming, false, others, monitor)?;
    kept.commit(id, &incoming, &Manifest::of_archive(&incoming)?)?;
    Ok(stats)
}

/// Takes a standalone archive of a series in as a stationary backup, under the number that it has.
pub fn import(section: &Section, archive: &Path) -> Result<BackupId, SeriesError> {
    section.need_directory("stationary backups")?;
    let kept = Destination::of(section).kept();
    let _lock = kept.lock()?;
    kept.clean()?;
    let refuse = |what: String| SeriesError::NoChangeList {
        path: archive.to_owned(),
        what,
    };
    let id = read_change_list(archive)?.backup.id();
    if kept.archive(id).exists() {
        return Err(refuse(format!("there is a stationary backup {id} already")));
    }
    let incoming = kept.incoming(id);
    let copy = || {
        let mut out = create_own(&incoming)?;
        io::copy(&mut open_regular(archive)?, &mut out)
    };
    copy().map_err(SeriesError::io("write", &incoming))?;
    let manifest = Manifest::of_archive(&incoming)?;
    if let Some(base) = manifest.facts.depends.first() {
        return Err(refuse(format!(
            "it relies on {}: export it first",
            base.name
        )));
    }
    kept.commit(id, &incoming, &manifest)?;
    Ok(id)
}

/// Which files are put into the archive, and the restore file of the others.
fn split<'l>(
    list: &'l RestoreFile,
    section: &Section,
    sources: &SeriesSources<'_>,
    self_sufficient: bool,
) -> (Vec<&'l RestoreEntry>, RestoreFile) {
    let own = |digest: Option<Digest>| digest.is_some_and(|digest| sources.has(&digest));
    let bases: HashSet<Digest> = list
        .packages
        .iter()
        .filter_map(|package| package.hash.sha256())
        .filter(|digest| own(Some(*digest)))
        .collect();
    let destination = Destination::of(section);
    let mut held: HashSet<Digest> = HashSet::new();
    for id in destination.backups().unwrap_or_default() {
        let manifest = destination.remembered(id);
        let manifest = manifest.or_else(|| destination.manifest(id).ok());
        if let Some(manifest) = manifest.filter(|known| bases.contains(&known.sha256)) {
            held.extend(manifest.holds);
        }
    }
    let is_taken = |entry: &&RestoreEntry| {
        self_sufficient || held.contains(&entry.sha256) || sources.has_patch(&entry.sha256)
    };
    let taken: Vec<&RestoreEntry> = list.files.iter().filter(is_taken).collect();
    let mut left = list.clone();
    left.files.retain(|entry| !is_taken(&entry));
    // Patches stay behind.
    left.own_members = vec![ChangeList::path()];
    left.packages
        .retain(|package| !self_sufficient && !own(package.hash.sha256()));
    if left.files.is_empty() {
        left.packages.clear();
        left.directories.clear();
    }
    let sizes = left.packages.iter().map(|package| package.size);
    left.packagesize = sizes.clone().flatten().fold(0, u64::saturating_add);
    left.packagesize_exact = sizes.clone().all(|size| size.is_some());
    (taken, left)
}

struct Standalone<'a> {
    tar: TarWriter<Compressor>,
    output: &'a Path,
    /// The contents that were found.
    done: HashSet<Digest>,
}

impl Standalone<'_> {
    fn append(&mut self, header: &TarHeader, content: &mut dyn Read) -> Result<(), SeriesError> {
        let appended = self.tar.append(header, content);
        appended.map_err(|error| tar_error(self.output, error))
    }

    /// Copies the archive, with the new restore file and a change list that names no base.
    fn copy_members(&mut self, archive: &Path, left: &RestoreFile) -> Result<(), SeriesError> {
        let mut list = read_change_list(archive)?;
        list.backup.depends.clear();
        let list = ChangeList::new(list.backup, Vec::new(), list.files);
        let list = serde_json::to_vec(&list)?;
        let left = left.to_json()?;
        let name = RestoreFile::NAME.as_bytes();
        let mut failure = None;
        read_members(archive, &mut |entry, content| {
            if is_patch_member(&entry.path) {
                return Ok(true);
            }
            let mut header = header_of(entry);
            let is_list = RelPath::new(&entry.path).is_ok_and(|path| path.as_bytes() == name);
            let written = if entry.kind == EntryKind::File && is_list {
                header.size = left.len() as u64;
                self.append(&header, &mut &left[..])
            } else if is_change_list(entry) {
                header.size = list.len() as u64;
                self.append(&header, &mut &list[..])
            } else {
                // Of a sparse file this is the data, as a writer takes it.
                self.append(&header, content)
            };
            failure = written.err();
            Ok(failure.is_none())
        })?;
        failure.map_or(Ok(()), Err)
    }

    /// Appends a file, of a sparse one only its data.
    fn append_data(&mut self, header: &TarHeader, file: &mut File) -> Result<(), SeriesError> {
        let Some(extents) = header.metadata.sparse.clone() else {
            return self.append(header, file);
        };
        let mut data = tempfile::tempfile().map_err(SeriesError::io("write", self.output))?;
        let copy = || -> io::Result<()> {
            for (offset, length) in extents {
                file.seek(SeekFrom::Start(offset))?;
                io::copy(&mut (&mut *file).take(length), &mut data)?;
            }
            data.rewind()
        };
        copy().map_err(SeriesError::io("read", self.output))?;
        self.append(header, &mut data)
    }

    /// Adds the files that were left out, from the archives and packages that hold them.
    fn take(
        &mut self,
        id: BackupId,
        taken: &[&RestoreEntry],
        list: &RestoreFile,
        sources: &SeriesSources<'_>,
        monitor: &dyn Monitor,
    ) -> Result<(), SeriesError> {
        let mut wanted: BTreeMap<Digest, Vec<&RestoreEntry>> = BTreeMap::new();
        for entry in taken.iter().filter(|entry| entry.hardlink.is_none()) {
            wanted.entry(entry.sha256).or_default().push(entry);
        }
        self.take_patched(&wanted, sources, monitor)?;
        let sizes: HashSet<u64> = taken.iter().filter_map(|entry| entry.size).collect();
        let mut packages: Vec<_> = list.packages.iter().map(reference).collect();
        packages.sort_by_key(|package| !package.sha256.is_some_and(|d| sources.has(&d)));
        let mut why = "no package holds it".to_owned();
        for package in &packages {
            let open: HashSet<Digest> = wanted
                .keys()
                .filter(|digest| !self.done.contains(*digest))
                .copied()
                .collect();
            if open.is_empty() {
                break;
            }
            let local = match sources.package(package, monitor) {
                Ok(local) => local,
                Err(error) => {
                    why = error_chain(&*error);
                    continue;
                }
            };
            let mut failure = None;
            let seen = find_contents(&local, &open, &sizes, &mut |digest, file| {
                for entry in wanted.get(&digest).into_iter().flatten() {
                    file.rewind()?;
                    let header = restored_header(entry);
                    failure = self.append_data(&header, file).err();
                    if failure.is_some() {
                        return Err(io::Error::other("stopped"));
                    }
                }
                Ok(())
            });
            if let Some(failure) = failure {
                return Err(failure);
            }
            self.done.extend(seen?);
        }
        self.refuse_missing(id, taken, &why)?;
        for entry in taken.iter().filter(|entry| entry.hardlink.is_some()) {
            self.append(&restored_header(entry), &mut io::empty())?;
        }
        Ok(())
    }

    /// Adds the files that are stored as patches. A failure is reported; another package may hold the file whole.
    fn take_patched(
        &mut self,
        wanted: &BTreeMap<Digest, Vec<&RestoreEntry>>,
        sources: &SeriesSources<'_>,
        monitor: &dyn Monitor,
    ) -> Result<(), SeriesError> {
        let patched = wanted.iter().filter(|(it, _)| sources.has_patch(it));
        for (digest, entries) in patched {
            let Ok(mut local) = sources.single_file(digest, monitor) else {
                continue;
            };
            for entry in entries {
                let rewound = local.file.rewind();
                rewound.map_err(SeriesError::io("read", self.output))?;
                self.append_data(&restored_header(entry), &mut local.file)?;
            }
            self.done.insert(*digest);
        }
        Ok(())
    }

    fn refuse_missing(
        &self,
        id: BackupId,
        taken: &[&RestoreEntry],
        why: &str,
    ) -> Result<(), SeriesError> {
        let mut missing = taken
            .iter()
            .filter(|entry| entry.hardlink.is_none() && !self.done.contains(&entry.sha256));
        if let Some(example) = missing.next() {
            return Err(SeriesError::Incomplete {
                id: id.to_string(),
                missing: 1 + missing.count() as u64,
                example: format!("{} ({why})", example.file),
            });
        }
        Ok(())
    }
}

fn header_of(entry: &Entry) -> TarHeader {
    TarHeader {
        path: entry.path.clone(),
        kind: entry.kind.clone(),
        size: entry.size.unwrap_or(0),
        metadata: entry.metadata.clone(),
    }
}

/// The member that a file becomes which was left out.
fn restored_header(entry: &RestoreEntry) -> TarHeader {
    let name = |path: &RelPath| [b"./", path.as_bytes()].concat();
    let time = |seconds: Option<i64>, nanoseconds| {
        seconds.map(|seconds| Timestamp {
            seconds,
            nanoseconds,
        })
    };
    let text = |text: &Option<String>| text.clone().map(String::into_bytes);
    let link = entry.hardlink.as_ref().map(name);
    let xattrs = entry.xattrs.iter();
    TarHeader {
        path: name(&entry.file),
        size: if link.is_some() {
            0
        } else {
            entry.size.unwrap_or(0)
        },
        metadata: EntryMetadata {
            mode: entry.mode_bits.or(entry.mode),
            uid: entry.uid.map(u64::from),
            gid: entry.gid.map(u64::from),
            user: text(&entry.user),
            group: text(&entry.group),
            mtime: time(entry.mtime, entry.mtime_ns),
            atime: time(entry.atime, entry.atime_ns),
            xattrs: if link.is_some() {
                Vec::new()
            } else {
                xattrs.map(|x| (x.name.clone(), x.value.clone())).collect()
            },
            sparse: entry.extents.clone().filter(|_| link.is_none()),
        },
        kind: link.map_or(EntryKind::File, |target| EntryKind::HardLink { target }),
    }
}

fn tar_error(path: &Path, error: TarWriteError) -> SeriesError {
    SeriesError::io("write", path)(io::Error::other(error))
}
