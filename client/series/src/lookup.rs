//! Which packages a backup may rely on: archives of its series first, then public ones.

use std::collections::{HashMap, HashSet};

use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::project::ProjectName;

use super::manifest::Manifest;
use hashget_sources::hash_db::{Found, FoundPackage, PackageLookup, Reliance};

/// Looks in the archives that a backup relies on, then in `public`.
///
/// What an archive of the series holds is never asked of others: the series has it anyway.
pub(super) struct SeriesLookup<'a, L> {
    bases: Vec<FoundPackage>,
    held: HashMap<Digest, usize>,
    public: Option<&'a L>,
    /// Contents so small that no package is worth asking for.
    small: HashSet<Digest>,
}

impl<'a, L: PackageLookup> SeriesLookup<'a, L> {
    pub(super) fn new(
        bases: &[(String, &Manifest)],
        public: Option<&'a L>,
        small: HashSet<Digest>,
    ) -> Self {
        let project = ProjectName::of_series();
        let mut held = HashMap::new();
        for (place, (_, manifest)) in bases.iter().enumerate() {
            let patched = manifest.patches.iter().map(|patch| &patch.sha256);
            for digest in manifest.holds.iter().chain(patched) {
                held.entry(*digest).or_insert(place);
            }
        }
        let package = |(name, manifest): &(String, &Manifest)| FoundPackage {
            sha256: manifest.sha256,
            url: name.clone(),
            size: Some(manifest.size),
            expires: Expiry::Never,
            project: project.clone(),
            vouched: hashget_sources::hash_db::Vouched::Own,
        };
        Self {
            bases: bases.iter().map(package).collect(),
            held,
            public,
            small,
        }
    }
}

impl<L: PackageLookup> PackageLookup for SeriesLookup<'_, L> {
    type Error = L::Error;

    fn refuse(&self, reliances: &[Reliance<'_>]) -> Result<Vec<usize>, L::Error> {
        self.public
            .map_or_else(|| Ok(Vec::new()), |public| public.refuse(reliances))
    }

    fn find(&self, digests: &[Digest], needed: Expiry) -> Result<Found, L::Error> {
        let is_asked =
            |digest: &&Digest| !self.held.contains_key(digest) && !self.small.contains(digest);
        let asked: Vec<Digest> = digests.iter().filter(is_asked).copied().collect();
        let public = match self.public {
            Some(public) if !asked.is_empty() => public.find(&asked, needed)?,
            _ => Found::default(),
        };
        let places: HashMap<Digest, &[usize]> =
            asked.iter().copied().zip(public.matches.iter()).collect();
        let first = self.bases.len();
        let matches = digests.iter().map(|digest| match self.held.get(digest) {
            Some(base) => vec![*base],
            None => places.get(digest).map_or_else(Vec::new, |places| {
                places.iter().map(|place| first + place).collect()
            }),
        });
        Ok(Found {
            matches: matches.collect(),
            packages: self.bases.iter().chain(&public.packages).cloned().collect(),
        })
    }
}
