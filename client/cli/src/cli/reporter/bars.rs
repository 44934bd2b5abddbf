//! Progress on a terminal: a bar for each running step, with speed and time left.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::cli::printable::printable;
use hashget_files::monitor::{Task, Unit};

const LABEL_CHARS: usize = 32;
const TICK: Duration = Duration::from_millis(250);

/// The bars of the running tasks, on standard error.
#[derive(Default)]
pub(super) struct Bars {
    all: MultiProgress,
    running: Mutex<HashMap<u64, ProgressBar>>,
}

impl Bars {
    pub(super) fn started(&self, task: &Task) {
        let bar = ProgressBar::new_spinner();
        if let Some(total) = task.total {
            bar.set_length(total);
        }
        bar.set_style(style(task));
        bar.set_prefix(short_label(&task.label));
        let bar = self.all.add(bar);
        bar.enable_steady_tick(TICK);
        self.lock().insert(task.id, bar);
    }

    pub(super) fn advanced(&self, task: &Task, done: u64) {
        if let Some(bar) = self.lock().get(&task.id) {
            bar.set_position(done);
        }
    }

    pub(super) fn finished(&self, task: &Task) {
        if let Some(bar) = self.lock().remove(&task.id) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }

    /// Takes the bars away while something is printed.
    pub(super) fn suspend(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, ProgressBar>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn style(task: &Task) -> ProgressStyle {
    let template = match (task.unit, task.total) {
        (Unit::Bytes, Some(_)) => {
            "{prefix:32} [{bar:24}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} left"
        }
        (Unit::Bytes, None) => {
            "{prefix:32} {spinner} {binary_bytes} {binary_bytes_per_sec} {elapsed}"
        }
        (_, Some(_)) => "{prefix:32} [{bar:24}] {human_pos}/{human_len} {per_sec} {eta} left",
        (_, None) => "{prefix:32} {spinner} {human_pos} {per_sec} {elapsed}",
    };
    // A template that cannot be read would be a bug; the default style shows progress, too.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// The end of a label, which tells more than its beginning.
fn short_label(label: &str) -> String {
    let label = printable(label);
    let chars = label.chars().count();
    if chars <= LABEL_CHARS {
        return label.into_owned();
    }
    let end = label.chars().skip(chars - LABEL_CHARS + 1);
    std::iter::once('…').chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_can_be_read() {
        for unit in [Unit::Bytes, Unit::Files, Unit::Packages] {
            for total in [None, Some(1)] {
                let label = format!("http://example.org/{}", "x".repeat(40));
                let task = Task {
                    id: 7,
                    label,
                    unit,
                    total,
                };
                let bars = Bars::default();
                bars.started(&task);
                bars.advanced(&task, 1);
                bars.finished(&task);
                assert!(bars.lock().is_empty());
                assert_eq!(short_label(&task.label).chars().count(), LABEL_CHARS);
            }
        }
    }
}
