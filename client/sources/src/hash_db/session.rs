//! The store of the local records, opened once for several methods.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use hashget_store::SledStore;

use super::HashDbError;

/// The store, while somebody in this process uses it.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedStore(Arc<Mutex<Weak<SledStore>>>);

impl SharedStore {
    /// The open store, else the one that `open` gives.
    pub(super) fn get_or_open(
        &self,
        open: impl FnOnce() -> Result<SledStore, HashDbError>,
    ) -> Result<Arc<SledStore>, HashDbError> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = shared.upgrade() {
            return Ok(store);
        }
        let store = Arc::new(open()?);
        *shared = Arc::downgrade(&store);
        Ok(store)
    }
}

/// Keeps a `HashDB` open for this process: other processes wait until it is dropped, so it must
/// not be held while a network or a user is waited for.
#[derive(Debug)]
pub struct HashDbSession {
    _store: Arc<SledStore>,
}

impl HashDbSession {
    pub(super) fn new(store: Arc<SledStore>) -> Self {
        Self { _store: store }
    }
}
