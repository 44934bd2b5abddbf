//! The circuit breaker: hosts that do not answer are left alone for a while, whoever asks, so that
//! a thousand questions do not wait for each.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::HttpError;
use super::host_of::host_of;

/// So many failures in a row, and a host is left alone.
const FAILURES: u32 = 3;
/// How long it is left alone.
const REST: Duration = Duration::from_secs(60);

/// How often a request that failed for a passing reason is sent again, unless it brought something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Never: there may be other sources, which are to be asked first.
    Once,
    /// As often as [`HttpOptions::retries`](super::HttpOptions::retries) says.
    Retries,
    /// One time less: it was sent [`Patience::Once`] before.
    AfterOnce,
}

/// How hosts failed.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    failures: Mutex<HashMap<String, Failures>>,
}

/// How often a host failed in a row.
#[derive(Debug)]
struct Failures {
    /// Requests that were tried once only. They may all have met one short hiccup, so that they
    /// keep nobody from asking again in earnest.
    hasty: u32,
    /// Requests that were given up in spite of retries.
    patient: u32,
    /// Single tries that ended after a long silence, which is no hiccup.
    slow: u32,
    since: Instant,
    why: String,
}

impl Failures {
    fn is_down(&self, patience: Patience) -> bool {
        let count = match patience {
            Patience::Once => self.hasty.saturating_add(self.patient),
            Patience::Retries | Patience::AfterOnce => self.patient,
        };
        count.max(self.slow) >= FAILURES && self.since.elapsed() < REST
    }
}

impl Hosts {
    /// Fails if the host of a URL is to be left alone.
    pub(crate) fn check(&self, url: &str, patience: Patience) -> Result<(), HttpError> {
        let Some(host) = host_of(url) else {
            return Ok(());
        };
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match failures.get(&host).filter(|host| host.is_down(patience)) {
            Some(failures) => Err(HttpError::HostDown {
                host,
                why: failures.why.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Takes note of a single try that failed; whether it was the last straw.
    pub(crate) fn note_try(&self, url: &str, patience: Patience, error: &HttpError) -> bool {
        if error.is_slow() {
            self.count(url, error, |failures| &mut failures.slow);
        }
        self.check(url, patience).is_err()
    }

    /// Takes note of how a request, with all its tries, ended; `None` is success.
    pub(crate) fn note(&self, url: &str, patience: Patience, error: Option<&HttpError>) {
        match error {
            Some(HttpError::HostDown { .. }) => {}
            Some(error) if error.is_unavailable() => match patience {
                // It may be about this one file.
                Patience::Once if error.status().is_some() => {}
                Patience::Once => self.count(url, error, |failures| &mut failures.hasty),
                _ => self.count(url, error, |failures| &mut failures.patient),
            },
            _ => {
                let Some(host) = host_of(url) else { return };
                let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
                failures.remove(&host);
            }
        }
    }

    fn count(&self, url: &str, error: &HttpError, which: fn(&mut Failures) -> &mut u32) {
        let Some(host) = host_of(url) else { return };
        let mut all = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = all.entry(host).or_insert_with(|| Failures {
            hasty: 0,
            patient: 0,
            slow: 0,
            since: Instant::now(),
            why: String::new(),
        });
        let count = which(failures);
        *count = count.saturating_add(1);
        failures.since = Instant::now();
        failures.why = error.reason();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> HttpError {
        HttpError::Status {
            method: "GET",
            url: String::new(),
            proxy: None,
            status,
            code: None,
            message: None,
            retry_after: None,
        }
    }

    fn is_down(hosts: &Hosts, patience: Patience) -> bool {
        hosts.check("http://example.org/other", patience).is_err()
    }

    #[test]
    fn three_failures_in_a_row_are_enough() {
        let hosts = Hosts::default();
        let note = |error| hosts.note("http://example.org/x", Patience::Retries, error);
        let (error, found) = (refused(503), refused(404));
        note(Some(&error));
        note(Some(&error));
        note(None);
        note(Some(&error));
        note(Some(&error));
        // An answer all the same.
        note(Some(&found));
        note(Some(&error));
        note(Some(&error));
        assert!(!is_down(&hosts, Patience::Retries));
        note(Some(&error));
        assert!(is_down(&hosts, Patience::Retries));
        assert!(
            hosts
                .check("https://example.org/", Patience::Retries)
                .is_ok()
        );
        let down = hosts.check("http://example.org/y", Patience::Once);
        let said = down.unwrap_err().to_string();
        assert_eq!(
            said,
            "http://example.org is not asked for a while: status 503"
        );
    }

    #[test]
    fn a_hiccup_met_by_many_keeps_nobody_from_asking_in_earnest() {
        let hosts = Hosts::default();
        for _ in 0..9 {
            let reset = HttpError::Body {
                url: String::new(),
                cause: std::io::ErrorKind::ConnectionReset.into(),
            };
            hosts.note("http://example.org/x", Patience::Once, Some(&reset));
        }
        assert!(is_down(&hosts, Patience::Once));
        assert!(!is_down(&hosts, Patience::AfterOnce));
    }

    #[test]
    fn three_long_silences_are_enough_whoever_met_them() {
        let hosts = Hosts::default();
        let silence = HttpError::Body {
            url: String::new(),
            cause: std::io::ErrorKind::TimedOut.into(),
        };
        let note = || hosts.note_try("http://example.org/x", Patience::Retries, &silence);
        assert!(!note() && !note());
        assert!(note());
        assert!(is_down(&hosts, Patience::AfterOnce));
    }
}
