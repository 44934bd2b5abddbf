//! Whose submission is worked on next: senders take turns, and hosts without an address come last.

use std::collections::{HashMap, HashSet};

use super::journal::Sender;

/// Hosts and senders that are remembered; with more of them the turns begin anew.
const MAX_KNOWN: usize = 10_000;

/// What the order of the queue goes by.
#[derive(Default)]
pub(super) struct Turns {
    without_address: HashSet<String>,
    by_sender: HashMap<Sender, Turn>,
    count: u64,
}

#[derive(Clone, Copy, Default)]
struct Turn {
    /// How many of the sender's are being worked on.
    working: usize,
    /// When the last one of the sender's was begun.
    last: u64,
}

/// A place in the order; the least is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    is_without_address: bool,
    working: usize,
    last: u64,
}

impl Turns {
    /// The place of a submission for a host by a sender.
    pub(super) fn of(&self, host: &str, sender: Option<&Sender>) -> Rank {
        let turn = sender.and_then(|sender| self.by_sender.get(sender));
        let turn = turn.copied().unwrap_or_default();
        Rank {
            is_without_address: self.without_address.contains(host),
            working: turn.working,
            last: turn.last,
        }
    }

    /// A submission of `sender` is worked on.
    pub(super) fn begin(&mut self, sender: &Sender) {
        if self.by_sender.len() >= MAX_KNOWN {
            self.by_sender.retain(|_, turn| turn.working > 0);
        }
        self.count += 1;
        let turn = self.by_sender.entry(sender.clone()).or_default();
        turn.working += 1;
        turn.last = self.count;
    }

    /// A submission of `sender` is no longer worked on.
    pub(super) fn end(&mut self, sender: &Sender) {
        if let Some(turn) = self.by_sender.get_mut(sender) {
            turn.working = turn.working.saturating_sub(1);
        }
    }

    /// Notes whether a host has an address.
    pub(super) fn note_host(&mut self, host: String, has_address: bool) {
        if has_address {
            self.without_address.remove(&host);
            return;
        }
        if self.without_address.len() >= MAX_KNOWN {
            self.without_address.clear();
        }
        self.without_address.insert(host);
    }
}
