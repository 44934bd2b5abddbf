//! Places the members of an archive.

use std::io::{self, Read};

use hashget_archive::{Entry, EntryKind, Origin};
use hashget_words::hash_reader::Hasher;
use hashget_words::rel_path::{RelPath, display_bytes};

use super::execute::Session;
use super::list::{is_restore_file, read_member};
use super::options::{Overwrite, RestoreOptions};
use super::redirect::Redirects;
use super::stats::ExtractStats;
use super::survey::hash;
use super::untrusted::Screen;
use hashget_files::monitor::{Level, Monitor, Problem};
use hashget_files::place::{
    ContentError, Existing, InTheWay, JOURNAL_NAME, Node, OwnerNames, PlaceError, Placed, Placer,
    Target, Wanted, content_error, is_hopeless, write_content, write_data,
};
use hashget_files::tree::same_content;

/// The unpacking of one archive.
pub(super) struct Extraction<'a> {
    placer: &'a Placer<'a>,
    owners: &'a OwnerNames,
    screen: &'a Screen<'a>,
    options: &'a RestoreOptions,
    redirects: Redirects,
    monitor: &'a dyn Monitor,
    stats: ExtractStats,
    restore_file: Option<Vec<u8>>,
}

/// What became of a member.
enum Outcome {
    Placed,
    Unchanged,
    Kept,
    Unselected,
    Refused,
}

impl<'a> Extraction<'a> {
    pub(super) fn new(session: &'a Session<'a>, redirects: Redirects) -> Self {
        Self {
            placer: &session.placer,
            owners: &session.owners,
            screen: &session.screen,
            options: session.options,
            redirects,
            monitor: session.monitor,
            stats: ExtractStats::default(),
            restore_file: None,
        }
    }

    /// The directory that is extracted into.
    pub(super) fn target(&self) -> &Target {
        self.placer.target
    }

    /// Tells of something that costs no file.
    pub(super) fn warn(&self, text: &str) {
        self.monitor.message(Level::Warning, text);
    }

    /// Ends: what was done, and the restore file of the archive, if it has one.
    pub(super) fn end(self) -> (ExtractStats, Option<Vec<u8>>) {
        (self.stats, self.restore_file)
    }

    /// Places one member. Fails only where going on is of no use.
    pub(super) fn member(&mut self, entry: &Entry, content: &mut dyn Read) -> io::Result<()> {
        if entry.origin != Origin::Member {
            return Ok(());
        }
        match self.place(entry, content) {
            Ok(Outcome::Placed) => self.stats.placed_members += 1,
            Ok(Outcome::Unchanged) => self.stats.unchanged_files += 1,
            Ok(Outcome::Kept) => self.stats.kept_members += 1,
            Ok(Outcome::Unselected) => self.stats.unselected_members += 1,
            // The screen has counted and named it.
            Ok(Outcome::Refused) => {}
            Err(error) => {
                self.stats.failed_members += 1;
                self.stats.in_the_way_members += u64::from(error.is_in_the_way());
                let subject = display_bytes(&entry.path).into_owned();
                self.monitor.problem(&Problem::new(subject, &error));
                if is_hopeless(&error.source) {
                    return Err(error.source);
                }
            }
        }
        Ok(())
    }

