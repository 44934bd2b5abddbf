//! Eight lanes of 256 bits.
//!
//! Unsafe for the intrinsics: see [`super::super::compress`] for the argument.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256, _mm256_loadu_si256,
    _mm256_or_si256, _mm256_permute2x128_si256, _mm256_set_epi8, _mm256_set1_epi32,
    _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_storeu_si256,
    _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
    _mm256_xor_si256,
};

use super::Vector;
use crate::sha256_lanes::sizes::MAX_LANES;

#[derive(Clone, Copy)]
pub(super) struct Avx2(__m256i);

#[expect(
    clippy::inline_always,
    reason = "the caller's CPU features must reach the intrinsics"
)]
impl Vector for Avx2 {
    #[inline(always)]
    unsafe fn load(words: &[u32; MAX_LANES]) -> Self {
        unsafe { Self(_mm256_loadu_si256(words.as_ptr().cast())) }
    }
    #[inline(always)]
    unsafe fn store(self, words: &mut [u32; MAX_LANES]) {
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), self.0) }
    }
    #[inline(always)]
    unsafe fn splat(word: u32) -> Self {
        unsafe { Self(_mm256_set1_epi32(word.cast_signed())) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { Self(_mm256_add_epi32(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn xor3(self, b: Self, c: Self) -> Self {
        unsafe { Self(_mm256_xor_si256(_mm256_xor_si256(self.0, b.0), c.0)) }
    }
    #[inline(always)]
    unsafe fn choose(self, b: Self, c: Self) -> Self {
        unsafe {
            Self(_mm256_xor_si256(
                _mm256_and_si256(self.0, b.0),
                _mm256_andnot_si256(self.0, c.0),
            ))
        }
    }
    #[inline(always)]
    unsafe fn majority(self, b: Self, c: Self) -> Self {
        unsafe {
            let either = _mm256_and_si256(_mm256_or_si256(self.0, b.0), c.0);
            Self(_mm256_or_si256(_mm256_and_si256(self.0, b.0), either))
        }
    }
    #[inline(always)]
    unsafe fn rotate<const RIGHT: i32, const LEFT: i32>(self) -> Self {
        unsafe {
            Self(_mm256_or_si256(
                _mm256_srli_epi32::<RIGHT>(self.0),
                _mm256_slli_epi32::<LEFT>(self.0),
            ))
        }
    }
    #[inline(always)]
    unsafe fn shift<const RIGHT: u32, const RIGHT_I32: i32>(self) -> Self {
        unsafe { Self(_mm256_srli_epi32::<RIGHT_I32>(self.0)) }
    }
    #[inline(always)]
    unsafe fn load_blocks(blocks: &[&[u8]], offset: usize) -> [Self; 16] {
        unsafe {
            let swap = _mm256_set_epi8(
                12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11,
                4, 5, 6, 7, 0, 1, 2, 3,
            );
            let half = |start: usize| {
                let rows: [__m256i; 8] = std::array::from_fn(|lane| {
                    let bytes = &blocks[lane][offset + start..offset + start + 32];
                    _mm256_shuffle_epi8(_mm256_loadu_si256(bytes.as_ptr().cast()), swap)
                });
                transpose8(rows)
            };
            let (low, high) = (half(0), half(32));
            std::array::from_fn(|word| Self(if word < 8 { low[word] } else { high[word - 8] }))
        }
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the caller's CPU features must reach the intrinsics"
)]
unsafe fn transpose8(rows: [__m256i; 8]) -> [__m256i; 8] {
    unsafe {
        let mut pairs = rows;
        for n in 0..4 {
            pairs[2 * n] = _mm256_unpacklo_epi32(rows[2 * n], rows[2 * n + 1]);
            pairs[2 * n + 1] = _mm256_unpackhi_epi32(rows[2 * n], rows[2 * n + 1]);
        }
        let mut fours = pairs;
        for half in [0, 4] {
            fours[half] = _mm256_unpacklo_epi64(pairs[half], pairs[half + 2]);
            fours[half + 1] = _mm256_unpackhi_epi64(pairs[half], pairs[half + 2]);
            fours[half + 2] = _mm256_unpacklo_epi64(pairs[half + 1], pairs[half + 3]);
            fours[half + 3] = _mm256_unpackhi_epi64(pairs[half + 1], pairs[half + 3]);
        }
        std::array::from_fn(|word| {
            let (upper, lower) = (fours[word % 4], fours[word % 4 + 4]);
            if word < 4 {
                _mm256_permute2x128_si256::<0x20>(upper, lower)
            } else {
                _mm256_permute2x128_si256::<0x31>(upper, lower)
            }
        })
    }
}
