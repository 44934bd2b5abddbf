//! Where a user's records and downloads are kept.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// The directories of the local state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatePaths {
    /// The local `HashDB`.
    pub hashdb: PathBuf,
    /// Downloaded packages; may be deleted at any time.
    pub cache: PathBuf,
}

/// There is no place for the local state.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("HOME is not set: cannot tell where the local state is")]
pub struct NoHomeError;

impl StatePaths {
    /// The original's places, so that both programs find what is there: below `/var/cache` for
    /// root, else `~/.hashget/hashdb` and `~/.CacheGet`.
    pub fn standard(is_root: bool, home: Option<&Path>) -> Result<Self, NoHomeError> {
        if is_root {
            return Ok(Self {
                hashdb: PathBuf::from("/var/cache/hashget/hashdb"),
                cache: PathBuf::from("/var/cache/CacheGet"),
            });
        }
        let home = home.filter(|home| home.is_absolute()).ok_or(NoHomeError)?;
        Ok(Self {
            hashdb: home.join(".hashget/hashdb"),
            cache: home.join(".CacheGet"),
        })
    }

    /// The places for the user who runs this process.
    pub fn of_this_user() -> Result<Self, NoHomeError> {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        Self::standard(rustix::process::geteuid().is_root(), home.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_are_the_originals() {
        let user = StatePaths::standard(false, Some(Path::new("/home/u"))).unwrap();
        assert_eq!(user.hashdb, Path::new("/home/u/.hashget/hashdb"));
        assert_eq!(user.cache, Path::new("/home/u/.CacheGet"));
        let root = StatePaths::standard(true, None).unwrap();
        assert_eq!(root.hashdb, Path::new("/var/cache/hashget/hashdb"));
        assert_eq!(StatePaths::standard(false, None), Err(NoHomeError));
        assert_eq!(
            StatePaths::standard(false, Some(Path::new(""))),
            Err(NoHomeError)
        );
    }
}
