//! Paths below a root, as bytes, that cannot leave it.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::visible::is_hidden;

use crate::surrogate_escape::{self, EscapedBytes};

/// A path relative to some root: any bytes but NUL, never absolute, without `.` and `..`.
///
/// The empty path is the root itself. In JSON a path is written as Python's `surrogateescape`
/// does: byte 0xNN that is not part of valid UTF-8 becomes the lone surrogate `\udcNN`.
/// Ordered by components, so that a directory comes directly before what is in it.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct RelPath(Vec<u8>);

impl RelPath {
    /// The root itself.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// Checks and normalises `bytes`: `./a//b/` becomes `a/b`, `.` the root.
    pub fn new(bytes: &[u8]) -> Result<Self, RelPathError> {
        let error = |reason| RelPathError {
            path: display_bytes(bytes).into_owned(),
            reason,
        };
        if bytes.starts_with(b"/") {
            return Err(error(RelPathReason::Absolute));
        }
        if bytes.contains(&0) {
            return Err(error(RelPathReason::Nul));
        }
        let mut path = Vec::with_capacity(bytes.len());
        for component in bytes.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => return Err(error(RelPathReason::Parent)),
                _ => {
                    if !path.is_empty() {
                        path.push(b'/');
                    }
                    path.extend_from_slice(component);
                }
            }
        }
        Ok(Self(path))
    }

    /// Checks and normalises the bytes of a file system path.
    pub fn from_path(path: &Path) -> Result<Self, RelPathError> {
        Self::new(path.as_os_str().as_bytes())
    }

    /// The path as bytes: components joined by `/`, empty for the root.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as a file system path, relative to the root.
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// Where this path lies when its root is `root`.
    pub fn under(&self, root: &Path) -> PathBuf {
        if self.is_root() {
            root.to_owned()
        } else {
            root.join(self.as_path())
        }
    }

    /// Whether this is the root itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The components, none for the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        let whole = (!self.is_root()).then(|| self.0.split(|byte| *byte == b'/'));
        whole.into_iter().flatten()
    }

    /// The last component; none for the root.
    pub fn file_name(&self) -> Option<&[u8]> {
        self.components().next_back()
    }

    /// The directory that holds this; none for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let end = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        Some(Self(self.0[..end].to_vec()))
    }

    /// This directory's entry `name`, which must be one component.
    pub fn join(&self, name: &[u8]) -> Result<Self, RelPathError> {
        let child = Self::new(name)?;
        if child.components().count() != 1 {
            let path = display_bytes(name).into_owned();
            return Err(RelPathError {
                path,
                reason: RelPathReason::NotOneComponent,
            });
        }
        Ok(self.join_path(&child))
    }

    /// Like [`RelPath::join`], for a name that the file system has just told.
    ///
    /// An empty name is this directory itself. A name that no file system can have, with `/` or NUL in
    /// it, or `.` or `..`, is taken for empty.
    #[must_use]
    pub fn child(&self, name: &[u8]) -> Self {
        let is_name =
            !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/') && !name.contains(&0);
        match (is_name, self.is_root()) {
            (false, _) => self.clone(),
            (true, true) => Self(name.to_vec()),
            (true, false) => {
                let mut path = Vec::with_capacity(self.0.len() + 1 + name.len());
                path.extend_from_slice(&self.0);
                path.push(b'/');
                path.extend_from_slice(name);
                Self(path)
            }
        }
    }

    /// The path `below` of this directory.
    #[must_use]
    pub fn join_path(&self, below: &Self) -> Self {
        match (self.is_root(), below.is_root()) {
            (true, _) => below.clone(),
            (_, true) => self.clone(),
            _ => Self([&self.0[..], b"/", &below.0[..]].concat()),
        }
    }

    /// Whether this is `directory` or lies below it.
    pub fn starts_with(&self, directory: &Self) -> bool {
        directory.is_root()
            || self
                .0
                .strip_prefix(&directory.0[..])
                .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }
}

impl Ord for RelPath {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // With `/` below every other byte, byte order is component order.
        let key = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
        // Long paths of one tree share much, which is skipped in large steps.
        let shared = shared_bytes(&self.0, &other.0);
        let mut both = self.0[shared..].iter().zip(&other.0[shared..]);
        match both.find(|(one, two)| one != two) {
            Some((one, two)) => key(one).cmp(&key(two)),
            None => self.0.len().cmp(&other.0.len()),
        }
    }
}

/// A number of bytes at the start that are the same in both; there may be a few more.
fn shared_bytes(one: &[u8], other: &[u8]) -> usize {
    const STEP: usize = 64;
    let steps = one.chunks_exact(STEP).zip(other.chunks_exact(STEP));
    steps.take_while(|(one, other)| one == other).count() * STEP
}

impl PartialOrd for RelPath {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Writes the path on one line: unprintable characters are escaped, the root is `.`.
impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&if self.is_root() {
            Cow::Borrowed(".")
        } else {
            display_bytes(&self.0)
        })
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for RelPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        surrogate_escape::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for RelPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let EscapedBytes(bytes) = EscapedBytes::deserialize(deserializer)?;
        Self::new(&bytes).map_err(de::Error::custom)
    }
}

