//! The workers: fetch, index, publish.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_web::web;
use hashget_api::Submission;
use hashget_archive::{ArchiveError, ArchiveKind, MayGoOn};
use hashget_record::{PackageFile, RecordError, RecordRules, record_package};
use hashget_words::package_summary::PackageId;
use jiff::Zoned;
use thiserror::Error;

use super::JournalError;
use super::queue::Failure;
use crate::error::ApiError;
use crate::fetch::FetchError;
use crate::state::State;

/// How often a submission that fails for passing reasons is tried.
const MAX_ATTEMPTS: u32 = 4;
/// How long the first retry waits; each further one four times as long.
const FIRST_RETRY: Duration = Duration::from_secs(30);
/// Space is asked for in steps of this size.
const SPACE_STEP_BYTES: u64 = 64 * 1024 * 1024;
/// So many bytes of a package earn a second of reading it.
const BYTES_PER_SECOND: u64 = 1 << 20;
/// More than the store writes for a byte of a record.
const WRITTEN_PER_DIGEST: u64 = 1500;

/// Threads that work on submissions, until they are stopped.
pub(crate) struct Workers {
    state: web::Data<State>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts as many as the settings say.
    pub(crate) fn start(state: web::Data<State>) -> io::Result<Self> {
        let mut workers = Self {
            state,
            threads: Vec::new(),
        };
        for number in 0..workers.state.settings.submit.workers {
            let state = workers.state.clone();
            let thread = thread::Builder::new()
                .name(format!("submit-{number}"))
                .spawn(move || work(&state));
            match thread {
                Ok(thread) => workers.threads.push(thread),
                Err(error) => {
                    workers.stop();
                    return Err(error);
                }
            }
        }
        Ok(workers)
    }

    /// Stops the workers; submissions in work are put back.
    pub(crate) fn stop(self) {
        self.state.submissions.stop();
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a submission's worker panicked");
            }
        }
    }
}

fn work(state: &web::Data<State>) {
    let submissions = &state.submissions;
    while let Some(submission) = submissions.take() {
        let result = attempt(state, &submission);
        if submissions.is_stopping() && result.is_err() {
            submissions.put_back(submission);
            return;
        }
        let id = submission.id;
        let result = result.map_err(|error| failure(&error, submission.attempts));
        match &result {
            Ok(package) => tracing::info!(id, package = package.0, "submission published"),
            Err(failure) => tracing::info!(id, failure.message, "submission failed"),
        }
        if let Err(error) = submissions.finish(submission, result) {
            let (action, path, source) = error.into_parts();
            let path = path.display();
            tracing::error!("cannot {action} the submission {path}: {source}");
        }
    }
}

/// What the queue learns of an attempt that failed after so many others.
fn failure(error: &AttemptError, attempts: u32) -> Failure {
    let is_tried_again = error.is_passing() && attempts + 1 < MAX_ATTEMPTS;
    Failure {
        message: error.message(),
        retry_in: is_tried_again.then(|| FIRST_RETRY * 4_u32.pow(attempts.min(MAX_ATTEMPTS))),
        is_without_address: matches!(error, AttemptError::Fetch(FetchError::NoAddress { .. })),
    }
}

/// Why an attempt failed.
#[derive(Debug, Error)]
enum AttemptError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("what is there is no archive")]
    NotArchive,
    #[error("the package cannot be indexed")]
    Record(#[source] RecordError),
    #[error("the server cannot keep it now")]
    Keep(#[source] ApiError),
}

impl AttemptError {
    fn is_passing(&self) -> bool {
        match self {
            Self::Fetch(error) => error.is_passing(),
            Self::Record(RecordError::Read(_)) | Self::Keep(_) => true,
            Self::NotArchive | Self::Record(RecordError::Archive(_)) => false,
        }
    }

    /// The message for the submitter: nothing of the server's own faults, and of network errors
    /// only their kind, so that nobody can scan networks through this server.
    fn message(&self) -> String {
        match self {
            Self::Record(RecordError::Archive(ArchiveError::Stopped(reason))) => {
                format!("{self}: {reason}")
            }
            Self::Record(RecordError::Archive(error)) => {
                format!("{self}: {error}").chars().take(300).collect()
            }
            _ => self.to_string().chars().take(500).collect(),
        }
    }
}

impl From<JournalError> for AttemptError {
    fn from(error: JournalError) -> Self {
        Self::Keep(error.into())
    }
}

/// A package is read for as long as its size allows, and no longer than the server runs.
fn may_read_on(state: &web::Data<State>, package_bytes: u64) -> MayGoOn {
    let state = state.clone();
    let earned = Duration::from_secs(package_bytes / BYTES_PER_SECOND);
    let allowed = state.settings.submit.index_deadline + earned;
    let began = Instant::now();
    Arc::new(move || {
        if state.submissions.is_stopping() {
            return Err(io::Error::other("the server is stopping"));
        }
        if began.elapsed() > allowed {
            let seconds = allowed.as_secs();
            let reason = format!("reading it takes more than {seconds} seconds");
            return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
        }
        Ok(())
    })
}

fn attempt(state: &web::Data<State>, submission: &Submission) -> Result<PackageId, AttemptError> {
    let url = &submission.url;
    let mut file = state.submissions.package_file()?;
    let mut space = Vec::new();
    let mut reserved_bytes = 0;
    let mut may_go_on = |received_bytes: u64| {
        if state.submissions.is_stopping() {
            return Err(io::Error::other("the server is stopping"));
        }
        while received_bytes >= reserved_bytes {
            let step = state.disk.reserve(SPACE_STEP_BYTES);
            space.push(step.map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?);
            reserved_bytes += SPACE_STEP_BYTES;
        }
        Ok(())
    };
    let fetched = state.fetcher.get(url, &mut file, &mut may_go_on)?;
    file.flush()
        .map_err(|source| AttemptError::Record(RecordError::Read(source)))?;
    let package = PackageFile {
        file: &file,
        sha256: fetched.sha256,
        size: fetched.size,
    };
    let rules = RecordRules {
        limits: state.settings.submit.package_limits.clone(),
        may_go_on: Some(may_read_on(state, fetched.size)),
        ..RecordRules::new(Zoned::now().datetime())
    };
    let indexed = record_package(package, url, &[], &rules).map_err(AttemptError::Record)?;
    if indexed.kind == ArchiveKind::NotArchive {
        return Err(AttemptError::NotArchive);
    }
    for warning in &indexed.warnings {
        tracing::info!(
            id = submission.id,
            warning,
            "the package is not indexed whole"
        );
    }
    let digests = indexed.record.files.len() + indexed.record.anchors.len() + 10;
    let keep = AttemptError::Keep;
    let _space = state
        .disk
        .reserve(digests as u64 * WRITTEN_PER_DIGEST)
        .map_err(keep)?;
    let project = &state.settings.submit.project;
    let ids = state
        .store
        .publish(project, &[indexed.record])
        .map_err(|error| keep(error.into()))?;
    ids.first()
        .copied()
        .ok_or_else(|| keep(ApiError::Internal("the store gave no number".to_owned())))
}
