//! The queue: submissions that wait, those in work, and the outcome of the others.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashget_api::{Submission, SubmissionState};
use hashget_words::package_summary::PackageId;
use url::Url;

use super::journal::{Journal, JournalError};

/// How many finished submissions are remembered.
const MAX_FINISHED: usize = 1_000;

/// The queue, for routes and workers.
pub(crate) struct Submissions {
    journal: Journal,
    queue: Mutex<Queue>,
    changed: Condvar,
    max_waiting: usize,
    host_pause: Duration,
}

#[derive(Default)]
struct Queue {
    all: BTreeMap<u64, Submission>,
    next_id: u64,
    busy_hosts: HashSet<String>,
    /// When each host may be asked again.
    rests: HashMap<String, Instant>,
    /// When a submission that failed for a passing reason is tried again.
    retries: HashMap<u64, Instant>,
    is_stopping: bool,
}

/// What became of a URL that was handed in.
pub(crate) enum Enqueued {
    /// It waits, perhaps since before.
    Queued(Submission),
    /// Too many wait already.
    Full,
}

impl Submissions {
    /// Reads the queue of a directory.
    pub(crate) fn open(
        directory: PathBuf,
        max_waiting: usize,
        host_pause: Duration,
    ) -> Result<Self, JournalError> {
        let (journal, found) = Journal::open(directory)?;
        let mut queue = Queue::default();
        for mut submission in found {
            queue.next_id = queue.next_id.max(submission.id.saturating_add(1));
            if submission.state == SubmissionState::Working {
                submission.state = SubmissionState::Queued;
            }
            queue.all.insert(submission.id, submission);
        }
        queue.next_id = queue.next_id.max(1);
        Ok(Self {
            journal,
            queue: Mutex::new(queue),
            changed: Condvar::new(),
            max_waiting,
            host_pause,
        })
    }

