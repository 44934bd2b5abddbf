//! Opening and closing a store.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use sled::{Config, Db, Tree};

use super::durability::{Durability, io_error};
use super::engine_error::engine_error;
use super::publish::Numbers;
use super::resident::Resident;
use super::{SledStore, keys};
use crate::StoreError;

/// The format that is written, and the highest that is read.
const FORMAT: u64 = 1;
/// How long a store that was just closed may still look locked: sled's last background thread
/// lets go a moment after the store was dropped.
const LINGERING: Duration = Duration::from_millis(250);
const POLL: Duration = Duration::from_millis(5);

/// How a store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// About how many bytes of the store are kept in memory; sled may take several times that.
    /// Lookups are two to three times as fast when the index fits in: some 100 bytes a digest.
    pub cache_bytes: u64,
    /// How much memory the digest index and the rows may take that [`PackageStore::load`] keeps
    /// beside that; 0: none. An entry takes about 20 bytes, a record some hundreds.
    ///
    /// [`PackageStore::load`]: crate::PackageStore::load
    pub resident_bytes: u64,
    /// How often a thread makes room in the file, for half of that time at most; `None`: never.
    /// Without it sled moves one page for each that it writes anew, and the file of a store that
    /// changes much grows to many times what it holds.
    pub cleaning_interval: Option<Duration>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            resident_bytes: 0,
            cleaning_interval: None,
        }
    }
}

impl SledStore {
    /// Opens the store in a directory, which is made if it is not there.
    ///
    /// [`StoreError::Locked`] if it is open already, in this process or another one;
    /// [`StoreError::Newer`] if a newer program wrote it.
    pub fn open(path: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        Self::open_waiting(path, options, LINGERING, &mut || ())
    }

    /// Opens the store in a directory; while it is open elsewhere, waits up to `timeout`, after
    /// calling `on_wait` once.
    pub fn open_waiting(
        path: &Path,
        options: StoreOptions,
        timeout: Duration,
        on_wait: &mut dyn FnMut(),
    ) -> Result<Self, StoreError> {
        let start = Instant::now();
        let mut said = false;
        // sled reads its settings before it takes the lock: one that is just being made by
        // another process may look broken for a moment.
        let is_new = !path.join("db").exists();
        loop {
            match Self::try_open(path, options) {
                Err(StoreError::Locked { .. }) if start.elapsed() < timeout => {
                    if !said && start.elapsed() >= LINGERING {
                        said = true;
                        on_wait();
                    }
                    sleep(POLL);
                }
                Err(
                    StoreError::Io { .. } | StoreError::Engine { .. } | StoreError::Damaged { .. },
                ) if is_new && start.elapsed() < LINGERING => {
                    sleep(POLL);
                }
                result => return result,
            }
        }
    }

    fn try_open(path: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        check_clock(path, SystemTime::now())?;
        fs::create_dir_all(path).map_err(|source| io_error("make", path, source))?;
        let config = Config::new()
            .path(path)
            .cache_capacity(options.cache_bytes)
            // Changes are flushed when they are acknowledged, and need no thread for it; but the
            // same thread makes room.
            .flush_every_ms(options.cleaning_interval.map(milliseconds));
        let db = config.open().map_err(|error| open_error(path, error))?;
        let engine = |error| engine_error("open", path, error);
        let catalog = db.open_tree(keys::CATALOG).map_err(engine)?;
        let durability = Durability::new(path)?;
        if catalog.is_empty() {
            catalog
                .insert(keys::FORMAT, &FORMAT.to_be_bytes())
                .map_err(engine)?;
            durability.sync_creation(&db)?;
        }
        check_format(path, &catalog)?;
        let generation = meta(path, &catalog, keys::INDEX_GENERATION)?.unwrap_or(0);
        let next_id = meta(path, &catalog, keys::NEXT_ID)?.unwrap_or(1);
        Ok(Self {
            path: path.to_owned(),
            records: db.open_tree(keys::RECORDS).map_err(engine)?,
            index: RwLock::new(open_index(path, &db, generation)?),
            writer: Mutex::new(Numbers::starting_at(next_id)),
            catalog,
            db,
            durability,
            changes: AtomicU64::new(0),
            resident: Resident::new(options.resident_bytes),
        })
    }
}

fn milliseconds(interval: Duration) -> u64 {
    interval.as_millis().try_into().unwrap_or(u64::MAX)
}

/// Opens the index tree, and drops what a rebuild that was cut short has left.
fn open_index(path: &Path, db: &Db, generation: u64) -> Result<Tree, StoreError> {
    let engine = |error| engine_error("open", path, error);
    let name = keys::index_tree(generation);
    for other in db.tree_names() {
        if other.starts_with(keys::INDEX_PREFIX.as_bytes()) && other != name.as_bytes() {
            db.drop_tree(other).map_err(engine)?;
        }
    }
    db.open_tree(name).map_err(engine)
}

/// sled panics where the clock shows a time before 1970, as one does that lost its battery.
fn check_clock(path: &Path, now: SystemTime) -> Result<(), StoreError> {
    now.duration_since(SystemTime::UNIX_EPOCH)
        .map(drop)
        .map_err(|_| {
            let what = io::Error::other("the clock of this machine is before 1970: set it");
            io_error("open", path, what)
        })
}

fn check_format(path: &Path, catalog: &Tree) -> Result<(), StoreError> {
    match meta(path, catalog, keys::FORMAT)? {
        Some(found) if found > FORMAT => Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: FORMAT,
        }),
        Some(_) => Ok(()),
        None => Err(StoreError::Damaged {
            path: path.to_owned(),
            what: "it has no format number".to_owned(),
        }),
    }
}

/// A number that is kept under a name.
pub(super) fn meta(path: &Path, catalog: &Tree, key: &[u8]) -> Result<Option<u64>, StoreError> {
    let value = catalog
        .get(key)
        .map_err(|error| engine_error("open", path, error))?;
    let number = |value: sled::IVec| match value.as_ref().try_into() {
        Ok(bytes) => Ok(u64::from_be_bytes(bytes)),
        Err(_) => Err(StoreError::Damaged {
            path: path.to_owned(),
            what: format!("{} is no number", String::from_utf8_lossy(key)),
        }),
    };
    value.map(number).transpose()
}

/// sled has no error of its own for a lock that is taken; its text is all there is to tell by.
fn open_error(path: &Path, error: sled::Error) -> StoreError {
    match &error {
        sled::Error::Io(io) if io.to_string().starts_with("could not acquire lock") => {
            StoreError::Locked {
                path: path.to_owned(),
            }
        }
        _ => engine_error("open", path, error),
    }
}

impl Drop for SledStore {
    /// Gives back the numbers that were reserved but not used. Should that fail, they are left
    /// out for ever, which does no harm.
    fn drop(&mut self) {
        let numbers = self
            .writer
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = numbers.to_give_back() {
            let given = self.catalog.insert(keys::NEXT_ID, &next.to_be_bytes());
            drop(given.and_then(|_| self.db.flush()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_before_1970_is_an_error_and_no_panic() {
        let path = Path::new("/x/store");
        assert!(check_clock(path, SystemTime::now()).is_ok());
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        let error = check_clock(path, before).unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
    }
}
