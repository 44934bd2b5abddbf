//! How patient the client is, and whom it trusts with what.

use std::time::Duration;

use super::HttpError;
use super::credentials::Credentials;
use super::proxy::Proxies;
use super::wait::jittered;

/// The time limits of the client, its proxies, and the credentials for each host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOptions {
    /// How long a connection may take to come about. Default 10 s.
    pub connect_timeout: Duration,
    /// How long a server may be silent: before its answer begins, and between any two parts of
    /// a body. Default 60 s.
    pub stall_timeout: Duration,
    /// How long a server may be silent before it answers a small question, such as whether it has
    /// a package. Never longer than `stall_timeout`. Default 15 s.
    pub question_timeout: Duration,
    /// What a body may take in all, besides a second for every `min_speed` bytes of it. Only time
    /// spent waiting counts. Default 60 s.
    pub answer_time: Duration,
    /// Bytes a second that must come once `answer_time` has passed; 0 stands for any. Default 4096.
    pub min_speed: u64,
    /// How often a request that failed for a passing reason (no connection, a reset, status 429
    /// or 5xx) is sent again. Default 3.
    pub retries: u32,
    /// The wait before the first retry, doubled for each further one and varied by half. A
    /// server's `Retry-After` is followed instead where it is longer. Default 500 ms.
    pub backoff: Duration,
    /// No wait is longer than this. Default 30 s.
    pub max_wait: Duration,
    /// Which proxies are used for what. Default: none.
    pub proxies: Proxies,
    /// Names and passwords by host. Default: none.
    pub credentials: Credentials,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(60),
            question_timeout: Duration::from_secs(15),
            answer_time: Duration::from_secs(60),
            min_speed: 4096,
            retries: 3,
            backoff: Duration::from_millis(500),
            max_wait: Duration::from_secs(30),
            proxies: Proxies::default(),
            credentials: Credentials::default(),
        }
    }
}

impl HttpOptions {
    pub(super) fn wait(&self, retry: u32, error: &HttpError) -> Duration {
        let doubled = self
            .backoff
            .saturating_mul(1_u32.checked_shl(retry).unwrap_or(u32::MAX));
        let asked = match error {
            HttpError::Status { retry_after, .. } => retry_after.unwrap_or_default(),
            // Nothing was asked, so that there is nothing to spare.
            HttpError::HostDown { .. } => return Duration::ZERO,
            _ => Duration::ZERO,
        };
        jittered(doubled).max(asked).min(self.max_wait)
    }

    /// Whether `waited` is within the limit for a body after `bytes` bytes.
    pub(super) fn allows(&self, bytes: u64, waited: Duration) -> bool {
        let Some(beyond) = waited.checked_sub(self.answer_time) else {
            return true;
        };
        u128::from(bytes).saturating_mul(1000)
            >= u128::from(self.min_speed).saturating_mul(beyond.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_take_a_time_by_its_size() {
        let options = HttpOptions {
            answer_time: Duration::from_secs(10),
            min_speed: 1000,
            ..HttpOptions::default()
        };
        let second = Duration::from_secs(1);
        for (bytes, waited, allowed) in [
            (0, 10 * second, true),
            (0, 11 * second, false),
            (2, 15 * second, false),
            (5000, 15 * second, true),
            (4999, 15 * second, false),
            (u64::MAX, Duration::MAX, false),
            (u64::MAX, 1_000_000 * second, true),
        ] {
            let got = options.allows(bytes, waited);
            assert_eq!(got, allowed, "{bytes} bytes in {waited:?}");
        }
        let any = HttpOptions {
            min_speed: 0,
            ..options
        };
        assert!(any.allows(0, Duration::MAX));
    }

    #[test]
    fn waits_grow_and_are_bounded() {
        let options = HttpOptions::default();
        let error = |retry_after| HttpError::Status {
            method: "GET",
            url: String::new(),
            proxy: None,
            status: 503,
            code: None,
            message: None,
            retry_after,
        };
        let first = options.wait(0, &error(None));
        assert!((250..=750).contains(&first.as_millis()), "{first:?}");
        assert!(options.wait(40, &error(None)) <= options.max_wait);
        let asked = error(Some(Duration::from_secs(5)));
        assert_eq!(options.wait(0, &asked), Duration::from_secs(5));
        let absurd = error(Some(Duration::from_secs(u64::MAX)));
        assert_eq!(options.wait(0, &absurd), options.max_wait);
    }
}
