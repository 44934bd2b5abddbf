//! Bytes as JSON strings, the way Python's `surrogateescape` and `ensure_ascii` write them.
//!
//! A file name is mostly UTF-8 but may be any bytes. Python decodes byte 0xNN (0x80 to 0xFF) that
//! is not part of valid UTF-8 to the lone surrogate U+DCNN, and its `json` writes that as
//! `\udcNN`. Ordinary JSON parsers reject lone surrogates in text; `serde_json` hands them out
//! only where *bytes* are asked for, encoded as three bytes (WTF-8).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

/// Bytes read from a JSON string with escaped lone surrogates.
pub struct EscapedBytes(pub Vec<u8>);

/// Writes `bytes` as an ASCII JSON string. Only for serializers of `serde_json`.
pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    if let Some(text) = plain(bytes) {
        return serializer.serialize_str(text);
    }
    let raw = RawValue::from_string(to_json(bytes)).map_err(ser::Error::custom)?;
    raw.serialize(serializer)
}

/// The bytes as text, if JSON writes it as it is: so are most names.
fn plain(bytes: &[u8]) -> Option<&str> {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    let text = bytes.iter().all(is_plain).then_some(bytes);
    text.and_then(|text| std::str::from_utf8(text).ok())
}

fn to_json(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut json = String::with_capacity(bytes.len() + 2);
    json.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => json.extend(['\\', c]),
                ' '..='~' => json.push(c),
                _ => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        // Writing to a String cannot fail.
                        let _ok = write!(json, "\\u{unit:04x}");
                    }
                }
            }
        }
        for byte in chunk.invalid() {
            let _ok = write!(json, "\\udc{byte:02x}");
        }
    }
    json.push('"');
    json
}

impl<'de> Deserialize<'de> for EscapedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(EscapedVisitor)
    }
}

struct EscapedVisitor;

impl de::Visitor<'_> for EscapedVisitor {
    type Value = EscapedBytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E: de::Error>(self, wtf8: &[u8]) -> Result<EscapedBytes, E> {
        from_wtf8(wtf8).map(EscapedBytes).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<EscapedBytes, E> {
        Ok(EscapedBytes(text.as_bytes().to_vec()))
    }
}

/// Replaces each encoded surrogate U+DC80..U+DCFF (`ED B2 80` to `ED B3 BF`) by its byte.
fn from_wtf8(wtf8: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::with_capacity(wtf8.len());
    let mut rest = wtf8;
    while !rest.is_empty() {
        match std::str::from_utf8(rest) {
            Ok(_) => {
                bytes.extend_from_slice(rest);
                break;
            }
            Err(error) => {
                let (valid, odd) = rest.split_at(error.valid_up_to());
                bytes.extend_from_slice(valid);
                match odd {
                    [0xED, high @ 0xB2..=0xB3, low @ 0x80..=0xBF, after @ ..] => {
                        bytes.push(((high & 1) << 6) | (low & 0x3F) | 0x80);
                        rest = after;
                    }
                    [0xED, 0xA0..=0xBF, 0x80..=0xBF, ..] => {
                        return Err(
                            "a lone surrogate that stands for no byte (only \\udc80 to \\udcff do)",
                        );
                    }
                    _ => return Err("text that is not UTF-8"),
                }
            }
        }
    }
    Ok(bytes)
}
