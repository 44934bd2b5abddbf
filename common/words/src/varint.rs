//! Numbers in as few bytes as they need: seven bits a byte, the lowest first, the high bit set on
//! all bytes but the last; at most [`MAX_BYTES`].

use std::io::{self, Read};

/// The most bytes of a number.
pub const MAX_BYTES: usize = 10;

/// Appends a number.
pub fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Takes a number off the front of `bytes`; `None` if they end too soon or it is beyond 64 bits.
pub fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut reader = VarintReader::default();
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        match reader.push(*byte) {
            Step::More => {}
            Step::Done(number) => return Some(number),
            Step::TooLarge => return None,
        }
    }
}

/// Reads a number; `None` if it is beyond 64 bits.
///
/// # Errors
///
/// [`io::ErrorKind::UnexpectedEof`] if the input ends too soon, and what reading fails with.
pub fn read(input: &mut dyn Read) -> io::Result<Option<u64>> {
    let mut reader = VarintReader::default();
    loop {
        let mut byte = [0];
        input.read_exact(&mut byte)?;
        match reader.push(byte[0]) {
            Step::More => {}
            Step::Done(number) => return Ok(Some(number)),
            Step::TooLarge => return Ok(None),
        }
    }
}

/// A number of which some bytes were read.
#[derive(Default)]
struct VarintReader {
    number: u64,
    shift: u32,
}

enum Step {
    More,
    Done(u64),
    TooLarge,
}

impl VarintReader {
    fn push(&mut self, byte: u8) -> Step {
        let bits = u64::from(byte & 0x7f);
        if (bits << self.shift) >> self.shift != bits {
            return Step::TooLarge;
        }
        self.number |= bits << self.shift;
        self.shift += 7;
        if byte < 0x80 {
            Step::Done(self.number)
        } else if self.shift > u64::BITS {
            Step::TooLarge
        } else {
            Step::More
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_these_bytes() {
        for (number, bytes) in [
            (0, &[0][..]),
            (127, &[0x7f]),
            (128, &[0x80, 1]),
            (300, &[0xac, 2]),
            (
                u64::MAX,
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            ),
        ] {
            let mut out = Vec::new();
            put(&mut out, number);
            assert_eq!(out, bytes);
            assert!(out.len() <= MAX_BYTES);
        }
    }

    #[test]
    fn what_is_too_large_or_cut_short_is_no_number() {
        for too_large in [&[0xff; 10][..], &[0x80; 11]] {
            assert_eq!(take(&mut &too_large[..]), None);
            assert_eq!(read(&mut &too_large[..]).unwrap(), None);
        }
        assert_eq!(take(&mut &[0x80][..]), None);
        let cut = read(&mut &[0x80][..]).unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    }

    proptest! {
        #[test]
        fn numbers_round_trip(number: u64, rest: Vec<u8>) {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            bytes.extend(&rest);
            let mut left = &bytes[..];
            prop_assert_eq!(take(&mut left), Some(number));
            prop_assert_eq!(left, &rest[..]);
            let mut input = &bytes[..];
            prop_assert_eq!(read(&mut input).unwrap(), Some(number));
            prop_assert_eq!(input, &rest[..]);
        }

        #[test]
        fn both_ways_of_reading_agree(bytes: Vec<u8>) {
            let (mut slice, mut input) = (&bytes[..], &bytes[..]);
            prop_assert_eq!(take(&mut slice), read(&mut input).ok().flatten());
        }
    }
}
