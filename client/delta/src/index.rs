//! What a directory is like.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use hashget_words::rel_path::RelPath;
use rayon::prelude::*;

use super::entry::{IndexEntry, IndexFile, IndexKind, is_kept};
use super::error::DeltaError;
use super::patch::{Signature, signature};
use super::rules::IndexRules;
use super::stage_directory::is_unfinished;
use hashget_files::monitor::{Counted, Level, Monitor, Progress, Unit};
use hashget_files::node::Node;
use hashget_files::tree::{
    DigestKind, FileId, HashError, HashedFile, OmittedNames, PatternSet, TreeEntry, TreeKind,
    TreeRoot, data_extents, digest_of, file_stamp, hash_files_by, is_mostly_hole, walk,
};

/// Smaller files are not worth a signature: they are kept whole in a delta.
const LEAST_SIGNED_BYTES: u64 = 4096;

/// What a directory is like: everything in it that its rules let through, with the SHA-256 of every
/// file and, if asked for, the block signatures that later deltas are made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirIndex {
    /// What of the directory is seen.
    pub rules: IndexRules,
    /// The entries, in the order of their paths; the directory itself comes first.
    pub entries: Vec<IndexEntry>,
    /// The signatures of files.
    pub signatures: BTreeMap<RelPath, Signature>,
}

/// How a directory is indexed.
#[derive(Clone, Debug, Default)]
pub struct IndexOptions {
    /// What of it is seen.
    pub rules: IndexRules,
    /// The patterns of the rules as they were given, for who wants to know which match nothing.
    pub exclude: Option<PatternSet>,
    /// Whether block signatures are made, so that a delta needs the index only.
    pub signatures: bool,
    /// Names that are not seen, because they are being written.
    pub omitted: Option<OmittedNames>,
}

/// An index, and the tree as it was when it was made.
pub(super) struct IndexedTree {
    pub(super) root: TreeRoot,
    pub(super) tree: Vec<TreeEntry>,
    pub(super) index: DirIndex,
}

impl DirIndex {
    /// Indexes the directory at `path`. Fails if anything in it cannot be read.
    pub fn of_directory(
        path: &Path,
        options: &IndexOptions,
        monitor: &dyn Monitor,
    ) -> Result<Self, DeltaError> {
        if is_unfinished(path)? {
            return Err(DeltaError::Unfinished(path.to_owned()));
        }
        index_tree(path, options, monitor).map(|indexed| indexed.index)
    }

    /// The digest of the whole state: equal for equal directories.
    pub fn state(&self) -> Result<Digest, serde_json::Error> {
        state_of(&self.entries)
    }

    /// The entry at `path`.
    pub fn get(&self, path: &RelPath) -> Option<&IndexEntry> {
        find(&self.entries, path)
    }
}

/// The digest of the state that `entries`, which are in order, describe.
pub(super) fn state_of(entries: &[IndexEntry]) -> Result<Digest, serde_json::Error> {
    let mut hasher = Hasher::new();
    for entry in entries {
        hasher.update(&entry.canonical()?);
    }
    Ok(hasher.finish())
}

/// The entry at `path` among `entries`, which are in order.
pub(super) fn find<'a>(entries: &'a [IndexEntry], path: &RelPath) -> Option<&'a IndexEntry> {
    let place = entries
        .binary_search_by(|entry| entry.path.cmp(path))
        .ok()?;
    Some(&entries[place])
}

/// Lists a tree, what is unstorable left out.
pub(super) fn list_tree(
    root: &TreeRoot,
    options: &IndexOptions,
    monitor: &dyn Monitor,
) -> Result<Vec<TreeEntry>, DeltaError> {
    // An index that lacks something would tell that it was deleted.
    let counted = Counted::new(monitor);
    let mut walk_options = options.rules.walk_options()?;
    walk_options.omitted.clone_from(&options.omitted);
    if let Some(exclude) = &options.exclude {
        walk_options.exclude = exclude.clone();
    }
    let mut tree = walk(root, &walk_options, &counted);
    if counted.problems() > 0 || tree.is_empty() {
        return Err(DeltaError::Incomplete {
            path: root.path().to_owned(),
            problems: counted.problems(),
        });
    }
    tree.retain(|entry| {
        let is_socket = entry.kind == TreeKind::Socket;
        if is_socket {
            let line = format!("{}: sockets are left out", entry.path);
            monitor.message(Level::Warning, &line);
        }
        !is_socket
    });
    Ok(tree)
}

