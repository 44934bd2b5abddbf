//! Deletes expired records, and litter in the pool.
//!
//! Expired records are never answered in the first place; deleting them only makes room.

use std::io;
use std::time::Duration;

use actix_web::web;

use crate::error::ApiError;
use crate::state::State;
use crate::stopping::Background;

/// How many records go at a time, so that publishers need not wait long.
const BATCH_PACKAGES: usize = 100;
/// How old an unfinished upload must be to be litter.
const LITTER_AGE: Duration = Duration::from_secs(24 * 3600);

/// Starts a thread that sweeps now and then at intervals, and stops after the batch in hand.
pub(crate) fn start(state: web::Data<State>) -> io::Result<Background> {
    Background::start("sweeper", move |stopping| {
        let interval = state.settings.sweep_interval;
        loop {
            if let Err(error) = sweep(&state, || stopping.wait(Duration::ZERO)) {
                tracing::warn!(error = %DisplayChain(&error), "sweeping failed");
            }
            if stopping.wait(interval) {
                return;
            }
        }
    })
}

fn sweep(state: &State, is_stopping: impl Fn() -> bool) -> Result<(), ApiError> {
    let mut removed_packages = 0;
    while !is_stopping() {
        state.disk.require_for_removing()?;
        let expired = state.store.expired((state.clock)(), BATCH_PACKAGES)?;
        // Nothing removed means that the store holds on to them; asking again would not end.
        match state.store.remove(&expired)? {
            0 => break,
            removed => removed_packages += removed,
        }
    }
    let litter_files = state.pool.sweep(LITTER_AGE)?;
    if removed_packages + litter_files > 0 {
        tracing::info!(removed_packages, litter_files, "swept");
    }
    Ok(())
}

/// An error with its causes, on one line.
pub(crate) struct DisplayChain<'a>(pub(crate) &'a dyn std::error::Error);

impl std::fmt::Display for DisplayChain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}
