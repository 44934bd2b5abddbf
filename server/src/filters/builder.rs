//! The thread that builds filters.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{io, thread};

use actix_web::web;

use super::{build, lock};
use crate::state::State;

/// At most one part in so many of the time goes into building.
const REST_FACTOR: u32 = 20;

/// A thread that builds filters when the store has changed, until it is stopped.
pub(crate) struct Builder {
    stopping: Arc<(Mutex<bool>, Condvar)>,
    thread: JoinHandle<()>,
}

impl Builder {
    /// Builds now and then whenever the store has changed.
    pub(crate) fn start(state: web::Data<State>) -> io::Result<Self> {
        let stopping = Arc::new((Mutex::new(false), Condvar::new()));
        let told = Arc::clone(&stopping);
        let thread = thread::Builder::new()
            .name("filter".to_owned())
            .spawn(move || run(&state, &told))?;
        Ok(Self { stopping, thread })
    }

    /// Stops after the shard in hand.
    pub(crate) fn stop(self) {
        *lock(&self.stopping.0) = true;
        self.stopping.1.notify_all();
        if self.thread.join().is_err() {
            tracing::error!("the filter's builder panicked");
        }
    }
}

fn run(state: &State, stopping: &(Mutex<bool>, Condvar)) {
    let Some(interval) = state.settings.filter_interval else {
        return;
    };
    loop {
        let began = Instant::now();
        let built = lock(&state.filters.current).clone();
        if built.is_none_or(|built| built.changes != state.store.changes()) {
            match build::shards(&*state.store, || *lock(&stopping.0)) {
                Ok(Some(shards)) => {
                    let pieces = shards.pieces.len();
                    state.filters.set(shards);
                    let millis = began.elapsed().as_millis();
                    tracing::info!(pieces, millis, "built the filter");
                }
                Ok(None) => return,
                Err(error) => tracing::warn!("the filter cannot be built: {error}"),
            }
        }
        if wait(stopping, interval.max(began.elapsed() * REST_FACTOR)) {
            return;
        }
    }
}

/// Waits for the time to pass or the order to stop; whether it was the order.
fn wait((flag, condition): &(Mutex<bool>, Condvar), time: Duration) -> bool {
    let waited = condition.wait_timeout_while(lock(flag), time, |stop| !*stop);
    *waited.unwrap_or_else(PoisonError::into_inner).0
}