    fn place(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<Outcome, PlaceError> {
        let refuse = "extract it: it would end up outside the directory";
        let path = path_below(&entry.path, refuse)?;
        if path.as_bytes() == JOURNAL_NAME.as_bytes() {
            let why = "its name is one that hashget itself uses";
            return Err(PlaceError::because("extract it", why));
        }
        let is_directory = matches!(entry.kind, EntryKind::Directory);
        let selected = self.options.selection.contains_kind(&path, is_directory);
        let redirect = self.redirects.of(&path).filter(|_| !selected).cloned();
        if selected && !self.screen.passes_kind(&path, &entry.kind) {
            return Ok(Outcome::Refused);
        }
        let mut wanted = Wanted::of_member(&entry.metadata, self.owners);
        let is_used = match &entry.kind {
            // Wanted by what is below it, too.
            EntryKind::Directory => true,
            EntryKind::HardLink { .. } => false,
            _ => selected || redirect.is_some(),
        };
        if is_used {
            wanted = self.screen.pass(&path, wanted);
        }
        match &entry.kind {
            EntryKind::Directory => self.directory(&path, wanted, selected),
            EntryKind::File if is_restore_file(&entry.path) => {
                self.restore_file(&path, entry, content, &wanted)
            }
            EntryKind::File if path.is_root() => {
                Err(PlaceError::because("extract it", "it has no name"))
            }
            EntryKind::File => match redirect {
                Some(link) => self.file(&link, entry, content, &wanted),
                None if selected => self.file(&path, entry, content, &wanted),
                None => Ok(Outcome::Unselected),
            },
            _ if !selected => Ok(Outcome::Unselected),
            EntryKind::HardLink { target } => {
                let refuse = "extract it: it is a hard link to something outside the directory";
                let first = path_below(target, refuse)?;
                let first = self.redirects.of(&first).unwrap_or(&first);
                if *first == path {
                    return Ok(Outcome::Placed);
                }
                self.placer.place_link(&path, first).map(Outcome::from)
            }
            kind => {
                let node = node(kind)?;
                self.placer
                    .place_node(&path, &node, &wanted)
                    .map(Outcome::from)
            }
        }
    }

    fn directory(
        &self,
        path: &RelPath,
        wanted: Wanted,
        selected: bool,
    ) -> Result<Outcome, PlaceError> {
        let existing = self.placer.existing(path);
        let existed = matches!(existing, Ok(Existing::Directory)) && !path.is_root();
        if existed && (self.options.overwrite == Overwrite::Never || !selected) {
            return Ok(Outcome::Kept);
        }
        self.placer.directories.want(path.clone(), wanted);
        if !selected {
            // Made only if something below it is selected.
            return Ok(Outcome::Unselected);
        }
        if existed || path.is_root() {
            self.placer.directories.clean(path)?;
        }
        match self.placer.directories.prepare(path) {
            Ok(_) => Ok(Outcome::Placed),
            Err(error) => {
                self.placer.directories.forget(path);
                Err(error)
            }
        }
    }

    /// Places a file, unless one of the same content is there.
    fn file(
        &mut self,
        path: &RelPath,
        entry: &Entry,
        content: &mut dyn Read,
        wanted: &Wanted,
    ) -> Result<Outcome, PlaceError> {
        let existing = self.placer.existing(path);
        let compare = match (existing, self.options.overwrite) {
            // With `Always`, placing the file tells whether the directory is empty.
            (Ok(Existing::Directory), Overwrite::Never | Overwrite::Changed) => {
                return Err(PlaceError::in_the_way("replace it", InTheWay::Directory));
            }
            (Ok(Existing::File(_) | Existing::Other), Overwrite::Never) => {
                return Ok(Outcome::Kept);
            }
            (Ok(Existing::File(stat)), Overwrite::Changed) => {
                u64::try_from(stat.st_size).ok() == entry.size
            }
            // If its directory cannot be used, placing it says why.
            _ => false,
        };
        let mut temp = self.placer.temp_beside(path)?;
        let holes = entry.metadata.sparse.as_deref();
        let hasher = (compare && holes.is_none()).then(Hasher::new);
        let written = match (holes, entry.size) {
            (Some(extents), Some(size)) => {
                let written = write_data(content, &mut temp.file, extents, size);
                written.map(|()| (None, size))
            }
            _ => write_content(content, &mut temp.file, None, u64::MAX, hasher),
        };
        let (digest, size) = match written {
            Ok(written) => written,
            // The archive is damaged, which ends the reading.
            Err(ContentError::Read(_)) => return Ok(Outcome::Unselected),
            Err(error) => return Err(content_error(error)),
        };
        let target = self.placer.target;
        let unchanged = match digest {
            Some(_) => hash(target, path).ok() == digest,
            None if compare => target
                .file(path)
                .and_then(|file| same_content(&file, &temp.file, size))
                .unwrap_or(false),
            None => false,
        };
        if unchanged {
            let file = target.file(path).map_err(PlaceError::to("open it"))?;
            self.placer
                .update_metadata(path, &file, true, holes, wanted)?;
            return Ok(Outcome::Unchanged);
        }
        let placed = self.placer.place(path, temp, wanted)?;
        if placed == Placed::New {
            self.stats.placed_bytes += size;
        }
        Ok(placed.into())
    }

    fn restore_file(
        &mut self,
        path: &RelPath,
        entry: &Entry,
        content: &mut dyn Read,
        wanted: &Wanted,
    ) -> Result<Outcome, PlaceError> {
        let json = match read_member(entry, content) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
                return Err(PlaceError::to("read the restore file")(error));
            }
            // The archive is damaged, which ends the reading.
            Err(_) => return Ok(Outcome::Unselected),
        };
        // Without all of the archive's members the directory is not what the restore file says.
        if !self.options.selection.is_all() {
            self.restore_file = Some(json);
            return Ok(Outcome::Unselected);
        }
        let wanted = Wanted {
            user: self.screen.stranger(),
            group: None,
            ..wanted.clone()
        };
        let mut temp = self.placer.temp_beside(path)?;
        write_content(&mut &json[..], &mut temp.file, None, u64::MAX, None)
            .map_err(content_error)?;
        self.restore_file = Some(json);
        self.placer.place(path, temp, &wanted).map(Outcome::from)
    }
}

impl From<Placed> for Outcome {
    fn from(placed: Placed) -> Self {
        match placed {
            Placed::New => Self::Placed,
            Placed::Kept => Self::Kept,
        }
    }
}

fn path_below(path: &[u8], refuse: &'static str) -> Result<RelPath, PlaceError> {
    RelPath::new(path).map_err(|error| PlaceError {
        act: refuse,
        source: io::Error::new(io::ErrorKind::InvalidInput, error),
    })
}

fn node(kind: &EntryKind) -> Result<Node, PlaceError> {
    Ok(match kind {
        EntryKind::Symlink { target } => Node::Symlink(target.clone()),
        EntryKind::Fifo => Node::Fifo,
        EntryKind::CharDevice { major, minor } => Node::CharDevice(*major, *minor),
        EntryKind::BlockDevice { major, minor } => Node::BlockDevice(*major, *minor),
        _ => {
            let why = "it is of a kind that is not known";
            return Err(PlaceError::because("extract it", why));
        }
    })
}
