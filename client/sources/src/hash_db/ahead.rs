//! Look-ups on servers that go on while files are still being hashed.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;

use super::pull::{Keys, Pulled};
use super::{CombinedLookup, Found, HashDbError, PackageLookup};

/// So many digests are looked up at a time; servers are not asked for fewer before all are known.
const BATCH_KEYS: usize = 16 * 1024;
/// And no more than these, of those that came while others were looked up: each time the local
/// records are opened once.
const MOST_BATCH_KEYS: usize = 8 * BATCH_KEYS;
/// When the records that came hold so many digests, the rest is asked for at the end: until then
/// records are only in memory.
const MOST_HELD_DIGESTS: usize = 2_000_000;

/// A look-up whose servers were asked about some digests before.
///
/// It finds what the look-up itself would: the same digests are asked about, those that no local
/// record held when it began, and records are kept only when all are there.
pub struct LookedAhead<'a> {
    lookup: &'a CombinedLookup<'a>,
    needed: Expiry,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    /// What need not be asked again.
    digests: HashSet<Digest>,
    packages: Vec<Pulled>,
}

impl<'a> CombinedLookup<'a> {
    /// The servers are asked by a thread of its own while `work` is done.
    pub(super) fn look_ahead<T>(
        &'a self,
        needed: Expiry,
        work: impl FnOnce(&(dyn Fn(&[Digest]) + Sync)) -> T,
    ) -> (T, LookedAhead<'a>) {
        let mut asked = Asked::default();
        let done = if self.asks_servers() {
            thread::scope(|scope| {
                let (sender, receiver) = channel();
                let asking = scope.spawn(move || self.ask_ahead(&receiver, needed));
                // A server that cannot be asked any more receives nothing.
                let done = work(&|digests| drop(sender.send(digests.to_vec())));
                drop(sender);
                // Without an answer all is asked again.
                asked = asking.join().unwrap_or_default();
                done
            })
        } else {
            work(&|_| ())
        };
        let ahead = LookedAhead {
            lookup: self,
            needed,
            asked: Mutex::new(asked),
        };
        (done, ahead)
    }

    fn ask_ahead(&self, told: &Receiver<Vec<Digest>>, needed: Expiry) -> Asked {
        let mut asked = Asked::default();
        let mut waiting = Vec::new();
        let mut held = 0;
        for digests in told {
            waiting.extend(digests);
            while waiting.len() < MOST_BATCH_KEYS
                && let Ok(digests) = told.try_recv()
            {
                waiting.extend(digests);
            }
            if waiting.len() < BATCH_KEYS {
                continue;
            }
            let digests = std::mem::take(&mut waiting);
            // What fails here is tried again at the end, and told then.
            let Ok(unknown) = self.unknown_locally(&digests, needed) else {
                break;
            };
            let unknown = unknown.into_iter();
            let unknown: Vec<_> = unknown.filter(|it| !asked.digests.contains(it)).collect();
            let packages = Mutex::new(Vec::new());
            let keys = Keys {
                digests: unknown.clone(),
                ..Keys::default()
            };
            let pulled = self.puller(Some(&packages)).pull(keys, Some(needed), false);
            let packages = packages.into_inner();
            let packages = packages.unwrap_or_else(PoisonError::into_inner);
            held += packages.iter().map(|(_, it)| it.files.len()).sum::<usize>();
            asked.packages.extend(packages);
            if !pulled.is_ok_and(|pulled| pulled.failures == 0) {
                break;
            }
            asked.digests.extend(unknown);
            if held > MOST_HELD_DIGESTS {
                break;
            }
        }
        asked
    }
}

impl PackageLookup for LookedAhead<'_> {
    type Error = HashDbError;

    fn find(&self, digests: &[Digest], needed: Expiry) -> Result<Found, HashDbError> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if needed != self.needed {
            // The answers were to another question.
            asked.digests.clear();
        }
        let packages = std::mem::take(&mut asked.packages);
        let session = self.lookup.db.session(self.lookup.monitor)?;
        self.lookup.puller(None).keep(packages)?;
        let is_asked = |digest: &Digest| asked.digests.contains(digest);
        self.lookup.find_except(digests, needed, &is_asked, session)
    }
}
