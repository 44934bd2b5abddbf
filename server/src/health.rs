//! Which of the packages' URLs are dead, as far as the checker found.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use hashget_common::api::DeadSource;
use hashget_common::package_summary::PackageId;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// More dead ones are not remembered.
const MAX_DEAD: usize = 100_000;

/// What the checker found, kept in one file of the data folder. Losing it costs a round of checks.
pub(crate) struct Health {
    path: PathBuf,
    known: RwLock<Known>,
    /// Counts changes of what is dead.
    version: AtomicU64,
}

#[derive(Default, Serialize, Deserialize)]
struct Known {
    /// The package that was checked last in the round under way.
    cursor: Option<PackageId>,
    /// By URL.
    dead: BTreeMap<String, Death>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Death {
    since: String,
    checked: String,
    reason: String,
}

impl Health {
    /// Reads what was found before; a file that makes no sense is as none.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let known = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Known::default(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            path,
            known: RwLock::new(known),
            version: AtomicU64::new(0),
        })
    }

    /// Whether a URL was found dead.
    pub(crate) fn is_dead(&self, url: &str) -> bool {
        let known = self.read();
        !known.dead.is_empty() && known.dead.contains_key(url)
    }

    /// A number that is another one after every change of what [`Health::is_dead`] answers.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    /// How many are dead.
    pub(crate) fn dead_count(&self) -> u64 {
        self.read().dead.len() as u64
    }

    /// The first of those that are dead and come behind a URL.
    pub(crate) fn dead_after(&self, url: &str, limit: usize) -> Vec<DeadSource> {
        let known = self.read();
        let behind = (std::ops::Bound::Excluded(url), std::ops::Bound::Unbounded);
        let dead = known.dead.range::<str, _>(behind).take(limit);
        dead.map(|(url, death)| DeadSource {
            url: url.clone(),
            since: death.since.clone(),
            checked: death.checked.clone(),
            reason: death.reason.clone(),
        })
        .collect()
    }

    /// Where the round under way is.
    pub(crate) fn cursor(&self) -> Option<PackageId> {
        self.read().cursor
    }

    /// Takes the result of a check: why the URL is dead, or that it is alive.
    pub(crate) fn note(&self, url: &str, dead: Option<String>, today: Date) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match dead {
            None => {
                known.dead.remove(url);
            }
            Some(reason) => {
                let before = known.dead.get(url).map(|death| death.since.clone());
                if before.is_some() || known.dead.len() < MAX_DEAD {
                    let death = Death {
                        since: before.unwrap_or_else(|| today.to_string()),
                        checked: today.to_string(),
                        reason,
                    };
                    known.dead.insert(url.to_owned(), death);
                }
            }
        }
        // Counted after the change: who reads the new number sees the change.
        self.version.fetch_add(1, Ordering::SeqCst);
    }

    /// Puts everything on the disk, and where the round is.
    pub(crate) fn save(&self, cursor: Option<PackageId>) -> io::Result<()> {
        let bytes = {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.cursor = cursor;
            serde_json::to_vec(&*known)?
        };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_dead_are_remembered_until_they_live_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("health.json");
        let health = Health::open(path.clone()).unwrap();
        let day = |day| date(2030, 1, day);
        health.note("a", Some("404".to_owned()), day(1));
        health.note("a", Some("410".to_owned()), day(2));
        health.note("b", None, day(2));
        health.save(Some(PackageId(7))).unwrap();
        let health = Health::open(path).unwrap();
        assert!(health.is_dead("a") && !health.is_dead("b"));
        assert_eq!(health.cursor(), Some(PackageId(7)));
        let dead = health.dead_after("", 10);
        assert_eq!(dead[0].since, "2030-01-01");
        assert_eq!(dead[0].checked, "2030-01-02");
        assert_eq!(dead[0].reason, "410");
        assert!(health.dead_after("a", 10).is_empty());
        health.note("a", None, day(3));
        assert_eq!(health.dead_count(), 0);
    }
}
