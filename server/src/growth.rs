//! How much the store held day by day, noted while the server runs.
//!
//! The records cannot tell it afterwards: what was removed or replaced has left no trace in them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashget_store::StoreStats;
use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// Each day is kept that long, then the last one of its month.
const DAYS_KEPT: i64 = 400;

/// What the store held at each day, kept in one file of the data directory.
pub(crate) struct Growth {
    path: PathBuf,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    days: BTreeMap<Date, Held>,
    is_changed: bool,
}

/// What the store held when it was last looked at on a day. Expired records count until the
/// sweeper has deleted them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) packages: u64,
    /// Entries of the digest index.
    pub(crate) digests: u64,
    /// The sum of the known sizes of the packages.
    pub(crate) packages_bytes: u64,
    /// The store's own size on the disk.
    pub(crate) store_bytes: u64,
}

impl From<&StoreStats> for Held {
    fn from(stats: &StoreStats) -> Self {
        let sizes = stats.projects.iter().map(|project| project.packages_bytes);
        Self {
            packages: stats.packages,
            digests: stats.digests,
            packages_bytes: sizes.fold(0, u64::saturating_add),
            store_bytes: stats.store_bytes,
        }
    }
}

impl Growth {
    /// Reads what was noted before. A file that makes no sense is put aside, not overwritten:
    /// nothing else knows what was in it.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let days = match fs::read(&path) {
            Ok(bytes) => parse(&bytes).or_else(|error| {
                let aside = path.with_extension("damaged");
                tracing::warn!("{} is put aside: {error}", path.display());
                fs::rename(&path, aside)?;
                Ok::<_, io::Error>(BTreeMap::new())
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        let noted = Mutex::new(Noted {
            days,
            is_changed: false,
        });
        Ok(Self { path, noted })
    }

    /// Notes what the store holds today, replacing an earlier note of today.
    pub(crate) fn note(&self, today: Date, held: Held) {
        let mut noted = self.lock();
        if noted.days.insert(today, held) != Some(held) {
            noted.is_changed = true;
            thin(&mut noted.days, today);
        }
    }

    /// Every day that is known, the earliest first.
    pub(crate) fn days(&self) -> Vec<(Date, Held)> {
        let noted = self.lock();
        noted.days.iter().map(|(day, held)| (*day, *held)).collect()
    }

    /// Puts it on the disk if something is new.
    pub(crate) fn save(&self) -> io::Result<()> {
        let bytes = {
            let mut noted = self.lock();
            if !noted.is_changed {
                return Ok(());
            }
            noted.is_changed = false;
            let days = noted.days.iter();
            let days: BTreeMap<_, _> = days.map(|(day, held)| (day.to_string(), held)).collect();
            serde_json::to_vec(&days)?
        };
        let written = self.write(&bytes);
        if written.is_err() {
            self.lock().is_changed = true;
        }
        written
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let mut file = NamedTempFile::new_in(directory)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        File::open(directory)?.sync_all()
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(bytes: &[u8]) -> io::Result<BTreeMap<Date, Held>> {
    let days: BTreeMap<String, Held> = serde_json::from_slice(bytes)?;
    let days = days.into_iter().map(|(day, held)| Ok((day.parse()?, held)));
    days.collect::<Result<_, jiff::Error>>()
        .map_err(io::Error::other)
}

/// Leaves of old months only the last day that is known.
fn thin(days: &mut BTreeMap<Date, Held>, today: Date) {
    let Ok(oldest) = today.checked_sub(Span::new().days(DAYS_KEPT)) else {
        return;
    };
    let last_days: BTreeMap<_, _> = days.keys().map(|day| (month(*day), *day)).collect();
    days.retain(|day, _| *day >= oldest || last_days.get(&month(*day)) == Some(day));
}

/// The month of a day, to be compared.
pub(crate) fn month(day: Date) -> (i16, i8) {
    (day.year(), day.month())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn held(packages: u64) -> Held {
        Held {
            packages,
            digests: packages * 10,
            packages_bytes: packages * 100,
            store_bytes: 4096,
        }
    }

    #[test]
    fn what_was_noted_is_there_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("growth.json");
        let growth = Growth::open(path.clone()).unwrap();
        growth.note(date(2030, 1, 1), held(1));
        growth.note(date(2030, 1, 1), held(2));
        growth.note(date(2030, 1, 3), held(3));
        growth.save().unwrap();
        let expected = vec![(date(2030, 1, 1), held(2)), (date(2030, 1, 3), held(3))];
        assert_eq!(Growth::open(path).unwrap().days(), expected);
    }

    #[test]
    fn old_days_become_months() {
        let directory = tempfile::tempdir().unwrap();
        let growth = Growth::open(directory.path().join("growth.json")).unwrap();
        let mut packages = 0;
        let mut day = date(2028, 1, 1);
        while day <= date(2030, 6, 15) {
            packages += 1;
            growth.note(day, held(packages));
            day = day.tomorrow().unwrap();
        }
        let days: Vec<Date> = growth.days().into_iter().map(|(day, _)| day).collect();
        let oldest = date(2030, 6, 15)
            .checked_sub(Span::new().days(DAYS_KEPT))
            .unwrap();
        let (old, new): (Vec<Date>, Vec<Date>) = days.into_iter().partition(|day| *day < oldest);
        // Of May 2029, in which the oldest of all days lies, the last day is a new one.
        let months: Vec<_> = old.iter().map(|day| month(*day)).collect();
        assert_eq!(months.len(), 16, "{months:?}");
        assert!(old.iter().all(|day| day.last_of_month() == *day));
        assert_eq!(new.len(), 401);
    }

    #[test]
    fn a_damaged_file_is_put_aside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("growth.json");
        fs::write(&path, "{\"2030-01-01\": 7}").unwrap();
        let growth = Growth::open(path.clone()).unwrap();
        assert_eq!(growth.days(), []);
        growth.note(date(2030, 1, 2), held(1));
        growth.save().unwrap();
        let aside = fs::read_to_string(directory.path().join("growth.damaged")).unwrap();
        assert_eq!(aside, "{\"2030-01-01\": 7}");
        assert_eq!(Growth::open(path).unwrap().days().len(), 1);
    }
}
