//! Trees, archives of them, and packages that hold what the archives left out.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use hashget_archive::{EntryKind, EntryMetadata, TarHeader, TarWriter, Timestamp};
use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::{
    RestoreDirectory, RestoreEntry, RestoreFile, RestorePackage, Xattr,
};

pub(crate) fn path(bytes: impl AsRef<[u8]>) -> RelPath {
    RelPath::new(bytes.as_ref()).unwrap()
}

/// The metadata of something on disk, as an archive keeps it.
pub(crate) fn metadata_of(at: &Path) -> EntryMetadata {
    let stat = fs::symlink_metadata(at).unwrap();
    let time = |seconds, nanoseconds: i64| Timestamp {
        seconds,
        nanoseconds: u32::try_from(nanoseconds).unwrap(),
    };
    EntryMetadata {
        mode: Some(stat.mode() & 0o7777),
        uid: Some(stat.uid().into()),
        gid: Some(stat.gid().into()),
        user: None,
        group: None,
        mtime: Some(time(stat.mtime(), stat.mtime_nsec())),
        atime: Some(time(stat.atime(), stat.atime_nsec())),
        xattrs: xattrs_of(at),
        sparse: None,
    }
}

pub(crate) fn xattrs_of(at: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut names = vec![0; 65536];
    let Ok(length) = rustix::fs::llistxattr(at, &mut names[..]) else {
        return Vec::new();
    };
    let names = names[..length].split(|byte| *byte == 0);
    let mut xattrs: Vec<_> = names
        .filter(|name| !name.is_empty())
        .map(|name| {
            let mut value = vec![0; 65536];
            let length = rustix::fs::lgetxattr(at, name, &mut value[..]).unwrap();
            value.truncate(length);
            (name.to_vec(), value)
        })
        .collect();
    xattrs.sort();
    xattrs
}

/// A file on disk as a restore file lists it.
pub(crate) fn entry_of(root: &Path, name: &RelPath) -> RestoreEntry {
    let at = name.under(root);
    let metadata = metadata_of(&at);
    let content = fs::read(&at).unwrap();
    let (atime, mtime) = (metadata.atime.unwrap(), metadata.mtime.unwrap());
    let number = |number: Option<u64>| number.map(|number| u32::try_from(number).unwrap());
    RestoreEntry {
        file: name.clone(),
        sha256: Digest::of(&content),
        size: Some(content.len() as u64),
        mode: metadata.mode.map(|mode| mode & 0o777),
        uid: number(metadata.uid),
        gid: number(metadata.gid),
        atime: Some(atime.seconds),
        ctime: None,
        mtime: Some(mtime.seconds),
        mode_bits: metadata.mode,
        atime_ns: atime.nanoseconds,
        mtime_ns: mtime.nanoseconds,
        user: None,
        group: None,
        xattrs: metadata
            .xattrs
            .into_iter()
            .map(|(name, value)| Xattr { name, value })
            .collect(),
        hardlink: None,
        extents: None,
    }
}

/// A restore file for `files` of the tree at `root`; the times of all its directories are kept.
pub(crate) fn list_of(
    root: &Path,
    files: &[RelPath],
    packages: Vec<RestorePackage>,
) -> RestoreFile {
    let directories = walk(root).into_iter().filter(|at| at.under(root).is_dir());
    let directories = directories
        .filter(|at| !at.under(root).is_symlink())
        .map(|directory| {
            let metadata = metadata_of(&directory.under(root));
            let (atime, mtime) = (metadata.atime.unwrap(), metadata.mtime.unwrap());
            RestoreDirectory {
                directory,
                atime: atime.seconds,
                atime_ns: atime.nanoseconds,
                mtime: mtime.seconds,
                mtime_ns: mtime.nanoseconds,
            }
        });
    RestoreFile {
        version: Some(RestoreFile::VERSION),
        expires: Expiry::Never,
        files: files.iter().map(|name| entry_of(root, name)).collect(),
        packagesize: packages.iter().filter_map(|package| package.size).sum(),
        packagesize_exact: true,
        members: Vec::new(),
        own_members: Vec::new(),
        packages,
        directories: directories.collect(),
    }
}

