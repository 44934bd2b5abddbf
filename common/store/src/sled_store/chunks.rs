//! Parts of records in chunks.
//!
//! sled cuts its pages by the number of keys, not by their size, and writes pages beyond 128 KiB
//! to files of their own. Chunks keep pages below that.

use std::io;

use super::{SledStore, keys, record};
use crate::{StoreError, StoredPackage};
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageId;

/// The length of a chunk: the 20 keys that a page may have for a moment stay below 128 KiB.
const CHUNK_BYTES: usize = 4096;

impl SledStore {
    /// Writes a part of a record.
    pub(super) fn write_part(
        &self,
        id: PackageId,
        part: u32,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        for (number, chunk) in (0..).zip(bytes.chunks(CHUNK_BYTES)) {
            self.records
                .insert(keys::chunk(id, part, number), chunk)
                .map_err(|error| self.engine("write", error))?;
        }
        Ok(())
    }

    /// Reads a part of a record; empty if it is not there.
    pub(super) fn read_part(&self, id: PackageId, part: u32) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        for item in self.records.scan_prefix(keys::part(id, part)) {
            let (_, chunk) = item.map_err(|error| self.engine("read", error))?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Removes the chunks whose keys begin with `prefix`: a part, or a whole record.
    pub(super) fn remove_chunks(&self, prefix: &[u8]) -> Result<(), StoreError> {
        for key in self.records.scan_prefix(prefix).keys() {
            key.and_then(|key| self.records.remove(key))
                .map_err(|error| self.engine("write", error))?;
        }
        Ok(())
    }

    /// Writes the digests and the first head of a record.
    pub(super) fn write_record(
        &self,
        id: PackageId,
        package: &HashPackage,
    ) -> Result<(), StoreError> {
        let digests = record::encode_digests(package).map_err(|error| self.pack_error(error))?;
        self.write_part(id, keys::DIGESTS_PART, &digests)?;
        let head = record::encode_head(package).map_err(|error| self.pack_error(error))?;
        self.write_part(id, 1, &head)
    }

    /// The error of packing a record.
    pub(super) fn pack_error(&self, source: io::Error) -> StoreError {
        StoreError::Io {
            action: "write",
            path: self.path.clone(),
            source,
        }
    }

    /// A whole record, if it is there.
    pub(super) fn stored_package(
        &self,
        id: PackageId,
    ) -> Result<Option<StoredPackage>, StoreError> {
        let mut seen = None;
        while let Some(row) = self.row(id)? {
            if seen == Some(row.head) {
                let what = format!("record {} ({}) cannot be read", id.0, row.url);
                return Err(self.damaged(what));
            }
            let head = record::decode_head(&self.read_part(id, row.head)?);
            let lists = record::decode_digests(&self.read_part(id, keys::DIGESTS_PART)?);
            if let (Some(head), Some((files, anchors))) = (head, lists) {
                let package = HashPackage {
                    files,
                    anchors,
                    ..head
                };
                let project = row.project;
                return Ok(Some(StoredPackage {
                    id,
                    project,
                    package,
                }));
            }
            // An update or a removal may have passed by: then the row tells.
            seen = Some(row.head);
        }
        Ok(None)
    }
}
