//! The vectors of x86-64, and the rounds of SHA-256 on them.
//!
//! Unsafe for the intrinsics: see [`super::compress`] for the argument. Memory is only read through
//! slices, whose bounds are checked.
#![allow(unsafe_code)]

mod avx2;
mod avx512;

use self::avx2::Avx2;
use self::avx512::Avx512;
use super::sizes::{BLOCK, MAX_LANES};

/// The round constants (FIPS 180-4, 4.2.2).
const K: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

/// What the rounds need of a vector of 32-bit words, one word a lane. Each function may only be
/// called where the CPU has the vector's features.
trait Vector: Copy {
    unsafe fn load(words: &[u32; MAX_LANES]) -> Self;
    unsafe fn store(self, words: &mut [u32; MAX_LANES]);
    unsafe fn splat(word: u32) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn xor3(self, b: Self, c: Self) -> Self;
    unsafe fn choose(self, b: Self, c: Self) -> Self;
    unsafe fn majority(self, b: Self, c: Self) -> Self;
    unsafe fn rotate<const RIGHT: i32, const LEFT: i32>(self) -> Self;
    unsafe fn shift<const RIGHT: u32, const RIGHT_I32: i32>(self) -> Self;
    /// The sixteen words of one block of every lane, as big-endian numbers.
    unsafe fn load_blocks(blocks: &[&[u8]], offset: usize) -> [Self; 16];
}

#[target_feature(enable = "avx2")]
pub(super) unsafe fn compress_avx2(
    states: &mut [[u32; MAX_LANES]; 8],
    blocks: &[&[u8]],
    count: usize,
) {
    // SAFETY: this function has the features.
    unsafe { compress::<Avx2>(states, blocks, count) }
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn compress_avx512(
    states: &mut [[u32; MAX_LANES]; 8],
    blocks: &[&[u8]],
    count: usize,
) {
    // SAFETY: this function has the features.
    unsafe { compress::<Avx512>(states, blocks, count) }
}

/// Must be inlined into a function that has the features of `V`.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the caller's CPU features must reach the intrinsics"
)]
unsafe fn compress<V: Vector>(states: &mut [[u32; MAX_LANES]; 8], blocks: &[&[u8]], count: usize) {
    // SAFETY: the caller has the features of `V`; `offset` lies in every slice.
    unsafe {
        let mut state: [V; 8] = std::array::from_fn(|word| V::load(&states[word]));
        for block in 0..count {
            let words = V::load_blocks(blocks, block * BLOCK);
            let rounds = all_rounds(state, words);
            for (old, new) in state.iter_mut().zip(rounds) {
                *old = old.add(new);
            }
        }
        for (words, vector) in states.iter_mut().zip(state) {
            vector.store(words);
        }
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the caller's CPU features must reach the intrinsics"
)]
#[expect(clippy::many_single_char_names, reason = "the names of the standard")]
unsafe fn all_rounds<V: Vector>(state: [V; 8], mut words: [V; 16]) -> [V; 8] {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
    // SAFETY: the caller has the features of `V`.
    unsafe {
        for group in 0..4 {
            for place in 0..16 {
                if group > 0 {
                    words[place] = next_word(&words, place);
                }
                let sum1 = e
                    .rotate::<6, 26>()
                    .xor3(e.rotate::<11, 21>(), e.rotate::<25, 7>());
                let constant = V::splat(K[group * 16 + place]);
                let t1 = h
                    .add(sum1)
                    .add(e.choose(f, g))
                    .add(constant)
                    .add(words[place]);
                let sum0 = a
                    .rotate::<2, 30>()
                    .xor3(a.rotate::<13, 19>(), a.rotate::<22, 10>());
                let t2 = sum0.add(a.majority(b, c));
                (h, g, f, e, d, c, b, a) = (g, f, e, d.add(t1), c, b, a, t1.add(t2));
            }
        }
    }
    [a, b, c, d, e, f, g, h]
}

/// The message schedule, in a ring of sixteen words.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the caller's CPU features must reach the intrinsics"
)]
unsafe fn next_word<V: Vector>(words: &[V; 16], place: usize) -> V {
    // SAFETY: the caller has the features of `V`.
    unsafe {
        let (w15, w2) = (words[(place + 1) % 16], words[(place + 14) % 16]);
        let sigma0 = w15
            .rotate::<7, 25>()
            .xor3(w15.rotate::<18, 14>(), w15.shift::<3, 3>());
        let sigma1 = w2
            .rotate::<17, 15>()
            .xor3(w2.rotate::<19, 13>(), w2.shift::<10, 10>());
        words[place]
            .add(sigma0)
            .add(words[(place + 9) % 16])
            .add(sigma1)
    }
}
