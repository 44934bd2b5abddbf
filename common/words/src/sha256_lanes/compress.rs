//! The compression function of SHA-256 (FIPS 180-4, 6.2.2) on several messages at once.
//!
//! Here and in `x86` is the only unsafe code, for the vector intrinsics. Its argument: an [`Engine`] other
//! than `OneByOne` is only made by [`Engine::available`] after the CPU said that it has the
//! features that its function enables, and all memory is read through slices whose length
//! [`Engine::compress`] has checked.
#![allow(unsafe_code)]

use super::sizes::{BLOCK, MAX_LANES};
#[cfg(target_arch = "x86_64")]
use super::x86;

/// The initial hash value (FIPS 180-4, 5.3.3).
pub(super) const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The hash values of all lanes: word by word, one lane beside the other.
#[derive(Clone, Default)]
#[repr(align(64))]
pub(super) struct States([[u32; MAX_LANES]; 8]);

impl States {
    pub(super) fn set(&mut self, lane: usize, state: [u32; 8]) {
        for (words, word) in self.0.iter_mut().zip(state) {
            words[lane] = word;
        }
    }

    pub(super) fn digest(&self, lane: usize) -> [u8; 32] {
        let mut digest = [0; 32];
        for (bytes, words) in digest.chunks_exact_mut(4).zip(&self.0) {
            bytes.copy_from_slice(&words[lane].to_be_bytes());
        }
        digest
    }
}

/// How this machine hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    /// With `sha2`, one message after another.
    OneByOne,
    /// Eight lanes of 256 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Sixteen lanes of 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Engine {
    /// The fastest engine of this machine.
    ///
    /// Measured (`benches/sha256.rs`): sixteen lanes do 1.5 to 2 times what SHA instructions do on a
    /// CPU that has both; eight lanes do less than SHA instructions, and more than plain code.
    pub(super) fn detect() -> Self {
        let fastest = Self::available().pop().unwrap_or(Self::OneByOne);
        #[cfg(target_arch = "x86_64")]
        if fastest == Self::Avx2 && std::arch::is_x86_feature_detected!("sha") {
            return Self::OneByOne;
        }
        fastest
    }

    /// Every engine that this machine can run, the fastest last.
    pub(super) fn available() -> Vec<Self> {
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut))]
        let mut engines = vec![Self::OneByOne];
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") {
                engines.push(Self::Avx2);
            }
            if has!("avx512f") && has!("avx512bw") {
                engines.push(Self::Avx512);
            }
        }
        engines
    }

    pub(super) fn lanes(self) -> usize {
        match self {
            Self::OneByOne => 1,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 8,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 16,
        }
    }

    /// Hashes the same number of whole blocks into each lane.
    ///
    /// Nothing happens unless there is a slice for each lane, all of the same length.
    pub(super) fn compress(self, states: &mut States, blocks: &[&[u8]]) {
        let bytes = blocks.first().map_or(0, |block| block.len());
        let even = blocks.len() == self.lanes() && blocks.iter().all(|block| block.len() == bytes);
        debug_assert!(even && bytes.is_multiple_of(BLOCK));
        if !even {
            return;
        }
        match self {
            Self::OneByOne => {}
            // SAFETY: `available` has asked the CPU; the slices are checked above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { x86::compress_avx2(&mut states.0, blocks, bytes / BLOCK) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { x86::compress_avx512(&mut states.0, blocks, bytes / BLOCK) },
        }
    }
}
