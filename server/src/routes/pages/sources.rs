//! Which packages could not be downloaded any more.

use url::form_urlencoded::byte_serialize;

use super::views::{Frame, Sources, number};
use crate::error::ApiError;
use crate::state::State;
use crate::view::View;

/// Sources on a page.
const PAGE_SOURCES: usize = 100;

pub(super) fn sources(state: &View<'_>, frame: Frame, after: &str) -> Result<Sources, ApiError> {
    let mut dead = state.dead_after(after, PAGE_SOURCES + 1)?;
    let has_more = dead.len() > PAGE_SOURCES;
    dead.truncate(PAGE_SOURCES);
    let last = dead.last().filter(|_| has_more);
    let next = last.map(|source| {
        let after: String = byte_serialize(source.url.as_bytes()).collect();
        format!("{}web/sources?after={after}", frame.root)
    });
    let summary = match state.dead_count()? {
        0 => "No source is known to be dead.".to_owned(),
        1 => "1 source is dead.".to_owned(),
        dead => format!("{} sources are dead.", number(dead)),
    };
    Ok(Sources {
        frame,
        rounds: rounds(state),
        summary,
        dead,
        next,
    })
}

/// When the sources were checked.
pub(super) fn rounds(state: &State) -> String {
    let (current, last) = state.health.rounds();
    match (state.settings.fetch.check_interval, current, last) {
        (None, _, None) => "This server does not check its sources.".to_owned(),
        (None, _, Some(last)) => {
            format!("The last round of checks began on {last}; there will be no other.")
        }
        (Some(_), None, None) => "No round of checks has begun.".to_owned(),
        (Some(_), Some(current), None) => {
            format!("The first round of checks began on {current} and goes on.")
        }
        (Some(_), None, Some(last)) => format!("The last round of checks began on {last}."),
        (Some(_), Some(current), Some(last)) => {
            format!("A round of checks began on {current} and goes on; the one before on {last}.")
        }
    }
}
