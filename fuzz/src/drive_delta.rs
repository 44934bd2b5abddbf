//! What the fuzz targets of deltas do with their input; `client/tests/fuzz_corpus.rs` replays the
//! corpora through the same functions, without a fuzzer.

#![allow(dead_code, reason = "each target uses one of these functions")]

use std::io::{Seek, Write};

use hashget_delta::patch::{DiffOptions, Signature, diff, patch};

const MOST_BYTES: u64 = 1 << 20;
/// The old file of every patch: 5000 bytes that are easy to make.
fn old() -> Vec<u8> {
    (0..5000_u32).map(|n| (n * n / 7 % 251) as u8).collect()
}

/// A patch, for the old file.
pub(crate) fn apply_patch(data: &[u8]) {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&old()).expect("a written file");
    file.rewind().expect("a rewound file");
    let mut out = Vec::new();
    let done = patch(&file, &mut &data[..], &mut out, MOST_BYTES);
    assert!(
        out.len() as u64 <= MOST_BYTES,
        "more was written than allowed"
    );
    if let Ok(done) = done {
        assert_eq!(done.size, out.len() as u64);
    }
}

/// A block signature; one that is sound is used.
pub(crate) fn block_signature(data: &[u8]) {
    if let Ok(signature) = Signature::from_bytes(data) {
        assert_eq!(signature.to_bytes(), data);
        let mut out = Vec::new();
        let options = DiffOptions { level: 1 };
        diff(&signature, &mut &old()[..], &mut out, options).expect("a patch");
    }
}