/// Indexes a tree.
pub(super) fn index_tree(
    path: &Path,
    options: &IndexOptions,
    monitor: &dyn Monitor,
) -> Result<IndexedTree, DeltaError> {
    let root = TreeRoot::open(path)?;
    let tree = list_tree(&root, options, monitor)?;
    let files: Vec<&TreeEntry> = first_names(&tree);
    let size = |entry: &TreeEntry| entry.stamp().map_or(0, |stamp| stamp.size);
    let total = files.iter().map(|entry| size(entry)).sum();
    let progress = Progress::start(monitor, "indexing", Unit::Bytes, Some(total));
    let kind = options.rules.digest_kind();
    let (signed, plain): (Vec<&TreeEntry>, Vec<&TreeEntry>) = files
        .into_iter()
        .partition(|entry| options.signatures && is_signed(entry, kind));
    let mut hashed = HashMap::new();
    for (entry, outcome) in plain
        .iter()
        .zip(hash_files_by(kind, &root, &plain, &progress))
    {
        let file = outcome.map_err(|source| DeltaError::Hash {
            path: entry.path.clone(),
            source,
        })?;
        hashed.insert(entry.path.clone(), file);
    }
    let made: Result<Vec<_>, DeltaError> = signed
        .par_iter()
        .map(|entry| {
            let (file, signature) = sign(&root, entry, size(entry), kind)?;
            progress.advance(size(entry));
            Ok((entry.path.clone(), file, signature))
        })
        .collect();
    let mut signatures = BTreeMap::new();
    for (path, file, signature) in made? {
        hashed.insert(path.clone(), file);
        signatures.insert(path, signature);
    }
    let entries = entries(&tree, &hashed)?;
    let rules = options.rules.clone();
    let index = DirIndex {
        rules,
        entries,
        signatures,
    };
    Ok(IndexedTree { root, tree, index })
}

/// The files of a tree, each by the first of its names.
pub(super) fn first_names(tree: &[TreeEntry]) -> Vec<&TreeEntry> {
    let mut seen = std::collections::HashSet::new();
    tree.iter()
        .filter(|entry| match entry.kind {
            TreeKind::File { id, links, .. } => links == 1 || seen.insert(id),
            _ => false,
        })
        .collect()
}

/// Whether a block signature is made of a file: not where it would be of holes.
fn is_signed(entry: &TreeEntry, kind: DigestKind) -> bool {
    let TreeKind::File {
        size,
        allocated_bytes,
        ..
    } = entry.kind
    else {
        return false;
    };
    let hole = kind == DigestKind::Data && is_mostly_hole(size, allocated_bytes);
    size >= LEAST_SIGNED_BYTES && !hole
}

/// Reads a file once for its digest and its signature.
fn sign(
    root: &TreeRoot,
    entry: &TreeEntry,
    size: u64,
    kind: DigestKind,
) -> Result<(HashedFile, Signature), DeltaError> {
    let failed = |source: HashError| DeltaError::Hash {
        path: entry.path.clone(),
        source,
    };
    let mut file = root
        .open_file(&entry.path)
        .map_err(|error| failed(error.into()))?;
    let unchanged = |file: &std::fs::File| match file_stamp(file) {
        Ok(now) if Some(now) == entry.stamp() => Ok(()),
        Ok(_) => Err(failed(HashError::Changed)),
        Err(error) => Err(failed(error.into())),
    };
    unchanged(&file)?;
    let sparse =
        matches!(entry.kind, TreeKind::File { allocated_bytes, .. } if allocated_bytes < size);
    let extents = if sparse {
        data_extents(&file, size).map_err(|error| failed(error.into()))?
    } else {
        None
    };
    let signature = signature(&mut file, size).map_err(|source| DeltaError::Signature {
        path: entry.path.clone(),
        source,
    })?;
    let sha256 = match kind {
        // Such a file may be told by its data all the same, if it has zeros instead of holes.
        DigestKind::Data if is_mostly_hole(size, 0) => {
            digest_of(&file, size, kind).map_err(|error| failed(error.into()))?
        }
        _ => signature.sha256(),
    };
    unchanged(&file)?;
    Ok((HashedFile { sha256, extents }, signature))
}

/// The entries of a tree; the first name of every file is in `hashed`.
pub(super) fn entries(
    tree: &[TreeEntry],
    hashed: &HashMap<RelPath, HashedFile>,
) -> Result<Vec<IndexEntry>, DeltaError> {
    let mut first: HashMap<FileId, &RelPath> = HashMap::new();
    tree.iter()
        .filter_map(|entry| {
            let kind = match &entry.kind {
                TreeKind::File {
                    size, id, links, ..
                } => {
                    let name = if *links > 1 {
                        *first.entry(*id).or_insert(&entry.path)
                    } else {
                        &entry.path
                    };
                    let Some(file) = hashed.get(name) else {
                        return Some(Err(DeltaError::Changed(entry.path.clone())));
                    };
                    IndexKind::File(IndexFile {
                        size: *size,
                        sha256: file.sha256,
                        hardlink: (*name != entry.path).then(|| name.clone()),
                        extents: file.extents.clone(),
                    })
                }
                TreeKind::Directory => IndexKind::Directory,
                TreeKind::Node(node) => IndexKind::Node(node.clone()),
                TreeKind::Socket => return None,
            };
            Some(Ok(entry_of(entry, kind)))
        })
        .collect()
}

fn entry_of(entry: &TreeEntry, kind: IndexKind) -> IndexEntry {
    let metadata = &entry.metadata;
    let mode = match kind {
        IndexKind::Node(Node::Symlink(_)) => 0o777,
        _ => metadata.mode,
    };
    let kept = metadata.xattrs.iter().filter(|xattr| is_kept(&xattr.name));
    IndexEntry {
        path: entry.path.clone(),
        kind,
        mode,
        uid: metadata.uid,
        gid: metadata.gid,
        mtime: metadata.mtime,
        xattrs: kept.cloned().collect(),
    }
}
