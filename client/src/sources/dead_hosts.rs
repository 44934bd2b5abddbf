//! Remembers hosts that do not answer, so that a thousand packages do not wait for each.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Url;

use super::download::{DownloadError, Patience};

/// So many downloads in a row may fail before a host is left alone.
const FAILURES: u32 = 3;
/// How long it is left alone.
const REST: Duration = Duration::from_secs(60);

/// The hosts that did not answer.
#[derive(Debug, Default)]
pub(super) struct DeadHosts {
    failures: Mutex<HashMap<String, Failures>>,
}

/// How often a host failed in a row.
#[derive(Debug)]
struct Failures {
    /// Downloads that were tried once only. They may all have met one short hiccup, so that they
    /// keep nobody from asking again in earnest.
    hasty: u32,
    /// Downloads that were given up in spite of retries.
    patient: u32,
    since: Instant,
}

impl DeadHosts {
    /// The host of a URL, unless it is to be left alone.
    pub(super) fn check(
        &self,
        url: &str,
        patience: Patience,
    ) -> Result<Option<String>, DownloadError> {
        let Ok(parsed) = Url::parse(url) else {
            return Ok(None);
        };
        let host = parsed.origin().ascii_serialization();
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let is_down = failures.get(&host).is_some_and(|failures| {
            let count = match patience {
                Patience::Once => failures.hasty.saturating_add(failures.patient),
                Patience::Retries | Patience::AfterOnce => failures.patient,
            };
            count >= FAILURES && failures.since.elapsed() < REST
        });
        if is_down {
            return Err(DownloadError::HostDown { host });
        }
        Ok(Some(host))
    }

    /// Takes note of how a download from `host` ended.
    pub(super) fn note<T>(
        &self,
        host: Option<String>,
        patience: Patience,
        result: &Result<T, DownloadError>,
    ) {
        let Some(host) = host else { return };
        let is_dead = matches!(result, Err(DownloadError::Http(error))
            if error.is_unavailable() && error.status().is_none());
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_dead {
            failures.remove(&host);
            return;
        }
        let failures = failures.entry(host).or_insert(Failures {
            hasty: 0,
            patient: 0,
            since: Instant::now(),
        });
        let count = match patience {
            Patience::Once => &mut failures.hasty,
            Patience::Retries | Patience::AfterOnce => &mut failures.patient,
        };
        *count = count.saturating_add(1);
        failures.since = Instant::now();
    }
}
