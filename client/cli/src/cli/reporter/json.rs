//! `--json`: one object a line, its kind in `event`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use hashget_files::monitor::{Level, Problem, Task, Unit};

const INTERVAL: Duration = Duration::from_millis(500);

/// Remembers when each running task was last told about.
#[derive(Default)]
pub(super) struct JsonEvents(Mutex<HashMap<u64, Instant>>);

impl JsonEvents {
    /// Whether a task's progress is to be told again.
    pub(super) fn is_due(&self, task: &Task) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let last = told.entry(task.id).or_insert(now);
        let due = now.duration_since(*last) >= INTERVAL;
        if due {
            *last = now;
        }
        due
    }

    pub(super) fn forget(&self, task: &Task) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.remove(&task.id);
    }
}

/// A result. Members of an object stand beside `event`; anything else is its `value`.
pub(super) fn event<T: Serialize>(name: &str, value: &T) -> String {
    let value = match serde_json::to_value(value) {
        Ok(Value::Object(mut members)) => {
            members.insert("event".to_owned(), name.into());
            Value::Object(members)
        }
        Ok(value) => json!({"event": name, "value": value}),
        Err(error) => json!({"event": "error", "message": error.to_string()}),
    };
    value.to_string()
}

pub(super) fn message(level: Level, text: &str) -> String {
    let level = match level {
        Level::Detail => "detail",
        Level::Info => "info",
        Level::Warning => "warning",
    };
    json!({"event": "message", "level": level, "text": text}).to_string()
}

pub(super) fn problem(problem: &Problem) -> String {
    json!({"event": "problem", "subject": problem.subject, "what": problem.what}).to_string()
}

pub(super) fn task(event: &str, task: &Task, done: u64) -> String {
    let unit = match task.unit {
        Unit::Bytes => "bytes",
        Unit::Files => "files",
        Unit::Packages => "packages",
    };
    json!({"event": event, "task": task.id, "label": task.label, "unit": unit,
        "total": task.total, "done": done})
    .to_string()
}
