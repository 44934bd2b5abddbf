//! Weighted set cover: which packages hold all that is wanted, for few bytes.
//!
//! The best choice cannot be computed for many packages; the greedy one is within a logarithmic
//! factor of it: again and again the package that saves most bytes for each of its own is taken,
//! until all is covered; then those are dropped that others have made superfluous, big ones first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::index::{DigestIndex, PackageIndex};

/// A package, as far as the choice goes.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    /// What it holds, each once.
    pub(super) items: Vec<DigestIndex>,
    /// What it costs; `None` is more than any known cost.
    pub(super) cost: Option<u64>,
}

/// Chooses offers that together hold all items that any holds, none of them superfluous; gives
/// them in ascending order. Among equals the offer that comes first is taken.
pub(super) fn choose(weights: &[u64], offers: &[Offer]) -> Vec<PackageIndex> {
    let mut chosen = choose_greedily(weights, offers);
    drop_superfluous(&mut chosen, weights.len(), offers);
    chosen.sort_unstable();
    chosen
}

/// What an offer would bring now, greater is better.
#[derive(PartialEq, Eq)]
struct Bid {
    gain: u64,
    cost: u64,
    package: PackageIndex,
}

impl Ord for Bid {
    fn cmp(&self, other: &Self) -> Ordering {
        let mine = u128::from(self.gain) * u128::from(other.cost);
        let others = u128::from(other.gain) * u128::from(self.cost);
        mine.cmp(&others)
            .then(self.gain.cmp(&other.gain))
            .then(other.package.cmp(&self.package))
    }
}

impl PartialOrd for Bid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn choose_greedily(weights: &[u64], offers: &[Offer]) -> Vec<PackageIndex> {
    let mut covered = vec![false; weights.len()];
    let bid = |package: PackageIndex, covered: &[bool]| {
        let offer = &offers[package.get()];
        let gain = offer
            .items
            .iter()
            .filter(|item| !covered[item.get()])
            // Even content that saves nothing is covered.
            .fold(0_u64, |sum, item| {
                sum.saturating_add(weights[item.get()].max(1))
            });
        let cost = offer.cost.unwrap_or(u64::MAX).max(1);
        Bid {
            gain,
            cost,
            package,
        }
    };
    let mut bids: BinaryHeap<Bid> = (0..offers.len())
        .map(|package| bid(PackageIndex::from(package), &covered))
        .collect();
    let mut chosen = Vec::new();
    while let Some(best) = bids.pop() {
        // Gains only shrink, so a bid that is still the best after looking again is the best.
        let now = bid(best.package, &covered);
        if now.gain == 0 {
            continue;
        }
        if bids.peek().is_some_and(|next| *next > now) {
            bids.push(now);
            continue;
        }
        for item in &offers[now.package.get()].items {
            covered[item.get()] = true;
        }
        chosen.push(now.package);
    }
    chosen
}

fn drop_superfluous(chosen: &mut Vec<PackageIndex>, items: usize, offers: &[Offer]) {
    let mut holders = vec![0_usize; items];
    for package in &*chosen {
        for item in &offers[package.get()].items {
            holders[item.get()] += 1;
        }
    }
    // The costliest first, of equals the one that comes last.
    chosen.sort_by_key(|package| {
        let cost = offers[package.get()].cost.unwrap_or(u64::MAX);
        std::cmp::Reverse((cost, *package))
    });
    chosen.retain(|package| {
        let items = &offers[package.get()].items;
        let needed = items.iter().any(|item| holders[item.get()] == 1);
        if !needed {
            for item in items {
                holders[item.get()] -= 1;
            }
        }
        needed
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn offer(items: &[usize], cost: Option<u64>) -> Offer {
        let items = items.iter().copied().map(DigestIndex::from).collect();
        Offer { items, cost }
    }

    fn chosen(weights: &[u64], offers: &[Offer]) -> Vec<usize> {
        let chosen = choose(weights, offers);
        chosen.into_iter().map(PackageIndex::get).collect()
    }

    #[test]
    fn the_smaller_of_two_equal_packages_is_taken() {
        let offers = [
            offer(&[0], Some(200)),
            offer(&[0], Some(100)),
            offer(&[0], None),
        ];
        assert_eq!(chosen(&[50], &offers), [1]);
    }

    #[test]
    fn among_equals_the_first_is_taken() {
        let offers = [offer(&[0], Some(9)), offer(&[0], Some(9))];
        assert_eq!(chosen(&[50], &offers), [0]);
    }

    #[test]
    fn an_unknown_size_is_the_last_resort() {
        let offers = [offer(&[0, 1], None), offer(&[0], Some(u64::MAX))];
        assert_eq!(
            chosen(&[5, 5], &offers),
            [0],
            "needed for 1, so it serves for 0 too"
        );
        assert_eq!(
            chosen(&[5], &[offer(&[0], None), offer(&[0], Some(1_000_000))]),
            [1]
        );
    }

    #[test]
    fn a_package_that_others_made_superfluous_is_dropped() {
        // Greedy takes the first for its ratio, then needs both others, which hold all of it.
        let offers = [
            offer(&[1, 2], Some(10)),
            offer(&[0, 1], Some(12)),
            offer(&[2, 3], Some(12)),
        ];
        assert_eq!(chosen(&[10, 10, 10, 10], &offers), [1, 2]);
    }

    proptest! {
        #[test]
        fn all_is_covered_and_nothing_is_superfluous(
            weights in prop::collection::vec(0_u64..5000, 1..30),
            offers in prop::collection::vec((prop::collection::btree_set(0_usize..30, 0..8), prop::option::of(0_u64..5000)), 0..20),
        ) {
            let offers: Vec<Offer> = offers
                .into_iter()
                .map(|(items, cost)| Offer { items: items.into_iter().filter(|i| *i < weights.len()).map(DigestIndex::from).collect(), cost })
                .collect();
            let chosen = chosen(&weights, &offers);
            let holders = |item: usize| chosen.iter().filter(|place| offers[**place].items.contains(&item.into())).count();
            for item in 0..weights.len() {
                let offered = offers.iter().any(|offer| offer.items.contains(&item.into()));
                prop_assert_eq!(holders(item) > 0, offered);
            }
            for place in &chosen {
                prop_assert!(offers[*place].items.iter().any(|item| holders(item.get()) == 1));
            }
        }
    }
}
