//! Every endpoint over real HTTP, against a server in this process on a free port.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod discreet;
mod full_disk;
mod hostile;
mod limits;
mod openapi;
mod operation;
mod pages;
mod pool;
mod pool_owners;
mod projects;
mod records;
mod submissions;
mod support;
mod sweep;
mod tls;
mod wire;
