//! The rules of `.gitignore` and `.hashgetignore` files.
//!
//! As in git, the rules of a directory hold for what is below it, deeper rules win, and what is in
//! an ignored directory is ignored whatever deeper rules say. Only files of rules inside the tree
//! count: no global rules, and none of directories above. In one directory `.hashgetignore` has the
//! last word.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hashget_words::rel_path::RelPath;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::root::TreeRoot;

/// The name of git's files of rules.
pub(super) const GIT_NAME: &[u8] = b".gitignore";
/// The name of our own files of rules.
pub(super) const OWN_NAME: &[u8] = b".hashgetignore";
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// The rules of one directory.
pub(super) struct IgnoreRules {
    directory: RelPath,
    matcher: Gitignore,
}

impl IgnoreRules {
    /// Reads the file of rules `name` in `directory`. Lines that are no rules are reported to `complain`.
    pub(super) fn read(
        root: &TreeRoot,
        directory: &RelPath,
        name: &[u8],
        mut complain: impl FnMut(String),
    ) -> io::Result<Self> {
        let path = directory.join(name).map_err(io::Error::other)?;
        let mut text = Vec::new();
        let mut file = root.open_file(&path)?.take(MOST_BYTES + 1);
        file.read_to_end(&mut text)?;
        if text.len() as u64 > MOST_BYTES {
            return Err(io::Error::other(format!("larger than {MOST_BYTES} bytes")));
        }
        let mut builder = GitignoreBuilder::new("");
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let added = match std::str::from_utf8(line) {
                Ok(line) => builder
                    .add_line(None, line.strip_suffix('\r').unwrap_or(line))
                    .map(|_| ())
                    .map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = added {
                complain(format!(
                    "rule in line {} has no effect: {error}",
                    number + 1
                ));
            }
        }
        Ok(Self {
            directory: directory.clone(),
            matcher: builder.build().map_err(io::Error::other)?,
        })
    }

    /// What the rules say of `path`: ignored, expressly not ignored, or nothing.
    fn verdict(&self, path: &RelPath, is_directory: bool) -> Option<bool> {
        let below = path.as_bytes().get(self.directory.as_bytes().len()..)?;
        let below = below.strip_prefix(b"/").unwrap_or(below);
        let below = Path::new(OsStr::from_bytes(below));
        match self.matcher.matched(below, is_directory) {
            Match::None => None,
            Match::Ignore(_) => Some(true),
            Match::Whitelist(_) => Some(false),
        }
    }
}

/// Whether `path` is ignored by the rules of the directories above it, outermost first.
pub(super) fn is_ignored<'r>(
    rules: impl DoubleEndedIterator<Item = &'r IgnoreRules>,
    path: &RelPath,
    is_directory: bool,
) -> bool {
    rules
        .rev()
        .find_map(|rules| rules.verdict(path, is_directory))
        .unwrap_or(false)
}
