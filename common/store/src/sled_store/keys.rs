//! The keys of the trees: where each thing is kept.
//!
//! Numbers in keys are big-endian, so that the order of the keys is the order of the numbers.
//!
//! | Tree | Key | Value |
//! |---|---|---|
//! | `catalog` | `m` name | the format, the next number, the index's generation |
//! | `catalog` | `p` project | the project's counts |
//! | `catalog` | `i` project `\0` number | nothing: the record is in the project |
//! | `catalog` | `r` number | the row: what a summary needs; **the record is there if this is** |
//! | `records` | number, part, chunk | a piece of a record's digests (part 0) or head (part 1, 2, …) |
//! | `index.G` | `d`, `s`, `u` and a lower bound | a bucket of the digest, signature or URL index |
//! | `index.G` | `e` date, number | nothing: the record expires then |

use jiff::civil::Date;

use hashget_words::package_summary::PackageId;
use hashget_words::project::ProjectName;

/// The tree of rows, projects and meta values.
pub(super) const CATALOG: &str = "catalog";
/// The tree of whole records.
pub(super) const RECORDS: &str = "records";
/// What the names of index trees begin with.
pub(super) const INDEX_PREFIX: &str = "index.";

/// The key of the number of the format.
pub(super) const FORMAT: &[u8] = b"mformat";
/// The key of the first number that was never reserved.
pub(super) const NEXT_ID: &[u8] = b"mnext_id";
/// The key of the generation of the index tree.
pub(super) const INDEX_GENERATION: &[u8] = b"mindex";

/// What the keys of projects begin with.
pub(super) const PROJECT: u8 = b'p';
/// What the keys that put records in projects begin with.
pub(super) const MEMBER: u8 = b'i';
/// What the keys of rows begin with.
pub(super) const ROW: u8 = b'r';
/// What the keys of expiry dates begin with.
pub(super) const EXPIRY: u8 = b'e';

/// The part of a record that holds its digests.
pub(super) const DIGESTS_PART: u32 = 0;

/// The name of the index tree of a generation.
pub(super) fn index_tree(generation: u64) -> String {
    format!("{INDEX_PREFIX}{generation}")
}

/// The key of a project's counts.
pub(super) fn project(name: &ProjectName) -> Vec<u8> {
    [&[PROJECT], name.as_str().as_bytes()].concat()
}

/// What the keys of the records of a project begin with.
pub(super) fn members(name: &ProjectName) -> Vec<u8> {
    [&[MEMBER], name.as_str().as_bytes(), b"\0"].concat()
}

/// The key that puts a record in a project.
pub(super) fn member(name: &ProjectName, id: PackageId) -> Vec<u8> {
    let mut key = members(name);
    key.extend_from_slice(&id.0.to_be_bytes());
    key
}

/// The key of a row.
pub(super) fn row(id: PackageId) -> [u8; 9] {
    let mut key = [ROW; 9];
    key[1..].copy_from_slice(&id.0.to_be_bytes());
    key
}

/// The number at the end of a key.
pub(super) fn trailing_id(key: &[u8]) -> Option<PackageId> {
    let bytes = key.last_chunk::<8>()?;
    Some(PackageId(u64::from_be_bytes(*bytes)))
}

/// What the keys of the chunks of one part of a record begin with.
pub(super) fn part(id: PackageId, part: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&id.0.to_be_bytes());
    key[8..].copy_from_slice(&part.to_be_bytes());
    key
}

/// The key of a chunk of a record.
pub(super) fn chunk(id: PackageId, part_number: u32, chunk: u32) -> [u8; 16] {
    let mut key = [0; 16];
    key[..12].copy_from_slice(&part(id, part_number));
    key[12..].copy_from_slice(&chunk.to_be_bytes());
    key
}

/// The record and the part that a chunk belongs to.
pub(super) fn chunk_part(key: &[u8]) -> Option<(PackageId, u32)> {
    let key: &[u8; 16] = key.try_into().ok()?;
    let id = PackageId(u64::from_be_bytes(*key.first_chunk()?));
    Some((id, u32::from_be_bytes(*key[8..].first_chunk()?)))
}

/// The key of an expiry date.
pub(super) fn expiry(date: Date, id: PackageId) -> [u8; 13] {
    let mut key = [EXPIRY; 13];
    key[1..5].copy_from_slice(&date_bytes(date));
    key[5..].copy_from_slice(&id.0.to_be_bytes());
    key
}

/// A date as bytes in the order of dates.
pub(super) fn date_bytes(date: Date) -> [u8; 4] {
    // Years are -9999..=9999, so that the shifted one is positive.
    let year = date.year().wrapping_add(10_000).to_be_bytes();
    [
        year[0],
        year[1],
        date.month().cast_unsigned(),
        date.day().cast_unsigned(),
    ]
}

/// The date that [`date_bytes`] wrote.
pub(super) fn date_from_bytes(bytes: [u8; 4]) -> Option<Date> {
    let year = i16::from_be_bytes([bytes[0], bytes[1]]).checked_sub(10_000)?;
    let small = |byte: u8| i8::try_from(byte).ok();
    Date::new(year, small(bytes[2])?, small(bytes[3])?).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn dates_keep_their_order() {
        let dates = [
            Date::MIN,
            date(-1, 1, 1),
            date(1999, 12, 31),
            date(2030, 1, 2),
            Date::MAX,
        ];
        let bytes = dates.map(date_bytes);
        assert!(bytes.is_sorted());
        assert_eq!(bytes.map(|b| date_from_bytes(b).unwrap()), dates);
        assert_eq!(date_from_bytes([0xff; 4]), None);
    }

    #[test]
    fn numbers_are_read_back() {
        let id = PackageId(0x0102_0304_0506_0708);
        let name: ProjectName = "p".parse().unwrap();
        assert_eq!(trailing_id(&row(id)), Some(id));
        assert_eq!(trailing_id(&member(&name, id)), Some(id));
        assert_eq!(trailing_id(&expiry(Date::MAX, id)), Some(id));
        assert_eq!(chunk_part(&chunk(id, 3, 4)), Some((id, 3)));
    }
}
