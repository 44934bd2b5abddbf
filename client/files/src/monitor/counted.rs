//! Counts the problems that pass by.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Level, Monitor, Problem, Task};

/// A monitor that counts problems and hands everything on.
pub struct Counted<'a> {
    inner: &'a dyn Monitor,
    problems: AtomicU64,
}

impl<'a> Counted<'a> {
    pub fn new(inner: &'a dyn Monitor) -> Self {
        Self {
            inner,
            problems: AtomicU64::new(0),
        }
    }

    /// How many problems were told so far.
    pub fn problems(&self) -> u64 {
        self.problems.load(Ordering::Relaxed)
    }
}

impl Monitor for Counted<'_> {
    fn message(&self, level: Level, text: &str) {
        self.inner.message(level, text);
    }

    fn problem(&self, problem: &Problem) {
        self.problems.fetch_add(1, Ordering::Relaxed);
        self.inner.problem(problem);
    }

    fn single(&self, problem: &Problem) {
        self.inner.single(problem);
    }

    fn task_started(&self, task: &Task) {
        self.inner.task_started(task);
    }

    fn task_advanced(&self, task: &Task, done: u64) {
        self.inner.task_advanced(task, done);
    }

    fn task_finished(&self, task: &Task, done: u64) {
        self.inner.task_finished(task, done);
    }
}
