//! The queue: submissions that wait, those in work, and the outcome of the others.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashget_api::{Submission, SubmissionState};
use hashget_words::package_summary::PackageId;
use url::Url;

use super::journal::{Journal, JournalError, Kept, Sender};
use super::turns::Turns;

/// How many finished submissions are remembered.
const MAX_FINISHED: usize = 1_000;

/// The queue, for routes and workers.
pub(crate) struct Submissions {
    journal: Journal,
    queue: Mutex<Queue>,
    changed: Condvar,
    places: Places,
    host_pause: Duration,
}

/// How many submissions may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    /// Of all senders; those without a token get no more than a half of it.
    pub(crate) all: usize,
    /// Of one sender.
    pub(crate) of_sender: usize,
}

#[derive(Default)]
struct Queue {
    all: BTreeMap<u64, Kept>,
    next_id: u64,
    busy_hosts: HashSet<String>,
    /// When each host may be asked again.
    rests: HashMap<String, Instant>,
    /// When a submission that failed for a passing reason is tried again.
    retries: HashMap<u64, Instant>,
    turns: Turns,
    is_stopping: bool,
}

/// What became of a URL that was handed in.
pub(crate) enum Enqueued {
    /// It waits, perhaps since before.
    Queued(Submission),
    /// Too many wait already.
    Full,
    /// Too many of this sender's wait already.
    ShareFull,
}

/// Why an attempt failed.
pub(super) struct Failure {
    /// What the sender gets to read.
    pub(super) message: String,
    /// When it is tried again; `None`: never.
    pub(super) retry_in: Option<Duration>,
    /// Whether its host has no address that this server may go to.
    pub(super) is_without_address: bool,
}

impl Submissions {
    /// Reads the queue of a directory.
    pub(crate) fn open(
        directory: PathBuf,
        places: Places,
        host_pause: Duration,
    ) -> Result<Self, JournalError> {
        let (journal, found) = Journal::open(directory)?;
        let mut queue = Queue::default();
        for mut kept in found {
            let submission = &mut kept.submission;
            queue.next_id = queue.next_id.max(submission.id.saturating_add(1));
            if submission.state == SubmissionState::Working {
                submission.state = SubmissionState::Queued;
            }
            queue.all.insert(submission.id, kept);
        }
        queue.next_id = queue.next_id.max(1);
        Ok(Self {
            journal,
            queue: Mutex::new(queue),
            changed: Condvar::new(),
            places,
            host_pause,
        })
    }

    /// Puts a URL into the queue, and on the disk, unless it waits there already.
    pub(crate) fn enqueue(&self, url: &str, sender: Sender) -> Result<Enqueued, JournalError> {
        let mut queue = self.lock();
        let waiting = || {
            let all = queue.all.values();
            all.filter(|kept| !is_finished(kept.submission.state))
        };
        if let Some(known) = waiting().find(|kept| kept.submission.url == url) {
            return Ok(Enqueued::Queued(known.submission.clone()));
        }
        let count = |of: &dyn Fn(&Sender) -> bool| {
            let senders = waiting().filter_map(|kept| kept.sender.as_ref());
            senders.filter(|sender| of(sender)).count()
        };
        if count(&|other| *other == sender) >= self.places.of_sender {
            return Ok(Enqueued::ShareFull);
        }
        let is_open = |sender: &Sender| matches!(sender, Sender::Address(_));
        let is_half_full = || count(&is_open) >= self.places.all.div_ceil(2);
        if waiting().count() >= self.places.all || (is_open(&sender) && is_half_full()) {
            return Ok(Enqueued::Full);
        }
        let submission = Submission {
            id: queue.next_id,
            url: url.to_owned(),
            state: SubmissionState::Queued,
            attempts: 0,
            message: None,
            package: None,
        };
        let kept = Kept {
            submission: submission.clone(),
            sender: Some(sender),
        };
        self.journal.save(&kept)?;
        queue.next_id += 1;
        queue.all.insert(submission.id, kept);
        self.changed.notify_one();
        Ok(Enqueued::Queued(submission))
    }

    /// What is known of a submission.
    pub(crate) fn get(&self, id: u64) -> Option<Submission> {
        self.lock().all.get(&id).map(|kept| kept.submission.clone())
    }

    /// How many wait or are worked on.
    pub(crate) fn waiting(&self) -> usize {
        let queue = self.lock();
        let waiting = queue
            .all
            .values()
            .filter(|kept| !is_finished(kept.submission.state));
        waiting.count()
    }

