//! Where records and package files come from: the local `HashDB` and the hashservers behind one look-up ([`hash_db`]),
//! a hashserver's API ([`hash_server`]), pools, caches and downloads ([`sources`]).

#![allow(
    missing_docs,
    reason = "a crate of this workspace alone: a name that says all needs no sentence"
)]

pub mod hash_db;
pub mod hash_server;
pub mod http;
pub mod sources;
