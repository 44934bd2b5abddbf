//! `GET readyz`: may requests be sent to this server?

use serde::{Deserialize, Serialize};

/// The answer of a server that is ready; one that is not answers 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyResponse {
    /// Always true.
    pub ready: bool,
    /// Whether it takes writes, too; false while its disk is full.
    pub writable: bool,
}
