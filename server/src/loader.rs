//! Reads the digest index into memory after the start, beside everything else.

use std::io;
use std::time::{Duration, Instant};

use actix_web::web;

use crate::state::State;
use crate::stopping::Background;
use crate::sweeper::DisplayChain;

/// Starts a thread that ends when the index is in memory, or does not fit.
pub(crate) fn start(state: web::Data<State>) -> io::Result<Background> {
    Background::start("loader", move |stopping| {
        let began = Instant::now();
        let stop = || stopping.wait(Duration::ZERO);
        match state.store.load(&stop) {
            Ok(true) => {
                let bytes = state.store.resident_bytes().unwrap_or(0);
                let millis = began.elapsed().as_millis();
                tracing::info!(bytes, millis, "the digest index is in memory");
            }
            Ok(false) if stop() || state.settings.index_memory_bytes == 0 => {}
            Ok(false) => tracing::warn!(
                "the digest index needs more memory than index_memory_bytes: \
                 look-ups read the store, which is slower"
            ),
            Err(error) => tracing::warn!(
                error = %DisplayChain(&error),
                "the digest index cannot be read into memory"
            ),
        }
    })
}
