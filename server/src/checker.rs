//! Asks in the background whether the packages can still be downloaded.
//!
//! Every URL gets a HEAD in a round; of some the bytes are fetched and hashed again. What is gone,
//! or is no longer what was indexed, is dead: look-ups name it last. What fails for a passing
//! reason stays as it was.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::web;
use hashget_common::hash_package::is_http;
use hashget_common::package_spec::PackageSpec;
use hashget_common::package_summary::PackageSummary;
use hashget_common::store::{StoreError, StoreQuery};

use crate::fetch::FetchError;
use crate::health::Finding;
use crate::state::State;

/// How many packages are read from the store at a time, and checked before that is saved.
const PAGE_PACKAGES: usize = 100;
/// One package in so many is hashed again.
const REHASHED: u64 = 100;

/// A thread that checks URLs in rounds, until it is stopped.
pub(crate) struct Checker {
    stopping: Arc<Stop>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Stop {
    ordered: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Waits for the time to pass or the order to stop; whether it was the order.
    fn wait(&self, time: Duration) -> bool {
        let guard = self.ordered.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(guard, time, |stop| !*stop);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Checker {
    /// Goes on with the round under way, then begins one at every interval.
    pub(crate) fn start(state: web::Data<State>) -> io::Result<Self> {
        let stopping = Arc::new(Stop::default());
        let told = Arc::clone(&stopping);
        let thread = thread::Builder::new()
            .name("checker".to_owned())
            .spawn(move || run(&state, &told))?;
        Ok(Self { stopping, thread })
    }

    /// Stops after the URL in hand.
    pub(crate) fn stop(self) {
        let ordered = &self.stopping.ordered;
        *ordered.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stopping.changed.notify_all();
        if self.thread.join().is_err() {
            tracing::error!("the checker panicked");
        }
    }
}

fn run(state: &State, stop: &Stop) {
    let Some(interval) = state.settings.fetch.check_interval else {
        return;
    };
    loop {
        match round(state, stop) {
            Ok(checked) => {
                let dead = state.health.dead_count();
                tracing::info!(checked, dead, "checked the packages' URLs");
            }
            Err(error) => tracing::warn!("the packages cannot be checked: {error}"),
        }
        if stop.wait(interval) {
            return;
        }
    }
}

/// Checks every package from the cursor on; how many.
fn round(state: &State, stop: &Stop) -> Result<u64, StoreError> {
    let mut after = state.health.begin_round((state.clock)());
    let mut checked = 0;
    loop {
        let page = state.store.list(&StoreQuery {
            spec: PackageSpec::All,
            project: None,
            after,
            limit: PAGE_PACKAGES,
            today: (state.clock)(),
        })?;
        for package in &page.packages {
            if !is_http(&package.url) || state.is_expired(package.expires) {
                continue;
            }
            if stop.wait(state.settings.fetch.host_pause) {
                return Ok(checked);
            }
            let found = check(state, stop, package);
            state.health.note(&package.url, found, (state.clock)());
            checked += 1;
        }
        after = page.next;
        let to = page.packages.last().map(|package| package.id);
        if let Err(error) = state.health.save(to, after) {
            tracing::warn!("what was found about URLs cannot be kept: {error}");
        }
        if after.is_none() {
            return Ok(checked);
        }
    }
}

fn check(state: &State, stop: &Stop, package: &PackageSummary) -> Finding {
    let url = &package.url;
    match state.fetcher.head(url) {
        Ok(size) => {
            if let (Some(size), Some(known)) = (size, package.size)
                && size != known
            {
                return Finding::Dead(format!("it has {size} bytes, not {known}"));
            }
        }
        // A server may refuse HEAD and give the file all the same.
        Err(FetchError::Status { status, .. }) if !matches!(status, 404 | 410) => {
            return Finding::Unclear;
        }
        Err(error) if error.is_passing() => return Finding::Unclear,
        Err(error) => return Finding::Dead(error.to_string()),
    }
    let (true, Some(sha256)) = (package.id.0.is_multiple_of(REHASHED), package.sha256) else {
        return Finding::Alive;
    };
    let mut may_go_on = |_| {
        if stop.wait(Duration::ZERO) {
            return Err(io::Error::other("the server is stopping"));
        }
        Ok(())
    };
    match state.fetcher.get(url, &mut io::sink(), &mut may_go_on) {
        Ok(fetched) if fetched.sha256 != sha256 => {
            Finding::Dead(format!("it is now sha256:{}", fetched.sha256))
        }
        Ok(_) => Finding::Alive,
        Err(_) => Finding::Unclear,
    }
}
