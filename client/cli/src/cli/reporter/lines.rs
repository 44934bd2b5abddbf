//! Progress in a log: a line now and then, none for short steps.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cli::size::Size;
use hashget_files::monitor::{Task, Unit};

const INTERVAL: Duration = Duration::from_secs(10);

/// When each running task began and was last told about.
#[derive(Default)]
pub(super) struct Lines(Mutex<HashMap<u64, Times>>);

#[derive(Clone, Copy)]
struct Times {
    begun: Instant,
    told: Instant,
}

impl Lines {
    pub(super) fn started(&self, task: &Task) {
        let now = Instant::now();
        let times = Times {
            begun: now,
            told: now,
        };
        self.lock().insert(task.id, times);
    }

    /// The line that is due, if one is.
    pub(super) fn advanced(&self, task: &Task, done: u64) -> Option<String> {
        let mut running = self.lock();
        let times = running.get_mut(&task.id)?;
        if times.told.elapsed() < INTERVAL {
            return None;
        }
        times.told = Instant::now();
        Some(progress_line(task, done, times.begun.elapsed()))
    }

    /// The last line of a task that took so long that it was told about.
    pub(super) fn finished(&self, task: &Task, done: u64) -> Option<String> {
        let times = self.lock().remove(&task.id)?;
        let took = times.begun.elapsed();
        (took >= INTERVAL).then(|| progress_line(task, done, took))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Times>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `hashing: 1.2G of 3.4G (35%), 120.0M/s, 20s left`.
fn progress_line(task: &Task, done: u64, took: Duration) -> String {
    let amount = |number| match task.unit {
        Unit::Bytes => Size(number).to_string(),
        Unit::Files => format!("{number} files"),
        Unit::Packages => format!("{number} packages"),
    };
    let mut line = vec![format!("{}: {}", task.label, amount(done))];
    if let Some(total) = task.total.filter(|total| *total > 0) {
        let percent = u128::from(done) * 100 / u128::from(total);
        line.push(format!(" of {} ({percent}%)", amount(total)));
    }
    let millis = took.as_millis().max(1);
    let per_second = u64::try_from(u128::from(done) * 1000 / millis).unwrap_or(u64::MAX);
    line.push(format!(", {}/s", amount(per_second)));
    if let Some(left) = task.total.and_then(|total| total.checked_sub(done))
        && left > 0
        && done > 0
    {
        let seconds = u128::from(left) * millis / u128::from(done) / 1000;
        line.push(format!(", {seconds}s left"));
    }
    line.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(total: Option<u64>) -> Task {
        Task {
            id: 1,
            label: "hashing".to_owned(),
            unit: Unit::Bytes,
            total,
        }
    }

    #[test]
    fn a_line_tells_share_speed_and_time_left() {
        let line = progress_line(&task(Some(4 << 20)), 1 << 20, Duration::from_secs(10));
        assert_eq!(line, "hashing: 1.0M of 4.0M (25%), 102.4K/s, 30s left");
        let line = progress_line(&task(None), 0, Duration::ZERO);
        assert_eq!(line, "hashing: 0, 0/s");
    }

    #[test]
    fn short_tasks_are_not_told() {
        let lines = Lines::default();
        lines.started(&task(None));
        assert_eq!(lines.advanced(&task(None), 5), None);
        assert_eq!(lines.finished(&task(None), 9), None);
        assert_eq!(lines.finished(&task(None), 9), None);
    }
}
