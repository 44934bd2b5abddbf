//! Sixteen lanes of 512 bits.
//!
//! Unsafe for the intrinsics: see [`super::super::compress`] for the argument.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_loadu_si512, _mm512_ror_epi32, _mm512_set1_epi32,
    _mm512_set4_epi32, _mm512_shuffle_epi8, _mm512_shuffle_i32x4, _mm512_srli_epi32,
    _mm512_storeu_si512, _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::Vector;
use crate::sha256_lanes::sizes::{BLOCK, MAX_LANES};

#[derive(Clone, Copy)]
pub(super) struct Avx512(__m512i);

#[expect(
    clippy::inline_always,
    reason = "the caller's CPU features must reach the intrinsics"
)]
impl Vector for Avx512 {
    #[inline(always)]
    unsafe fn load(words: &[u32; MAX_LANES]) -> Self {
        unsafe { Self(_mm512_loadu_si512(words.as_ptr().cast())) }
    }
    #[inline(always)]
    unsafe fn store(self, words: &mut [u32; MAX_LANES]) {
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), self.0) }
    }
    #[inline(always)]
    unsafe fn splat(word: u32) -> Self {
        unsafe { Self(_mm512_set1_epi32(word.cast_signed())) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { Self(_mm512_add_epi32(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn xor3(self, b: Self, c: Self) -> Self {
        unsafe { Self(_mm512_ternarylogic_epi32::<0x96>(self.0, b.0, c.0)) }
    }
    #[inline(always)]
    unsafe fn choose(self, b: Self, c: Self) -> Self {
        unsafe { Self(_mm512_ternarylogic_epi32::<0xCA>(self.0, b.0, c.0)) }
    }
    #[inline(always)]
    unsafe fn majority(self, b: Self, c: Self) -> Self {
        unsafe { Self(_mm512_ternarylogic_epi32::<0xE8>(self.0, b.0, c.0)) }
    }
    #[inline(always)]
    unsafe fn rotate<const RIGHT: i32, const LEFT: i32>(self) -> Self {
        unsafe { Self(_mm512_ror_epi32::<RIGHT>(self.0)) }
    }
    #[inline(always)]
    unsafe fn shift<const RIGHT: u32, const RIGHT_I32: i32>(self) -> Self {
        unsafe { Self(_mm512_srli_epi32::<RIGHT>(self.0)) }
    }
    #[inline(always)]
    unsafe fn load_blocks(blocks: &[&[u8]], offset: usize) -> [Self; 16] {
        unsafe {
            let swap = _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
            let rows: [__m512i; 16] = std::array::from_fn(|lane| {
                let bytes = &blocks[lane][offset..offset + BLOCK];
                _mm512_shuffle_epi8(_mm512_loadu_si512(bytes.as_ptr().cast()), swap)
            });
            transpose16(rows).map(Self)
        }
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the caller's CPU features must reach the intrinsics"
)]
unsafe fn transpose16(rows: [__m512i; 16]) -> [__m512i; 16] {
    unsafe {
        // Inside each 128-bit quarter: 4x4 transposes of four rows.
        let mut fours = rows;
        for n in [0, 4, 8, 12] {
            let (ab_low, ab_high) = (
                _mm512_unpacklo_epi32(rows[n], rows[n + 1]),
                _mm512_unpackhi_epi32(rows[n], rows[n + 1]),
            );
            let (cd_low, cd_high) = (
                _mm512_unpacklo_epi32(rows[n + 2], rows[n + 3]),
                _mm512_unpackhi_epi32(rows[n + 2], rows[n + 3]),
            );
            fours[n] = _mm512_unpacklo_epi64(ab_low, cd_low);
            fours[n + 1] = _mm512_unpackhi_epi64(ab_low, cd_low);
            fours[n + 2] = _mm512_unpacklo_epi64(ab_high, cd_high);
            fours[n + 3] = _mm512_unpackhi_epi64(ab_high, cd_high);
        }
        // Then the quarters change places: word 4q + w of lane 4n + i lies in quarter q of fours[4n + w].
        let mut words = rows;
        for w in 0..4 {
            let even_01 = _mm512_shuffle_i32x4::<0x88>(fours[w], fours[4 + w]);
            let odd_01 = _mm512_shuffle_i32x4::<0xDD>(fours[w], fours[4 + w]);
            let even_23 = _mm512_shuffle_i32x4::<0x88>(fours[8 + w], fours[12 + w]);
            let odd_23 = _mm512_shuffle_i32x4::<0xDD>(fours[8 + w], fours[12 + w]);
            words[w] = _mm512_shuffle_i32x4::<0x88>(even_01, even_23);
            words[4 + w] = _mm512_shuffle_i32x4::<0x88>(odd_01, odd_23);
            words[8 + w] = _mm512_shuffle_i32x4::<0xDD>(even_01, even_23);
            words[12 + w] = _mm512_shuffle_i32x4::<0xDD>(odd_01, odd_23);
        }
        words
    }
}
