//! What is already in place, and what is wanted.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::Read;

use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::{RestoreEntry, RestoreFile};
use rayon::prelude::*;
use rustix::fs::FileType;

use super::options::{Overwrite, RestoreOptions};
use hashget_files::monitor::{Monitor, Progress, Unit};
use hashget_files::place::{InTheWay, JOURNAL_NAME, Looker, Target, is_no_directory};

/// How many files are looked at in a row; neighbours are in one directory mostly.
const CHUNK: usize = 256;

/// What became of the files of a restore file; each is an index into its `files`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Survey {
    /// In place, with the right content.
    pub(super) in_place: Vec<usize>,
    /// To be found.
    pub(super) wanted: Vec<usize>,
    /// Further hard links, to be made when the first name is in place, and that first name.
    pub(super) links: Vec<(usize, RelPath)>,
    /// Files that cannot be restored from any source, and why.
    pub(super) blocked: Vec<(usize, Blocked)>,
    /// Not selected.
    pub(super) unselected_files: u64,
}

impl Survey {
    /// Wanted contents that the tree holds under another name, each with a file that has it.
    pub(super) fn copies(&self, list: &RestoreFile) -> HashMap<Digest, usize> {
        let wanted: HashSet<Digest> = self.contents(list).collect();
        let in_place = self.in_place.iter();
        in_place
            .map(|number| (list.files[*number].sha256, *number))
            .filter(|(digest, _)| wanted.contains(digest))
            .collect()
    }

    /// Wanted contents that the tree does not hold.
    pub(super) fn missing_contents(&self, list: &RestoreFile) -> BTreeSet<Digest> {
        let copies = self.copies(list);
        let contents = self.contents(list);
        contents
            .filter(|digest| !copies.contains_key(digest))
            .collect()
    }

    /// True if only some of the files are wanted for which the packages were chosen.
    pub(super) fn is_partial(&self) -> bool {
        !self.in_place.is_empty() || self.unselected_files > 0
    }

    fn contents<'a>(&'a self, list: &'a RestoreFile) -> impl Iterator<Item = Digest> + 'a {
        let wanted = self.wanted.iter();
        wanted.map(|number| list.files[*number].sha256)
    }
}

/// Why a file cannot be restored from any source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blocked {
    pub(super) why: String,
    /// Something of another kind has its place.
    pub(super) in_the_way: bool,
}

impl Blocked {
    fn because(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            in_the_way: false,
        }
    }

    fn in_the_way(what: InTheWay) -> Self {
        Self {
            why: what.to_string(),
            in_the_way: true,
        }
    }
}

/// Says what is wanted where nothing is in place yet.
pub(super) fn survey_nothing(list: &RestoreFile, options: &RestoreOptions) -> Survey {
    let mut survey = Survey::default();
    let index = index_of(list);
    for (number, entry) in list.files.iter().enumerate() {
        if !options.selection.contains(&entry.file) {
            survey.unselected_files += 1;
        } else if let Some(first) = linked_to(list, &index, entry)
            && options.selection.contains(first)
        {
            survey.links.push((number, first.clone()));
        } else {
            survey.wanted.push(number);
        }
    }
    survey
}

/// Finds which files are in place in `target`. Hashes candidates; changes nothing.
pub(super) fn survey(
    list: &RestoreFile,
    target: &Target,
    options: &RestoreOptions,
    monitor: &dyn Monitor,
) -> Survey {
    let mut survey = survey_nothing(list, options);
    let candidates = std::mem::take(&mut survey.wanted);
    let progress = Progress::start(
        monitor,
        "looking at what is in place",
        Unit::Files,
        Some(candidates.len() as u64),
    );
    let states: Vec<_> = candidates
        .par_chunks(CHUNK)
        .flat_map_iter(|numbers| {
            let mut looker = Looker::new(target);
            let progress = &progress;
            numbers.iter().map(move |number| {
                let state = look(&mut looker, target, &list.files[*number], options.overwrite);
                progress.advance(1);
                (*number, state)
            })
        })
        .collect();
    let mut right: HashMap<&RelPath, bool> = HashMap::new();
    for (number, state) in states {
        right.insert(&list.files[number].file, matches!(state, State::Right));
        match state {
            State::Right => survey.in_place.push(number),
            State::Wanted => survey.wanted.push(number),
            State::Blocked(why) => survey.blocked.push((number, why)),
        }
    }
    resolve_links(list, target, options, &right, &mut survey);
    survey
}

enum State {
    Right,
    Wanted,
    Blocked(Blocked),
}

