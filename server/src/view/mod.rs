//! What one request may read: the state, with a store that shows only the projects of its token.

mod store;

use std::ops::Deref;
use std::sync::Arc;

use actix_web::{HttpResponse, web};
use hashget_api::DeadSource;
use hashget_store::{PackageStore, StoreQuery, StoredPackage};
use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::PackageId;
use hashget_words::project::ProjectName;
use serde::Serialize;

use self::store::StoreView;
use crate::auth::{Reader, Signers};
use crate::error::ApiError;
use crate::memory_budget::Share;
use crate::state::{self, State};

/// How many dead sources are looked at together.
const CHUNK_SOURCES: usize = 1_000;

/// What a digest of a record takes while the record is read and written as JSON.
const BYTES_PER_DIGEST: u64 = 120;
/// Records that take less are not counted while they are read.
const COUNTED_BYTES: u64 = 64 * 1024;

/// Something large, and its share of the memory.
pub(crate) struct Held<T> {
    pub(crate) value: T,
    share: Option<Share>,
}

impl<T> Held<T> {
    /// The value, and what is to be kept until it is gone.
    pub(crate) fn into_parts(self) -> (T, Option<Share>) {
        (self.value, self.share)
    }
}

/// The state as a reader sees it.
pub(crate) struct View<'a> {
    state: &'a State,
    reader: Reader,
    /// Hides [`State::store`]: what is read through a view comes from here.
    pub(crate) store: Arc<dyn PackageStore>,
}

impl Deref for View<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        self.state
    }
}

impl<'a> View<'a> {
    /// What `reader` may see.
    pub(crate) fn new(state: &'a State, reader: Reader) -> Self {
        let whole = Arc::clone(&state.store);
        let store = match reader.projects() {
            None => whole,
            Some(projects) => Arc::new(StoreView::new(whole, Arc::clone(projects))),
        };
        Self {
            state,
            reader,
            store,
        }
    }

    /// Which projects answer for signatures.
    pub(crate) fn signers(&self) -> Result<Signers, ApiError> {
        let submit = &self.settings.submit;
        let strangers = submit.open.then(|| submit.project.clone());
        Ok(Signers::of(&self.tokens, strangers)?)
    }

    /// Takes so much of the memory for answers, until it is dropped.
    pub(crate) fn hold(&self, bytes: u64) -> Result<Share, ApiError> {
        let mut share = self.sending_memory.share(self.reader.client());
        if share.grow(bytes) {
            return Ok(share);
        }
        Err(ApiError::NoRoom)
    }

    /// A whole record, with the share of the memory that it takes to read it and to write it down once.
    pub(crate) fn record(&self, id: PackageId) -> Result<Option<Held<StoredPackage>>, ApiError> {
        let Some(summary) = self.store.summaries(&[id])?.into_iter().flatten().next() else {
            return Ok(None);
        };
        let digests = summary.files.saturating_add(summary.anchors);
        let bytes = digests.saturating_mul(BYTES_PER_DIGEST);
        let share = (bytes >= COUNTED_BYTES)
            .then(|| self.hold(bytes))
            .transpose()?;
        let found = self.store.get(&[id])?.into_iter().flatten().next();
        Ok(found.map(|value| Held { value, share }))
    }

    /// Whether all projects are seen, so that what is made of all of them may be answered.
    pub(crate) fn is_whole(&self) -> bool {
        self.reader.projects().is_none()
    }

    /// Whether a project is seen.
    pub(crate) fn shows(&self, project: &ProjectName) -> bool {
        self.reader.may_read(project)
    }

    /// How many sources are dead.
    pub(crate) fn dead_count(&self) -> Result<u64, ApiError> {
        if self.is_whole() {
            return Ok(self.health.dead_count());
        }
        Ok(self.dead_after("", usize::MAX)?.len() as u64)
    }

    /// The first dead sources behind a URL.
    pub(crate) fn dead_after(
        &self,
        after: &str,
        limit: usize,
    ) -> Result<Vec<DeadSource>, ApiError> {
        if self.is_whole() {
            return Ok(self.health.dead_after(after, limit));
        }
        let mut shown = Vec::new();
        let mut after = after.to_owned();
        loop {
            let some = self.health.dead_after(&after, CHUNK_SOURCES);
            let Some(last) = some.last() else {
                return Ok(shown);
            };
            after.clone_from(&last.url);
            for source in some {
                if self.has_url(&source.url)? {
                    shown.push(source);
                }
                if shown.len() == limit {
                    return Ok(shown);
                }
            }
        }
    }

    fn has_url(&self, url: &str) -> Result<bool, ApiError> {
        let mut query = StoreQuery {
            spec: PackageSpec::Url(url.to_owned()),
            project: None,
            after: None,
            limit: CHUNK_SOURCES,
            today: (self.clock)(),
        };
        loop {
            let page = self.store.list(&query)?;
            if !page.packages.is_empty() {
                return Ok(true);
            }
            if page.next.is_none() {
                return Ok(false);
            }
            query.after = page.next;
        }
    }
}

/// Does what waits for a disk on the pool of blocking threads, with what the reader may see.
pub(crate) async fn blocking<T: Send + 'static>(
    state: &web::Data<State>,
    reader: Reader,
    work: impl FnOnce(&View<'_>) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    state::blocking(state, move |state| work(&View::new(state, reader))).await
}

/// Answers with the JSON of what was read.
pub(crate) async fn blocking_json<T: Serialize>(
    state: &web::Data<State>,
    reader: Reader,
    work: impl FnOnce(&View<'_>) -> Result<T, ApiError> + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    state::blocking_json(state, move |state| work(&View::new(state, reader))).await
}
