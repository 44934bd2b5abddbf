//! Positions in the lists that a plan is made of.

hashget_files::index_type! {
    /// Which of the contents of a tree, each of which has one digest.
    pub(super) struct DigestIndex;
}

hashget_files::index_type! {
    /// Which of the packages that are chosen from.
    pub(super) struct PackageIndex;
}