    /// Waits for a submission whose host may be asked now, and takes it; `None` when stopping.
    pub(super) fn take(&self) -> Option<Submission> {
        let mut queue = self.lock();
        loop {
            if queue.is_stopping {
                return None;
            }
            let now = Instant::now();
            match queue.next(now) {
                Next::Now(id) => {
                    if let Some(begun) = queue.begin(id) {
                        return Some(begun);
                    }
                }
                Next::Wait(time) => {
                    let waited = self.changed.wait_timeout(queue, time);
                    queue = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// Takes the result of an attempt.
    pub(super) fn finish(
        &self,
        mut submission: Submission,
        result: Result<PackageId, Failure>,
    ) -> Result<(), JournalError> {
        submission.attempts += 1;
        let mut queue = self.lock();
        let host = host_of(&submission.url);
        queue.busy_hosts.remove(&host);
        let now = Instant::now();
        queue.rests.retain(|_, until| *until > now);
        queue.rests.insert(host.clone(), now + self.host_pause);
        let mut has_address = true;
        match result {
            Ok(package) => {
                submission.state = SubmissionState::Done;
                submission.package = Some(package);
                submission.message = None;
            }
            Err(failure) => {
                has_address = !failure.is_without_address;
                submission.message = Some(failure.message);
                submission.state = match failure.retry_in {
                    Some(time) => {
                        queue.retries.insert(submission.id, now + time);
                        SubmissionState::Queued
                    }
                    None => SubmissionState::Failed,
                };
            }
        }
        queue.turns.note_host(host, has_address);
        let kept = queue.replace(submission);
        let forgotten = queue.forget_finished();
        self.changed.notify_all();
        self.journal.save(&kept)?;
        for id in forgotten {
            self.journal.remove(id)?;
        }
        Ok(())
    }

    /// Puts back a submission that was taken, as if it never was.
    pub(super) fn put_back(&self, submission: Submission) {
        let mut queue = self.lock();
        queue.busy_hosts.remove(&host_of(&submission.url));
        let state = SubmissionState::Queued;
        queue.replace(Submission {
            state,
            ..submission
        });
    }

    /// A file for a package.
    pub(super) fn package_file(&self) -> Result<File, JournalError> {
        self.journal.package_file()
    }

    /// Whether the workers shall stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.lock().is_stopping
    }

    /// Makes every [`Submissions::take`] return `None`.
    pub(super) fn stop(&self) {
        self.lock().is_stopping = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Next {
    Now(u64),
    Wait(Duration),
}

impl Queue {
    /// Of those that wait and whose host is neither busy nor resting, the one whose turn it is.
    fn next(&self, now: Instant) -> Next {
        let mut wait = Duration::from_secs(3600);
        let mut first = None;
        for kept in self.all.values() {
            let submission = &kept.submission;
            if submission.state != SubmissionState::Queued {
                continue;
            }
            let host = host_of(&submission.url);
            if self.busy_hosts.contains(&host) {
                continue;
            }
            let rest = self.rests.get(&host).copied();
            let retry = self.retries.get(&submission.id).copied();
            match rest.max(retry).filter(|until| *until > now) {
                None => {
                    let turn = (self.turns.of(&host, kept.sender.as_ref()), submission.id);
                    first = Some(first.map_or(turn, |first| turn.min(first)));
                }
                Some(until) => wait = wait.min(until - now),
            }
        }
        first.map_or(Next::Wait(wait), |(_, id)| Next::Now(id))
    }

    /// Marks a submission as being worked on.
    fn begin(&mut self, id: u64) -> Option<Submission> {
        self.retries.remove(&id);
        let kept = self.all.get_mut(&id)?;
        kept.submission.state = SubmissionState::Working;
        self.busy_hosts.insert(host_of(&kept.submission.url));
        if let Some(sender) = &kept.sender {
            self.turns.begin(sender);
        }
        Some(kept.submission.clone())
    }

    /// Takes the state of a submission that is no longer worked on; its sender is forgotten when it is
    /// finished.
    fn replace(&mut self, submission: Submission) -> Kept {
        let id = submission.id;
        let sender = self.all.remove(&id).and_then(|kept| kept.sender);
        if let Some(sender) = &sender {
            self.turns.end(sender);
        }
        let kept = Kept {
            sender: sender.filter(|_| !is_finished(submission.state)),
            submission,
        };
        self.all.insert(id, kept.clone());
        kept
    }

    /// Takes out the oldest finished ones beyond what is remembered.
    fn forget_finished(&mut self) -> Vec<u64> {
        let finished = self.all.values().map(|kept| &kept.submission);
        let finished = finished.filter(|one| is_finished(one.state));
        let ids: Vec<u64> = finished.map(|one| one.id).collect();
        let surplus = ids.len().saturating_sub(MAX_FINISHED);
        let forgotten = ids[..surplus].to_vec();
        for id in &forgotten {
            self.all.remove(id);
        }
        forgotten
    }
}

fn is_finished(state: SubmissionState) -> bool {
    matches!(state, SubmissionState::Done | SubmissionState::Failed)
}

fn host_of(url: &str) -> String {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str);
    host.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
