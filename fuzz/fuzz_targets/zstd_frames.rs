//! Fuzzes `drive::zstd_frames`.

#![no_main]

#[path = "../src/drive.rs"]
mod drive;

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive::zstd_frames(data));
