//! The tests of the whole system: real programs, real packages, real HTTP.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod attacks;
mod damage;
mod docs;
mod fidelity;
mod hostile;
mod kill;
mod main_job;
mod original;
mod random_packages;
mod real_packages;
mod seed_transcript;
mod series_server;
mod trust;
mod walls;
