//! The two parts of a whole record: its head, and its digests.
//!
//! The head is everything but the digests, as JSON: an update rewrites only this. The digests
//! are raw, anchors as places in the list of files, since almost every anchor is one of them.
//! Both are compressed; digests gain nothing from it, the places of anchors nearly vanish.

use std::collections::HashMap;
use std::io;

use super::bytes::ByteReader;
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::varint;

/// The fastest: what takes space are digests, which no level compresses.
const ZSTD_LEVEL: i32 = 1;
/// The most bytes of a part: above what the allowed number of digests can need.
const MAX_PART_BYTES: u64 = 512 << 20;

/// Files and anchors.
pub(super) type DigestLists = (Vec<Digest>, Vec<Digest>);

/// The head of a record in stored form.
pub(super) fn encode_head(package: &HashPackage) -> io::Result<Vec<u8>> {
    let head = HashPackage {
        url: package.url.clone(),
        files: Vec::new(),
        anchors: Vec::new(),
        signatures: package.signatures.clone(),
        hashes: package.hashes.clone(),
        attrs: package.attrs.clone(),
        expires: package.expires,
    };
    compress(&serde_json::to_vec(&head)?)
}

/// Reads a head: a record without digests.
pub(super) fn decode_head(part: &[u8]) -> Option<HashPackage> {
    serde_json::from_slice(&decompress(part)?).ok()
}

/// The digests of a record in stored form.
pub(super) fn encode_digests(package: &HashPackage) -> io::Result<Vec<u8>> {
    let mut places: HashMap<&Digest, u64> = HashMap::with_capacity(package.files.len());
    let mut table = Vec::with_capacity(package.files.len());
    for file in &package.files {
        places.entry(file).or_insert(table.len() as u64);
        table.push(file);
    }
    let mut anchors = Vec::new();
    let mut expected = 0;
    for anchor in &package.anchors {
        let place = *places.entry(anchor).or_insert_with(|| {
            table.push(anchor);
            table.len() as u64 - 1
        });
        // Anchors mostly stand in the order of the files: small steps compress well.
        varint::put(&mut anchors, zigzag(place.wrapping_sub(expected)));
        expected = place + 1;
    }
    let mut out = Vec::with_capacity(table.len() * Digest::BYTES + anchors.len() + 30);
    varint::put(&mut out, package.files.len() as u64);
    varint::put(&mut out, (table.len() - package.files.len()) as u64);
    varint::put(&mut out, package.anchors.len() as u64);
    for digest in table {
        out.extend_from_slice(digest.as_bytes());
    }
    out.extend_from_slice(&anchors);
    compress(&out)
}

/// Reads what [`encode_digests`] wrote; `None` if it makes no sense.
pub(super) fn decode_digests(part: &[u8]) -> Option<DigestLists> {
    let raw = decompress(part)?;
    let mut reader = ByteReader(&raw);
    let (files, others) = (reader.count()?, reader.count()?);
    let anchor_count = reader.count()?;
    let table_bytes = files.checked_add(others)?.checked_mul(Digest::BYTES)?;
    let (digests, _) = reader.take(table_bytes)?.as_chunks::<{ Digest::BYTES }>();
    let table: Vec<Digest> = digests.iter().copied().map(Digest::from_bytes).collect();
    let mut anchors = Vec::with_capacity(anchor_count.min(raw.len()));
    let mut expected = 0_u64;
    for _ in 0..anchor_count {
        let place = expected.wrapping_add(unzigzag(reader.varint()?));
        anchors.push(*table.get(usize::try_from(place).ok()?)?);
        expected = place + 1;
    }
    let mut files_list = table;
    files_list.truncate(files);
    Some((files_list, anchors))
}

/// A step in two's complement as a number that is small if the step is, either way.
fn zigzag(step: u64) -> u64 {
    (step << 1) ^ 0_u64.wrapping_sub(step >> 63)
}

fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ 0_u64.wrapping_sub(number & 1)
}

/// The length, then the compressed bytes.
fn compress(raw: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    varint::put(&mut out, raw.len() as u64);
    out.extend(zstd::bulk::compress(raw, ZSTD_LEVEL)?);
    Ok(out)
}

fn decompress(part: &[u8]) -> Option<Vec<u8>> {
    let mut reader = ByteReader(part);
    let length = reader.varint().filter(|length| *length <= MAX_PART_BYTES)?;
    let length = usize::try_from(length).ok()?;
    let raw = zstd::bulk::decompress(reader.0, length).ok()?;
    (raw.len() == length).then_some(raw)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn digests() -> impl Strategy<Value = Vec<Digest>> {
        vec((0_u8..40).prop_map(|n| Digest::of(&[n])), 0..30)
    }

    proptest! {
        #[test]
        fn digests_round_trip(files in digests(), anchors in digests()) {
            let package = HashPackage { files, anchors, ..HashPackage::default() };
            let part = encode_digests(&package).unwrap();
            prop_assert_eq!(decode_digests(&part), Some((package.files, package.anchors)));
        }

        #[test]
        fn zigzag_round_trips(step: u64) {
            prop_assert_eq!(unzigzag(zigzag(step)), step);
        }

        #[test]
        fn any_part_is_read_without_panic(raw: Vec<u8>) {
            let _read = (decode_digests(&raw), decode_head(&raw));
            let _inside = decode_digests(&compress(&raw).unwrap());
        }
    }

    #[test]
    fn anchors_among_the_files_cost_almost_nothing() {
        let files: Vec<Digest> = (0..1000_u32)
            .map(|n| Digest::of(&n.to_be_bytes()))
            .collect();
        let anchors = files.clone();
        let package = HashPackage {
            files,
            anchors,
            ..HashPackage::default()
        };
        let part = encode_digests(&package).unwrap();
        assert!(part.len() < 1000 * 32 + 300, "{}", part.len());
    }

    #[test]
    fn heads_round_trip() {
        let mut package = HashPackage {
            url: "u".to_owned(),
            ..HashPackage::default()
        };
        package.set_attribute("note", &"x".into()).unwrap();
        assert_eq!(decode_head(&encode_head(&package).unwrap()), Some(package));
    }
}
