//! SHA-256 digests, and the `sha256:…`/`md5:…` spelling of them.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// The SHA-256 of some bytes.
///
/// Displayed and parsed as 64 lower-case hexadecimal digits; upper case is read too.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; Digest::BYTES]);

impl Ord for Digest {
    fn cmp(&self, other: &Self) -> Ordering {
        // Digests that differ do so in the first bytes, and numbers are compared at once.
        let head = |digest: &Self| digest.0.first_chunk().copied().map(u64::from_be_bytes);
        head(self)
            .cmp(&head(other))
            .then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Digest {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Digest {
    /// The length of a SHA-256 in bytes.
    pub const BYTES: usize = 32;

    /// The digest with these raw bytes.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// The digits that it is displayed as.
    pub fn hex(&self) -> [u8; 2 * Self::BYTES] {
        let mut digits = [0; 2 * Self::BYTES];
        put_hex(&mut digits, &self.0);
        digits
    }

    /// Hashes `data` in one go.
    pub fn of(data: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(data).into())
    }

    /// The path that a pool or a hashserver keeps a digest under:
    /// `<h0h1>/<h2h3>/<h4h5>/<other 58 digits>`.
    pub fn sharded_path(&self) -> String {
        let hex = self.to_string();
        format!("{}/{}/{}/{}", &hex[..2], &hex[2..4], &hex[4..6], &hex[6..])
    }

    /// Reads what [`Digest::sharded_path`] wrote.
    pub fn from_sharded_path(path: &str) -> Result<Self, ParseHashError> {
        let shape = || ParseHashError::Shape(path.to_owned());
        let mut digits = [0; 2 * Self::BYTES];
        let mut parts = path.split('/');
        let mut rest = &mut digits[..];
        for length in [2, 2, 2, 2 * Self::BYTES - 6] {
            let part = parts.next().ok_or_else(shape)?;
            let (place, behind) = rest.split_at_mut(length);
            if part.len() != length {
                return Err(shape());
            }
            place.copy_from_slice(part.as_bytes());
            rest = behind;
        }
        if parts.next().is_some() {
            return Err(shape());
        }
        hex_bytes(&digits).map(Self).ok_or_else(shape)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(hex(&self.0, &mut [0; _]))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_hex(text).map(Self)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(hex(&self.0, &mut [0; _]))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromStrVisitor::new("64 hexadecimal digits"))
    }
}

/// A hash with the name of its function: `sha256:<64 hex>` or `md5:<32 hex>`.
///
/// MD5 only ever names a whole package file, as the original recorded it; nothing is trusted
/// because of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashSpec {
    /// The SHA-256 of a file.
    Sha256(Digest),
    /// The MD5 of a package file.
    Md5([u8; 16]),
}

impl HashSpec {
    /// The SHA-256, if that is what this is.
    pub fn sha256(&self) -> Option<Digest> {
        match self {
            Self::Sha256(digest) => Some(*digest),
            Self::Md5(_) => None,
        }
    }
}

impl From<Digest> for HashSpec {
    fn from(digest: Digest) -> Self {
        Self::Sha256(digest)
    }
}

impl fmt::Display for HashSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digest) => write!(f, "sha256:{digest}"),
            Self::Md5(bytes) => {
                f.write_str("md5:")?;
                f.write_str(hex(bytes, &mut [0; _]))
            }
        }
    }
}

impl FromStr for HashSpec {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("sha256", hex)) => hex.parse().map(Self::Sha256),
            Some(("md5", hex)) => parse_hex(hex).map(Self::Md5),
            _ => Err(ParseHashError::Shape(text.to_owned())),
        }
    }
}

impl Serialize for HashSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HashSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromStrVisitor::new("sha256:<64 hex> or md5:<32 hex>"))
    }
}

/// Why a text is no digest or hashspec.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ParseHashError {
    /// The number of hexadecimal digits is wrong.
    #[error("expected {expected} hexadecimal digits, found {found} characters")]
    Length {
        /// How many digits this hash has.
        expected: usize,
        /// How many characters were given.
        found: usize,
    },
    /// A character is no hexadecimal digit.
    #[error("{0:?} is not hexadecimal")]
    Digit(String),
    /// Neither `sha256:…` nor `md5:…`.
    #[error("{0:?} is not of the form sha256:<64 hex digits> or md5:<32 hex digits>")]
    Shape(String),
}

