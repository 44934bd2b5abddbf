//! Writes the members of an archive, one after the other.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};

use hashget_archive::{EntryKind, TarHeader, TarWriteError, TarWriter};
use hashget_words::rel_path::RelPath;

use super::content::{PromisedContent, Shown};
use super::member::{hard_link, header};
use super::stats::PackStats;
use hashget_files::monitor::{Level, Monitor, Problem, Progress, error_chain};
use hashget_files::tree::{
    Describer, FileId, TreeEntry, TreeKind, TreeRoot, data_extents, file_stamp, is_file, stamp_of,
};

/// Files up to this size are read whole before their header is written, so that both agree.
const SMALL_BYTES: u64 = 4 * 1024 * 1024;
/// How often a small file that changes meanwhile is read again.
const TRIES: u32 = 3;

/// Writes the members of an archive, one after the other.
///
/// A fault of a single file is reported, and the archive goes on without it.
pub(super) struct Members<'a, W: Write> {
    pub(super) tar: TarWriter<W>,
    pub(super) stats: PackStats,
    root: &'a TreeRoot,
    describer: Describer<'a>,
    monitor: &'a dyn Monitor,
    progress: &'a Progress<'a>,
    /// The first names of hard-linked files that are in the archive.
    written: HashMap<FileId, RelPath>,
}

impl<'a, W: Write> Members<'a, W> {
    pub(super) fn new(
        tar: TarWriter<W>,
        root: &'a TreeRoot,
        numeric_owner: bool,
        monitor: &'a dyn Monitor,
        progress: &'a Progress<'a>,
    ) -> Self {
        Self {
            tar,
            stats: PackStats::default(),
            root,
            describer: Describer::new(numeric_owner, monitor),
            monitor,
            progress,
            written: HashMap::new(),
        }
    }

    /// Writes one entry of the tree; fails only if the archive cannot go on.
    pub(super) fn write(&mut self, entry: &TreeEntry) -> Result<(), TarWriteError> {
        if let TreeKind::File { id, links, .. } = entry.kind {
            return self.write_file(entry, id, links > 1);
        }
        if let Some(header) = header(entry) {
            self.append(&header, &mut io::empty(), entry)?;
        } else {
            self.stats.socket_files += 1;
            let text = format!("{} is a socket: left out", entry.path);
            self.monitor.message(Level::Warning, &text);
        }
        Ok(())
    }

    fn write_file(
        &mut self,
        entry: &TreeEntry,
        id: FileId,
        linked: bool,
    ) -> Result<(), TarWriteError> {
        if linked
            && let Some(first) = self.written.get(&id)
            && self.is_still(entry, id)
        {
            if self.append(&hard_link(entry, first), &mut io::empty(), entry)? {
                self.stats.archived_files += 1;
            }
            return Ok(());
        }
        let (file, fresh) = match self.open(entry) {
            Ok(opened) => opened,
            Err(error) => {
                let what = format!("not packed, cannot read: {error}");
                self.problem(entry, what);
                return Ok(());
            }
        };
        let Some(size) = self.write_content(&file, fresh)? else {
            return Ok(());
        };
        self.stats.archived_files += 1;
        self.stats.archived_bytes += size;
        let same = file_stamp(&file).is_ok_and(|stamp| stamp.id == id);
        if linked && same {
            self.written.insert(id, entry.path.clone());
        }
        Ok(())
    }

    /// Whether the name still belongs to the file that it was listed for.
    fn is_still(&self, entry: &TreeEntry, id: FileId) -> bool {
        let status = self.root.status(&entry.path);
        status.is_ok_and(|status| is_file(&status) && stamp_of(&status).id == id)
    }

    /// Opens a file and describes it anew if it changed since it was listed.
    fn open(&self, entry: &TreeEntry) -> io::Result<(File, TreeEntry)> {
        let file = self.root.open_file(&entry.path)?;
        if Some(file_stamp(&file)?) == entry.stamp() {
            return Ok((file, entry.clone()));
        }
        let text = format!(
            "{} changed since it was listed: packed as it is",
            entry.path
        );
        self.monitor.message(Level::Detail, &text);
        let fresh = self.describer.open_file(&file, &entry.path)?;
        Ok((file, fresh))
    }

    /// Writes a file's header and content; gives its size if it is in the archive.
    fn write_content(
        &mut self,
        file: &File,
        entry: TreeEntry,
    ) -> Result<Option<u64>, TarWriteError> {
        let TreeKind::File { size, .. } = entry.kind else {
            return Ok(None);
        };
        match data_extents(file, size) {
            Err(error) => {
                self.problem(
                    &entry,
                    format!("not packed, cannot find its holes: {error}"),
                );
                Ok(None)
            }
            Ok(None) if size <= SMALL_BYTES => self.write_small(file, entry),
            Ok(extents) => self.write_stream(file, &entry, size, extents),
        }
    }

