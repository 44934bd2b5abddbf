//! Makes filters of what the store holds.

use actix_web::web::Bytes;
use hashget_api::FilterPiece;
use hashget_store::{PackageStore, StoreError, StoreQuery};
use hashget_words::digest::Digest;
use hashget_words::filter::{Filter, filter_key};
use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::PackageId;
use jiff::civil::Date;

use super::Pieces;

/// About how many digests a shard gets at most.
const SHARD_DIGESTS: u64 = 1 << 18;
const MAX_PREFIX_BITS: u32 = 16;
/// How many records may be newer than the shards before the filter counts as incomplete.
const MAX_RECENT_PACKAGES: usize = 1_000;
const MAX_RECENT_DIGESTS: usize = 1 << 20;

/// The shards of everything that was known at some time.
pub(super) struct Shards {
    pub(super) prefix_bits: u32,
    pub(super) pieces: Vec<FilterPiece>,
    pub(super) by_digest: Pieces,
    /// The store's number of changes when building began.
    pub(super) changes: u64,
    /// The greatest number of a record when building began.
    through: Option<PackageId>,
}

/// Builds the shards; `None` if told to stop.
pub(super) fn shards(
    store: &dyn PackageStore,
    is_stopping: impl Fn() -> bool,
) -> Result<Option<Shards>, StoreError> {
    let changes = store.changes();
    let through = greatest_id(store)?;
    let digests = store.stats()?.digests;
    let mut prefix_bits = 0;
    while prefix_bits < MAX_PREFIX_BITS && digests >> prefix_bits > SHARD_DIGESTS {
        prefix_bits += 1;
    }
    let mut shards = Shards {
        prefix_bits,
        pieces: Vec::new(),
        by_digest: Pieces::new(),
        changes,
        through,
    };
    for shard in 0..1_u32 << prefix_bits {
        if is_stopping() {
            return Ok(None);
        }
        let (first, last) = span(shard, prefix_bits);
        let mut keys = Vec::new();
        store.visit_digests(&first, &last, &mut |digest, _| {
            keys.push(filter_key(digest));
            true
        })?;
        let bytes = encode(keys);
        let sha256 = Digest::of(&bytes);
        shards.pieces.push(FilterPiece {
            sha256,
            bytes: bytes.len() as u64,
        });
        shards.by_digest.insert(sha256, bytes);
    }
    Ok(Some(shards))
}

/// What is newer than some shards.
pub(super) enum RecentKeys {
    None,
    /// More than is worth a filter of its own.
    TooMany,
    /// A filter of it.
    Filter(Bytes),
}

/// Finds the records that are newer than the shards.
pub(super) fn recent(
    shards: &Shards,
    changes: u64,
    store: &dyn PackageStore,
) -> Result<RecentKeys, StoreError> {
    if shards.changes == changes {
        return Ok(RecentKeys::None);
    }
    let newer = page(store, shards.through, MAX_RECENT_PACKAGES + 1)?;
    if newer.is_empty() {
        return Ok(RecentKeys::None);
    }
    if newer.len() > MAX_RECENT_PACKAGES {
        return Ok(RecentKeys::TooMany);
    }
    let mut keys = Vec::new();
    for id in newer {
        for stored in store.get(&[id])?.into_iter().flatten() {
            let record = stored.package;
            let digests = record.files.iter().chain(&record.anchors);
            keys.extend(digests.chain(&record.digest()).map(filter_key));
        }
        if keys.len() > MAX_RECENT_DIGESTS {
            return Ok(RecentKeys::TooMany);
        }
    }
    Ok(RecentKeys::Filter(encode(keys)))
}

fn encode(keys: Vec<u64>) -> Bytes {
    // A shard has far fewer digests than a filter may have; were it not so, an empty piece
    // would be refused by clients, who then ask as if there were no filter.
    let filter = Filter::build(keys);
    Bytes::from(filter.map(|filter| filter.encode()).unwrap_or_default())
}

/// The first and the last digest of a shard.
fn span(shard: u32, prefix_bits: u32) -> (Digest, Digest) {
    let shift = 16 - prefix_bits;
    let low = shard << shift;
    let high = low | ((1_u32 << shift) - 1);
    let digest = |first: u32, fill: u8| {
        let mut bytes = [fill; 32];
        bytes[..2].copy_from_slice(&first.to_be_bytes()[2..]);
        Digest::from_bytes(bytes)
    };
    (digest(low, 0), digest(high, 0xff))
}

/// The greatest number of a record, found by halving.
fn greatest_id(store: &dyn PackageStore) -> Result<Option<PackageId>, StoreError> {
    if page(store, None, 1)?.is_empty() {
        return Ok(None);
    }
    // There is a record at or above `low`, and none above `high`.
    let (mut low, mut high) = (0, u64::MAX - 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match page(store, Some(PackageId(middle)), 1)?.first() {
            Some(found) => low = found.0,
            None => high = middle,
        }
    }
    Ok(Some(PackageId(low)))
}

fn page(
    store: &dyn PackageStore,
    after: Option<PackageId>,
    limit: usize,
) -> Result<Vec<PackageId>, StoreError> {
    let page = store.list(&StoreQuery {
        spec: PackageSpec::All,
        project: None,
        after,
        limit,
        today: Date::MIN,
    })?;
    Ok(page
        .packages
        .into_iter()
        .map(|package| package.id)
        .collect())
}

#[cfg(test)]
mod tests {
    use hashget_api::shard_of;
    use hashget_store::{SledStore, StoreOptions};
    use hashget_words::hash_package::HashPackage;

    use super::*;

    fn package(number: u32) -> HashPackage {
        HashPackage {
            url: format!("http://example.org/{number}"),
            files: (0..10).map(|file| digest(number * 10 + file)).collect(),
            ..HashPackage::default()
        }
    }

    fn digest(number: u32) -> Digest {
        Digest::of(&number.to_be_bytes())
    }

    #[test]
    fn shards_and_what_came_since_know_everything() {
        let directory = tempfile::tempdir().unwrap();
        let store = SledStore::open(directory.path(), StoreOptions::default()).unwrap();
        let project = "p".parse().unwrap();
        let empty = shards(&store, || false).unwrap().unwrap();
        assert_eq!(empty.through, None);
        let packages: Vec<HashPackage> = (0..50).map(package).collect();
        store.publish(&project, &packages).unwrap();
        let built = shards(&store, || false).unwrap().unwrap();
        let decode = |bytes: &Bytes| Filter::decode(bytes).unwrap();
        let whole = decode(&built.by_digest[&built.pieces[0].sha256]);
        assert!((0..500).all(|number| whole.contains(&digest(number))));
        let now = |shards| recent(shards, store.changes(), &store).unwrap();
        assert!(matches!(now(&built), RecentKeys::None));
        store.publish(&project, &[package(77)]).unwrap();
        for older in [&built, &empty] {
            let RecentKeys::Filter(bytes) = now(older) else {
                panic!("no filter");
            };
            assert!((770..780).all(|number| decode(&bytes).contains(&digest(number))));
        }
        assert!(shards(&store, || true).unwrap().is_none());
    }

    #[test]
    fn spans_are_what_belongs_to_a_shard() {
        for prefix_bits in [0, 1, 7, 16] {
            let last_shard = (1_u32 << prefix_bits) - 1;
            for shard in [0, last_shard / 2, last_shard] {
                let (first, last) = span(shard, prefix_bits);
                assert_eq!(shard_of(&first, prefix_bits), shard as usize);
                assert_eq!(shard_of(&last, prefix_bits), shard as usize);
            }
        }
    }
}
