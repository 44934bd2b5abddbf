//! One walk over a directory: every heuristic looks at every file.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hashget_words::rel_path::RelPath;
use rayon::prelude::*;
use rustix::fs::{FileType, Mode, OFlags, RawDir};

use super::{IndexError, IndexOptions};
use crate::heuristics::PackageRequest;
use hashget_files::monitor::{Monitor, Problem};

/// What a walk found.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) requests: Vec<PackageRequest>,
    /// Files that may be anchors; only looked for when anchors are pulled.
    pub(super) anchors: Vec<PathBuf>,
    pub(super) seen_files: u64,
    /// What was walked, without links in its path.
    pub(super) root: PathBuf,
}

/// Walks `root`, without following links below it; a single file is looked at alone.
///
/// Directories that cannot be read are reported and skipped.
pub(super) fn survey(
    root: &Path,
    options: &IndexOptions,
    monitor: &dyn Monitor,
) -> Result<Survey, IndexError> {
    let root_error = |source| IndexError::Root {
        path: root.to_owned(),
        source,
    };
    // The heuristics judge by the whole path, whatever `root` is relative to.
    let root = root.canonicalize().map_err(root_error)?;
    let metadata = root.metadata().map_err(root_error)?;
    let walk = Walk {
        device: options.one_file_system.then(|| metadata.dev()),
        // Who names such a file system wants it.
        pseudo: options.pseudo_file_systems || is_pseudo(&root).map_err(root_error)?,
        root,
        options,
        monitor,
    };
    if options.heuristics.is_empty() && !options.pull {
        // Nobody would look at a file.
        return Ok(Survey::default());
    }
    if metadata.is_file() {
        let mut survey = Survey::default();
        walk.file(&walk.root, &mut survey);
        survey.root = walk.root;
        return Ok(survey);
    }
    let names = sorted(&walk.root).map_err(root_error)?;
    let survey = walk.run(names);
    Ok(Survey {
        root: walk.root,
        ..survey
    })
}

struct Walk<'a> {
    root: PathBuf,
    device: Option<u64>,
    /// Whether file systems of the kernel are looked at.
    pseudo: bool,
    options: &'a IndexOptions,
    monitor: &'a dyn Monitor,
}

/// What was seen in one directory.
struct Visit {
    own: Survey,
    /// The numbers of the visits to the directories in it, in order.
    below: Vec<usize>,
}

