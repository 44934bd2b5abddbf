//! Fuzzes `drive_delta::block_signature`.

#![no_main]

#[path = "../src/drive_delta.rs"]
mod drive_delta;

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive_delta::block_signature(data));