/// Links whose first name is in the archive count only if that file is what it was; links that
/// are made already are in place.
fn resolve_links(
    list: &RestoreFile,
    target: &Target,
    options: &RestoreOptions,
    right: &HashMap<&RelPath, bool>,
    survey: &mut Survey,
) {
    let mut looker = Looker::new(target);
    for (number, first) in std::mem::take(&mut survey.links) {
        let entry = &list.files[number];
        let listed = right.contains_key(&first);
        if let State::Blocked(why) = look_at_kind(&mut looker, entry, options.overwrite) {
            survey.blocked.push((number, why));
        } else if listed {
            let done =
                right.get(&first) == Some(&true) && is_same_file(target, &entry.file, &first);
            if done {
                survey.in_place.push(number);
            } else {
                survey.links.push((number, first));
            }
        } else if has_content(target, &first, entry) {
            if is_same_file(target, &entry.file, &first) {
                survey.in_place.push(number);
            } else {
                survey.links.push((number, first));
            }
        } else {
            // The first name is gone or changed: this one must stand alone.
            match look(&mut looker, target, entry, options.overwrite) {
                State::Right => survey.in_place.push(number),
                State::Wanted => survey.wanted.push(number),
                State::Blocked(why) => survey.blocked.push((number, why)),
            }
        }
    }
}

fn index_of(list: &RestoreFile) -> HashMap<&RelPath, usize> {
    let names = list.files.iter().enumerate();
    names.map(|(number, entry)| (&entry.file, number)).collect()
}

/// The first name of `entry`, if it is a further hard link to a file that makes sense.
fn linked_to<'a>(
    list: &RestoreFile,
    index: &HashMap<&RelPath, usize>,
    entry: &'a RestoreEntry,
) -> Option<&'a RelPath> {
    let first = entry.hardlink.as_ref()?;
    match index.get(first) {
        None => Some(first),
        Some(number) => {
            let other = &list.files[*number];
            (other.hardlink.is_none() && other.sha256 == entry.sha256).then_some(first)
        }
    }
}

fn look(
    looker: &mut Looker<'_>,
    target: &Target,
    entry: &RestoreEntry,
    overwrite: Overwrite,
) -> State {
    match look_at_kind(looker, entry, overwrite) {
        State::Right if overwrite == Overwrite::Always => State::Wanted,
        State::Right if has_content(target, &entry.file, entry) => State::Right,
        State::Right if overwrite == Overwrite::Never => State::Blocked(Blocked::because(KEPT)),
        State::Right => State::Wanted,
        other => other,
    }
}

const KEPT: &str = "something else has its name, and nothing is to be overwritten";

/// `Right` means that there is a regular file.
fn look_at_kind(looker: &mut Looker<'_>, entry: &RestoreEntry, overwrite: Overwrite) -> State {
    let name = entry.file.as_bytes();
    if name == RestoreFile::NAME.as_bytes() || name == JOURNAL_NAME.as_bytes() {
        return State::Blocked(Blocked::because("its name is one that hashget itself uses"));
    }
    let stat = match looker.stat(&entry.file) {
        Ok(None) => return State::Wanted,
        Ok(Some(stat)) => stat,
        // Maybe a directory that keeps us out; placing will open it up, or say why it cannot.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return State::Wanted,
        Err(error) if is_no_directory(&error) && overwrite == Overwrite::Always => {
            return State::Wanted;
        }
        Err(error) if is_no_directory(&error) => {
            return State::Blocked(Blocked::in_the_way(InTheWay::NoDirectory));
        }
        Err(error) => {
            return State::Blocked(Blocked::because(format!(
                "its directory cannot be used: {error}"
            )));
        }
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => State::Right,
        // Placing the file tells whether the directory is empty.
        FileType::Directory if overwrite == Overwrite::Always => State::Wanted,
        FileType::Directory => State::Blocked(Blocked::in_the_way(InTheWay::Directory)),
        _ if overwrite == Overwrite::Never => State::Blocked(Blocked::because(KEPT)),
        _ => State::Wanted,
    }
}

/// Whether `path` is a regular file with the content that `entry` wants.
fn has_content(target: &Target, path: &RelPath, entry: &RestoreEntry) -> bool {
    let Ok(Some(stat)) = target.stat(path) else {
        return false;
    };
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let size = u64::try_from(stat.st_size).ok();
    if !is_file || entry.size.is_some() && entry.size != size {
        return false;
    }
    hash(target, path).is_ok_and(|digest| digest == entry.sha256)
}

/// The digest of the file `path`.
pub(super) fn hash(target: &Target, path: &RelPath) -> std::io::Result<Digest> {
    let mut file = target.file(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_same_file(target: &Target, a: &RelPath, b: &RelPath) -> bool {
    match (target.stat(a), target.stat(b)) {
        (Ok(Some(a)), Ok(Some(b))) => (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino),
        _ => false,
    }
}
