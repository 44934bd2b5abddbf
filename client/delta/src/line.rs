//! An entry as a JSON object.

use hashget_archive::Timestamp;
use hashget_words::digest::Digest;
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::Xattr;
use hashget_words::surrogate_escape::{self, EscapedBytes};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use hashget_files::node::Node;

use super::entry::{IndexEntry, IndexFile, IndexKind};

/// An entry as it is written (`docs/format.md`). The order of the members is part of the
/// format: the digest of a state is made of these lines.
#[derive(Serialize, Deserialize)]
struct Line {
    path: RelPath,
    r#type: Type,
    mode: u32,
    uid: u32,
    gid: u32,
    mtime: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    mtime_ns: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    xattrs: Vec<Xattr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hardlink: Option<RelPath>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extents: Option<Vec<(u64, u64)>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<(u32, u32)>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    File,
    #[serde(rename = "folder")]
    Directory,
    Symlink,
    Fifo,
    Char,
    Block,
}

struct Target(Vec<u8>);

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        surrogate_escape::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        EscapedBytes::deserialize(deserializer).map(|EscapedBytes(bytes)| Self(bytes))
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Serialize for IndexEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Line::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for IndexEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = Line::deserialize(deserializer)?;
        Self::try_from(line).map_err(serde::de::Error::custom)
    }
}

impl From<IndexEntry> for Line {
    fn from(entry: IndexEntry) -> Self {
        let mut line = Self {
            path: entry.path,
            r#type: Type::Directory,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            mtime: entry.mtime.seconds,
            mtime_ns: entry.mtime.nanoseconds,
            xattrs: entry.xattrs,
            size: None,
            sha256: None,
            hardlink: None,
            extents: None,
            target: None,
            device: None,
        };
        line.r#type = match entry.kind {
            IndexKind::File(file) => {
                line.size = Some(file.size);
                line.sha256 = Some(file.sha256);
                line.hardlink = file.hardlink;
                line.extents = file.extents;
                Type::File
            }
            IndexKind::Directory => Type::Directory,
            IndexKind::Node(Node::Symlink(target)) => {
                line.target = Some(Target(target));
                Type::Symlink
            }
            IndexKind::Node(Node::Fifo) => Type::Fifo,
            IndexKind::Node(Node::CharDevice(major, minor)) => {
                line.device = Some((major, minor));
                Type::Char
            }
            IndexKind::Node(Node::BlockDevice(major, minor)) => {
                line.device = Some((major, minor));
                Type::Block
            }
        };
        line
    }
}

impl TryFrom<Line> for IndexEntry {
    type Error = String;

    fn try_from(line: Line) -> Result<Self, Self::Error> {
        let missing = |what: &str| format!("{} has no {what}", line.path);
        let kind = match line.r#type {
            Type::File => {
                let size = line.size.ok_or_else(|| missing("size"))?;
                if let Some(extents) = &line.extents {
                    check_extents(extents, size)
                        .ok_or_else(|| format!("{} has impossible extents", line.path))?;
                }
                IndexKind::File(IndexFile {
                    size,
                    sha256: line.sha256.ok_or_else(|| missing("sha256"))?,
                    hardlink: line.hardlink,
                    extents: line.extents,
                })
            }
            Type::Directory => IndexKind::Directory,
            Type::Symlink => match line.target {
                Some(Target(target)) if !target.is_empty() && !target.contains(&0) => {
                    IndexKind::Node(Node::Symlink(target))
                }
                _ => return Err(missing("possible target")),
            },
            Type::Fifo => IndexKind::Node(Node::Fifo),
            Type::Char | Type::Block => {
                let (major, minor) = line.device.ok_or_else(|| missing("device"))?;
                if matches!(line.r#type, Type::Char) {
                    IndexKind::Node(Node::CharDevice(major, minor))
                } else {
                    IndexKind::Node(Node::BlockDevice(major, minor))
                }
            }
        };
        if line.mode > 0o7777 || line.mtime_ns > 999_999_999 {
            return Err(format!("{} has an impossible mode or time", line.path));
        }
        Ok(Self {
            path: line.path,
            kind,
            mode: line.mode,
            uid: line.uid,
            gid: line.gid,
            mtime: Timestamp {
                seconds: line.mtime,
                nanoseconds: line.mtime_ns,
            },
            xattrs: line.xattrs,
        })
    }
}

/// Ascending, apart, and within the size.
fn check_extents(extents: &[(u64, u64)], size: u64) -> Option<()> {
    let mut end = 0;
    for (offset, length) in extents {
        if *offset < end {
            return None;
        }
        end = offset.checked_add(*length).filter(|end| *end <= size)?;
    }
    Some(())
}
