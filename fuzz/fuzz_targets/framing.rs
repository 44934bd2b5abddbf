//! Fuzzes `drive_server::framing`.

#![no_main]

#[path = "../src/drive_server.rs"]
mod drive_server;

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive_server::framing(data));
