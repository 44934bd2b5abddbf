//! `GET api/v1/filter`: lets a client find out by itself which digests a server probably
//! knows. The pieces are at `api/v1/filter/{digest}`, in the format of [`hashget_words::filter`].

use serde::{Deserialize, Serialize};

use hashget_words::digest::Digest;

/// The pieces of the filter that the server has now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterResponse {
    /// How many of a digest's first bits choose its shard; at most 16.
    pub prefix_bits: u32,
    /// Two to the power of `prefix_bits` shards.
    pub shards: Vec<FilterPiece>,
    /// What was published since the shards were built; absent if nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recent: Option<FilterPiece>,
    /// True if shards and `recent` cover everything that the server knows. False if too much was
    /// published since the shards were built.
    pub complete: bool,
}

/// One piece of the filter, fetched by its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterPiece {
    /// The SHA-256 of its bytes, which names it.
    pub sha256: Digest,
    /// The size of the piece, in bytes.
    pub bytes: u64,
}

/// The number of the shard that a digest belongs to.
pub fn shard_of(digest: &Digest, prefix_bits: u32) -> usize {
    let [a, b, ..] = *digest.as_bytes();
    let first = u32::from(u16::from_be_bytes([a, b]));
    (first >> (16 - prefix_bits.min(16))) as usize
}
