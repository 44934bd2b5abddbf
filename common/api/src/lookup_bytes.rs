//! The compact form of a look-up (`docs/http-api.md`): raw digests as the question, and an
//! answer in bytes.
//!
//! Numbers are varints: seven bits a byte, the lowest first, the high bit set on all bytes but
//! the last. The answer is `HGL1`; the number of packages and each of them; the number of digests
//! that were found and each of them. A package is its id; project and URL, each a length and
//! UTF-8; a byte of flags; with flag 1 its SHA-256, with 2 its size, with 4 the ten characters of
//! its date of expiry; how many files and anchors it has. A digest is how many digests of the
//! question lie between it and the one before, how many packages have it, and their places.

use thiserror::Error;

use super::{LookupRequest, LookupResponse};
use hashget_words::digest::Digest;
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::varint;

/// The content type of a question: digests of 32 bytes each, one behind the other.
pub const DIGESTS_TYPE: &str = "application/vnd.hashget.digests";
/// The content type of an answer.
pub const MATCHES_TYPE: &str = "application/vnd.hashget.matches";

const MAGIC: &[u8; 4] = b"HGL1";
const HAS_SHA256: u8 = 1;
const HAS_SIZE: u8 = 2;
const EXPIRES: u8 = 4;
const DATE_BYTES: usize = "YYYY-MM-DD".len();

/// Why bytes are no question or no answer.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("this is no look-up in the compact form")]
pub struct LookupBytesError;

impl LookupRequest {
    /// The digests of the question in the compact form.
    pub fn digests_to_bytes(&self) -> Vec<u8> {
        self.digests
            .iter()
            .flat_map(|digest| *digest.as_bytes())
            .collect()
    }

    /// Reads what [`LookupRequest::digests_to_bytes`] wrote.
    pub fn digests_from_bytes(bytes: &[u8]) -> Result<Vec<Digest>, LookupBytesError> {
        let (digests, rest) = bytes.as_chunks::<{ Digest::BYTES }>();
        if !rest.is_empty() {
            return Err(LookupBytesError);
        }
        Ok(digests.iter().copied().map(Digest::from_bytes).collect())
    }
}

impl LookupResponse {
    /// The answer in the compact form; signatures have none.
    pub fn to_bytes<'a>(
        packages: impl ExactSizeIterator<Item = &'a PackageSummary>,
        digests: &[(u32, Vec<u32>)],
    ) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + packages.len() * 200 + digests.len() * 6);
        out.extend_from_slice(MAGIC);
        varint::put(&mut out, packages.len() as u64);
        for package in packages {
            put_package(&mut out, package);
        }
        varint::put(&mut out, digests.len() as u64);
        let mut next = 0;
        for (place, packages) in digests {
            varint::put(&mut out, u64::from(place.saturating_sub(next)));
            next = place + 1;
            varint::put(&mut out, packages.len() as u64);
            for package in packages {
                varint::put(&mut out, u64::from(*package));
            }
        }
        out
    }

    /// Reads what [`LookupResponse::to_bytes`] wrote. Places are not checked.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LookupBytesError> {
        let mut reader = Reader(bytes);
        let answer = reader.answer().ok_or(LookupBytesError)?;
        if reader.0.is_empty() {
            Ok(answer)
        } else {
            Err(LookupBytesError)
        }
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    varint::put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_package(out: &mut Vec<u8>, package: &PackageSummary) {
    varint::put(out, package.id.0);
    put_text(out, package.project.as_str());
    put_text(out, &package.url);
    let date = package.expires.date().map(|date| date.to_string());
    // A year that does not have four digits cannot be published; it would be no date here.
    let date = date.filter(|date| date.len() == DATE_BYTES);
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    out.push(
        flag(package.sha256.is_some(), HAS_SHA256)
            | flag(package.size.is_some(), HAS_SIZE)
            | flag(date.is_some(), EXPIRES),
    );
    if let Some(sha256) = &package.sha256 {
        out.extend_from_slice(sha256.as_bytes());
    }
    if let Some(size) = package.size {
        varint::put(out, size);
    }
    if let Some(date) = date {
        out.extend_from_slice(date.as_bytes());
    }
    varint::put(out, package.files);
    varint::put(out, package.anchors);
}