/// Writes at most 32 bytes as hexadecimal digits.
fn hex<'t>(bytes: &[u8], text: &'t mut [u8; 2 * Digest::BYTES]) -> &'t str {
    put_hex(text, bytes);
    let text = text.get(..2 * bytes.len()).unwrap_or_default();
    // Digits are UTF-8.
    std::str::from_utf8(text).unwrap_or_default()
}

fn put_hex(digits: &mut [u8], bytes: &[u8]) {
    // Sums in place of a table: so many digits are made at a time.
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], ParseHashError> {
    if text.len() != 2 * N {
        return Err(ParseHashError::Length {
            expected: 2 * N,
            found: text.chars().count(),
        });
    }
    hex_bytes(text.as_bytes()).ok_or_else(|| ParseHashError::Digit(text.to_owned()))
}

/// The bytes that twice as many hexadecimal digits say. Look-ups read very many of them: without
/// tables and branches many are read at a time, and the wrong ones count at the end.
fn hex_bytes<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let value = |digit: u8| (digit & 0x0f) + 9 * (digit >> 6);
    let is_wrong = |digit: u8| {
        let is_decimal = digit.wrapping_sub(b'0') < 10;
        let is_letter = (digit | 0x20).wrapping_sub(b'a') < 6;
        u8::from(!is_decimal) & u8::from(!is_letter)
    };
    let mut bytes = [0; N];
    let mut wrong = 0;
    for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        wrong |= is_wrong(*high) | is_wrong(*low);
        *byte = value(*high) << 4 | value(*low);
    }
    (wrong == 0).then_some(bytes)
}

/// Deserializes anything that is written as a string and parsed by [`FromStr`].
pub(crate) struct FromStrVisitor<T> {
    expected: &'static str,
    value: std::marker::PhantomData<T>,
}

impl<T> FromStrVisitor<T> {
    pub(crate) fn new(expected: &'static str) -> Self {
        Self {
            expected,
            value: std::marker::PhantomData,
        }
    }
}

impl<T: FromStr<Err: fmt::Display>> de::Visitor<'_> for FromStrVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_digest_of_the_empty_file() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), hex);
        assert_eq!(
            Digest::of(b"").sharded_path(),
            format!("e3/b0/c4/{}", &hex[6..])
        );
    }

    #[test]
    fn wrong_texts_are_named() {
        assert_eq!(
            "abc".parse::<Digest>(),
            Err(ParseHashError::Length {
                expected: 64,
                found: 3
            })
        );
        let not_hex = "g".repeat(64);
        assert_eq!(
            not_hex.parse::<Digest>(),
            Err(ParseHashError::Digit(not_hex))
        );
        assert!(matches!(
            "sha1:00".parse::<HashSpec>(),
            Err(ParseHashError::Shape(_))
        ));
        assert!("é".repeat(32).parse::<Digest>().is_err());
    }

    #[test]
    fn serde_uses_the_text() {
        let spec = HashSpec::from(Digest::of(b"x"));
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(json, format!("\"{spec}\""));
        assert_eq!(serde_json::from_str::<HashSpec>(&json).unwrap(), spec);
        assert!(serde_json::from_str::<HashSpec>("7").is_err());
    }

    proptest! {
        #[test]
        fn digest_text_round_trips(bytes: [u8; 32]) {
            let digest = Digest::from_bytes(bytes);
            prop_assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
            prop_assert_eq!(digest.to_string().to_uppercase().parse::<Digest>(), Ok(digest));
            prop_assert_eq!(Digest::from_sharded_path(&digest.sharded_path()), Ok(digest));
        }

        #[test]
        fn hashspec_text_round_trips(sha256: [u8; 32], md5: [u8; 16]) {
            for spec in [HashSpec::Sha256(Digest::from_bytes(sha256)), HashSpec::Md5(md5)] {
                prop_assert_eq!(spec.to_string().parse::<HashSpec>(), Ok(spec));
            }
        }

        #[test]
        fn any_text_is_parsed_without_panic(text: String) {
            let _parsed = (text.parse::<Digest>(), text.parse::<HashSpec>(), Digest::from_sharded_path(&text));
        }
    }
}
