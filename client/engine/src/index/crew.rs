//! Several packages at once: threads fetch and index, one saves.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender};
use hashget_words::hash_package::HashPackage;
use hashget_words::project::ProjectName;

use super::acquire::{Acquisition, Job, Outcome, acquire};
use super::{IndexServices, RecordOptions};
use hashget_files::monitor::{ByHost, Problem, Progress, Unit};
use hashget_sources::hash_db::HashDbError;

/// Does every job, `threads` at a time; what became of them, in order.
///
/// Each record is saved before its job is done with, so what a killed run has done is kept.
/// Fails only if records cannot be saved.
pub(crate) fn acquire_all(
    jobs: &[Job],
    options: &RecordOptions,
    threads: usize,
    services: &IndexServices<'_>,
) -> Result<Vec<Acquisition>, HashDbError> {
    let total = jobs.len() as u64;
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = match threads {
        0 => processors,
        threads => threads,
    };
    let crew = Crew {
        jobs,
        processors: processors.min(threads),
        next: AtomicUsize::new(0),
        stopped: AtomicBool::new(false),
        options,
        services,
        progress: Progress::start(services.monitor(), "indexing", Unit::Packages, Some(total)),
        troubles: ByHost::default(),
    };
    let (sender, receiver) = crossbeam_channel::bounded(2 * threads);
    let done = thread::scope(|scope| {
        for _ in 0..threads.min(jobs.len()) {
            let (crew, sender) = (&crew, sender.clone());
            scope.spawn(move || crew.work(&sender));
        }
        drop(sender);
        // Dropped before the threads are waited for, so that none waits to be heard.
        let receiver = receiver;
        crew.save(&receiver)
            .inspect_err(|_| crew.stopped.store(true, Ordering::Relaxed))
    });
    let what = "packages could not be looked up or fetched";
    crew.troubles.tell(what, WAYS_OUT, services.monitor());
    done
}

struct Crew<'a> {
    jobs: &'a [Job],
    /// How many of them may be busy.
    processors: usize,
    next: AtomicUsize,
    stopped: AtomicBool,
    options: &'a RecordOptions,
    services: &'a IndexServices<'a>,
    progress: Progress<'a>,
    /// Jobs that failed because a host does not answer.
    troubles: ByHost,
}

const WAYS_OUT: &str = "name a hashserver that knows them (--hashserver), another service \
                        (--snapshot-url), or do without (--heuristics and no name)";

type Done = (usize, Acquisition);

impl Crew<'_> {
    fn work(&self, sender: &Sender<Done>) {
        while !self.stopped.load(Ordering::Relaxed) {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = self.jobs.get(place) else {
                return;
            };
            let options = RecordOptions {
                threads: self.share(place),
                ..self.options.clone()
            };
            let acquisition = acquire(job, &options, self.services).unwrap_or_else(|error| {
                let problem = Problem::new(job.place.describe(), &error);
                match error.host_trouble() {
                    Some(trouble) => self.troubles.add(trouble, problem),
                    None => self.services.monitor().problem(&problem),
                }
                Acquisition {
                    outcome: Outcome::Failed,
                    accepted_uploads: 0,
                }
            });
            self.progress.advance(1);
            if sender.send((place, acquisition)).is_err() {
                return;
            }
        }
    }

    /// How many threads may decompress the package of a job: those that find no other to do.
    fn share(&self, place: usize) -> u32 {
        let left = self.jobs.len().saturating_sub(place).max(1);
        let share = self.processors.div_ceil(left.min(self.processors).max(1));
        u32::try_from(share).unwrap_or(1)
    }

    /// Saves records as they come, as many at once as are there.
    fn save(&self, receiver: &Receiver<Done>) -> Result<Vec<Acquisition>, HashDbError> {
        let mut all = Vec::with_capacity(self.jobs.len());
        while let Ok(first) = receiver.recv() {
            let mut batch = vec![first];
            batch.extend(receiver.try_iter());
            self.save_batch(&batch)?;
            all.extend(batch);
        }
        all.sort_by_key(|(place, _)| *place);
        Ok(all
            .into_iter()
            .map(|(_, acquisition)| acquisition)
            .collect())
    }

    fn save_batch(&self, batch: &[Done]) -> Result<(), HashDbError> {
        let mut by_project: Vec<(&ProjectName, Vec<HashPackage>)> = Vec::new();
        for (place, acquisition) in batch {
            let (Outcome::New(record), Some(job)) = (&acquisition.outcome, self.jobs.get(*place))
            else {
                continue;
            };
            match by_project
                .iter_mut()
                .find(|(name, _)| **name == job.project)
            {
                Some((_, records)) => records.push((**record).clone()),
                None => by_project.push((&job.project, vec![(**record).clone()])),
            }
        }
        if by_project.is_empty() {
            return Ok(());
        }
        let lookup = self.services.lookup;
        let _session = lookup.db.session(lookup.monitor)?;
        for (project, records) in by_project {
            lookup.db.save(project, &records, lookup.monitor)?;
        }
        Ok(())
    }
}
