//! Finds the blocks of a signature by their sums.

use hashget_words::digest::Digest;
use hashget_words::sha256_lanes::digest_many;

use super::rolling;
use super::signature::{BlockSum, Signature, strong};

/// The blocks of an old file, by their sums.
pub(super) struct BlockTable<'a> {
    blocks: &'a [BlockSum],
    block_bytes: usize,
    /// The length of the last block.
    last_bytes: usize,
    /// The whole blocks, ordered by their sums; of equal ones the first.
    order: Vec<u32>,
    /// A bit for each hash of a weak sum that occurs: most positions are ruled out by it.
    filter: Vec<u64>,
    shift: u32,
}

impl<'a> BlockTable<'a> {
    pub(super) fn new(signature: &'a Signature) -> Self {
        let block_bytes = signature.block_bytes as usize;
        let blocks = &signature.blocks[..];
        let last = signature.size % u64::from(signature.block_bytes);
        let whole = blocks.len() - usize::from(last > 0);
        let key = |index: &u32| {
            let block = &blocks[*index as usize];
            (block.weak, block.strong)
        };
        let mut order: Vec<u32> = (0..u32::try_from(whole).unwrap_or(u32::MAX)).collect();
        order.sort_unstable_by_key(|index| (key(index), *index));
        order.dedup_by_key(|index| key(index));
        let bits = (whole.max(1) * 16)
            .next_power_of_two()
            .clamp(1 << 12, 1 << 27);
        let shift = 32 - bits.trailing_zeros();
        let mut filter = vec![0; bits / 64];
        for index in &order {
            let bit = spread(blocks[*index as usize].weak, shift);
            filter[bit / 64] |= 1 << (bit % 64);
        }
        Self {
            blocks,
            block_bytes,
            last_bytes: usize::try_from(last).unwrap_or(0),
            order,
            filter,
            shift,
        }
    }

    /// Whether a block with this weak sum may exist.
    #[inline]
    pub(super) fn may_hold(&self, weak: u32) -> bool {
        let bit = spread(weak, self.shift);
        self.filter[bit / 64] >> (bit % 64) & 1 == 1
    }

    /// The first whole block with the content `window`, whose weak sum is `weak`.
    pub(super) fn find(&self, weak: u32, window: &[u8]) -> Option<usize> {
        let weak_of = |index: &u32| self.blocks[*index as usize].weak;
        let start = self.order.partition_point(|index| weak_of(index) < weak);
        let alike = self.order[start..]
            .iter()
            .take_while(|index| weak_of(index) == weak);
        let mut digest = None;
        for index in alike {
            let strong = *digest.get_or_insert_with(|| strong(&Digest::of(window)));
            if self.blocks[*index as usize].strong == strong {
                return Some(*index as usize);
            }
        }
        None
    }

    /// How many blocks from `first` on follow each other at the start of `data`.
    pub(super) fn run(&self, first: usize, data: &[u8]) -> usize {
        const AT_ONCE: usize = 16;
        let whole = self.blocks.len() - usize::from(self.last_bytes > 0);
        let expected = &self.blocks[first.min(whole)..whole];
        let windows = data.chunks_exact(self.block_bytes);
        let likely: Vec<&[u8]> = windows
            .zip(expected)
            .take(AT_ONCE)
            .take_while(|(window, block)| rolling::sum(window) == block.weak)
            .map(|(window, _)| window)
            .collect();
        digest_many(&likely)
            .iter()
            .zip(expected)
            .take_while(|(digest, block)| strong(digest) == block.strong)
            .count()
    }

    /// Where the old file's last, shorter block begins in `data`, if `data` ends with it; and its
    /// number.
    pub(super) fn last_in(&self, data: &[u8]) -> Option<(usize, usize)> {
        let start = data.len().checked_sub(self.last_bytes)?;
        let last = self.blocks.last().filter(|_| self.last_bytes > 0)?;
        let end = &data[start..];
        let found = rolling::sum(end) == last.weak && strong(&Digest::of(end)) == last.strong;
        found.then_some((start, self.blocks.len() - 1))
    }
}

#[inline]
fn spread(weak: u32, shift: u32) -> usize {
    (weak.wrapping_mul(0x9E37_79B1) >> shift) as usize
}
