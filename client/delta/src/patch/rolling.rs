//! A sum of a block that can be moved along by one byte at little cost.

/// Odd, with bits all over, so that every byte reaches every bit above it.
const FACTOR: u32 = 0x0810_4225;

/// The polynomial of a block's bytes (each plus one) at `FACTOR`, modulo 2³².
pub(super) fn sum(block: &[u8]) -> u32 {
    const SQUARE: u32 = FACTOR.wrapping_mul(FACTOR);
    const FOURTH: u32 = SQUARE.wrapping_mul(SQUARE);
    const CUBE: u32 = SQUARE.wrapping_mul(FACTOR);
    let term = |byte: u8| u32::from(byte) + 1;
    let mut fours = block.chunks_exact(4);
    let mut sum = 0_u32;
    for four in &mut fours {
        let four = term(four[0])
            .wrapping_mul(CUBE)
            .wrapping_add(term(four[1]).wrapping_mul(SQUARE))
            .wrapping_add(term(four[2]).wrapping_mul(FACTOR))
            .wrapping_add(term(four[3]));
        sum = sum.wrapping_mul(FOURTH).wrapping_add(four);
    }
    for byte in fours.remainder() {
        sum = sum.wrapping_mul(FACTOR).wrapping_add(term(*byte));
    }
    sum
}

/// The sum of a block that moves along.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rolling {
    sum: u32,
    /// What a byte counts for when it leaves.
    leaving: u32,
}

impl Rolling {
    /// Starts with this block.
    pub(super) fn new(block: &[u8]) -> Self {
        let length = u32::try_from(block.len()).unwrap_or(u32::MAX);
        Self {
            sum: sum(block),
            leaving: FACTOR.wrapping_pow(length),
        }
    }

    /// The sum of the block where it is now.
    pub(super) fn sum(self) -> u32 {
        self.sum
    }

    /// Starts anew with another block of the same length.
    pub(super) fn restart(&mut self, block: &[u8]) {
        self.sum = sum(block);
    }

    /// Moves along: `first` leaves, `next` comes in.
    pub(super) fn roll(&mut self, first: u8, next: u8) {
        self.sum = self
            .sum
            .wrapping_mul(FACTOR)
            .wrapping_add(u32::from(next) + 1)
            .wrapping_sub(self.leaving.wrapping_mul(u32::from(first) + 1));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rolling_gives_the_sum_of_every_block(data in proptest::collection::vec(any::<u8>(), 1..300), length in 1_usize..80) {
            let length = length.min(data.len());
            let mut rolling = Rolling::new(&data[..length]);
            for (at, window) in data.windows(length).enumerate() {
                prop_assert_eq!(rolling.sum(), sum(window));
                if let Some(next) = data.get(at + length) {
                    rolling.roll(data[at], *next);
                }
            }
        }
    }
}