    /// Puts a URL into the queue, and on the disk, unless it waits there already.
    pub(crate) fn enqueue(&self, url: &str) -> Result<Enqueued, JournalError> {
        let mut queue = self.lock();
        let mut waiting = 0;
        for submission in queue.all.values() {
            if is_finished(submission.state) {
                continue;
            }
            if submission.url == url {
                return Ok(Enqueued::Queued(submission.clone()));
            }
            waiting += 1;
        }
        if waiting >= self.max_waiting {
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
        self.journal.save(&submission)?;
        queue.next_id += 1;
        queue.all.insert(submission.id, submission.clone());
        self.changed.notify_one();
        Ok(Enqueued::Queued(submission))
    }

    /// What is known of a submission.
    pub(crate) fn get(&self, id: u64) -> Option<Submission> {
        self.lock().all.get(&id).cloned()
    }

    /// How many wait or are worked on.
    pub(crate) fn waiting(&self) -> usize {
        let queue = self.lock();
        let waiting = queue.all.values().filter(|one| !is_finished(one.state));
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
                Next::Now(id) => return Some(queue.begin(id)),
                Next::Wait(time) => {
                    let waited = self.changed.wait_timeout(queue, time);
                    queue = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// Takes the result of an attempt; `retry_in` puts the submission back.
    pub(super) fn finish(
        &self,
        mut submission: Submission,
        result: Result<PackageId, String>,
        retry_in: Option<Duration>,
    ) -> Result<(), JournalError> {
        submission.attempts += 1;
        match result {
            Ok(package) => {
                submission.state = SubmissionState::Done;
                submission.package = Some(package);
                submission.message = None;
            }
            Err(message) => {
                let is_over = retry_in.is_none();
                submission.message = Some(message);
                submission.state = if is_over {
                    SubmissionState::Failed
                } else {
                    SubmissionState::Queued
                };
            }
        }
        let mut queue = self.lock();
        let host = host_of(&submission.url);
        queue.busy_hosts.remove(&host);
        let now = Instant::now();
        queue.rests.retain(|_, until| *until > now);
        queue.rests.insert(host, now + self.host_pause);
        if let Some(time) = retry_in {
            queue.retries.insert(submission.id, now + time);
        }
        queue.all.insert(submission.id, submission.clone());
        let forgotten = queue.forget_finished();
        self.changed.notify_all();
        self.journal.save(&submission)?;
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
        queue.all.insert(
            submission.id,
            Submission {
                state,
                ..submission
            },
        );
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
    /// The first that waits and whose host is neither busy nor resting.
    fn next(&self, now: Instant) -> Next {
        let mut wait = Duration::from_secs(3600);
        for submission in self.all.values() {
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
                None => return Next::Now(submission.id),
                Some(until) => wait = wait.min(until - now),
            }
        }
        Next::Wait(wait)
    }

    fn begin(&mut self, id: u64) -> Submission {
        self.retries.remove(&id);
        let submission = self.all.get_mut(&id);
        let submission = submission.map(|submission| {
            submission.state = SubmissionState::Working;
            submission.clone()
        });
        let submission = submission.unwrap_or_else(|| Submission {
            id,
            url: String::new(),
            state: SubmissionState::Working,
            attempts: 0,
            message: None,
            package: None,
        });
        self.busy_hosts.insert(host_of(&submission.url));
        submission
    }

    /// Takes out the oldest finished ones beyond what is remembered.
    fn forget_finished(&mut self) -> Vec<u64> {
        let finished = self.all.values().filter(|one| is_finished(one.state));
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
mod tests {
    use super::*;

    const NO_PAUSE: Duration = Duration::ZERO;

    fn queued(queue: &Submissions, url: &str) -> u64 {
        match queue.enqueue(url).unwrap() {
            Enqueued::Queued(submission) => submission.id,
            Enqueued::Full => panic!("{url}: full"),
        }
    }

    #[test]
    fn what_was_accepted_is_there_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("q");
        let queue = Submissions::open(path.clone(), 10, NO_PAUSE).unwrap();
        let first = queued(&queue, "http://a.example/1");
        let second = queued(&queue, "http://b.example/2");
        // The first is being worked on when the server dies, the second is done.
        assert_eq!(queue.take().unwrap().id, first);
        let taken = queue.take().unwrap();
        queue.finish(taken, Ok(PackageId(7)), None).unwrap();
        drop(queue);

        let queue = Submissions::open(path, 10, NO_PAUSE).unwrap();
        assert_eq!(queue.get(first).unwrap().state, SubmissionState::Queued);
        let done = queue.get(second).unwrap();
        assert_eq!(
            (done.state, done.package),
            (SubmissionState::Done, Some(PackageId(7)))
        );
        assert_eq!(queue.waiting(), 1);
        assert_eq!(queued(&queue, "http://c.example/"), second + 1);
    }

    #[test]
    fn it_is_bounded_and_takes_each_url_once() {
        let directory = tempfile::tempdir().unwrap();
        let queue = Submissions::open(directory.path().to_owned(), 2, NO_PAUSE).unwrap();
        let first = queued(&queue, "http://a.example/1");
        assert_eq!(queued(&queue, "http://a.example/1"), first);
        queued(&queue, "http://a.example/2");
        let third = queue.enqueue("http://a.example/3").unwrap();
        assert!(matches!(third, Enqueued::Full));
    }

    #[test]
    fn one_request_at_a_time_goes_to_a_host() {
        let directory = tempfile::tempdir().unwrap();
        let pause = Duration::from_secs(1000);
        let queue = Submissions::open(directory.path().to_owned(), 10, pause).unwrap();
        queued(&queue, "http://a.example/1");
        queued(&queue, "http://a.example/2");
        let other = queued(&queue, "http://b.example/1");
        let first = queue.take().unwrap();
        assert_eq!(queue.take().unwrap().id, other);
        assert!(matches!(queue.lock().next(Instant::now()), Next::Wait(_)));
        // A host rests between two requests.
        let failed = Err("no".to_owned());
        queue.finish(first, failed, None).unwrap();
        let now = Instant::now();
        assert!(matches!(queue.lock().next(now), Next::Wait(time) if time <= pause));
        assert!(matches!(queue.lock().next(now + pause), Next::Now(_)));
    }

    #[test]
    fn passing_failures_are_tried_again_later() {
        let directory = tempfile::tempdir().unwrap();
        let queue = Submissions::open(directory.path().to_owned(), 10, NO_PAUSE).unwrap();
        let id = queued(&queue, "http://a.example/1");
        let taken = queue.take().unwrap();
        let later = Duration::from_secs(1000);
        queue
            .finish(taken, Err("busy".into()), Some(later))
            .unwrap();
        let known = queue.get(id).unwrap();
        assert_eq!((known.state, known.attempts), (SubmissionState::Queued, 1));
        let now = Instant::now();
        assert!(matches!(queue.lock().next(now), Next::Wait(_)));
        assert!(matches!(queue.lock().next(now + later), Next::Now(_)));
    }

    #[test]
    fn only_so_many_finished_ones_are_remembered() {
        let mut queue = Queue::default();
        for id in 0..MAX_FINISHED as u64 + 3 {
            let submission = Submission {
                id,
                url: String::new(),
                state: SubmissionState::Failed,
                attempts: 1,
                message: None,
                package: None,
            };
            queue.all.insert(id, submission);
        }
        assert_eq!(queue.forget_finished(), [0, 1, 2]);
        assert_eq!(queue.all.len(), MAX_FINISHED);
    }
}
