//! How many requests a second one client, or one token, may make.
//!
//! The generic cell rate algorithm: of each key one number is kept, the time until which its
//! requests so far have used up their share.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A key may use the shares of this much time at once.
const BURST: Duration = Duration::from_secs(10);
/// Keys that are remembered; whoever has more addresses than that gets nothing more of them
/// than that the limits of all begin anew.
const MAX_KEYS: usize = 100_000;

/// A limit on the requests of each key.
pub(crate) struct RateLimit<K> {
    /// The share of one request; `None`: there is no limit.
    interval: Option<Duration>,
    used_until: Mutex<HashMap<K, Instant>>,
}

impl<K: Eq + Hash> RateLimit<K> {
    /// So many requests a second; 0 is any number.
    pub(crate) fn new(per_second: u32) -> Self {
        let interval = (per_second > 0).then(|| Duration::from_secs(1) / per_second);
        Self {
            interval,
            used_until: Mutex::default(),
        }
    }

    /// Counts a request; `Err` is the time after which the next one is let through.
    pub(crate) fn check(&self, key: K, now: Instant) -> Result<(), Duration> {
        let Some(interval) = self.interval else {
            return Ok(());
        };
        let mut all = self
            .used_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_KEYS && !all.contains_key(&key) {
            all.retain(|_, until| *until > now);
            if all.len() >= MAX_KEYS {
                all.clear();
            }
        }
        let until = all.entry(key).or_insert(now);
        let next = (*until).max(now) + interval;
        let over = (next - now).saturating_sub(BURST.max(interval));
        if over > Duration::ZERO {
            return Err(over);
        }
        *until = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_a_steady_flow() {
        let limit = RateLimit::new(2);
        let start = Instant::now();
        for _ in 0..20 {
            assert_eq!(limit.check("a", start), Ok(()));
        }
        assert_eq!(limit.check("a", start), Err(Duration::from_millis(500)));
        assert_eq!(
            limit.check("b", start),
            Ok(()),
            "another client is not meant"
        );
        let later = start + Duration::from_millis(500);
        assert_eq!(limit.check("a", later), Ok(()));
        assert_eq!(limit.check("a", later), Err(Duration::from_millis(500)));
        let much_later = start + Duration::from_secs(3600);
        let passed = (0..100).filter(|_| limit.check("a", much_later).is_ok());
        assert_eq!(passed.count(), 20);
    }

    #[test]
    fn zero_is_any_number() {
        let limit = RateLimit::new(0);
        let now = Instant::now();
        assert!((0..10_000).all(|_| limit.check("a", now).is_ok()));
    }

    #[test]
    fn memory_is_bounded() {
        let limit = RateLimit::new(1);
        let now = Instant::now();
        for key in 0..MAX_KEYS + 10 {
            assert_eq!(limit.check(key, now), Ok(()));
        }
        assert!(limit.used_until.lock().unwrap().len() <= MAX_KEYS);
    }
}
