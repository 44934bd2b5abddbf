//! `POST api/v1/range` and `GET api/v1/range/{bits}/{prefix}`: everything that is known about
//! digests that begin with some bits. The server learns those bits and no digest.

use serde::{Deserialize, Serialize};

use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::package_summary::PackageSummary;

/// The question; at most [`super::MAX_LOOKUP_KEYS`] prefixes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RangeRequest {
    /// How many first bits of each digest are sent, from 8 to 32.
    pub bits: u32,
    /// The first bits, as numbers.
    pub prefixes: Vec<u32>,
    /// Only packages that live at least this long; absent: every package that has not expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expiry>,
}

/// The packages and digests that begin with the bits asked for; at most [`MAX_RANGE_DIGESTS`] digests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RangeResponse {
    /// The packages found.
    pub packages: Vec<PackageSummary>,
    /// Every known digest that begins with one of the prefixes, and its places in `packages`.
    pub digests: Vec<(Digest, Vec<u32>)>,
    /// Nothing: it rounds the answer up, so that its length gives little away.
    #[serde(default)]
    pub padding: String,
}

/// The most digests that one answer names.
pub const MAX_RANGE_DIGESTS: usize = 500_000;

/// The first bits of a digest, as a number; at most 32.
pub fn prefix_of(digest: &Digest, bits: u32) -> u32 {
    let [a, b, c, d, ..] = *digest.as_bytes();
    let first = u64::from(u32::from_be_bytes([a, b, c, d]));
    u32::try_from(first >> (32 - bits.min(32))).unwrap_or(0)
}
