//! SHA-256 of many messages at once, one in each lane of the CPU's vectors.
//!
//! One message cannot be hashed faster than its blocks follow each other; sixteen messages at
//! once fill the registers of AVX-512, eight those of AVX2. Which is used is decided at run time; where
//! neither pays, messages are hashed one after another with `sha2`.

mod compress;
mod schedule;
mod sizes;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::digest::Digest;
use compress::Engine;

/// How many messages are hashed at once on this machine; 1 where lanes do not pay.
pub fn lanes() -> usize {
    Engine::detect().lanes()
}

/// Hashes every message; the digests in the same order.
///
/// Lanes are filled best when the messages are ordered by length, longest first.
pub fn digest_many(messages: &[&[u8]]) -> Vec<Digest> {
    digest_many_with(Engine::detect(), messages)
}

fn digest_many_with(engine: Engine, messages: &[&[u8]]) -> Vec<Digest> {
    // A single lane in use wastes the others.
    if engine.lanes() == 1 || messages.len() < 2 {
        return messages.iter().map(|message| Digest::of(message)).collect();
    }
    schedule::run(engine, messages)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every engine that this machine can run.
    fn engines() -> Vec<Engine> {
        Engine::available()
    }

    fn check(messages: &[&[u8]]) {
        let expected: Vec<Digest> = messages.iter().map(|message| Digest::of(message)).collect();
        for engine in engines() {
            assert_eq!(digest_many_with(engine, messages), expected, "{engine:?}");
        }
    }

    #[test]
    fn the_vectors_of_the_standard() {
        // FIPS 180-4 examples, and the million times `a` of its predecessors.
        let million = vec![b'a'; 1_000_000];
        let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        let messages: [&[u8]; 4] = [b"abc", two_blocks, b"", &million];
        let expected = [
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        ];
        for engine in engines() {
            let digests = digest_many_with(engine, &messages);
            let texts: Vec<String> = digests.iter().map(Digest::to_string).collect();
            assert_eq!(texts, expected, "{engine:?}");
        }
    }

    #[test]
    fn every_length_around_the_block_borders() {
        let data: Vec<u8> = (0..=255).cycle().take(400).collect();
        let messages: Vec<&[u8]> = (0..=400).map(|length| &data[..length]).collect();
        check(&messages);
    }

    #[test]
    fn every_number_of_messages() {
        let data: Vec<u8> = (0..=250).cycle().take(3000).collect();
        for count in 0..40 {
            let messages: Vec<&[u8]> = (0..count).map(|n| &data[n..n * 70 + n]).collect();
            check(&messages);
        }
    }

    proptest! {
        #[test]
        fn equal_to_sha2(messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..700), 0..50)) {
            let messages: Vec<&[u8]> = messages.iter().map(|message| &message[..]).collect();
            let expected: Vec<Digest> = messages.iter().map(|message| Digest::of(message)).collect();
            for engine in engines() {
                prop_assert_eq!(&digest_many_with(engine, &messages), &expected);
            }
        }
    }
}
