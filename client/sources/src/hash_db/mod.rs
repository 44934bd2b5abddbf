//! Records: the local projects, then hashservers, behind one look-up.

mod ahead;
mod answer;
mod error;
mod import;
mod local;
mod lookup;
mod matches;
mod pull;
mod session;
mod vouched;

use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::project::ProjectName;
use hashget_words::ranking::Rank;

pub use ahead::LookedAhead;
pub use error::HashDbError;
pub use local::{LocalHashDb, LocalMatches, ProjectFilter};
pub use lookup::CombinedLookup;
pub(crate) use lookup::find_on_servers;
pub use matches::Matches;
pub use pull::PullStats;
pub use session::HashDbSession;
pub use vouched::{NOBODY, NamedProjects, Vouched, whose};

/// A package that a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPackage {
    /// The SHA-256 of the package file. Records without one are of no use and not found.
    pub sha256: Digest,
    /// Where it can be downloaded, or a name that only a pool knows.
    pub url: String,
    /// Its size in bytes, where known.
    pub size: Option<u64>,
    /// Until when it may be relied on.
    pub expires: Expiry,
    /// The project of the record.
    pub project: ProjectName,
    /// Whose word it is.
    pub vouched: Vouched,
}

impl FoundPackage {
    /// Whether it is known only because a hint file named it.
    pub fn is_of_hint(&self) -> bool {
        self.vouched == Vouched::Hint
    }

    /// Whether this machine derived the record from the package's own bytes.
    pub fn is_derived(&self) -> bool {
        matches!(self.vouched, Vouched::Own | Vouched::Hint)
    }

    /// Where it stands among those that hold the same.
    pub fn rank(&self) -> Rank<'_> {
        Rank {
            is_dead: false,
            expires: self.expires,
            size: self.size,
            sha256: Some(self.sha256),
            url: &self.url,
            id: None,
        }
    }
}

/// The answer of a look-up: each package once, and which of the keys are in which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The packages, sorted by digest and URL, so that equal records give equal answers
    /// wherever they came from.
    pub packages: Vec<FoundPackage>,
    /// For every key asked about, in order: the places in `packages`, ascending.
    pub matches: Matches,
}

/// Whose word a record is relied on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Only records that this machine derived or re-checked.
    Own,
    /// Also records of hashservers, each once its package was read here.
    Verified,
    /// Also records of hashservers: as they are of projects that the operator named, of others once they are
    /// checked.
    #[default]
    Servers,
}

/// A package that a plan would rely on for content.
#[derive(Clone, Debug)]
pub struct Reliance<'a> {
    /// The records that say so.
    pub records: Vec<&'a FoundPackage>,
    /// The content.
    pub holds: &'a [Digest],
}

/// Anything that can say which packages hold a file.
pub trait PackageLookup: Sync + Sized {
    /// The error of the implementation.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Which packages hold these digests, have not expired, and live until `needed`?
    fn find(&self, digests: &[Digest], needed: Expiry) -> Result<Found, Self::Error>;

    /// Which of these may not be relied on, by their places: nobody could be found who vouches for them.
    fn refuse(&self, reliances: &[Reliance<'_>]) -> Result<Vec<usize>, Self::Error> {
        let _ = reliances;
        Ok(Vec::new())
    }

    /// Does `work`, which tells digests as it learns them; gives its result and a look-up that may
    /// have asked meanwhile which packages that live until `needed` hold them.
    ///
    /// It finds what this look-up would. Where asking takes no time worth saving, it is this one.
    fn ahead<T>(
        &self,
        needed: Expiry,
        work: impl FnOnce(&(dyn Fn(&[Digest]) + Sync)) -> T,
    ) -> (T, impl PackageLookup<Error = Self::Error>) {
        let _ = needed;
        (work(&|_| ()), self)
    }
}

impl<L: PackageLookup> PackageLookup for &L {
    type Error = L::Error;

    fn find(&self, digests: &[Digest], needed: Expiry) -> Result<Found, L::Error> {
        (**self).find(digests, needed)
    }

    fn refuse(&self, reliances: &[Reliance<'_>]) -> Result<Vec<usize>, L::Error> {
        (**self).refuse(reliances)
    }

    fn ahead<T>(
        &self,
        needed: Expiry,
        work: impl FnOnce(&(dyn Fn(&[Digest]) + Sync)) -> T,
    ) -> (T, impl PackageLookup<Error = L::Error>) {
        (**self).ahead(needed, work)
    }
}

#[cfg(test)]
mod tests;
