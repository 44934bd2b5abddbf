//! Fuzzes `drive_delta::apply_patch`.

#![no_main]

#[path = "../src/drive_delta.rs"]
mod drive_delta;

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive_delta::apply_patch(data));
