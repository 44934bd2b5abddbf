//! Packages that clients submitted: the server fetches, indexes and publishes them by itself.
//!
//! The queue is a directory with one small file a submission, written before a client is told that
//! it was accepted, so that it survives restarts; what was being worked on at a crash is done
//! again, which changes nothing if it was done. It is bounded, and so is what is remembered of
//! the finished ones. Each sender has a share of the places and takes turns with the others; hosts without
//! an address come last.

mod journal;
mod queue;
mod turns;
mod worker;

pub(crate) use journal::{JournalError, Sender};
pub(crate) use queue::{Enqueued, Places, Submissions};
pub(crate) use worker::Workers;
