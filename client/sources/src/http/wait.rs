//! Waits that differ, so that many clients do not come back at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hashget_words::digest::Digest;

/// `wait` varied by up to half of it.
pub(super) fn jittered(wait: Duration) -> Duration {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let seed = format!("{since_epoch:?} {} {call}", std::process::id());
    let random = u32::from(Digest::of(seed.as_bytes()).as_bytes()[0]);
    wait / 2 + wait.saturating_mul(random) / 256
}
