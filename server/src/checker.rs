//! Asks in the background whether the packages can still be downloaded.
//!
//! Every URL gets a HEAD in a round; of some the bytes are fetched and hashed again. What is gone,
//! or is no longer what was indexed, is dead: look-ups name it last. What fails for a passing
//! reason stays as it was.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::web;
use hashget_store::{StoreError, StoreQuery};
use hashget_words::hash_package::is_http;
use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::PackageSummary;
use url::Url;

use crate::fetch::FetchError;
use crate::health::Finding;
use crate::state::State;

/// How many packages are read from the store at a time, and checked before that is saved.
const PAGE_PACKAGES: usize = 500;
/// So many hosts at most are asked at a time.
const MOST_HOSTS: usize = 8;
/// A host that fails so often in a row, for reasons that may pass, is left alone until the next page.
const MOST_FAILURES: u32 = 3;
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
        let is_wanted =
            |package: &&PackageSummary| is_http(&package.url) && !state.is_expired(package.expires);
        let hosts = by_host(page.packages.iter().filter(is_wanted));
        checked += check_hosts(&hosts, |package| {
            if stop.wait(state.settings.fetch.host_pause) {
                return None;
            }
            let found = check(state, stop, package);
            let is_unclear = matches!(found, Finding::Unclear);
            state.health.note(&package.url, found, (state.clock)());
            Some(is_unclear)
        });
        if stop.wait(Duration::ZERO) {
            return Ok(checked);
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

/// The packages of each host, the host with most of them first.
fn by_host<'p>(packages: impl Iterator<Item = &'p PackageSummary>) -> Vec<Vec<&'p PackageSummary>> {
    let mut hosts: BTreeMap<Option<String>, Vec<&PackageSummary>> = BTreeMap::new();
    for package in packages {
        let host = Url::parse(&package.url).ok();
        let host = host.and_then(|url| url.host_str().map(str::to_owned));
        hosts.entry(host).or_default().push(package);
    }
    let mut hosts: Vec<_> = hosts.into_values().collect();
    hosts.sort_by_key(|packages| Reverse(packages.len()));
    hosts
}

/// Checks hosts beside each other, each host's URLs one by one; how many. What `is_unclear` says,
/// see [`check_host`].
fn check_hosts(
    hosts: &[Vec<&PackageSummary>],
    is_unclear: impl Fn(&PackageSummary) -> Option<bool> + Sync,
) -> u64 {
    let next = AtomicUsize::new(0);
    let checked = AtomicU64::new(0);
    let work = || {
        while let Some(packages) = hosts.get(next.fetch_add(1, Ordering::Relaxed)) {
            checked.fetch_add(check_host(packages, &is_unclear), Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        for _ in 1..hosts.len().min(MOST_HOSTS) {
            scope.spawn(work);
        }
        work();
    });
    checked.into_inner()
}

/// Checks the packages of one host until it has failed too often in a row: what it said of the
/// others before stays. How many were checked.
///
/// `is_unclear` checks one: whether it failed for a reason that may pass, or nothing if the server
/// stops.
fn check_host(
    packages: &[&PackageSummary],
    is_unclear: impl Fn(&PackageSummary) -> Option<bool>,
) -> u64 {
    let mut failures = 0;
    let mut checked = 0;
    for package in packages {
        let Some(is_unclear) = is_unclear(package) else {
            break;
        };
        checked += 1;
        failures = if is_unclear { failures + 1 } else { 0 };
        if failures == MOST_FAILURES {
            break;
        }
    }
    checked
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

#[cfg(test)]
mod tests {
    use hashget_words::expiry::Expiry;
    use hashget_words::package_summary::PackageId;

    use super::*;

    fn package(id: u64, url: &str) -> PackageSummary {
        PackageSummary {
            id: PackageId(id),
            project: "p".parse().unwrap(),
            url: url.to_owned(),
            sha256: None,
            size: None,
            expires: Expiry::Never,
            files: 0,
            anchors: 0,
        }
    }

    #[test]
    fn packages_are_grouped_by_host() {
        let packages = [
            package(1, "http://one.example.org/a"),
            package(2, "http://two.example.org/a"),
            package(3, "https://one.example.org:444/b"),
        ];
        let hosts = by_host(packages.iter());
        let ids = |packages: &Vec<&PackageSummary>| -> Vec<u64> {
            packages.iter().map(|package| package.id.0).collect()
        };
        assert_eq!(
            hosts.iter().map(ids).collect::<Vec<_>>(),
            [vec![1, 3], vec![2]]
        );
    }

    #[test]
    fn hosts_are_checked_beside_each_other() {
        let packages: Vec<_> = (0..2)
            .map(|id| package(id, &format!("http://host{id}.example.org/")))
            .collect();
        let (there, here) = (Mutex::new(0), Condvar::new());
        let in_vain = AtomicU64::new(0);
        // Each waits for the other: one after the other, the first would wait in vain.
        let checked = check_hosts(&by_host(packages.iter()), |_| {
            let mut begun = there.lock().unwrap();
            *begun += 1;
            here.notify_all();
            let patience = Duration::from_secs(20);
            let waited = here.wait_timeout_while(begun, patience, |begun| *begun < 2);
            let is_late = waited.unwrap().1.timed_out();
            in_vain.fetch_add(is_late.into(), Ordering::Relaxed);
            Some(false)
        });
        assert_eq!((checked, in_vain.into_inner()), (2, 0));
    }

    #[test]
    fn a_host_that_fails_again_and_again_is_left_alone() {
        let packages: Vec<_> = (0..9)
            .map(|id| package(id, "http://example.org/"))
            .collect();
        let packages: Vec<_> = packages.iter().collect();
        let failing =
            |failing: fn(u64) -> bool| check_host(&packages, |package| Some(failing(package.id.0)));
        assert_eq!(failing(|_| true), 3);
        assert_eq!(failing(|id| id != 2), 6);
        assert_eq!(failing(|id| id % 3 > 0), 9);
        assert_eq!(check_host(&packages, |_| None), 0, "the server stops");
    }
}
