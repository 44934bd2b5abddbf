//! Round trips, and patches that mean harm.

use std::fs::File;
use std::io::{Seek, Write};

use hashget_words::digest::Digest;
use proptest::prelude::*;

use super::format::{COPY, END, Header, LITERAL, Method, Trailer, write_number};
use super::*;

fn file(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    file
}

fn by_signature(old: &[u8], new: &[u8]) -> (Vec<u8>, DiffStats) {
    let made = signature(&mut &old[..], old.len() as u64).unwrap();
    let made = Signature::from_bytes(&made.to_bytes()).unwrap();
    let mut out = Vec::new();
    let stats = diff(&made, &mut &new[..], &mut out, DiffOptions::default()).unwrap();
    assert_eq!(stats.patch_bytes, out.len() as u64);
    (out, stats)
}

fn by_old(old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let size = new.len() as u64;
    let options = DiffOptions::default();
    diff_with_old(&file(old), &mut &new[..], size, &mut out, options).unwrap();
    out
}

fn apply(old: &[u8], bytes: &[u8], most: u64) -> Result<Vec<u8>, PatchError> {
    let mut out = Vec::new();
    let done = patch(&file(old), &mut &bytes[..], &mut out, most)?;
    assert_eq!(done.sha256, Digest::of(&out));
    Ok(out)
}

fn check(old: &[u8], new: &[u8]) -> [usize; 2] {
    let (blocks, stats) = by_signature(old, new);
    assert_eq!(stats.sha256, Digest::of(new));
    let whole = by_old(old, new);
    for patch in [&blocks, &whole] {
        assert_eq!(apply(old, patch, new.len() as u64).unwrap(), new);
    }
    [blocks.len(), whole.len()]
}

/// Bytes that do not compress.
fn noise(seed: u64, count: usize) -> Vec<u8> {
    hashget_tests::Random::new(seed).bytes(count)
}

#[test]
fn what_stayed_costs_next_to_nothing() {
    let old = noise(1, 1 << 20);
    assert!(check(&old, &old).iter().all(|bytes| *bytes < 250));
    let mut inserted = old.clone();
    inserted.splice(500_000..500_000, *b"something new");
    assert!(check(&old, &inserted).iter().all(|bytes| *bytes < 3000));
    let moved = [&old[600_000..], &old[..600_000]].concat();
    assert!(check(&old, &moved).iter().all(|bytes| *bytes < 3000));
    let mut cut = old.clone();
    cut.drain(3000..900_000);
    assert!(check(&old, &cut).iter().all(|bytes| *bytes < 4000));
}

#[test]
fn edges_of_blocks_and_buffers() {
    let old = noise(2, 5000);
    for end in [0, 1, 1023, 1024, 1025, 2048, 4999, 5000] {
        check(&old, &old[..end]);
        check(&old[..end], &old);
    }
    // Longer than the buffers, with the shorter last block of the old file at the end.
    let old = noise(3, 6_000_001);
    let new = [&noise(4, 3_500_000), &old[..]].concat();
    let [blocks, _] = check(&old, &new);
    assert!(blocks < 3_510_000, "{blocks}");
    let zeros = vec![0; 3 << 20];
    assert!(check(&zeros, &zeros[..2_000_001]).iter().all(|b| *b < 300));
}

#[test]
fn a_wrong_old_file_is_noticed() {
    let old = noise(5, 50_000);
    let new = [&old[..], b"more"].concat();
    let mut other = old.clone();
    other[100] ^= 1;
    for patch in [by_signature(&old, &new).0, by_old(&old, &new)] {
        assert!(apply(&other, &patch, 1 << 20).is_err());
        let error = apply(&old[1..], &patch, 1 << 20).unwrap_err();
        assert!(matches!(error, PatchError::OldSize { .. }));
        let error = apply(&old, &patch, new.len() as u64 - 1).unwrap_err();
        assert!(matches!(error, PatchError::TooLong(_)), "{error}");
    }
}

#[test]
fn every_damage_is_noticed() {
    let old = noise(6, 9000);
    let new = [&old[..4000], b"in between", &old[3000..]].concat();
    for patch in [by_signature(&old, &new).0, by_old(&old, &new)] {
        for end in 0..patch.len() {
            assert!(apply(&old, &patch[..end], 1 << 20).is_err(), "cut at {end}");
        }
        let longer = [&patch[..], b"x"].concat();
        assert!(apply(&old, &longer, 1 << 20).is_err());
        for at in 0..patch.len() {
            let mut flipped = patch.clone();
            flipped[at] ^= 0x10;
            if let Ok(result) = apply(&old, &flipped, 1 << 20) {
                assert_eq!(result, new, "flipped at {at}");
            }
        }
    }
}