/// Reads from the front; every method is `None` where the bytes make no sense.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        varint::take(&mut self.0)
    }

    /// A number of things of which each takes a byte at least.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    fn place(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let count = self.count()?;
        std::str::from_utf8(self.take(count)?).ok()
    }

    fn package(&mut self) -> Option<PackageSummary> {
        let id = PackageId(self.number()?);
        let project = self.text()?.parse().ok()?;
        let url = self.text()?.to_owned();
        let flags = self.take(1)?[0];
        let has = |bit: u8| flags & bit != 0;
        let sha256 = if has(HAS_SHA256) {
            let bytes: [u8; Digest::BYTES] = self.take(Digest::BYTES)?.try_into().ok()?;
            Some(Digest::from_bytes(bytes))
        } else {
            None
        };
        let size = if has(HAS_SIZE) {
            Some(self.number()?)
        } else {
            None
        };
        let expires = if has(EXPIRES) {
            let text = std::str::from_utf8(self.take(DATE_BYTES)?).ok()?;
            text.parse().ok()?
        } else {
            hashget_words::expiry::Expiry::Never
        };
        Some(PackageSummary {
            id,
            project,
            url,
            sha256,
            size,
            expires,
            files: self.number()?,
            anchors: self.number()?,
        })
    }

    fn answer(&mut self) -> Option<LookupResponse> {
        if self.take(MAGIC.len())? != MAGIC {
            return None;
        }
        let mut answer = LookupResponse::default();
        for _ in 0..self.count()? {
            answer.packages.push(self.package()?);
        }
        let mut next = 0_u32;
        for _ in 0..self.count()? {
            let place = next.checked_add(self.place()?)?;
            next = place.checked_add(1)?;
            let count = self.count()?;
            let places: Option<Vec<u32>> = (0..count).map(|_| self.place()).collect();
            answer.digests.push((place, places?));
        }
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;
    use hashget_words::expiry::Expiry;

    fn package() -> impl Strategy<Value = PackageSummary> {
        let numbers = any::<(u64, u64, u64, Option<u64>)>();
        (numbers, any::<Option<[u8; 32]>>(), 0_i8..28, ".{0,40}").prop_map(
            |((id, files, anchors, size), sha256, day, url)| PackageSummary {
                id: PackageId(id),
                project: "p-1".parse().unwrap(),
                url,
                sha256: sha256.map(Digest::from_bytes),
                size,
                expires: match day {
                    0 => Expiry::Never,
                    day => Expiry::On(date(2031, 2, day)),
                },
                files,
                anchors,
            },
        )
    }

    proptest! {
        #[test]
        fn answers_round_trip(
            packages in vec(package(), 0..20),
            digests in btree_map(0_u32..u32::MAX, vec(any::<u32>(), 0..5), 0..40),
        ) {
            let answer = LookupResponse {
                packages,
                digests: digests.into_iter().collect(),
                signatures: Vec::new(),
            };
            let bytes = LookupResponse::to_bytes(answer.packages.iter(), &answer.digests);
            for cut in 0..bytes.len() {
                prop_assert!(LookupResponse::from_bytes(&bytes[..cut]).is_err());
            }
            prop_assert_eq!(LookupResponse::from_bytes(&bytes), Ok(answer));
        }

        #[test]
        fn any_answer_is_read_without_panic(rest: Vec<u8>) {
            let _read = LookupResponse::from_bytes(&[&MAGIC[..], &rest].concat());
        }

        #[test]
        fn questions_round_trip(digests in vec(any::<[u8; 32]>(), 0..20), more in 1_usize..32) {
            let digests: Vec<Digest> = digests.into_iter().map(Digest::from_bytes).collect();
            let question = LookupRequest { digests: digests.clone(), ..LookupRequest::default() };
            let mut bytes = question.digests_to_bytes();
            prop_assert_eq!(LookupRequest::digests_from_bytes(&bytes), Ok(digests));
            bytes.extend(vec![0; more]);
            prop_assert!(LookupRequest::digests_from_bytes(&bytes).is_err());
        }
    }

    #[test]
    fn an_answer_is_these_bytes() {
        let package = PackageSummary {
            id: PackageId(300),
            project: "p".parse().unwrap(),
            url: "u".to_owned(),
            sha256: None,
            size: Some(5),
            expires: Expiry::On(date(2031, 1, 2)),
            files: 1,
            anchors: 0,
        };
        let bytes = LookupResponse::to_bytes([package].iter(), &[(2, vec![0]), (3, vec![0])]);
        let expected =
            b"HGL1\x01\xac\x02\x01p\x01u\x06\x052031-01-02\x01\x00\x02\x02\x01\x00\x00\x01\x00";
        assert_eq!(bytes, expected);
    }
}
