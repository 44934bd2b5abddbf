//! How much memory the bodies of requests, or of answers, take, all together and those of each client.
//!
//! The body of a request is held until it was read and understood, that of an answer until the client has taken it.
//! What one of them may be is bounded, and so is the number of connections, but their product is more
//! memory than a machine has.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The bodies that are held.
pub(crate) struct MemoryBudget {
    max_bytes: u64,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    bytes: u64,
    by_client: HashMap<IpAddr, u64>,
}

/// What a body takes, until it is dropped.
pub(crate) struct Share {
    memory: Arc<MemoryBudget>,
    client: IpAddr,
    bytes: u64,
}

impl MemoryBudget {
    /// None is held, and never more than `max_bytes`, but at least two of the largest bodies.
    pub(crate) fn new(max_bytes: u64, largest_body: u64) -> Self {
        Self {
            max_bytes: max_bytes.max(largest_body.saturating_mul(2)),
            held: Mutex::default(),
        }
    }

    /// How many bytes are held.
    pub(crate) fn bytes(&self) -> u64 {
        self.held().bytes
    }

    /// How much one client may hold.
    pub(crate) fn bytes_of_client(&self) -> u64 {
        self.max_bytes / 2
    }

    /// The share of a body that has not come yet.
    pub(crate) fn share(self: &Arc<Self>, client: IpAddr) -> Share {
        Share {
            memory: Arc::clone(self),
            client,
            bytes: 0,
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Whether there is room for so much more. One client gets no more than a half, so that
    /// others are served beside it.
    pub(crate) fn grow(&mut self, bytes: u64) -> bool {
        let max_bytes = self.memory.max_bytes;
        let mut held = self.memory.held();
        let of_client = held.by_client.get(&self.client).copied().unwrap_or(0);
        if held.bytes + bytes > max_bytes || of_client + bytes > self.memory.bytes_of_client() {
            return false;
        }
        held.bytes += bytes;
        held.by_client.insert(self.client, of_client + bytes);
        self.bytes += bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut held = self.memory.held();
        held.bytes -= self.bytes;
        if let Some(of_client) = held.by_client.get_mut(&self.client) {
            *of_client -= self.bytes;
            if *of_client == 0 {
                held.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_a_half_and_all_get_the_whole() {
        let memory = Arc::new(MemoryBudget::new(100, 10));
        let client = |n: u8| IpAddr::from([192, 0, 2, n]);
        let (mut a, mut b, mut c) = (
            memory.share(client(1)),
            memory.share(client(1)),
            memory.share(client(2)),
        );
        assert!(a.grow(30) && b.grow(20) && !b.grow(1));
        assert!(c.grow(50) && !c.grow(1));
        assert!(!memory.share(client(3)).grow(1));
        drop(a);
        assert!(!c.grow(1), "that is its half");
        assert!(memory.share(client(3)).grow(30) && b.grow(30));
        drop((b, c));
        assert_eq!(memory.bytes(), 0);
        assert!(memory.held().by_client.is_empty());
    }

    #[test]
    fn there_is_room_for_the_largest_body() {
        let memory = Arc::new(MemoryBudget::new(5, 100));
        let mut share = memory.share(IpAddr::from([192, 0, 2, 1]));
        assert!(share.grow(100) && !share.grow(1));
    }
}
