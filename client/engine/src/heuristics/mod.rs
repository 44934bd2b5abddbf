//! Guesses which packages a directory is made of, by looking at the paths in it.

mod debian;
mod hint;
mod kernel;
mod read_capped;
mod snapshot;
mod vouched;

use std::path::{Path, PathBuf};

use hashget_words::project::{ParseProjectError, ProjectName};
use hashget_words::signature::Signature;
use thiserror::Error;

#[cfg(test)]
pub(crate) use snapshot::stand_in;
pub use snapshot::{SnapshotError, SnapshotService, SnapshotSettings};

use hashget_files::monitor::Monitor;

/// Looks at one regular file and says which packages it stands for.
pub trait Heuristic: Send + Sync {
    /// Its name for `--heuristics`.
    fn name(&self) -> &'static str;

    /// The packages that the file at `path` stands for; called for every regular file of the
    /// directory `root`, so it must decide by the name before it reads. What is wrong with a file it reads
    /// is reported to `monitor` and ends nothing.
    fn look(&self, path: &Path, root: &Path, monitor: &dyn Monitor) -> Vec<PackageRequest>;
}

/// A package that a heuristic wants indexed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRequest {
    /// What finds its record: signatures other than `url`; empty when only the URL is known.
    pub signatures: Vec<Signature>,
    /// Where it can be fetched.
    pub location: PackageLocation,
    /// The project for its record.
    pub project: ProjectName,
    /// Set if only a hint file names it.
    pub hint: Option<HintFile>,
}

/// The hint file that names a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HintFile {
    /// Where it is.
    pub path: PathBuf,
    /// Why it is not obeyed, if it is not.
    pub refused: Option<&'static str>,
}

/// Where a package can be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackageLocation {
    /// At this URL.
    Url(String),
    /// Where the Debian snapshot service says, asked only when nobody has the record.
    DebianSnapshot {
        /// The binary package's name.
        name: String,
        /// Its version, with epoch.
        version: String,
        architecture: String,
    },
}

/// The heuristics that are asked.
pub struct HeuristicSet {
    heuristics: Vec<Box<dyn Heuristic>>,
}

/// What the heuristics need to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeuristicSettings {
    /// Kernel tarballs are at `pub/linux/kernel/` below this URL.
    pub kernel_base: String,
    /// The project of Debian packages; in the original `debsnap`.
    pub debian_project: ProjectName,
    /// Whether hints may name private addresses.
    pub private_hints: bool,
    /// The project of kernels; in the original `kernel.org`.
    pub kernel_project: ProjectName,
}

impl HeuristicSettings {
    /// Where the kernel's releases are, by default.
    pub const DEFAULT_KERNEL_BASE: &'static str = "https://cdn.kernel.org/";
    /// The project of kernels, by default.
    pub const DEFAULT_KERNEL_PROJECT: &'static str = "kernel.org";

    /// The original's projects, and this place of kernels.
    pub fn new(kernel_base: &str) -> Result<Self, ParseProjectError> {
        Ok(Self {
            kernel_base: kernel_base.to_owned(),
            debian_project: ProjectName::DEBIAN.parse()?,
            private_hints: false,
            kernel_project: Self::DEFAULT_KERNEL_PROJECT.parse()?,
        })
    }

    /// Every heuristic, in the order of [`HeuristicSet::NAMES`].
    fn all(&self) -> [Box<dyn Heuristic>; HeuristicSet::NAMES.len()] {
        [
            Box::new(debian::Debian {
                project: self.debian_project.clone(),
            }),
            Box::new(hint::Hint {
                private: self.private_hints,
            }),
            Box::new(kernel::Kernel {
                base: format!("{}/", self.kernel_base.trim_end_matches('/')),
                project: self.kernel_project.clone(),
            }),
        ]
    }
}

/// The name is of no heuristic.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("there is no heuristic {name:?}; use `all` or one of: {}", known.join(", "))]
pub struct UnknownHeuristic {
    /// The name given.
    pub name: String,
    /// The names there are.
    pub known: Vec<&'static str>,
}

impl HeuristicSet {
    /// The names that [`HeuristicSet::new`] knows.
    pub const NAMES: [&'static str; 3] = ["debian", "hint", "kernel"];

    /// The heuristics called `names`; `all` stands for every one, no name for none. The
    /// original's `kernelmake` means `kernel`.
    pub fn new<S: AsRef<str>>(
        names: &[S],
        settings: &HeuristicSettings,
    ) -> Result<Self, UnknownHeuristic> {
        let mut wanted = [false; Self::NAMES.len()];
        for name in names {
            let name = match name.as_ref() {
                "all" => {
                    wanted.fill(true);
                    continue;
                }
                "kernelmake" => "kernel",
                name => name,
            };
            let place = Self::NAMES.iter().position(|known| *known == name);
            let place = place.ok_or_else(|| UnknownHeuristic {
                name: name.to_owned(),
                known: Self::NAMES.to_vec(),
            })?;
            wanted[place] = true;
        }
        let all = settings.all();
        let chosen = all.into_iter().zip(wanted).filter(|(_, wanted)| *wanted);
        Ok(Self {
            heuristics: chosen.map(|(heuristic, _)| heuristic).collect(),
        })
    }

    /// Whether no heuristic is asked.
    pub fn is_empty(&self) -> bool {
        self.heuristics.is_empty()
    }

    /// The packages that the file at `path` below `root` stands for, by every heuristic in turn.
    pub fn look(&self, path: &Path, root: &Path, monitor: &dyn Monitor) -> Vec<PackageRequest> {
        let looks = self.heuristics.iter();
        looks
            .flat_map(|heuristic| heuristic.look(path, root, monitor))
            .collect()
    }
}

impl std::fmt::Debug for HeuristicSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.heuristics.iter().map(|heuristic| heuristic.name());
        f.debug_list().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> Result<HeuristicSet, UnknownHeuristic> {
        HeuristicSet::new(
            names,
            &HeuristicSettings::new("https://example.org").unwrap(),
        )
    }

    #[test]
    fn heuristics_are_chosen_by_name() {
        for (names, expected) in [
            (&[][..], "[]"),
            (&["all"], r#"["debian", "hint", "kernel"]"#),
            (&["kernel", "debian"], r#"["debian", "kernel"]"#),
            (&["kernelmake", "kernel"], r#"["kernel"]"#),
        ] {
            assert_eq!(format!("{:?}", set(names).unwrap()), expected);
        }
        assert!(set(&[]).unwrap().is_empty());
    }

    #[test]
    fn the_names_are_told_when_one_is_wrong() {
        let error = set(&["debian", "rpm"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no heuristic \"rpm\"; use `all` or one of: debian, hint, kernel"
        );
    }

    #[test]
    fn names_and_heuristics_are_in_one_order() {
        let all = HeuristicSettings::new("").unwrap().all();
        assert_eq!(all.map(|heuristic| heuristic.name()), HeuristicSet::NAMES);
    }
}
