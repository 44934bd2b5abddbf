//! What attackers did, or tried: each test is named after what it would have done.

mod delta;
mod hints;
mod load;
mod private;
mod strangers;
mod trust;
