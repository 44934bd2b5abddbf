//! The words of the damage matrix, and its page in the documentation.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::matrix::Outcome;

/// What is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    Archive,
    PlainArchive,
    RestoreFile,
    Package,
    PoolFile,
    OnlyPoolFile,
    Cached,
    LocalStore,
    ServerAnswer,
    StoreFiles,
    Partial,
}

impl Thing {
    pub(super) const ALL: [Self; 11] = [
        Self::Archive,
        Self::PlainArchive,
        Self::RestoreFile,
        Self::Package,
        Self::PoolFile,
        Self::OnlyPoolFile,
        Self::Cached,
        Self::LocalStore,
        Self::ServerAnswer,
        Self::StoreFiles,
        Self::Partial,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Archive => "the archive",
            Self::PlainArchive => "the archive, not compressed",
            Self::RestoreFile => "the restore file of an unpacked archive",
            Self::Package => "a package at its only URL",
            Self::PoolFile => "a package in a pool, its URL alive",
            Self::OnlyPoolFile => "a package in a pool, its URL dead",
            Self::Cached => "a cached download, its URL alive",
            Self::LocalStore => "the local records",
            Self::ServerAnswer => "a record that a hashserver gives",
            Self::StoreFiles => "the files of a hashserver's store",
            Self::Partial => "a partial download",
        }
    }

    /// Words of which one must be in the message when a job is not done.
    pub(super) fn needles(self) -> &'static [&'static str] {
        match self {
            Self::Archive => &["backup.tar.gz"],
            Self::PlainArchive => &["plain.tar"],
            Self::RestoreFile => &[".hashget-restore.json", "pkg/0.bin"],
            Self::Package | Self::Cached | Self::Partial => &["A.tar.gz"],
            Self::PoolFile | Self::OnlyPoolFile => &["A.tar.gz", "pool"],
            Self::LocalStore => &["hashdb"],
            Self::ServerAnswer => &["records.example.org"],
            Self::StoreFiles => &["127.0.0.1"],
        }
    }

    /// What of it matters to a job; of the rest nothing can be said.
    pub(super) fn concerns(self, job: Job) -> bool {
        match self {
            Self::Archive | Self::PlainArchive => job != Job::RestoreDirectory,
            Self::RestoreFile => job == Job::RestoreDirectory || job.is_verify(),
            Self::Partial => job != Job::Pack,
            _ => true,
        }
    }
}

/// How it is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    Truncate,
    Flip,
    Delete,
    Replace,
    Permission,
}

impl Damage {
    pub(super) const ALL: [Self; 5] = [
        Self::Truncate,
        Self::Flip,
        Self::Delete,
        Self::Replace,
        Self::Permission,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Truncate => "cut in half",
            Self::Flip => "a bit flipped",
            Self::Delete => "deleted",
            Self::Replace => "other bytes",
            Self::Permission => "not readable",
        }
    }
}

/// During which job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    Pack,
    RestoreDirectory,
    RestoreArchive,
    Verify,
    VerifyDeep,
}

impl Job {
    pub(super) const ALL: [Self; 5] = [
        Self::Pack,
        Self::RestoreDirectory,
        Self::RestoreArchive,
        Self::Verify,
        Self::VerifyDeep,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pack => "`--pack`",
            Self::RestoreDirectory => "`-u DIR`",
            Self::RestoreArchive => "`-u ARCHIVE -C DIR`",
            Self::Verify => "`verify`",
            Self::VerifyDeep => "`verify --deep`",
        }
    }

    pub(super) fn is_verify(self) -> bool {
        matches!(self, Self::Verify | Self::VerifyDeep)
    }
}

const HEAD: &str = "\
# Damage matrix

What becomes of a job when something it stands on is damaged. Written by the test that checks every
cell with the real programs (`tests/e2e/damage/matrix.rs`), so it is what happens, not what is meant to:

    HASHGET_WRITE_MATRIX=1 cargo test -p hashget-tests --test e2e damage::matrix

- **exact**: done, exit status 0, and the tree (for `--pack`: what is restored from the archive) is identical
  to the original in everything that the system tells of it.
- **exact, noted**: the same, but exit status 3, and a message names what is damaged.
- **told**: exit status not 0, the message names what is damaged, and what is in place is whole and right.
- **fine**, or **noted** likewise: `verify` found nothing, exit status 0 (3). After `verify --deep` a restore from the same sources is then
  exact, which the test tries. `verify` alone asks only whether sources are alive and have the right size.
- **–**: the job does not use the thing.

No cell may hold a wrong file, a panic or a signal. \"Not readable\" is met as an ordinary user, a package's URL
with status 403.
";

/// The page for these outcomes, in the order of [`Thing::ALL`], [`Damage::ALL`], [`Job::ALL`].
pub(super) fn page(outcome: &dyn Fn(Thing, Damage, Job) -> Option<Outcome>) -> String {
    let mut page = HEAD.to_owned();
    for thing in Thing::ALL {
        let _ok = write!(page, "\n## Damaged: {}\n\n| |", thing.name());
        for job in Job::ALL {
            let _ok = write!(page, " {} |", job.name());
        }
        page.push_str("\n|---|---|---|---|---|---|\n");
        for damage in Damage::ALL {
            let _ok = write!(page, "| {} |", damage.name());
            for job in Job::ALL {
                let word = outcome(thing, damage, job).map_or("–", Outcome::word);
                let _ok = write!(page, " {word} |");
            }
            page.push('\n');
        }
    }
    page
}

/// Where the page is.
pub(super) fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/damage-matrix.md")
}
