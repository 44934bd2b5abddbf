//! The names of files that are not whole yet.
//!
//! A killed run leaves such names behind, and the next one removes them. So they must not be taken
//! for a user's files, nor the other way round: a backup may well hold the litter of a killed run,
//! and whoever restores it wants it back. A name therefore tells which directory it was made for, by
//! a sum over the directory's inode number: in any other directory it is a name like any other.

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::os::fd::AsFd;

use hashget_words::digest::Digest;
use rustix::fs::fstat;
use rustix::io::Errno;

const PREFIX: &str = ".hashget-tmp-";
const RANDOM_DIGITS: usize = 8;

/// The temporary names of one directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TempNames {
    inode: u64,
}

impl TempNames {
    /// Those of an open directory.
    pub fn of(directory: impl AsFd) -> Result<Self, Errno> {
        let stat = fstat(directory)?;
        Ok(Self { inode: stat.st_ino })
    }

    /// Those of the directory with this inode number.
    pub fn of_inode(inode: u64) -> Self {
        Self { inode }
    }

    /// A name that most likely nothing has.
    pub fn fresh(self) -> OsString {
        // Randomly keyed by the system, for each call anew.
        let number = RandomState::new().hash_one(std::process::id());
        let random = &format!("{number:016x}")[..RANDOM_DIGITS];
        format!("{PREFIX}{random}{}", self.sum(random.as_bytes())).into()
    }

    /// Whether `name` was made for this directory.
    pub fn includes(self, name: &[u8]) -> bool {
        let Some(digits) = name.strip_prefix(PREFIX.as_bytes()) else {
            return false;
        };
        let parts = digits.split_at_checked(RANDOM_DIGITS);
        parts.is_some_and(|(random, sum)| sum == self.sum(random).as_bytes())
    }

    fn sum(self, random: &[u8]) -> String {
        let sum = Digest::of(&[&self.inode.to_le_bytes(), random].concat());
        sum.to_string().chars().take(RANDOM_DIGITS).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn a_name_is_temporary_in_its_own_directory_only() {
        let (one, other) = (TempNames::of_inode(1), TempNames::of_inode(2));
        let name = one.fresh();
        assert_ne!(name, one.fresh());
        assert!(one.includes(name.as_bytes()));
        assert!(!other.includes(name.as_bytes()));
        for name in [
            &b".hashget-tmp-0123456789abcdef"[..],
            b".hashget-tmp-folders",
            b".hashget-tmp-",
            b"file",
        ] {
            assert!(!one.includes(name));
        }
        let longer = [name.as_bytes(), b"0"].concat();
        assert!(!one.includes(&longer));
    }
}
