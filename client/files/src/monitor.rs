//! How operations report what they do: one model of progress and events for terminals, logs and
//! `--json`.

mod by_host;
mod counted;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sentence::{sentence, texts};

pub use by_host::ByHost;
pub use by_host::HostTrouble;
pub use counted::Counted;

/// Receives progress, messages and problems.
///
/// Operations run on several threads and share one monitor.
pub trait Monitor: Send + Sync {
    /// A line for the user.
    fn message(&self, level: Level, text: &str);

    /// Something that went wrong without ending the operation. The command ends with exit
    /// status 3 if there was any.
    fn problem(&self, problem: &Problem);

    /// One of many problems with one cause, which is told by itself and counted once: of interest
    /// to programs, and to who asks for details.
    fn single(&self, problem: &Problem) {
        let text = format!("{}: {}", problem.subject, problem.what);
        self.message(Level::Detail, &text);
    }

    /// A long step begins.
    fn task_started(&self, task: &Task);

    /// A long step has got `done` units in all; called often.
    fn task_advanced(&self, task: &Task, done: u64);

    /// A long step ends.
    fn task_finished(&self, task: &Task, done: u64);
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Shown with `-v`.
    Detail,
    /// Shown unless `-q`.
    Info,
    Warning,
}

/// Something that went wrong without ending the operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, package or server it is about, escaped for showing.
    pub subject: String,
    /// What went wrong, with its causes.
    pub what: String,
}

impl Problem {
    /// A problem about `subject`; the causes of `error` are joined by `: `, and what was said once
    /// is not said again.
    pub fn new(subject: impl Into<String>, error: &dyn std::error::Error) -> Self {
        let subject = subject.into();
        let what = sentence(&subject, &texts(error));
        Self { subject, what }
    }

    /// A problem that no error value stands for.
    pub fn text(subject: impl Into<String>, what: impl Into<String>) -> Self {
        let subject = subject.into();
        let what = sentence(&subject, &[what.into()]);
        Self { subject, what }
    }
}

/// An error and its causes on one line, joined by `: `; no URL is said twice.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    sentence("", &texts(error))
}

/// A long step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Distinct for every task of a process.
    pub id: u64,
    /// What is being done, such as `hashing` or a package's name.
    pub label: String,
    /// What is counted.
    pub unit: Unit,
    /// How much there is to do, where known.
    pub total: Option<u64>,
}

/// What a task counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    Files,
    Packages,
}

/// A running task; ends when dropped.
pub struct Progress<'a> {
    monitor: &'a dyn Monitor,
    task: Task,
    done: AtomicU64,
}

impl<'a> Progress<'a> {
    /// Begins a task.
    pub fn start(
        monitor: &'a dyn Monitor,
        label: impl Into<String>,
        unit: Unit,
        total: Option<u64>,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let task = Task {
            id,
            label: label.into(),
            unit,
            total,
        };
        monitor.task_started(&task);
        Self {
            monitor,
            task,
            done: AtomicU64::new(0),
        }
    }

    /// Adds `amount` units.
    pub fn advance(&self, amount: u64) {
        let done = self.done.fetch_add(amount, Ordering::Relaxed) + amount;
        self.monitor.task_advanced(&self.task, done);
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.monitor
            .task_finished(&self.task, self.done.load(Ordering::Relaxed));
    }
}

/// A monitor that tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Monitor for Silent {
    fn message(&self, _: Level, _: &str) {}
    fn problem(&self, _: &Problem) {}
    fn task_started(&self, _: &Task) {}
    fn task_advanced(&self, _: &Task, _: u64) {}
    fn task_finished(&self, _: &Task, _: u64) {}
}

/// A monitor that keeps problems and warnings, for whoever reports them later; the tests of every crate look at it.
#[derive(Debug, Default)]
pub struct Kept {
    problems: Mutex<Vec<String>>,
    warnings: Mutex<Vec<String>>,
    tasks: Mutex<Vec<EndedTask>>,
}

/// A task that ended: its label, how much there was to do, and how much was done.
pub type EndedTask = (String, Option<u64>, u64);

impl Kept {
    /// The tasks that ended so far.
    pub fn tasks(&self) -> Vec<EndedTask> {
        lines(&self.tasks).clone()
    }

    /// The problems so far, each as `SUBJECT: WHAT`.
    pub fn problems(&self) -> Vec<String> {
        lines(&self.problems).clone()
    }

    /// The warnings so far.
    pub fn warnings(&self) -> Vec<String> {
        lines(&self.warnings).clone()
    }
}

fn lines<T>(kept: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Monitor for Kept {
    fn message(&self, level: Level, text: &str) {
        if level == Level::Warning {
            lines(&self.warnings).push(text.to_owned());
        }
    }
    fn problem(&self, problem: &Problem) {
        lines(&self.problems).push(format!("{}: {}", problem.subject, problem.what));
    }
    fn task_started(&self, _: &Task) {}
    fn task_advanced(&self, _: &Task, _: u64) {}
    fn task_finished(&self, task: &Task, done: u64) {
        lines(&self.tasks).push((task.label.clone(), task.total, done));
    }
}
