//! The row of a record: what a summary needs, and where the rest of the record is.

use super::bytes::{ByteReader, put_bytes};
use super::keys;
use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::project::ProjectName;
use hashget_words::varint;

const HAS_SHA256: u8 = 1;
const HAS_SIZE: u8 = 2;
const EXPIRES: u8 = 4;

/// What is stored beside the number of a record; it is small, and there if the record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) project: ProjectName,
    pub(super) url: String,
    /// The SHA-256 of the package.
    pub(super) sha256: Option<Digest>,
    /// The size of the package in bytes.
    pub(super) size: Option<u64>,
    /// Until when it may be relied on.
    pub(super) expires: Expiry,
    /// How many files are indexed.
    pub(super) files: u64,
    /// How many anchors there are.
    pub(super) anchors: u64,
    /// How many distinct digests the record can be found by.
    pub(super) digests: u64,
    /// Which part holds the record's head; rises with every update.
    pub(super) head: u32,
}

impl Row {
    /// The row of a record that was just published.
    pub(super) fn new(project: &ProjectName, package: &HashPackage, digests: u64) -> Self {
        Self {
            project: project.clone(),
            url: package.url.clone(),
            sha256: package.digest(),
            size: package.attrs.size,
            expires: package.expires,
            files: package.files.len() as u64,
            anchors: package.anchors.len() as u64,
            digests,
            head: 1,
        }
    }

    /// The stored form.
    pub(super) fn encode(&self) -> Vec<u8> {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let mut out = vec![
            flag(self.sha256.is_some(), HAS_SHA256)
                | flag(self.size.is_some(), HAS_SIZE)
                | flag(!self.expires.is_never(), EXPIRES),
        ];
        put_bytes(&mut out, self.project.as_str().as_bytes());
        put_bytes(&mut out, self.url.as_bytes());
        if let Some(sha256) = &self.sha256 {
            out.extend_from_slice(sha256.as_bytes());
        }
        if let Some(size) = self.size {
            varint::put(&mut out, size);
        }
        if let Some(date) = self.expires.date() {
            out.extend_from_slice(&keys::date_bytes(date));
        }
        for number in [self.files, self.anchors, self.digests, self.head.into()] {
            varint::put(&mut out, number);
        }
        out
    }

    /// Reads the stored form; `None` if it makes no sense.
    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        let mut reader = ByteReader(value);
        let flags = reader.byte()?;
        let has = |bit: u8| flags & bit != 0;
        let project = reader.text()?.parse().ok()?;
        let url = reader.text()?.to_owned();
        let sha256 = if has(HAS_SHA256) {
            Some(Digest::from_bytes(reader.array()?))
        } else {
            None
        };
        let size = if has(HAS_SIZE) {
            Some(reader.varint()?)
        } else {
            None
        };
        let expires = if has(EXPIRES) {
            Expiry::On(keys::date_from_bytes(reader.array()?)?)
        } else {
            Expiry::Never
        };
        Some(Self {
            project,
            url,
            sha256,
            size,
            expires,
            files: reader.varint()?,
            anchors: reader.varint()?,
            digests: reader.varint()?,
            head: reader.varint()?.try_into().ok()?,
        })
    }

    /// The summary of the record with this row.
    pub(super) fn into_summary(self, id: PackageId) -> PackageSummary {
        PackageSummary {
            id,
            project: self.project,
            url: self.url,
            sha256: self.sha256,
            size: self.size,
            expires: self.expires,
            files: self.files,
            anchors: self.anchors,
        }
    }
}

/// The counts of a project, kept beside its rows and changed together with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) packages: u64,
    pub(super) files: u64,
    pub(super) anchors: u64,
    /// Entries of the digest index.
    pub(super) digests: u64,
    /// The known sizes of the packages, in bytes.
    pub(super) bytes: u64,
}

impl Counts {
    /// Counts a record in.
    pub(super) fn add(&mut self, row: &Row) {
        self.packages += 1;
        self.files += row.files;
        self.anchors += row.anchors;
        self.digests += row.digests;
        self.bytes = self.bytes.saturating_add(row.size.unwrap_or(0));
    }

    /// Counts a record out.
    pub(super) fn subtract(&mut self, row: &Row) {
        self.packages = self.packages.saturating_sub(1);
        self.files = self.files.saturating_sub(row.files);
        self.anchors = self.anchors.saturating_sub(row.anchors);
        self.digests = self.digests.saturating_sub(row.digests);
        self.bytes = self.bytes.saturating_sub(row.size.unwrap_or(0));
    }

    /// The stored form.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let numbers = [
            self.packages,
            self.files,
            self.anchors,
            self.digests,
            self.bytes,
        ];
        for number in numbers {
            varint::put(&mut out, number);
        }
        out
    }

    /// Reads the stored form; `None` if it makes no sense.
    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        let mut reader = ByteReader(value);
        Some(Self {
            packages: reader.varint()?,
            files: reader.varint()?,
            anchors: reader.varint()?,
            digests: reader.varint()?,
            bytes: reader.varint()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_round_trip(url: String, size: Option<u64>, sha: Option<[u8; 32]>, n: [u32; 4], day in 0_i8..28) {
            let row = Row {
                project: "_cached".parse().unwrap(),
                url,
                sha256: sha.map(Digest::from_bytes),
                size,
                expires: if day == 0 { Expiry::Never } else { Expiry::On(date(2031, 5, day)) },
                files: n[0].into(),
                anchors: n[1].into(),
                digests: n[2].into(),
                head: n[3],
            };
            prop_assert_eq!(Row::decode(&row.encode()), Some(row));
        }

        #[test]
        fn any_row_is_read_without_panic(value: Vec<u8>) {
            let _read = (Row::decode(&value), Counts::decode(&value));
        }
    }
}