    fn write_small(
        &mut self,
        file: &File,
        mut entry: TreeEntry,
    ) -> Result<Option<u64>, TarWriteError> {
        for attempt in 1..=TRIES {
            let size = entry.stamp().map_or(0, |stamp| stamp.size);
            if size > SMALL_BYTES {
                return self.write_stream(file, &entry, size, None);
            }
            let mut content = Vec::new();
            let read = read_at_most(file, size, &mut content)
                .and_then(|()| file_stamp(file).map(|stamp| Some(stamp) == entry.stamp()));
            match read {
                Ok(unchanged) if unchanged && content.len() as u64 == size => {}
                Ok(unchanged) if unchanged && content.len() as u64 > size => {
                    return self.write_beyond_size(file, &entry);
                }
                Ok(_) if attempt < TRIES => match self.describer.open_file(file, &entry.path) {
                    Ok(fresh) => {
                        entry = fresh;
                        continue;
                    }
                    Err(error) => {
                        self.problem(&entry, format!("not packed, cannot read: {error}"));
                        return Ok(None);
                    }
                },
                Ok(_) => {
                    self.problem(
                        &entry,
                        "changed while it was read, packed as found".to_owned(),
                    );
                }
                Err(error) => {
                    self.problem(&entry, format!("not packed, cannot read: {error}"));
                    return Ok(None);
                }
            }
            let Some(mut header) = header(&entry) else {
                return Ok(None);
            };
            header.size = content.len() as u64;
            let written = self.append(&header, &mut &content[..], &entry)?;
            return Ok(written.then_some(header.size));
        }
        Ok(None)
    }

    /// Writes a file whose size says less than there is to read: 0 mostly, as in /proc.
    fn write_beyond_size(
        &mut self,
        file: &File,
        entry: &TreeEntry,
    ) -> Result<Option<u64>, TarWriteError> {
        let mut content = Vec::new();
        if let Err(error) = read_at_most(file, SMALL_BYTES, &mut content) {
            self.problem(entry, format!("not packed, cannot read: {error}"));
            return Ok(None);
        }
        if content.len() as u64 > SMALL_BYTES {
            let says = entry.stamp().map_or(0, |stamp| stamp.size);
            let what = format!(
                "not packed: its size says {says} bytes, and more than {SMALL_BYTES} can be read"
            );
            self.problem(entry, what);
            return Ok(None);
        }
        let Some(mut header) = header(entry) else {
            return Ok(None);
        };
        header.size = content.len() as u64;
        let written = self.append(&header, &mut &content[..], entry)?;
        Ok(written.then_some(header.size))
    }

    fn write_stream(
        &mut self,
        file: &File,
        entry: &TreeEntry,
        size: u64,
        extents: Option<Vec<(u64, u64)>>,
    ) -> Result<Option<u64>, TarWriteError> {
        let Some(mut header) = header(entry) else {
            return Ok(None);
        };
        let pieces = extents.clone().unwrap_or_else(|| vec![(0, size)]);
        header.metadata.sparse = extents;
        let mut content = PromisedContent::new(file, pieces);
        if !self.append(&header, &mut content, entry)? {
            return Ok(None);
        }
        if let Some(loss) = content.loss() {
            self.problem(entry, loss);
        } else if !file_stamp(file).is_ok_and(|stamp| Some(stamp) == entry.stamp()) {
            let what = "changed while it was read: parts may be of different age";
            self.problem(entry, what.to_owned());
        }
        Ok(Some(size))
    }

    /// Writes a member; whether it is in the archive. What tar cannot store is reported.
    pub(super) fn append(
        &mut self,
        header: &TarHeader,
        content: &mut dyn io::Read,
        entry: &TreeEntry,
    ) -> Result<bool, TarWriteError> {
        let mut content = Shown::new(content, self.progress);
        match self.tar.append(header, &mut content) {
            Ok(()) => {
                content.finish(header.size);
                Ok(true)
            }
            Err(error @ TarWriteError::Unstorable { .. }) => {
                debug_assert!(!matches!(header.kind, EntryKind::Other(_)));
                self.problem(entry, error_chain(&error));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn problem(&self, entry: &TreeEntry, what: String) {
        self.monitor
            .problem(&Problem::text(entry.path.to_string(), what));
    }
}

/// Reads from the start, one byte more than `size` if there is one.
fn read_at_most(file: &File, size: u64, content: &mut Vec<u8>) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    content.reserve(usize::try_from(size).map_err(io::Error::other)? + 1);
    file.take(size + 1).read_to_end(content)?;
    Ok(())
}
