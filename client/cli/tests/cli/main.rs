//! The command lines, run as a user runs them.

// What fails in the bed fails the test.
#![expect(clippy::unwrap_used)]

mod admin;
mod bed;
mod delta;
mod help;
mod index_list;
mod lookup;
mod network;
mod output;
mod series;
mod settings;
mod silent_hosts;
mod transcript;
mod usage;
mod web;
