//! Makes everything new, before anything is changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use hashget_archive::Entry;
use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use hashget_words::rel_path::RelPath;
use rustix::fs::{AtFlags, Mode, OFlags, linkat, openat};

use super::metadata::check_applied;
use super::{Job, damaged};
use crate::change::Content;
use crate::entry::{IndexEntry, IndexFile, IndexKind};
use crate::error::DeltaError;
use crate::index::find;
use crate::manifest::{PATCH_DIRECTORY, WHOLE_DIRECTORY};
use crate::patch::patch;
use crate::stage_directory::{NEW, StageDirectory, place_of};
use hashget_files::place::{
    ContentError, HoleWriter, OpenDirectory, apply, write_content, write_data,
};
use hashget_files::tree::{DataReader, data_extents, digest_of};

/// Fills the stage.
pub(super) struct Stager<'a> {
    job: &'a Job<'a>,
    new: OwnedFd,
    /// What the delta's members are for.
    members: HashMap<Vec<u8>, RelPath>,
    numbers: BTreeMap<RelPath, u64>,
    /// Old files that live on under another name.
    moved: BTreeSet<RelPath>,
    written_bytes: u64,
}

impl<'a> Stager<'a> {
    pub(super) fn new(job: &'a Job<'a>, stage: &StageDirectory) -> Result<Self, DeltaError> {
        let new = stage
            .part(NEW)
            .map_err(DeltaError::io("read", stage.path().join(NEW)))?;
        let contents = job.steps.contents.iter();
        let members = contents.filter_map(|(path, content)| {
            let directory = match content {
                Content::Whole => WHOLE_DIRECTORY,
                Content::Patch(_) => PATCH_DIRECTORY,
                Content::Old(_) => return None,
            };
            Some(([directory, path.as_bytes()].concat(), path.clone()))
        });
        let placed = job.steps.placed.iter();
        Ok(Self {
            job,
            new,
            members: members.collect(),
            numbers: placed.map(|p| (p.path.clone(), p.number)).collect(),
            moved: BTreeSet::new(),
            written_bytes: 0,
        })
    }

    /// Makes the file that a member of the delta has the content of.
    pub(super) fn member(
        &mut self,
        member: &Entry,
        content: &mut dyn Read,
    ) -> Result<(), DeltaError> {
        let name = &member.path[..];
        let Some(path) = self.members.remove(name) else {
            let shown = String::from_utf8_lossy(name).into_owned();
            return Err(damaged(Path::new(&shown), &"nothing needs this member"));
        };
        let entry = self.entry(&path)?;
        let base = match self.job.steps.contents.get(&path) {
            Some(Content::Patch(base)) => Some(base.clone()),
            _ => None,
        };
        match base {
            Some(base) => self.patched(entry, &base, content),
            None => match &member.metadata.sparse {
                Some(extents) => self.copied_data(entry, extents, content),
                None => self.copied(entry, content),
            },
        }
    }

    /// Makes everything that needs nothing of the delta; gives how many bytes were written in all.
    pub(super) fn finish(mut self, delta: &Path) -> Result<u64, DeltaError> {
        if let Some(path) = self.members.values().next() {
            return Err(damaged(delta, &format!("the content of {path} is missing")));
        }
        let placed = &self.job.steps.placed;
        // Hard links last: what they link to must be there.
        let mut links = Vec::new();
        for step in placed {
            let entry = self.entry(&step.path)?;
            match (&entry.kind, self.job.steps.contents.get(&step.path)) {
                (IndexKind::File(file), _) if file.hardlink.is_some() => links.push(entry),
                (IndexKind::File(file), Some(Content::Old(from))) => {
                    self.reuse_old(entry, file, from)?;
                }
                (IndexKind::File(_) | IndexKind::Directory, _) => {}
                _ => self.node(entry)?,
            }
        }
        for entry in links {
            self.link(entry)?;
        }
        Ok(self.written_bytes)
    }

