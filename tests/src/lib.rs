//! Builders of test material, and the tests of the whole system.

pub mod compression;
mod corpus;
pub mod deb_builder;
pub mod fault_server;
mod not_run;
pub mod programs;
mod random;
mod random_tree;
pub mod tar_builder;
mod tree_listing;
pub mod zip_builder;

pub use corpus::replay_corpus;
pub use not_run::not_run;
pub use random::Random;
pub use random_tree::RandomTree;
pub use tree_listing::{
    assert_same_listing, assert_same_tree, differences, listing_without_sockets, tree_listing,
};
