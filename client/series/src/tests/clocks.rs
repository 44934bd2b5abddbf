//! Runs through clock jumps, zones and files that come and go: nothing that is wanted is lost, and
//! nothing that is missing is reported as there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use hashget_tests::Random;
use jiff::tz::TimeZone;

use super::*;

/// The readable files of a tree, by name.
type Files = BTreeMap<String, Vec<u8>>;

/// What the source was like at a backup.
struct Taken {
    files: Files,
    unreadable: BTreeSet<String>,
    /// Whether nothing is missing in it, as its user sees it.
    good: bool,
}

struct World {
    bed: Bed,
    random: Random,
    taken: BTreeMap<BackupId, Taken>,
    /// What all asserts say.
    name: String,
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mode = *random.pick(&["full", "differential", "incremental"]);
        let (series, length) = (1 + random.below(3), 1 + random.below(4));
        let rules: Vec<String> = ["daily", "weekly", "monthly", "yearly"]
            .iter()
            .filter_map(|rule| {
                let count = random.below(5);
                (count > 0 && count < 4).then(|| format!("{rule} = {count}"))
            })
            .collect();
        let mut options = format!(
            "mode = '{mode}'\nmax_series = {series}\nmax_series_length = {length}\ndelta = false\n\
             keep = {{ {} }}",
            rules.join(", ")
        );
        if random.one_in(3) {
            let days = 1 + random.below(40);
            options.push_str("\nexpire_days = ");
            options.push_str(&days.to_string());
        }
        let mut bed = Bed::new(&options);
        bed.now = begin(&mut random);
        let name = format!("seed {seed}: {options}");
        Self {
            bed,
            random,
            taken: BTreeMap::new(),
            name,
        }
    }

    /// Time passes, or the clock is set.
    fn tick(&mut self) {
        const HOUR: i64 = 3600;
        let days = [1, 1, 1, 2, 8, 40, 400, -1, -25, -700];
        let hours = *self.random.pick(&[0, 1, 23, 24, -1]);
        let days = *self.random.pick(&days);
        let seconds = self.bed.now.timestamp().as_second() + HOUR * (24 * days + hours);
        let zone = if self.random.one_in(5) {
            zone(&mut self.random)
        } else {
            self.bed.now.time_zone().clone()
        };
        self.bed.now = Timestamp::from_second(seconds).unwrap().to_zoned(zone);
    }

    fn edit(&mut self) {
        if self.random.one_in(12) {
            for name in NAMES {
                fs::remove_file(self.bed.source(name)).unwrap_or_default();
            }
        }
        for name in NAMES {
            match self.random.below(6) {
                0 => fs::remove_file(self.bed.source(name)).unwrap_or_default(),
                1 | 2 => {
                    let size = usize::try_from(self.random.below(3000)).unwrap();
                    fs::write(self.bed.source(name), self.random.bytes(size)).unwrap();
                }
                _ => {}
            }
        }
        let path = |name: &&&str| RelPath::new(name.as_bytes()).unwrap();
        self.bed.broken = if self.random.one_in(3) {
            let broken = NAMES.iter().filter(|_| self.random.one_in(4));
            broken.collect::<Vec<_>>().iter().map(path).collect()
        } else {
            BTreeSet::new()
        };
        self.bed.allow_empty = self.random.one_in(4);
    }

    /// What a backup that is made now should hold.
    fn taking(&self) -> Taken {
        let is_there = |name: &&&str| self.bed.source(name).exists();
        let there = NAMES.iter().filter(is_there);
        let is_broken = |name: &&&str| {
            let path = RelPath::new(name.as_bytes()).unwrap();
            self.bed.broken.contains(&path)
        };
        let (unreadable, readable): (Vec<&str>, Vec<&str>) = there.partition(|it| is_broken(it));
        let read = |name: &str| (name.to_owned(), fs::read(self.bed.source(name)).unwrap());
        let is_empty = unreadable.is_empty() && readable.is_empty();
        Taken {
            files: readable.into_iter().map(read).collect(),
            good: unreadable.is_empty() && (!is_empty || self.bed.allow_empty),
            unreadable: unreadable.into_iter().map(str::to_owned).collect(),
        }
    }

    fn live_a_day(&mut self) {
        self.tick();
        self.edit();
        let taking = self.taking();
        let force = self.random.one_in(3);
        let full = self.random.one_in(6);
        let report = self.bed.run_now(force, full).unwrap();
        let name = format!("{}, {}: {report:?}", self.name, self.bed.now);
        assert_eq!(
            report.unreadable_files,
            taking.unreadable.len() as u64,
            "{name}"
        );
        assert!(report.problems >= report.unreadable_files, "{name}");
        match report.outcome {
            Outcome::Made { backup, .. } => {
                assert!(self.taken.keys().all(|old| *old < backup), "{name}");
                self.taken.insert(backup, taking);
                assert!(self.left().contains(&backup), "{name}");
            }
            Outcome::Unchanged { backup } => {
                assert_eq!(self.taken[&backup].files, taking.files, "{name}");
                assert_eq!(self.taken[&backup].unreadable, taking.unreadable, "{name}");
                assert!(report.removed.is_empty(), "{name}");
            }
        }
        self.look(&name);
        if self.random.one_in(3) {
            let removed = prune(&self.bed.section, &self.bed.now).unwrap();
            self.look(&format!("{name}, pruned {removed:?}"));
        }
    }

    fn left(&self) -> BTreeSet<BackupId> {
        self.bed.destination().backups().unwrap()
    }

    /// Looks at all that is left after something may have been removed.
    fn look(&mut self, name: &str) {
        let left = self.left();
        let good = self.taken.iter().rev().find(|(_, taken)| taken.good);
        if let Some((newest, _)) = good {
            assert!(left.contains(newest), "{newest} was good: {name}");
        }
        let newest = self.taken.last_key_value().unwrap().0;
        assert!(left.contains(newest), "{newest} is the newest: {name}");
        self.taken.retain(|id, _| left.contains(id));
        for (id, taken) in &self.taken {
            let list = show(&self.bed.section, *id).unwrap();
            let files = list.present().filter(|change| change.kind == Kind::File);
            let (unreadable, there): (Vec<&Change>, Vec<&Change>) =
                files.partition(|change| change.unreadable);
            let names = |some: Vec<&Change>| some.iter().map(|it| it.path.to_string()).collect();
            let there: BTreeSet<String> = names(there);
            assert!(there.iter().eq(taken.files.keys()), "{id}: {name}");
            let unreadable: BTreeSet<String> = names(unreadable);
            assert_eq!(unreadable, taken.unreadable, "{id}: {name}");
        }
        for version in find(&self.bed.section, &|_| true).unwrap() {
            let path = version.path.to_string();
            for id in version.backups {
                let is_there = self.taken[&id].files.contains_key(&path);
                assert_eq!(is_there, !version.unreadable, "{path} of {id}: {name}");
            }
        }
        let ids: Vec<BackupId> = left.into_iter().collect();
        let id = *self.random.pick(&ids);
        self.comes_back(id, name);
    }

    fn comes_back(&self, id: BackupId, name: &str) {
        let out = self.bed.restore(id, "out").unwrap();
        let found: Files = fs::read_dir(&out)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                (name, fs::read(entry.path()).unwrap())
            })
            .collect();
        fs::remove_dir_all(&out).unwrap();
        assert!(found == self.taken[&id].files, "{id}: {name}");
    }
}

/// Zones with and without summer time; Samoa's is beyond the date line, Nepal's has odd minutes.
fn zone(random: &mut Random) -> TimeZone {
    let rules = [
        "UTC0",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "EST5EDT,M3.2.0,M11.1.0",
        "<+0545>-5:45",
        "<+13>-13",
        "<-11>11",
        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
    ];
    let rule: &str = random.pick::<&str>(&rules);
    TimeZone::posix(rule).unwrap()
}

/// The days before a leap day, the ends of summer time and of a year.
fn begin(random: &mut Random) -> Zoned {
    let times = [
        "2028-02-27T23:30:00Z",
        "2026-10-23T00:30:00Z",
        "2027-03-27T01:30:00Z",
        "2026-12-30T12:00:00Z",
    ];
    let time: Timestamp = random.pick::<&str>(&times).parse().unwrap();
    time.to_zoned(zone(random))
}

#[test]
fn no_run_removes_what_is_wanted_and_no_missing_file_is_there() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        for _ in 0..10 {
            world.live_a_day();
        }
    }
}