fn made_of(ops: &[u8], new: &[u8]) -> Vec<u8> {
    let mut patch = Vec::new();
    let header = Header {
        method: Method::Blocks,
        old_size: 100,
    };
    header.write(&mut patch).unwrap();
    patch.extend(zstd::encode_all(ops, 3).unwrap());
    let trailer = Trailer {
        new_size: new.len() as u64,
        sha256: Digest::of(new),
    };
    trailer.write(&mut patch).unwrap();
    patch
}

#[test]
fn hostile_steps_are_refused() {
    let old = vec![b'o'; 100];
    let step = |kind: u8, numbers: &[u64]| {
        let mut step = vec![kind];
        for number in numbers {
            write_number(&mut step, *number).unwrap();
        }
        step
    };
    let good = [step(COPY, &[98, 2]), step(LITERAL, &[1]), vec![b'x', END]].concat();
    assert_eq!(apply(&old, &made_of(&good, b"oox"), 3).unwrap(), b"oox");
    for hostile in [
        step(COPY, &[99, 2]),
        step(COPY, &[u64::MAX, 2]),
        step(COPY, &[2, u64::MAX]),
        step(COPY, &[0, 0]),
        step(LITERAL, &[0]),
        step(LITERAL, &[u64::MAX]),
        step(LITERAL, &[50]),
        step(7, &[]),
        [good.clone(), vec![0]].concat(),
        good[..good.len() - 1].to_vec(),
    ] {
        let patch = made_of(&hostile, b"");
        assert!(apply(&old, &patch, 1000).is_err(), "{hostile:?}");
    }
    // Small, but it copies without end.
    let many = step(COPY, &[0, 100]).repeat(1_000_000);
    let error = apply(&old, &made_of(&many, b""), 5000).unwrap_err();
    assert!(matches!(error, PatchError::TooLong(5000)));
}

#[test]
fn a_bomb_is_stopped() {
    let mut bomb = Vec::new();
    let header = Header {
        method: Method::Prefix,
        old_size: 0,
    };
    header.write(&mut bomb).unwrap();
    bomb.extend(zstd::encode_all(&vec![0; 50 << 20][..], 3).unwrap());
    let error = apply(b"", &bomb, 1 << 20).unwrap_err();
    assert!(matches!(error, PatchError::TooLong(_)));
    // A window larger than is granted.
    let mut wide = zstd::Encoder::new(Vec::new(), 1).unwrap();
    wide.window_log(31).unwrap();
    wide.write_all(b"x").unwrap();
    let mut patch = Vec::new();
    header.write(&mut patch).unwrap();
    patch.extend(wide.finish().unwrap());
    assert!(matches!(apply(b"", &patch, 10), Err(PatchError::Read(_))));
}

/// An edit: where, how much goes, what comes.
fn edited(old: &[u8], edits: &[(u16, u16, Vec<u8>)]) -> Vec<u8> {
    let mut new = old.to_vec();
    for (at, length, insert) in edits {
        let at = usize::from(*at) % (new.len() + 1);
        let end = (at + usize::from(*length)).min(new.len());
        new.splice(at..end, insert.iter().copied());
    }
    new
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_two_versions_round_trip(
        seed: u64,
        size in 0_usize..40_000,
        edits in proptest::collection::vec((any::<u16>(), 0_u16..3000, proptest::collection::vec(any::<u8>(), 0..50)), 0..8),
    ) {
        let old = noise(seed, size);
        let new = edited(&old, &edits);
        check(&old, &new);
        check(&new, &old);
    }

    #[test]
    fn garbage_never_panics(garbage: Vec<u8>, method in 1_u8..3) {
        let mut patch = Vec::new();
        Header { method: Method::Blocks, old_size: 10 }.write(&mut patch).unwrap();
        patch[8] = method;
        patch.extend(&garbage);
        prop_assert!(apply(b"0123456789", &patch, 1000).is_err());
        prop_assert!(apply(b"0123456789", &garbage, 1000).is_err());
        let made = made_of(&garbage, b"");
        prop_assert!(apply(&[b'o'; 100], &made, 1000).is_err() || garbage == [END]);
        prop_assert!(Signature::from_bytes(&garbage).is_err());
    }
}
