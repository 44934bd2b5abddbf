//! What attackers did, or tried: each test is named after what it would have done.

mod hints;
mod load;
mod trust;
