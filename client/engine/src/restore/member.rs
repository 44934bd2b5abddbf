//! Places the members of an archive.

use std::io::{self, Read};

use hashget_archive::{Entry, EntryKind, Origin};
use hashget_words::hash_reader::Hasher;
use hashget_words::rel_path::{RelPath, display_bytes};

use super::execute::Session;
use super::list::{is_restore_file, read_member};
use super::options::{Overwrite, RestoreOptions};
use super::outcome::{Outcome, Tally};
use super::redirect::Redirects;
use super::small_files::{MOST_FILE_BYTES, SmallFile, SmallFiles};
use super::survey::hash;
use super::untrusted::Screen;
use hashget_files::monitor::{Level, Monitor};
use hashget_files::node::Node;
use hashget_files::place::{
    ContentError, Existing, InTheWay, JOURNAL_NAME, OwnerNames, PlaceError, Placer, Target, Wanted,
    content_error, is_hopeless, write_content, write_data,
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
    tally: &'a Tally<'a>,
    small_files: SmallFiles<'a>,
    restore_file: Option<Vec<u8>>,
}

impl<'a> Extraction<'a> {
    pub(super) fn new(
        session: &'a Session<'a>,
        redirects: Redirects,
        tally: &'a Tally<'a>,
        small_files: SmallFiles<'a>,
    ) -> Self {
        Self {
            placer: &session.placer,
            owners: &session.owners,
            screen: &session.screen,
            options: session.options,
            redirects,
            monitor: session.monitor,
            tally,
            small_files,
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

    /// Waits until all members are placed. Gives the restore file of the archive, if it has one; fails if
    /// going on was of no use.
    pub(super) fn end(mut self) -> (Option<Vec<u8>>, io::Result<()>) {
        let ended = self.small_files.end_round();
        (self.restore_file, ended)
    }

    /// Places one member. Fails only where going on is of no use.
    pub(super) fn member(&mut self, entry: &Entry, content: &mut dyn Read) -> io::Result<()> {
        if entry.origin != Origin::Member {
            return Ok(());
        }
        let placed = self.place(entry, content).transpose();
        let Some(placed) = placed else {
            // It will be counted when it is placed.
            return self.small_files.check();
        };
        self.tally
            .count(&placed, || display_bytes(&entry.path).into_owned());
        match placed {
            Err(error) if is_hopeless(&error.source) => Err(error.source),
            _ => Ok(()),
        }
    }

    /// What became of a member, if that is known already.
    fn place(
        &mut self,
        entry: &Entry,
        content: &mut dyn Read,
    ) -> Result<Option<Outcome>, PlaceError> {
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
            return Ok(Some(Outcome::Refused));
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
        if matches!(entry.kind, EntryKind::File) && !is_restore_file(&entry.path) {
            return match redirect {
                _ if path.is_root() => Err(PlaceError::because("extract it", "it has no name")),
                Some(link) => self.file(&link, entry, content, wanted),
                None if selected => self.file(&path, entry, content, wanted),
                None => Ok(Some(Outcome::Unselected)),
            };
        }
        self.make_way(&path)?;
        let placed = match &entry.kind {
            EntryKind::Directory => self.directory(&path, wanted, selected),
            EntryKind::File => self.restore_file(&path, entry, content, &wanted),
            _ if !selected => Ok(Outcome::Unselected),
            EntryKind::HardLink { target } => self.hard_link(&path, target),
            kind => {
                let placed = self.placer.place_node(&path, &node(kind)?, &wanted)?;
                Ok(Outcome::of(placed, 0))
            }
        };
        placed.map(Some)
    }

    /// Waits until nothing that is placed at `path` can meet a file that was read before.
    fn make_way(&mut self, path: &RelPath) -> Result<(), PlaceError> {
        let waited = self.small_files.make_way(path);
        waited.map_err(PlaceError::to("go on"))
    }

    fn hard_link(&mut self, path: &RelPath, target: &[u8]) -> Result<Outcome, PlaceError> {
        let refuse = "extract it: it is a hard link to something outside the directory";
        let first = path_below(target, refuse)?;
        let first = self.redirects.of(&first).unwrap_or(&first).clone();
        if first == *path {
            return Ok(Outcome::Placed(0));
        }
        self.make_way(&first)?;
        let placed = self.placer.place_link(path, &first)?;
        Ok(Outcome::of(placed, 0))
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
            Ok(_) => Ok(Outcome::Placed(0)),
            Err(error) => {
                self.placer.directories.forget(path);
                Err(error)
            }
        }
    }

    /// Places a file, unless one of the same content is there. A small one is placed soon.
    fn file(
        &mut self,
        path: &RelPath,
        entry: &Entry,
        content: &mut dyn Read,
        wanted: Wanted,
    ) -> Result<Option<Outcome>, PlaceError> {
        self.make_way(path)?;
        match (entry.size, path.parent()) {
            (Some(size), Some(parent))
                if size <= MOST_FILE_BYTES && entry.metadata.sparse.is_none() =>
            {
                let mut whole = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
                if content.read_to_end(&mut whole).is_err() {
                    // The archive is damaged, which ends the reading.
                    return Ok(Some(Outcome::Unselected));
                }
                let file = SmallFile {
                    name: entry.path.clone(),
                    path: path.clone(),
                    directory: self.placer.directories.prepare(&parent)?,
                    content: whole,
                    wanted,
                };
                // That it failed for one before is what the caller asks for next.
                self.small_files.add(file).unwrap_or_default();
                Ok(None)
            }
            _ => self.large_file(path, entry, content, &wanted).map(Some),
        }
    }

    /// Places a file of any size while it is read, unless one of the same content is there.
    fn large_file(
        &self,
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
        Ok(Outcome::of(placed, size))
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
        let placed = self.placer.place(path, temp, &wanted)?;
        Ok(Outcome::of(placed, 0))
    }
}

fn path_below(path: &[u8], refuse: &'static str) -> Result<RelPath, PlaceError> {
    RelPath::new(path).map_err(|error| PlaceError {
        act: refuse,
        source: io::Error::new(io::ErrorKind::InvalidInput, error),
    })
}

fn node(kind: &EntryKind) -> Result<Node, PlaceError> {
    let why = "it is of a kind that is not known";
    Node::of_member(kind).ok_or_else(|| PlaceError::because("extract it", why))
}
