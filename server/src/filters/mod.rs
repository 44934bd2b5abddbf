//! The filter that clients download: which digests this server probably knows.
//!
//! It is built in the background, in shards by the first bits of the digests, when the store has
//! changed, and not so often that building takes more than a small part of the time. What was
//! published since is in a small filter of its own, made when it is asked for: a filter must
//! never deny what is there.

mod build;
mod builder;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::web::Bytes;
use hashget_api::{FilterPiece, FilterResponse};
use hashget_store::{PackageStore, StoreError};
use hashget_words::digest::Digest;

pub(crate) use builder::Builder;

use build::Shards;

/// What clients may download now.
#[derive(Default)]
pub(crate) struct Filters {
    current: Mutex<Option<Arc<Shards>>>,
    recent: Mutex<Option<Arc<Recent>>>,
}

/// What was published after the shards were built.
struct Recent {
    /// Of which shards.
    shards: Arc<Shards>,
    /// At which state of the store.
    changes: u64,
    manifest: FilterResponse,
    piece: Option<(Digest, Bytes)>,
}

impl Filters {
    /// What there is to download; `None` if nothing was built yet.
    pub(crate) fn manifest(
        &self,
        store: &dyn PackageStore,
    ) -> Result<Option<FilterResponse>, StoreError> {
        let Some(shards) = lock(&self.current).clone() else {
            return Ok(None);
        };
        let changes = store.changes();
        if let Some(recent) = &*lock(&self.recent)
            && recent.changes == changes
            && Arc::ptr_eq(&recent.shards, &shards)
        {
            return Ok(Some(recent.manifest.clone()));
        }
        let recent = recent_of(shards, changes, store)?;
        let manifest = recent.manifest.clone();
        *lock(&self.recent) = Some(Arc::new(recent));
        Ok(Some(manifest))
    }

    /// The bytes of a piece, if it is still in use.
    pub(crate) fn piece(&self, sha256: &Digest) -> Option<Bytes> {
        if let Some(recent) = &*lock(&self.recent)
            && let Some((_, bytes)) = recent.piece.as_ref().filter(|piece| piece.0 == *sha256)
        {
            return Some(bytes.clone());
        }
        let shards = lock(&self.current).clone()?;
        shards.by_digest.get(sha256).cloned()
    }

    fn set(&self, shards: Shards) {
        *lock(&self.current) = Some(Arc::new(shards));
    }
}

fn recent_of(
    shards: Arc<Shards>,
    changes: u64,
    store: &dyn PackageStore,
) -> Result<Recent, StoreError> {
    let (piece, complete) = match build::recent(&shards, changes, store)? {
        build::RecentKeys::None => (None, true),
        build::RecentKeys::TooMany => (None, false),
        build::RecentKeys::Filter(bytes) => (Some((Digest::of(&bytes), bytes)), true),
    };
    let describe = |(sha256, bytes): &(Digest, Bytes)| FilterPiece {
        sha256: *sha256,
        bytes: bytes.len() as u64,
    };
    let manifest = FilterResponse {
        prefix_bits: shards.prefix_bits,
        shards: shards.pieces.clone(),
        recent: piece.as_ref().map(describe),
        complete,
    };
    Ok(Recent {
        shards,
        changes,
        manifest,
        piece,
    })
}

type Pieces = HashMap<Digest, Bytes>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
