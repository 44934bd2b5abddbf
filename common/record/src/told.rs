//! Notes and warnings about a package while it is read.

use std::sync::{Arc, Mutex, PoisonError};

use hashget_archive::{ArchiveProblem, ProblemHandler};

/// Collects what the reader reports.
#[derive(Default)]
pub(super) struct Told(Arc<Mutex<Lists>>);

#[derive(Default)]
struct Lists {
    notes: Sentences,
    warnings: Sentences,
}

/// As many sentences as anybody reads, and how many more there were.
#[derive(Default)]
struct Sentences {
    first: Vec<String>,
    more: u64,
}

impl Told {
    /// What the reader calls.
    pub(super) fn handler(&self) -> ProblemHandler {
        let lists = Arc::clone(&self.0);
        Arc::new(move |problem| {
            let mut lists = lists.lock().unwrap_or_else(PoisonError::into_inner);
            let list = match problem {
                ArchiveProblem::Nested { .. } => &mut lists.notes,
                _ => &mut lists.warnings,
            };
            list.push(problem);
        })
    }

    /// The notes and the warnings so far.
    pub(super) fn take(&self) -> (Vec<String>, Vec<String>) {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (lists.notes.take(), lists.warnings.take())
    }
}

impl Sentences {
    fn push(&mut self, problem: &ArchiveProblem<'_>) {
        const MAX_SENTENCES: usize = 100;
        if self.first.len() < MAX_SENTENCES {
            self.first.push(problem.to_string());
        } else {
            self.more += 1;
        }
    }

    fn take(&mut self) -> Vec<String> {
        let mut all = std::mem::take(&mut self.first);
        if self.more > 0 {
            all.push(format!("and {} more of this kind", self.more));
        }
        all
    }
}
