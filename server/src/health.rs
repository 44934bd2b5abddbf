//! Which of the packages' URLs are dead, as far as the checker found.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use hashget_api::{DeadSource, PackageSource, SourceState};
use hashget_words::hash_package::is_http;
use hashget_words::package_summary::{PackageId, PackageSummary};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// The most dead URLs that are remembered, and the most without a clear result.
const MAX_DEAD: usize = 100_000;

/// What the checker found, kept in one file of the data directory. Losing it costs a round of checks.
pub(crate) struct Health {
    path: PathBuf,
    known: RwLock<Known>,
    /// Counts changes of the dead URLs.
    version: AtomicU64,
}

#[derive(Default, Serialize, Deserialize)]
struct Known {
    /// The package that was checked last in the round under way.
    cursor: Option<PackageId>,
    /// The dead URLs, each with what was found.
    dead: BTreeMap<String, Death>,
    /// URLs whose last check gave no clear result.
    #[serde(default)]
    unclear: BTreeSet<String>,
    /// The round under way.
    #[serde(default)]
    current: Option<Round>,
    /// The last round that was whole.
    #[serde(default)]
    last: Option<Round>,
}

/// A round of checks: every package is asked for once, by ascending number.
#[derive(Clone, Serialize, Deserialize)]
struct Round {
    /// The day on which it began.
    began: String,
    /// The package that it came to.
    to: Option<PackageId>,
}

/// What a check found.
pub(crate) enum Finding {
    /// The package can be fetched.
    Alive,
    /// It cannot, and why.
    Dead(String),
    /// The check gave no clear result.
    Unclear,
}

#[derive(Clone, Serialize, Deserialize)]
struct Death {
    since: String,
    checked: String,
    reason: String,
}

impl Health {
    /// Reads the earlier results; a file that makes no sense counts as none.
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

    /// On which days the round under way, and the last one that was whole, began.
    pub(crate) fn rounds(&self) -> (Option<String>, Option<String>) {
        let known = self.read();
        let began = |round: &Option<Round>| round.as_ref().map(|round| round.began.clone());
        (began(&known.current), began(&known.last))
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

    /// What is known of a package's URL.
    pub(crate) fn source(&self, package: &PackageSummary) -> PackageSource {
        let known = self.read();
        let told = |state, checked: Option<&str>, reason: Option<&str>| PackageSource {
            id: package.id,
            url: package.url.clone(),
            state,
            checked: checked.map(str::to_owned),
            reason: reason.map(str::to_owned),
        };
        if let Some(death) = known.dead.get(&package.url) {
            return told(SourceState::Dead, Some(&death.checked), Some(&death.reason));
        }
        let came_to = |round: &&Round| round.to >= Some(package.id);
        let rounds = known.current.iter().chain(&known.last);
        let round = rounds.filter(|_| is_http(&package.url)).find(came_to);
        let checked = round.map(|round| round.began.as_str());
        match checked {
            Some(_) if known.unclear.contains(&package.url) => {
                told(SourceState::Unclear, checked, None)
            }
            Some(_) => told(SourceState::Alive, checked, None),
            None => told(SourceState::Unchecked, None, None),
        }
    }

    /// Begins a round, or goes on with the one under way; behind which package.
    pub(crate) fn begin_round(&self, today: Date) -> Option<PackageId> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.cursor.is_none() || known.current.is_none() {
            known.current = Some(Round {
                began: today.to_string(),
                to: known.cursor,
            });
        }
        known.cursor
    }

    /// Where the round under way is.
    #[cfg(test)]
    fn cursor(&self) -> Option<PackageId> {
        self.read().cursor
    }

    /// Takes the result of a check. One without a clear result leaves a dead URL dead.
    pub(crate) fn note(&self, url: &str, found: Finding, today: Date) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.unclear.remove(url);
        match found {
            Finding::Alive => {
                known.dead.remove(url);
            }
            Finding::Unclear => {
                if known.unclear.len() < MAX_DEAD {
                    known.unclear.insert(url.to_owned());
                }
            }
            Finding::Dead(reason) => {
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

    /// Puts everything on the disk, and where the round is: to which package it came, and behind
    /// which it goes on; without that it is whole.
    pub(crate) fn save(&self, to: Option<PackageId>, cursor: Option<PackageId>) -> io::Result<()> {
        let bytes = {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.cursor = cursor;
            if let Some(round) = &mut known.current {
                round.to = round.to.max(to);
            }
            if cursor.is_none() {
                known.last = known.current.take();
            }
            serde_json::to_vec(&*known)?
        };
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let mut file = NamedTempFile::new_in(directory)?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        File::open(directory)?.sync_all()
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
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("health.json");
        let health = Health::open(path.clone()).unwrap();
        let day = |day| date(2030, 1, day);
        health.note("a", Finding::Dead("404".to_owned()), day(1));
        health.note("a", Finding::Dead("410".to_owned()), day(2));
        health.note("a", Finding::Unclear, day(2));
        health.note("b", Finding::Alive, day(2));
        health.save(Some(PackageId(7)), Some(PackageId(7))).unwrap();
        let health = Health::open(path).unwrap();
        assert!(health.is_dead("a") && !health.is_dead("b"));
        assert_eq!(health.cursor(), Some(PackageId(7)));
        let dead = health.dead_after("", 10);
        assert_eq!(dead[0].since, "2030-01-01");
        assert_eq!(dead[0].checked, "2030-01-02");
        assert_eq!(dead[0].reason, "410");
        assert!(health.dead_after("a", 10).is_empty());
        health.note("a", Finding::Alive, day(3));
        assert_eq!(health.dead_count(), 0);
    }

    #[test]
    fn what_a_round_has_come_to_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let health = Health::open(directory.path().join("health.json")).unwrap();
        let day = |day| date(2030, 1, day);
        let source = |health: &Health, id: u64, url: &str| {
            let source = health.source(&PackageSummary {
                id: PackageId(id),
                project: "p".parse().unwrap(),
                url: url.to_owned(),
                sha256: None,
                size: None,
                expires: hashget_words::expiry::Expiry::Never,
                files: 0,
                anchors: 0,
            });
            (source.state, source.checked)
        };
        let checked = |state, day: &str| (state, Some(day.to_owned()));
        let [one, two] = ["http://example.org/1", "http://example.org/2"];
        assert_eq!(source(&health, 1, one), (SourceState::Unchecked, None));
        assert_eq!(health.begin_round(day(1)), None);
        health.note(one, Finding::Alive, day(1));
        health.save(Some(PackageId(1)), Some(PackageId(1))).unwrap();
        assert_eq!(
            source(&health, 1, one),
            checked(SourceState::Alive, "2030-01-01")
        );
        assert_eq!(source(&health, 1, "name"), (SourceState::Unchecked, None));
        assert_eq!(source(&health, 2, two), (SourceState::Unchecked, None));
        assert_eq!(health.begin_round(day(3)), Some(PackageId(1)), "it goes on");
        health.note(two, Finding::Unclear, day(3));
        health.save(Some(PackageId(2)), None).unwrap();
        assert_eq!(
            source(&health, 2, two),
            checked(SourceState::Unclear, "2030-01-01")
        );
        assert_eq!(health.begin_round(day(5)), None);
        health.note(one, Finding::Dead("404".to_owned()), day(5));
        health.save(Some(PackageId(1)), Some(PackageId(1))).unwrap();
        assert_eq!(
            source(&health, 1, one),
            checked(SourceState::Dead, "2030-01-05")
        );
        assert_eq!(
            source(&health, 2, two),
            checked(SourceState::Unclear, "2030-01-01")
        );
    }
}
