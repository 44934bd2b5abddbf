//! Fuzzes `drive::content_coding`.

#![no_main]

#[path = "../src/drive.rs"]
mod drive;

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive::content_coding(data));
