//! Positions in lists, a type for each kind of list.

/// Declares the position of something in its list, counted from 0, in four bytes.
///
/// A list of more than 4,294,967,295 does not fit into memory: larger numbers become that one, at which
/// no list has anything.
#[macro_export]
macro_rules! index_type {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident;) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility struct $name(u32);

        impl $name {
            /// The position as slices take it.
            #[inline]
            $visibility fn get(self) -> usize {
                self.0 as usize
            }
        }

        impl From<usize> for $name {
            #[inline]
            fn from(index: usize) -> Self {
                Self(u32::try_from(index).unwrap_or(u32::MAX))
            }
        }
    };
}
