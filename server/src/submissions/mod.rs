//! Packages that clients submitted: the server fetches, indexes and publishes them by itself.
//!
//! The queue is a directory with one small file a submission, written before a client is told that
//! it was accepted, so that it survives restarts; what was being worked on at a crash is done
//! again, which changes nothing if it was done. It is bounded, and so is what is remembered of
//! the finished ones.

mod journal;
mod queue;
mod worker;

pub(crate) use journal::JournalError;
pub(crate) use queue::{Enqueued, Submissions};
pub(crate) use worker::Workers;