    fn entry(&self, path: &RelPath) -> Result<&'a IndexEntry, DeltaError> {
        let found = find(self.job.after, path);
        found.ok_or_else(|| DeltaError::WrongContent(path.clone()))
    }

    fn name(&self, path: &RelPath) -> Result<OsString, DeltaError> {
        match self.numbers.get(path) {
            Some(number) => Ok(number.to_string().into()),
            None => Err(DeltaError::WrongContent(path.clone())),
        }
    }

    fn create(&self, entry: &IndexEntry) -> Result<File, DeltaError> {
        (self.job.hook)();
        let name = self.name(&entry.path)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&self.new, name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(DeltaError::act("write", &entry.path))?;
        Ok(File::from(file))
    }

    fn copied(&mut self, entry: &IndexEntry, content: &mut dyn Read) -> Result<(), DeltaError> {
        let Some(wanted) = entry.file() else {
            return Err(DeltaError::WrongContent(entry.path.clone()));
        };
        let mut file = self.create(entry)?;
        let extents = wanted.extents.as_deref();
        let hasher = Some(Hasher::new());
        let written = write_content(content, &mut file, extents, wanted.size, hasher);
        let (sha256, size) = written.map_err(|error| content_failed(entry, error))?;
        self.complete(entry, wanted, &file, (sha256, size))
    }

    /// Makes a file of its data; holes cost nothing.
    fn copied_data(
        &mut self,
        entry: &IndexEntry,
        extents: &[(u64, u64)],
        data: &mut dyn Read,
    ) -> Result<(), DeltaError> {
        let Some(wanted) = entry.file() else {
            return Err(DeltaError::WrongContent(entry.path.clone()));
        };
        let mut file = self.create(entry)?;
        let written = write_data(data, &mut file, extents, wanted.size);
        written.map_err(|error| content_failed(entry, error))?;
        self.complete(entry, wanted, &file, (None, wanted.size))
    }

    fn patched(
        &mut self,
        entry: &IndexEntry,
        base: &RelPath,
        content: &mut dyn Read,
    ) -> Result<(), DeltaError> {
        let Some(wanted) = entry.file() else {
            return Err(DeltaError::WrongContent(entry.path.clone()));
        };
        let old = self.open_old(base)?;
        let file = self.create(entry)?;
        let mut out = HoleWriter::new(&file, wanted.extents.as_deref());
        let patched =
            patch(&old, content, &mut out, wanted.size).map_err(|source| DeltaError::Patch {
                path: entry.path.clone(),
                source,
            })?;
        out.finish()
            .map_err(DeltaError::act("write", &entry.path))?;
        self.complete(entry, wanted, &file, (Some(patched.sha256), patched.size))
    }

    fn complete(
        &mut self,
        entry: &IndexEntry,
        wanted: &IndexFile,
        file: &File,
        (sha256, size): (Option<Digest>, u64),
    ) -> Result<(), DeltaError> {
        let wrong = || DeltaError::WrongContent(entry.path.clone());
        if size != wanted.size {
            return Err(wrong());
        }
        if sha256 != Some(wanted.sha256) {
            // It may be told by its data.
            let kind = self.job.diff.rules.digest_kind();
            let digest =
                digest_of(file, size, kind).map_err(DeltaError::act("read", &entry.path))?;
            if digest != wanted.sha256 {
                return Err(wrong());
            }
        }
        self.written_bytes += size;
        set(file.as_fd(), entry)
    }

    /// Opens a file of the old state.
    fn open_old(&self, path: &RelPath) -> Result<File, DeltaError> {
        let is_file =
            find(&self.job.before.index.entries, path).is_some_and(|e| e.file().is_some());
        if !is_file {
            return Err(DeltaError::WrongContent(path.clone()));
        }
        let opened = self.job.before.root.open_file(path);
        opened.map_err(DeltaError::act("open", path))
    }

    /// Takes the content from a file of the old state: the file itself, if it goes from there.
    fn reuse_old(
        &mut self,
        entry: &IndexEntry,
        wanted: &IndexFile,
        from: &RelPath,
    ) -> Result<(), DeltaError> {
        if self.can_move(entry, wanted, from) && self.moved.insert(from.clone()) {
            (self.job.hook)();
            let (directory, name) = place_of(self.job.target, from)?;
            let linked = linkat(
                &directory,
                name,
                &self.new,
                self.name(&entry.path)?,
                AtFlags::empty(),
            );
            if linked.is_ok() {
                return Ok(());
            }
        }
        let mut old = self.open_old(from)?;
        let extents = data_extents(&old, wanted.size);
        match extents.map_err(DeltaError::act("read", from))? {
            Some(extents) if wanted.is_mostly_hole() => {
                let mut data = DataReader::new(&old, extents.clone());
                self.copied_data(entry, &extents, &mut data)
            }
            _ => self.copied(entry, &mut old),
        }
    }

    /// Whether the old file, which goes from `from`, is all that is wanted.
    fn can_move(&self, entry: &IndexEntry, wanted: &IndexFile, from: &RelPath) -> bool {
        let old = &self.job.before.index.entries;
        let Some(was) = find(old, from) else {
            return false;
        };
        let mut alike = was.clone();
        alike.path = entry.path.clone();
        let has_links = self
            .job
            .before
            .tree
            .binary_search_by(|tree| tree.path.cmp(from))
            .is_ok_and(|place| {
                let kind = &self.job.before.tree[place].kind;
                matches!(kind, hashget_files::tree::TreeKind::File { links, .. } if *links > 1)
            });
        let removed = &self.job.steps.removed;
        let goes = removed.iter().any(|step| from.starts_with(&step.path));
        let same_holes = was
            .file()
            .is_some_and(|file| file.extents == wanted.extents);
        goes && !has_links && same_holes && alike.is_same(entry)
    }

    fn node(&self, entry: &IndexEntry) -> Result<(), DeltaError> {
        let IndexKind::Node(node) = &entry.kind else {
            return Ok(());
        };
        (self.job.hook)();
        let failed = |error: io::Error| DeltaError::act("make", &entry.path)(error);
        let directory = self.new.try_clone().map_err(failed)?;
        let directory = OpenDirectory::new(directory).map_err(|error| failed(error.into()))?;
        let (temp, handle) = node
            .make(&directory)
            .map_err(|error| failed(error.into()))?;
        set(handle.as_fd(), entry)?;
        let name = self.name(&entry.path)?;
        temp.publish(self.new.as_fd(), &name, true)
            .map_err(|error| failed(error.into()))
    }

    fn link(&self, entry: &IndexEntry) -> Result<(), DeltaError> {
        let Some(first) = entry.file().and_then(|file| file.hardlink.as_ref()) else {
            return Ok(());
        };
        (self.job.hook)();
        let name = self.name(&entry.path)?;
        let linked = if self.numbers.contains_key(first) {
            let first = self.name(first)?;
            linkat(&self.new, first, &self.new, name, AtFlags::empty())
        } else {
            let (directory, first) = place_of(self.job.target, first)?;
            linkat(&directory, first, &self.new, name, AtFlags::empty())
        };
        linked.map_err(|error| {
            DeltaError::act("make the hard link", &entry.path)(io::Error::from(error))
        })
    }
}

fn content_failed(entry: &IndexEntry, error: ContentError) -> DeltaError {
    match error {
        ContentError::Read(source) => DeltaError::Content {
            path: entry.path.clone(),
            source,
        },
        ContentError::Write(source) => DeltaError::act("write", &entry.path)(source),
        ContentError::TooLong(_) => DeltaError::WrongContent(entry.path.clone()),
    }
}

/// Gives something new its metadata, all of it.
fn set(handle: BorrowedFd<'_>, entry: &IndexEntry) -> Result<(), DeltaError> {
    check_applied(&entry.path, apply(handle, &entry.wanted()))
}
