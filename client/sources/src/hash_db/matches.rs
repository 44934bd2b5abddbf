//! Which packages hold which keys, in little memory.

use std::ops::Index;

/// For every key of a question, in order, the places of the packages that hold it.
///
/// A key that no package holds takes four bytes, and most keys are such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matches {
    places: Vec<usize>,
    /// Where in `places` those of each key begin, and where the last end.
    starts: Vec<u32>,
}

impl Default for Matches {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl Matches {
    /// No keys yet, with room for `keys`.
    pub fn with_capacity(keys: usize) -> Self {
        let mut starts = Vec::with_capacity(keys.saturating_add(1));
        starts.push(0);
        Self {
            places: Vec::new(),
            starts,
        }
    }

    /// Adds the next key. Beyond four billion matches, keys have none.
    pub fn push(&mut self, places: impl IntoIterator<Item = usize>) {
        let before = self.places.len();
        self.places.extend(places);
        let end = u32::try_from(self.places.len()).unwrap_or_else(|_| {
            self.places.truncate(before);
            self.starts.last().copied().unwrap_or(0)
        });
        self.starts.push(end);
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The places of key `key`, if there is such a key.
    pub fn get(&self, key: usize) -> Option<&[usize]> {
        let start = *self.starts.get(key)? as usize;
        let end = *self.starts.get(key + 1)? as usize;
        Some(&self.places[start..end])
    }

    /// The places of every key, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[usize]> {
        let ends = self.starts.windows(2);
        ends.map(|ends| &self.places[ends[0] as usize..ends[1] as usize])
    }

    /// Puts `new[place]` in the stead of every place, and those of each key in order.
    pub(super) fn rename(&mut self, new: &[usize]) {
        for place in &mut self.places {
            *place = new[*place];
        }
        for ends in self.starts.windows(2) {
            self.places[ends[0] as usize..ends[1] as usize].sort_unstable();
        }
    }
}

impl Index<usize> for Matches {
    type Output = [usize];

    fn index(&self, key: usize) -> &[usize] {
        &self.places[self.starts[key] as usize..self.starts[key + 1] as usize]
    }
}

impl<P: IntoIterator<Item = usize>> FromIterator<P> for Matches {
    fn from_iter<I: IntoIterator<Item = P>>(keys: I) -> Self {
        let mut matches = Self::default();
        for places in keys {
            matches.push(places);
        }
        matches
    }
}

impl From<Vec<Vec<usize>>> for Matches {
    fn from(keys: Vec<Vec<usize>>) -> Self {
        keys.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_what_they_were_given() {
        let keys = vec![vec![], vec![3, 5], vec![], vec![1]];
        let matches = Matches::from(keys.clone());
        assert_eq!((matches.len(), matches.is_empty()), (4, false));
        assert!(matches.iter().eq(keys.iter().map(Vec::as_slice)));
        for (key, places) in keys.iter().enumerate() {
            assert_eq!(matches.get(key), Some(&places[..]));
            assert_eq!(&matches[key], &places[..]);
        }
        assert_eq!(matches.get(4), None);
        assert!(Matches::default().is_empty());
    }
}
