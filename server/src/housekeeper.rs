//! What happens once in a while: the uses of tokens and the store's growth are written down, and
//! certificates that were renewed are read.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::web;

use crate::growth::Held;
use crate::state::State;
use crate::stopping::Background;
use crate::sweeper::DisplayChain;
use crate::tls::Certificates;

/// How often the files of TLS are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// How often the uses of tokens are written down.
const SAVE_INTERVAL: Duration = Duration::from_secs(60);
/// How often it is noted what the store holds.
const NOTE_INTERVAL: Duration = Duration::from_secs(600);

/// Starts the thread.
pub(crate) fn start(
    state: web::Data<State>,
    certificates: Option<Arc<Certificates>>,
) -> io::Result<Background> {
    Background::start("housekeeper", move |stopping| {
        let mut saved = Instant::now();
        // At once, too: how much there was at the start, and of days without a change.
        note_growth(&state);
        let mut noted = Instant::now();
        while !stopping.wait(LOOK_INTERVAL) {
            if let Some(certificates) = &certificates
                && certificates.have_changed()
            {
                reload(certificates);
            }
            if saved.elapsed() >= SAVE_INTERVAL {
                save(&state);
                saved = Instant::now();
            }
            if noted.elapsed() >= NOTE_INTERVAL {
                note_growth(&state);
                noted = Instant::now();
            }
        }
        save(&state);
        note_growth(&state);
    })
}

/// Reads the certificate again; at an error the old one stays.
pub(crate) fn reload(certificates: &Certificates) {
    match certificates.reload() {
        Ok(()) => tracing::info!("the certificate was read again"),
        Err(error) => tracing::error!("the certificate stays as it was: {}", DisplayChain(&error)),
    }
}

fn save(state: &State) {
    let Ok(tokens) = state.tokens.tokens() else {
        return;
    };
    let known = |id: &str| tokens.iter().any(|token| token.id == id);
    if let Err(error) = state.token_uses.save(known) {
        tracing::warn!("cannot write down when tokens were used: {error}");
    }
}

fn note_growth(state: &State) {
    match state.store.stats() {
        Ok(holds) => state.growth.note((state.clock)(), Held::from(&holds)),
        Err(error) => return tracing::warn!("cannot ask what the store holds: {error}"),
    }
    if let Err(error) = state.growth.save() {
        tracing::warn!("cannot write down what the store holds: {error}");
    }
}
