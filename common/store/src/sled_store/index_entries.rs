//! What the index holds for some records.

use sled::Tree;

use super::bucket::{self, Entry};
use super::keys;
use super::postings::{Change, IndexError, Postings};
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageId;
use hashget_words::project::ProjectName;
use hashget_words::signature::Signature;

/// The digest that a project and URL are found by.
pub(super) fn url_digest(project: &ProjectName, url: &str) -> Digest {
    Digest::of(format!("{project}\0{url}").as_bytes())
}

/// The digest that a signature is found by.
pub(super) fn signature_digest(signature: &Signature) -> Digest {
    Digest::of(signature.to_string().as_bytes())
}

/// What the index holds for some records.
#[derive(Debug, Default)]
pub(super) struct IndexEntries {
    digests: Vec<Entry>,
    signatures: Vec<Entry>,
    urls: Vec<Entry>,
    expiry: Vec<[u8; 13]>,
}

impl IndexEntries {
    /// Adds those of one record, whose distinct digests are given.
    pub(super) fn add(
        &mut self,
        id: PackageId,
        project: &ProjectName,
        package: &HashPackage,
        digests: &[Digest],
    ) {
        let entry = |digest: &Digest| bucket::entry(digest, id);
        self.digests.extend(digests.iter().map(entry));
        let signatures = package.signatures();
        self.signatures
            .extend(signatures.map(|signature| entry(&signature_digest(&signature))));
        self.urls.push(entry(&url_digest(project, &package.url)));
        if let Some(date) = package.expires.date() {
            self.expiry.push(keys::expiry(date, id));
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.digests.len() + self.signatures.len() + self.urls.len() + self.expiry.len()
    }

    /// Puts them into an index tree, or takes them out.
    pub(super) fn apply(&mut self, change: Change, tree: &Tree) -> Result<(), IndexError> {
        self.sort();
        Postings::digests(tree).apply(change, &self.digests)?;
        Postings::signatures(tree).apply(change, &self.signatures)?;
        Postings::urls(tree).apply(change, &self.urls)?;
        for key in &self.expiry {
            match change {
                Change::Add => tree.insert(key, &[])?,
                Change::Remove => tree.remove(key)?,
            };
        }
        Ok(())
    }

    /// Those of the digest index.
    pub(super) fn digests(&self) -> &[Entry] {
        &self.digests
    }

    /// How many of them an index tree lacks.
    pub(super) fn count_missing(mut self, tree: &Tree) -> Result<u64, IndexError> {
        self.sort();
        let mut missing = Postings::digests(tree).count_missing(&self.digests)?
            + Postings::signatures(tree).count_missing(&self.signatures)?
            + Postings::urls(tree).count_missing(&self.urls)?;
        for key in self.expiry {
            missing += u64::from(!tree.contains_key(key)?);
        }
        Ok(missing)
    }

    fn sort(&mut self) {
        for entries in [&mut self.digests, &mut self.signatures, &mut self.urls] {
            entries.sort_unstable();
            entries.dedup();
        }
    }
}

/// How many entries of any kind an index tree has.
pub(super) fn count(tree: &Tree) -> Result<u64, IndexError> {
    let mut dates = 0;
    for key in tree.scan_prefix([keys::EXPIRY]).keys() {
        key?;
        dates += 1;
    }
    Ok(dates
        + Postings::digests(tree).count()?
        + Postings::signatures(tree).count()?
        + Postings::urls(tree).count()?)
}