/// Bytes as one line of text: escapes control characters, backslashes and what is not UTF-8.
pub fn display_bytes(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(|c: char| is_hidden(c) || c == '\\') => Cow::Borrowed(text),
        _ => {
            use fmt::Write as _;
            let mut shown = String::with_capacity(bytes.len() + 8);
            for chunk in bytes.utf8_chunks() {
                for c in chunk.valid().chars() {
                    if is_hidden(c) || c == '\\' {
                        shown.extend(c.escape_default());
                    } else {
                        shown.push(c);
                    }
                }
                for byte in chunk.invalid() {
                    // Writing to a String cannot fail.
                    let _ok = write!(shown, "\\x{byte:02x}");
                }
            }
            Cow::Owned(shown)
        }
    }
}

/// Why some bytes are no path below a root.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("path {path:?} {reason}")]
pub struct RelPathError {
    /// The path, escaped for showing.
    pub path: String,
    /// What is wrong with it.
    pub reason: RelPathReason,
}

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RelPathReason {
    /// It begins with `/`.
    #[error("is absolute")]
    Absolute,
    /// It has a `..` component.
    #[error("contains '..'")]
    Parent,
    /// It contains a NUL byte.
    #[error("contains a NUL byte")]
    Nul,
    /// A single name was wanted.
    #[error("is not a single name")]
    NotOneComponent,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> RelPath {
        RelPath::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn spellings_of_one_path_are_equal() {
        for spelling in ["a/b", "./a/b", "a//b/", "a/./b/."] {
            assert_eq!(path(spelling), path("a/b"));
        }
        assert!(path("./").is_root());
        assert_eq!(path("").to_string(), ".");
    }

    #[test]
    fn nothing_leaves_the_root() {
        for (bytes, reason) in [
            (&b"/etc/passwd"[..], RelPathReason::Absolute),
            (b"../x", RelPathReason::Parent),
            (b"a/../../x", RelPathReason::Parent),
            (b"a/..", RelPathReason::Parent),
            (b"a\0b", RelPathReason::Nul),
        ] {
            assert_eq!(RelPath::new(bytes).unwrap_err().reason, reason);
        }
        assert!(path("a").join(b"b/c").is_err());
        assert!(path("a").join(b"..").is_err());
        assert!(path("a").join(b"").is_err());
    }

    #[test]
    fn parents_and_prefixes_go_by_components() {
        assert_eq!(path("a/b").parent(), Some(path("a")));
        assert_eq!(path("a").parent(), Some(RelPath::root()));
        assert_eq!(RelPath::root().parent(), None);
        assert!(path("a/b").starts_with(&path("a")));
        assert!(!path("ab").starts_with(&path("a")));
        assert_eq!(path("a").join(b"b").unwrap(), path("a/b"));
        let mut sorted = [path("a-b"), path("a/b"), path("a"), path("ab")];
        sorted.sort();
        assert_eq!(sorted, [path("a"), path("a/b"), path("a-b"), path("ab")]);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_lone_surrogates_in_json() {
        let odd = RelPath::new(b"caf\xe9/\xff").unwrap();
        let json = serde_json::to_string(&odd).unwrap();
        assert_eq!(json, r#""caf\udce9/\udcff""#);
        assert_eq!(serde_json::from_str::<RelPath>(&json).unwrap(), odd);
        assert_eq!(odd.to_string(), r"caf\xe9/\xff");
    }

    #[test]
    fn json_paths_are_checked() {
        for wrong in [
            r#""../x""#,
            r#""/x""#,
            r#""a\u0000""#,
            "7",
            r#""\ud800""#,
            r#""\udc41""#,
        ] {
            assert!(serde_json::from_str::<RelPath>(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn json_and_bytes_round_trip(bytes: Vec<u8>) {
            if let Ok(path) = RelPath::new(&bytes) {
                let json = serde_json::to_string(&path).unwrap();
                prop_assert!(json.is_ascii());
                prop_assert_eq!(serde_json::from_str::<RelPath>(&json).unwrap(), path.clone());
                prop_assert_eq!(RelPath::new(path.as_bytes()).unwrap(), path.clone());
                prop_assert_eq!(RelPath::from_path(path.as_path()).unwrap(), path);
            }
        }

        #[test]
        fn unicode_paths_round_trip(text in "[^/\u{0}]{1,9}(/[^/\u{0}]{1,9}){0,3}") {
            if let Ok(path) = RelPath::new(text.as_bytes()) {
                let json = serde_json::to_string(&path).unwrap();
                prop_assert_eq!(serde_json::from_str::<RelPath>(&json).unwrap(), path);
            }
        }

        #[test]
        fn display_is_one_printable_line(bytes: Vec<u8>) {
            prop_assert!(!display_bytes(&bytes).contains(char::is_control));
        }
    }
}
