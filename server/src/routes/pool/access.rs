//! Which files of the pool a request may read.

use hashget_words::digest::Digest;

use crate::error::ApiError;
use crate::view::View;

/// Whether a file is one that a project of the reader put. Of a file that no project is known to have put,
/// their records decide.
pub(super) fn may_read(state: &View<'_>, digest: &Digest) -> Result<bool, ApiError> {
    if state.is_whole() {
        return Ok(true);
    }
    let shows = state.owners.has(digest, |owner| {
        let project = owner.project.as_ref();
        project.is_some_and(|project| state.shows(project))
    });
    let is_of_others = state.owners.has(digest, |owner| owner.project.is_some());
    match (shows, is_of_others) {
        (Some(true), _) => Ok(true),
        (_, Some(true)) => Ok(false),
        _ => {
            let found = state.store.find_digests(std::slice::from_ref(digest))?;
            Ok(!found.concat().is_empty())
        }
    }
}
