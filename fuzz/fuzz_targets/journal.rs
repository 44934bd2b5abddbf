//! Fuzzes `drive_client::journal`.

#![no_main]

#[path = "../src/drive_client.rs"]
mod drive_client;

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive_client::journal(data));
