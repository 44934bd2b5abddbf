//! A pause between questions to a host, over all threads.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Lets one question through every so often.
#[derive(Debug)]
pub struct Pace {
    pause: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub fn new(pause: Duration) -> Self {
        Self {
            pause,
            next: Mutex::new(None),
        }
    }

    /// Returns when the next question may be asked.
    pub fn wait(&self) {
        thread::sleep(self.reserve(Instant::now()));
    }

    /// How long to wait from `now` on; the turn is taken.
    fn reserve(&self, now: Instant) -> Duration {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = next.map_or(now, |next| next.max(now));
        *next = Some(turn + self.pause);
        turn - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_a_pause_apart() {
        let second = Duration::from_secs(1);
        let pace = Pace::new(second);
        let start = Instant::now();
        assert_eq!(pace.reserve(start), Duration::ZERO);
        assert_eq!(pace.reserve(start), second);
        assert_eq!(pace.reserve(start + second / 2), second * 3 / 2);
        assert_eq!(pace.reserve(start + second * 10), Duration::ZERO);
        assert_eq!(Pace::new(Duration::ZERO).reserve(start), Duration::ZERO);
    }
}
