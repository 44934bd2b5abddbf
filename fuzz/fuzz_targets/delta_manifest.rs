//! Fuzzes `drive_client::delta_manifest`.

#![no_main]

#[path = "../src/drive_client.rs"]
mod drive_client;

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive_client::delta_manifest(data));
