//! How things are placed.

/// What becomes of files that are already there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// Whatever has the name of a wanted file stays as it is.
    Never,
    /// A file with the right content stays, its metadata is set; others are replaced.
    #[default]
    Changed,
    /// Every wanted file is fetched and replaced.
    Always,
}

/// How owners are set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owners {
    /// By name where this machine knows the name, else by number. Only root can do this; for
    /// others the files are theirs, which is counted.
    #[default]
    ByName,
    /// By number.
    Numeric,
    /// Not at all: files belong to whoever restores them.
    Mine,
}
