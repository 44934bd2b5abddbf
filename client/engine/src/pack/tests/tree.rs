//! A tree as other means than ours see it.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use hashget_words::restore_file::{RestoreEntry, RestoreFile};

/// One thing in a tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) kind: char,
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    pub(super) mtime: (i64, i64),
    pub(super) device: u64,
    /// Content or link target.
    pub(super) content: Vec<u8>,
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The first name of the same file.
    pub(super) first_name: OsString,
}

/// Everything below `root`, the root itself as the empty name.
pub(super) fn look(root: &Path) -> BTreeMap<OsString, Seen> {
    let mut names = vec![OsString::new()];
    let mut next = 0;
    while next < names.len() {
        let path = root.join(&names[next]);
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            let prefix = Path::new(&names[next]).to_owned();
            let children = fs::read_dir(&path).unwrap();
            names.extend(children.map(|c| prefix.join(c.unwrap().file_name()).into_os_string()));
        }
        next += 1;
    }
    // By components, as archives are written, so that the first of several names is the same one.
    names.sort_by(|a, b| Path::new(a).cmp(Path::new(b)));
    let mut first_names: HashMap<u64, OsString> = HashMap::new();
    let seen = names.into_iter().map(|name| {
        let path = if name.is_empty() {
            root.to_owned()
        } else {
            root.join(&name)
        };
        let metadata = fs::symlink_metadata(&path).unwrap();
        let first = first_names
            .entry(metadata.ino())
            .or_insert_with(|| name.clone());
        let seen = see(&path, &metadata, first.clone());
        (name, seen)
    });
    seen.collect()
}

fn see(path: &Path, metadata: &fs::Metadata, first_name: OsString) -> Seen {
    let kind = metadata.file_type();
    let (kind, content) = if kind.is_dir() {
        ('d', vec![])
    } else if kind.is_symlink() {
        let target = fs::read_link(path).unwrap();
        ('l', target.as_os_str().as_bytes().to_vec())
    } else if kind.is_file() {
        ('f', fs::read(path).unwrap())
    } else if kind.is_fifo() {
        ('p', vec![])
    } else if kind.is_char_device() {
        ('c', vec![])
    } else if kind.is_block_device() {
        ('b', vec![])
    } else {
        ('s', vec![])
    };
    Seen {
        kind,
        mode: metadata.mode() & 0o7777,
        owner: (metadata.uid(), metadata.gid()),
        mtime: (metadata.mtime(), metadata.mtime_nsec()),
        device: metadata.rdev(),
        content,
        xattrs: xattrs(path),
        first_name,
    }
}

pub(super) fn xattrs(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut names = vec![0; 65536];
    let count = rustix::fs::llistxattr(path, &mut names[..]).unwrap();
    let names = names[..count].split(|b| *b == 0).filter(|n| !n.is_empty());
    let value = |name: &[u8]| {
        let mut value = vec![0; 65536];
        let count = rustix::fs::lgetxattr(path, name, &mut value[..]).unwrap();
        value[..count].to_vec()
    };
    names.map(|name| (name.to_vec(), value(name))).collect()
}

/// Checks that `unpacked` and the list in it together are the tree `packed`, each name in one of
/// them only.
pub(super) fn assert_same_tree(packed: &Path, unpacked: &Path, list: &RestoreFile) {
    let before = look(packed);
    let mut after = look(unpacked);
    after.remove(&OsString::from(RestoreFile::NAME));
    let files: HashMap<&[u8], &RestoreEntry> = list
        .files
        .iter()
        .map(|entry| (entry.file.as_bytes(), entry))
        .collect();
    for (name, seen) in &before {
        let left_out = files.get(name.as_bytes());
        match (after.get(name), left_out) {
            (Some(unpacked), None) => assert_eq!(seen, unpacked, "{name:?}"),
            (None, Some(entry)) => assert_listed(seen, entry),
            (None, None) => panic!("{name:?} fell out of both"),
            (Some(_), Some(_)) => panic!("{name:?} is in both"),
        }
    }
    assert_eq!(after.len() + files.len(), before.len(), "nothing was added");
}

fn assert_listed(seen: &Seen, entry: &RestoreEntry) {
    let name = &entry.file;
    assert_eq!(seen.kind, 'f', "{name}");
    assert_eq!(
        entry.sha256,
        hashget_words::digest::Digest::of(&seen.content)
    );
    assert_eq!(entry.size, Some(seen.content.len() as u64));
    assert_eq!(entry.permissions(), Some(seen.mode), "{name}");
    assert_eq!(
        (entry.uid, entry.gid),
        (Some(seen.owner.0), Some(seen.owner.1))
    );
    let mtime = (entry.mtime.unwrap(), i64::from(entry.mtime_ns));
    assert_eq!(mtime, seen.mtime, "{name}");
    let xattrs: BTreeMap<Vec<u8>, Vec<u8>> = entry
        .xattrs
        .iter()
        .map(|xattr| (xattr.name.clone(), xattr.value.clone()))
        .collect();
    assert_eq!(xattrs, seen.xattrs, "{name}");
    let first = entry.hardlink.as_ref().unwrap_or(name);
    assert_eq!(first.as_path().as_os_str(), seen.first_name, "{name}");
}
