//! The hashserver: a shared index of packages and of the files inside them, over HTTP.
//!
//! [`settings`] say how it runs, [`startup`] brings it up. A request passes [`auth`], its body
//! comes through `body`, a file of `routes` per noun answers it from its `view` of the store (records) or
//! the [`pool`] (bytes), and whatever goes wrong becomes one `error` envelope. The server holds
//! no state but the store, the pool, the token file and the queue of `submissions`, whose packages
//! it `fetch`es by itself. The `sweeper` deletes what expired, the `housekeeper` reads renewed
//! certificates and notes the store's `growth`, the `loader` has the store read its index into memory, `answers` keeps records
//! that were sent lately, the builder of `filters` keeps up what clients download, the `checker` finds out
//! which sources are dead (`health`).

mod access_log;
mod answers;
pub mod auth;
mod body;
mod byte_range;
mod checker;
mod client_address;
mod connections;
mod disk;
mod error;
mod etag;
mod fetch;
mod filters;
mod form_head;
mod growth;
mod health;
mod housekeeper;
mod listen;
mod loader;
mod memory_budget;
mod metrics;
pub mod pool;
mod rate_limit;
mod routes;
pub mod settings;
pub mod startup;
pub mod state;
mod stopping;
mod submissions;
mod sweeper;
pub mod tls;
mod view;
mod wire;
