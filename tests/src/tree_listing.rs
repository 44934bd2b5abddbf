//! All that the system tells of a tree, as text, for comparing two trees.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{SeekFrom, lgetxattr, llistxattr, seek};
use sha2::{Digest, Sha256};

/// One line for everything below `root` and the root itself: path, kind, mode, owner, times,
/// links, attributes, content and holes. Two trees are the same when their listings are equal.
///
/// Left out is what no program can set: ctime, inode and device numbers, and access times
/// (reading a tree changes them). Hard links show as the first name of their group.
///
/// # Panics
///
/// When the tree cannot be read.
pub fn tree_listing(root: &Path) -> Vec<String> {
    list(root, true)
}

/// [`tree_listing`] without sockets, which no archive can keep.
///
/// # Panics
///
/// When the tree cannot be read.
pub fn listing_without_sockets(root: &Path) -> Vec<String> {
    list(root, false)
}

/// Panics with the lines that differ, unless both trees are the same.
///
/// # Panics
///
/// When the trees differ, or cannot be read.
pub fn assert_same_tree(left: &Path, right: &Path) {
    assert_same_listing(&tree_listing(left), &tree_listing(right));
}

/// Panics with the lines that differ, unless both listings are the same.
///
/// # Panics
///
/// When the listings differ.
pub fn assert_same_listing(left: &[String], right: &[String]) {
    if left == right {
        return;
    }
    let (missing, surplus) = differences(left, right);
    panic!("trees differ\nonly left: {missing:#?}\nonly right: {surplus:#?}");
}

/// The first lines that are in only one of two listings.
pub fn differences<'a>(left: &'a [String], right: &'a [String]) -> (Vec<&'a str>, Vec<&'a str>) {
    const MOST: usize = 20;
    let only = |lines: &'a [String], others: &'a [String]| {
        let others: HashSet<&String> = others.iter().collect();
        let lines = lines.iter().filter(|line| !others.contains(line));
        lines.map(String::as_str).take(MOST).collect()
    };
    (only(left, right), only(right, left))
}

fn list(root: &Path, with_sockets: bool) -> Vec<String> {
    let mut listing = Listing {
        with_sockets,
        names: HashMap::new(),
        lines: Vec::new(),
    };
    let root_fd = File::open(root).expect("a readable root");
    listing.directory(&root_fd, &[]);
    listing.finish()
}

struct Listing {
    with_sockets: bool,
    /// The names of every file, the first one first.
    names: HashMap<(u64, u64), Vec<Vec<u8>>>,
    lines: Vec<Line>,
}

struct Line {
    description: String,
    attributes: String,
    file: (u64, u64),
}

impl Listing {
    /// The directory that is open as `directory`, then what is in it.
    ///
    /// Through `/proc`, because paths in a tree may be longer than any system call takes.
    fn directory(&mut self, directory: &File, relative: &[u8]) {
        let through = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
        self.line(&through.join("."), relative);
        let entries = fs::read_dir(&through).expect("a readable directory");
        let mut names: Vec<OsString> = entries
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        for name in names {
            let path = through.join(&name);
            let mut below = relative.to_vec();
            if !below.is_empty() {
                below.push(b'/');
            }
            below.extend_from_slice(name.as_bytes());
            if fs::symlink_metadata(&path).expect("lstat").is_dir() {
                self.directory(&File::open(&path).expect("a readable directory"), &below);
            } else {
                self.line(&path, &below);
            }
        }
    }

    fn line(&mut self, path: &Path, relative: &[u8]) {
        let metadata = fs::symlink_metadata(path).expect("lstat");
        if metadata.file_type().is_socket() && !self.with_sockets {
            return;
        }
        let mut line = format!("{}: ", relative.escape_ascii());
        let (mode, uid, gid) = (metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
        let kind = kind(path, &metadata);
        // The mode of a symbolic link means nothing and cannot be set.
        if !metadata.is_symlink() {
            write!(line, "{mode:04o} ").expect("a String");
        }
        let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
        write!(line, "{uid}:{gid} {seconds}.{nanoseconds:09} {kind}").expect("a String");
        let file = (metadata.dev(), metadata.ino());
        self.names
            .entry(file)
            .or_default()
            .push(relative.to_owned());
        self.lines.push(Line {
            description: line,
            attributes: xattrs(path),
            file,
        });
    }

    /// Names outside the tree do not count: a link into a snapshot is no difference.
    fn finish(self) -> Vec<String> {
        let text = |line: Line| match &self.names[&line.file][..] {
            [first, _, ..] => format!(
                "{} linked to {}{}",
                line.description,
                first.escape_ascii(),
                line.attributes
            ),
            _ => line.description + &line.attributes,
        };
        self.lines.into_iter().map(text).collect()
    }
}

fn kind(path: &Path, metadata: &fs::Metadata) -> String {
    let file_type = metadata.file_type();
    if file_type.is_dir() {
        "folder".to_owned()
    } else if file_type.is_symlink() {
        let target = fs::read_link(path).expect("readlink");
        format!("link to {}", target.as_os_str().as_bytes().escape_ascii())
    } else if file_type.is_file() {
        content(path, metadata.len())
    } else if file_type.is_fifo() {
        "fifo".to_owned()
    } else if file_type.is_socket() {
        "socket".to_owned()
    } else if file_type.is_char_device() {
        format!("character device {}", metadata.rdev())
    } else {
        format!("block device {}", metadata.rdev())
    }
}

fn content(path: &Path, size: u64) -> String {
    let extents = extents(path, size);
    let mut file = File::open(path).expect("a readable file");
    let mut hasher = Sha256::new();
    // Only the data is read: files with huge holes are compared quickly.
    for (offset, length) in &extents {
        seek(&file, SeekFrom::Start(*offset)).expect("seek");
        let mut data = (&mut file).take(*length);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = data.read(&mut buffer).expect("read");
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
        }
    }
    let holes = if extents == [(0, size)] || size == 0 {
        String::new()
    } else {
        format!(" data at {extents:?}")
    };
    let digest = hasher.finalize();
    let mut text = format!("file of {size} bytes ");
    for byte in digest {
        write!(text, "{byte:02x}").expect("a String");
    }
    text + &holes
}

fn extents(path: &Path, size: u64) -> Vec<(u64, u64)> {
    let file = File::open(path).expect("a readable file");
    let mut extents = Vec::new();
    let mut position = 0;
    while position < size {
        let Ok(start) = seek(&file, SeekFrom::Data(position)) else {
            break;
        };
        let end = seek(&file, SeekFrom::Hole(start)).expect("a hole at the end");
        extents.push((start, end - start));
        position = end;
    }
    extents
}

fn xattrs(path: &Path) -> String {
    let mut names = vec![0_u8; 1 << 16];
    let Ok(length) = llistxattr(path, &mut names[..]) else {
        return String::new();
    };
    let mut names: Vec<&[u8]> = names[..length]
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .collect();
    names.sort_unstable();
    let mut text = String::new();
    for name in names {
        let mut value = vec![0_u8; 1 << 16];
        let length = lgetxattr(path, OsStr::from_bytes(name), &mut value[..]).expect("getxattr");
        write!(
            text,
            " {}={}",
            name.escape_ascii(),
            value[..length].escape_ascii()
        )
        .expect("a String");
    }
    text
}