/// Everything below and with `root`, directories before what is in them.
pub(crate) fn walk(root: &Path) -> Vec<RelPath> {
    let mut found = vec![RelPath::root()];
    let mut next = 0;
    while next < found.len() {
        let at = found[next].under(root);
        if fs::symlink_metadata(&at).unwrap().is_dir() {
            let mut names: Vec<_> = fs::read_dir(&at)
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            names.sort();
            for name in names {
                let below = found[next].join(name.as_bytes()).unwrap();
                found.push(below);
            }
        }
        next += 1;
    }
    found.sort();
    found
}

/// A tar archive of the tree at `root` without `left_out`, with `list` as its restore file.
pub(crate) fn archive_of(root: &Path, left_out: &[RelPath], list: Option<&RestoreFile>) -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new());
    let mut first_names: HashMap<u64, RelPath> = HashMap::new();
    for name in walk(root)
        .into_iter()
        .filter(|name| !left_out.contains(name))
    {
        let at = name.under(root);
        let stat = fs::symlink_metadata(&at).unwrap();
        let kind = stat.file_type();
        let mut content = Vec::new();
        let kind = if kind.is_dir() {
            EntryKind::Directory
        } else if kind.is_symlink() {
            let target = fs::read_link(&at).unwrap();
            EntryKind::Symlink {
                target: target.as_os_str().as_bytes().to_vec(),
            }
        } else if kind.is_fifo() {
            EntryKind::Fifo
        } else if kind.is_char_device() {
            EntryKind::CharDevice {
                major: rustix::fs::major(stat.rdev()),
                minor: rustix::fs::minor(stat.rdev()),
            }
        } else if let Some(first) = first_names.get(&stat.ino()).filter(|_| stat.nlink() > 1) {
            EntryKind::HardLink {
                target: first.as_bytes().to_vec(),
            }
        } else {
            first_names.insert(stat.ino(), name.clone());
            content = fs::read(&at).unwrap();
            EntryKind::File
        };
        let header = TarHeader {
            path: [b"./", name.as_bytes()].concat(),
            kind,
            size: content.len() as u64,
            metadata: metadata_of(&at),
        };
        tar.append(&header, &mut &content[..]).unwrap();
    }
    if let Some(list) = list {
        let json = list.to_json().unwrap();
        let header = TarHeader {
            path: format!("./{}", RestoreFile::NAME).into_bytes(),
            kind: EntryKind::File,
            size: json.len() as u64,
            metadata: EntryMetadata::default(),
        };
        tar.append(&header, &mut &json[..]).unwrap();
    }
    tar.finish().unwrap()
}

/// Everything that the system tells about a tree, but inode numbers and times of change.
pub(crate) fn snapshot(root: &Path) -> Vec<String> {
    let names = walk(root);
    let mut groups: HashMap<u64, usize> = HashMap::new();
    let describe = |name: &RelPath| {
        let at = name.under(root);
        let stat = fs::symlink_metadata(&at).unwrap();
        let next = groups.len();
        let group = *groups.entry(stat.ino()).or_insert(next);
        let content = if stat.is_file() {
            Digest::of(&fs::read(&at).unwrap()).to_string()
        } else {
            fs::read_link(&at)
                .map(|target| format!("{target:?}"))
                .unwrap_or_default()
        };
        let links = if stat.is_file() { stat.nlink() } else { 0 };
        format!(
            "{name} mode {:o} owner {}:{} mtime {}.{:09} rdev {} links {links} group {} \
             size {} xattrs {:?} content {content}",
            stat.mode(),
            stat.uid(),
            stat.gid(),
            stat.mtime(),
            stat.mtime_nsec(),
            stat.rdev(),
            if stat.is_file() { group } else { 0 },
            if stat.is_file() { stat.len() } else { 0 },
            xattrs_of(&at),
        )
    };
    names.iter().map(describe).collect()
}

/// Sets both times of something, which may be a symbolic link.
pub(crate) fn set_times(at: &Path, seconds: i64, nanoseconds: i64) {
    let time = rustix::fs::Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds,
    };
    let times = rustix::fs::Timestamps {
        last_access: time,
        last_modification: time,
    };
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::utimensat(rustix::fs::CWD, at, &times, flags).unwrap();
}

/// Asserts that two trees are the same, showing only what differs.
pub(crate) fn assert_same(expected: &[String], found: &[String]) {
    let missing: Vec<_> = expected
        .iter()
        .filter(|line| !found.contains(line))
        .collect();
    let extra: Vec<_> = found
        .iter()
        .filter(|line| !expected.contains(line))
        .collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "expected {missing:#?}\nfound {extra:#?}"
    );
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
