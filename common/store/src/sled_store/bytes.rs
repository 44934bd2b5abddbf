//! The small binary encoding of stored values: varints, lengths and bytes.

use hashget_words::varint;

/// Appends a length and the bytes.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads stored bytes from the front; every method is `None` where they end too soon.
pub(super) struct ByteReader<'a>(pub(super) &'a [u8]);

impl<'a> ByteReader<'a> {
    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// The next varint.
    pub(super) fn varint(&mut self) -> Option<u64> {
        varint::take(&mut self.0)
    }

    /// The next varint, as a count of things in memory.
    pub(super) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok()
    }

    /// The next length and its bytes.
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.count()?;
        self.take(length)
    }

    /// The next length and its text.
    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_round_trip(number: u64, bytes: Vec<u8>, text: String) {
            let mut out = Vec::new();
            varint::put(&mut out, number);
            put_bytes(&mut out, &bytes);
            put_bytes(&mut out, text.as_bytes());
            let mut reader = ByteReader(&out);
            prop_assert_eq!(reader.varint(), Some(number));
            prop_assert_eq!(reader.bytes(), Some(&bytes[..]));
            prop_assert_eq!(reader.text(), Some(&text[..]));
            prop_assert_eq!(reader.byte(), None);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let mut reader = ByteReader(&bytes);
            let _read = (reader.varint(), reader.text(), reader.array::<4>(), reader.bytes());
        }
    }
}
