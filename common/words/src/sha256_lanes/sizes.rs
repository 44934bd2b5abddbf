//! The sizes that all engines share.

/// The bytes of a block.
pub(super) const BLOCK: usize = 64;
/// The most lanes of any engine.
pub(super) const MAX_LANES: usize = 16;
