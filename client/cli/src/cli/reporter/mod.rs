//! What the user sees: one model of events, three ways to show it.
//!
//! Results go to standard output, everything else to standard error. With `--json` every event
//! is one JSON object on a line of standard output, and nothing else is there.

mod bars;
mod json;
mod lines;
mod log_file;
mod stdout;

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use self::bars::Bars;
use self::json::JsonEvents;
use self::lines::Lines;
use self::log_file::LogFile;
use self::stdout::Stdout;
use super::error::CliError;
use super::exit_status::ExitStatus;
use super::groups::OutputArgs;
use super::printable::{one_line, printable};
use hashget_files::monitor::{Level, Monitor, Problem, Task};

/// Something a command tells as its result.
pub(super) trait Report: Serialize {
    /// The name of the event in JSON.
    const EVENT: &'static str;
    /// Whether the user asked for exactly this, so that `-q` does not silence it.
    const ASKED_FOR: bool = false;
    /// The lines for people.
    fn lines(&self) -> Vec<String>;
}

/// Shows what a command does; the [`Monitor`] of every operation.
pub(super) struct Reporter {
    lowest: Level,
    stdout: Stdout,
    display: Display,
    log: Option<LogFile>,
    problems: AtomicU64,
}

enum Display {
    Bars(Bars),
    Lines(Lines),
    Json(JsonEvents),
}

impl Reporter {
    /// A reporter as the options ask for it.
    pub(super) fn new(options: &OutputArgs) -> Result<Self, CliError> {
        let display = if options.json {
            Display::Json(JsonEvents::default())
        } else if options.quiet || !io::stderr().is_terminal() {
            Display::Lines(Lines::default())
        } else {
            Display::Bars(Bars::default())
        };
        let log = options.logfile.as_deref().map(LogFile::open).transpose()?;
        Ok(Self {
            lowest: match (options.quiet, options.verbose) {
                (true, _) => Level::Warning,
                (_, true) => Level::Detail,
                _ => Level::Info,
            },
            stdout: Stdout::default(),
            display,
            log,
            problems: AtomicU64::new(0),
        })
    }

    /// Whether standard output is for JSON alone.
    pub(super) fn is_json(&self) -> bool {
        matches!(self.display, Display::Json(_))
    }

    /// Whether more is to be printed than usual.
    pub(super) fn is_verbose(&self) -> bool {
        self.lowest == Level::Detail
    }

    /// Tells a result.
    pub(super) fn report<R: Report>(&self, report: &R) {
        if let Display::Json(_) = &self.display {
            return self.stdout.line(&json::event(R::EVENT, report));
        }
        for line in report.lines() {
            self.log(&line);
            if R::ASKED_FOR || self.lowest <= Level::Info {
                self.print(&line);
            }
        }
    }

    /// Tells what an intermediate step came to: to standard error, as it is no result.
    pub(super) fn progress<R: Report>(&self, report: &R) {
        if let Display::Json(_) = &self.display {
            return self.stdout.line(&json::event(R::EVENT, report));
        }
        for line in report.lines() {
            self.message(Level::Info, &line);
        }
    }

    /// Counts a problem that a result tells about by itself.
    pub(super) fn count_problem(&self) {
        self.problems.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes text as it is to standard output: a script, a plan. Not for `--json` events.
    pub(super) fn raw(&self, text: &[u8]) {
        self.stdout.bytes(text);
    }

    /// A step as the original announces it.
    pub(super) fn step(&self, text: &str) {
        self.message(Level::Info, text);
    }

    /// Tells why the command failed.
    pub(super) fn error(&self, error: &CliError) {
        let text = error.to_string();
        self.log(&text);
        if let Display::Json(_) = &self.display {
            self.stdout.line(&json::event("error", &error.event()));
        }
        self.tell(&text);
    }

    /// How a command ends that came to its end.
    pub(super) fn status(&self) -> Result<ExitStatus, CliError> {
        self.stdout.finish().map_err(|error| {
            CliError::new(&error).hint("standard output could not be written: check where it goes")
        })?;
        Ok(match self.problems.load(Ordering::Relaxed) {
            0 => ExitStatus::Done,
            _ => ExitStatus::Problems,
        })
    }

    fn print(&self, line: &str) {
        let line = printable(line);
        match &self.display {
            Display::Bars(bars) => bars.suspend(|| self.stdout.line(&line)),
            _ => self.stdout.line(&line),
        }
    }

    fn tell(&self, text: &str) {
        match &self.display {
            Display::Bars(bars) => bars.suspend(|| write_stderr(text)),
            _ => write_stderr(text),
        }
    }

    fn log(&self, text: &str) {
        if let Some(log) = &self.log
            && let Some(error) = log.line(text)
        {
            self.tell(&format!("warning: cannot write the log file: {error}"));
        }
    }
}

impl Monitor for Reporter {
    fn message(&self, level: Level, text: &str) {
        self.log(text);
        if level < self.lowest {
            return;
        }
        if let Display::Json(_) = &self.display {
            return self.stdout.line(&json::message(level, text));
        }
        match level {
            Level::Warning => self.tell(&format!("warning: {}", printable(text))),
            _ => self.tell(&printable(text)),
        }
    }

    fn problem(&self, problem: &Problem) {
        self.problems.fetch_add(1, Ordering::Relaxed);
        let text = format!("problem: {}: {}", problem.subject, one_line(&problem.what));
        self.log(&text);
        if let Display::Json(_) = &self.display {
            return self.stdout.line(&json::problem(problem));
        }
        self.tell(&printable(&text));
    }

    fn single(&self, problem: &Problem) {
        if let Display::Json(_) = &self.display {
            self.stdout.line(&json::problem(problem));
        }
        let text = format!("{}: {}", problem.subject, one_line(&problem.what));
        if let Display::Json(_) = &self.display {
            return self.log(&text);
        }
        self.message(Level::Detail, &text);
    }

    fn task_started(&self, task: &Task) {
        match &self.display {
            Display::Bars(bars) => bars.started(task),
            Display::Lines(lines) => lines.started(task),
            Display::Json(_) => {
                if self.lowest <= Level::Info {
                    self.stdout.line(&json::task("task_started", task, 0));
                }
            }
        }
    }

    fn task_advanced(&self, task: &Task, done: u64) {
        match &self.display {
            Display::Bars(bars) => bars.advanced(task, done),
            Display::Lines(lines) => {
                if let Some(line) = lines.advanced(task, done) {
                    self.message(Level::Info, &line);
                }
            }
            Display::Json(json) => {
                if self.lowest <= Level::Info && json.is_due(task) {
                    self.stdout.line(&json::task("task_advanced", task, done));
                }
            }
        }
    }

    fn task_finished(&self, task: &Task, done: u64) {
        match &self.display {
            Display::Bars(bars) => bars.finished(task),
            Display::Lines(lines) => {
                if let Some(line) = lines.finished(task, done) {
                    self.message(Level::Info, &line);
                }
            }
            Display::Json(json) => {
                json.forget(task);
                if self.lowest <= Level::Info {
                    self.stdout.line(&json::task("task_finished", task, done));
                }
            }
        }
    }
}

/// Tells an error when there is no reporter yet.
pub(super) fn write_stderr(text: &str) {
    let mut stderr = io::stderr().lock();
    // There is nobody left to tell that standard error is closed.
    drop(stderr.write_all(text.as_bytes()));
    drop(stderr.write_all(b"\n"));
}
