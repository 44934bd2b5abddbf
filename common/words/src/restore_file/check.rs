//! The checksum at the end of a restore file.
//!
//! A restore file lies open in an unpacked directory, and with a letter changed it is mostly still
//! valid JSON. Its last member, `check`, is the SHA-256 of all bytes before the comma that
//! precedes this member.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::digest::{Digest, HashSpec};

/// The end of a file without the member, the member's name, and what is around the digest.
pub(super) const PLAIN_END: &[u8] = b"\n}\n";
const NAME: &[u8] = b"\"check\"";
const BEFORE: &[u8] = b",\n  \"check\": \"";
const AFTER: &[u8] = b"\"\n}\n";
/// How long the end with the member is.
pub(super) const END_BYTES: usize =
    BEFORE.len() + "sha256:".len() + 2 * Digest::BYTES + AFTER.len();

/// What is looked at before all the rest.
#[derive(Default, Deserialize)]
pub(super) struct Head {
    pub(super) version: Option<u32>,
    check: Option<IgnoredAny>,
}

impl Head {
    /// Whether the text is as it was written, as far as it can tell.
    pub(super) fn fits(&self, text: &[u8]) -> bool {
        // Of a text that is damaged so that no head was found, the end still tells.
        let end = &text[text.len().saturating_sub(120)..];
        let mut words = end.windows(NAME.len());
        let has_check = self.check.is_some() || words.any(|word| word == NAME);
        !has_check || has_right_end(text)
    }
}

/// Adds the member to a file written by `serde_json`, with a newline at its end.
pub(super) fn add(json: &mut Vec<u8>) {
    if !json.ends_with(PLAIN_END) {
        return;
    }
    json.truncate(json.len() - PLAIN_END.len());
    let end = end(Digest::of(json));
    json.extend(end);
}

/// The end of a file whose bytes before it have this digest.
pub(super) fn end(digest: Digest) -> Vec<u8> {
    let sum = HashSpec::from(digest).to_string();
    [BEFORE, sum.as_bytes(), AFTER].concat()
}

/// Whether the text ends with a member that fits what is before it.
pub(super) fn has_right_end(text: &[u8]) -> bool {
    let parts = || {
        let text = text.strip_suffix(AFTER)?;
        let at = text.len().checked_sub("sha256:".len() + 64)?;
        let (before, sum) = text.split_at(at);
        Some((before.strip_suffix(BEFORE)?, sum))
    };
    parts()
        .is_some_and(|(body, sum)| HashSpec::from(Digest::of(body)).to_string().as_bytes() == sum)
}
