//! Fuzzes `drive::lookup_answer`.

#![no_main]

#[path = "../src/drive.rs"]
mod drive;

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive::lookup_answer(data));
