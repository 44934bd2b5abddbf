//! Fuzzes `drive::deb822`.

#![no_main]

#[path = "../src/drive.rs"]
mod drive;

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive::deb822(data));
