//! `GET readyz`: may requests be sent to this server?

use serde::{Deserialize, Serialize};

/// The answer of a server that is ready; one that is not answers 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyResponse {
    /// True in every answer: a server that is not ready sends an error instead.
    pub ready: bool,
    /// Whether it takes writes, too; false while its disk is full.
    pub writable: bool,
}