impl Walk<'_> {
    /// What is in a directory; nothing if the kernel shows its state there.
    fn names(&self, directory: &Path) -> io::Result<Vec<Name>> {
        if !self.pseudo && is_pseudo(directory)? {
            return Ok(Vec::new());
        }
        sorted(directory)
    }

    /// Visits the directories of one depth beside each other, then those in them; `names` are the root's.
    fn run(&self, names: Vec<Name>) -> Survey {
        let (own, mut depth) = self.visit(&self.root, names);
        let mut depth: Vec<(usize, PathBuf)> = depth.drain(..).map(|path| (0, path)).collect();
        let below = Vec::new();
        let mut visits = vec![Visit { own, below }];
        while !depth.is_empty() {
            let visited: Vec<_> = depth
                .par_iter()
                .map(|(_, path)| match self.names(path) {
                    Ok(names) => self.visit(path, names),
                    Err(error) => {
                        self.problem(path, &error);
                        (Survey::default(), Vec::new())
                    }
                })
                .collect();
            let mut next = Vec::new();
            for ((above, _), (own, directories)) in depth.into_iter().zip(visited) {
                let number = visits.len();
                visits[above].below.push(number);
                next.extend(directories.into_iter().map(|path| (number, path)));
                let below = Vec::new();
                visits.push(Visit { own, below });
            }
            depth = next;
        }
        in_order(visits)
    }

    /// Looks at the files of a directory; gives the directories in it.
    fn visit(&self, directory: &Path, names: Vec<Name>) -> (Survey, Vec<PathBuf>) {
        let mut survey = Survey::default();
        let mut below = Vec::new();
        let mut path = directory.to_owned();
        for Name { name, kind } in names {
            path.push(OsStr::from_bytes(&name));
            match self.kind_of(kind, &path) {
                Some(FileType::RegularFile) => self.file(&path, &mut survey),
                Some(FileType::Directory) if self.enters(&path) => below.push(path.clone()),
                _ => {}
            }
            path.pop();
        }
        (survey, below)
    }

    /// Some file systems do not tell what is in a directory without being asked about each.
    fn kind_of(&self, kind: FileType, path: &Path) -> Option<FileType> {
        if kind != FileType::Unknown {
            return Some(kind);
        }
        let metadata = self.metadata(path)?;
        Some(FileType::from_raw_mode(metadata.mode()))
    }

    fn enters(&self, path: &Path) -> bool {
        let Some(device) = self.device else {
            return true;
        };
        self.metadata(path)
            .is_some_and(|metadata| metadata.dev() == device)
    }

    fn metadata(&self, path: &Path) -> Option<Metadata> {
        let metadata = fs::symlink_metadata(path);
        metadata.map_err(|error| self.problem(path, &error)).ok()
    }

    fn file(&self, path: &Path, survey: &mut Survey) {
        survey.seen_files += 1;
        let requests = self.options.heuristics.look(path, &self.root, self.monitor);
        survey.requests.extend(requests);
        if self.options.pull
            && let Some(metadata) = self.metadata(path)
            && self.is_anchor(path, metadata.len())
        {
            survey.anchors.push(path.to_owned());
        }
    }

    fn is_anchor(&self, path: &Path, size: u64) -> bool {
        let forced = || {
            let relative = path.strip_prefix(&self.root).ok();
            let relative = relative.and_then(|path| RelPath::from_path(path).ok());
            relative.is_some_and(|path| self.options.record.forced_anchors.matches(&path))
        };
        size > 0 && (size > self.options.record.anchsz || forced())
    }

    fn problem(&self, path: &Path, error: &io::Error) {
        // What has gone since the directory was read was never seen. And a path that is too long for the
        // kernel holds no package that a heuristic could read; packing has other ways to go there.
        let is_passed = [io::ErrorKind::NotFound, io::ErrorKind::InvalidFilename];
        if !is_passed.contains(&error.kind()) {
            let subject =
                hashget_words::rel_path::display_bytes(path.as_os_str().as_encoded_bytes());
            self.monitor.problem(&Problem::new(subject, error));
        }
    }
}

/// Puts what was seen in a directory before what was seen in those below it.
fn in_order(mut visits: Vec<Visit>) -> Survey {
    let mut whole = Survey::default();
    let mut next = vec![0];
    while let Some(number) = next.pop() {
        let Visit { own, below } = &mut visits[number];
        whole.requests.append(&mut own.requests);
        whole.anchors.append(&mut own.anchors);
        whole.seen_files += own.seen_files;
        next.extend(below.iter().rev());
    }
    whole
}

struct Name {
    name: Vec<u8>,
    kind: FileType,
}

#[allow(
    clippy::useless_conversion,
    reason = "the number is of another type on other machines"
)]
fn is_pseudo(directory: &Path) -> io::Result<bool> {
    let kind = rustix::fs::statfs(directory)?.f_type;
    Ok(hashget_files::tree::is_pseudo_kind(i64::from(kind)))
}

/// What is in a directory, by name, so that equal trees give equal answers.
fn sorted(directory: &Path) -> io::Result<Vec<Name>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::open(directory, flags, Mode::empty())?;
    let mut buffer = vec![const { MaybeUninit::<u8>::uninit() }; 32 * 1024];
    let mut entries = RawDir::new(directory, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(Name {
                name: name.to_vec(),
                kind: entry.file_type(),
            });
        }
    }
    names.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(names)
}
