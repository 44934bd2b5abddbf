//! Changing the attributes and the expiry date of a record.

use super::resident::RowChange;
use super::row::Row;
use super::{SledStore, keys, record};
use crate::StoreError;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::PackageId;

impl SledStore {
    pub(super) fn update_package(
        &self,
        id: PackageId,
        package: &HashPackage,
    ) -> Result<bool, StoreError> {
        let writer = self.write();
        let Some(old) = self.row(id)? else {
            return Ok(false);
        };
        let head = record::decode_head(&self.read_part(id, old.head)?)
            .ok_or_else(|| self.damaged(format!("the head of record {} makes no sense", id.0)))?;
        let head = HashPackage {
            attrs: package.attrs.clone(),
            expires: package.expires,
            ..head
        };
        let new = Row {
            size: head.attrs.size,
            expires: head.expires,
            head: old.head.wrapping_add(1).max(1),
            ..old.clone()
        };
        let part = record::encode_head(&head).map_err(|error| self.pack_error(error))?;
        // A crash may have left a longer head under this number.
        self.remove_chunks(&keys::part(id, new.head))?;
        self.write_part(id, new.head, &part)?;
        self.move_expiry(id, None, Some(&new))?;
        let mut counts = self.counts(&old.project)?.unwrap_or_default();
        counts.subtract(&old);
        counts.add(&new);
        let mut batch = sled::Batch::default();
        batch.insert(&keys::row(id), new.encode());
        batch.insert(keys::project(&old.project), counts.encode());
        self.commit(batch, vec![RowChange::Set(id, Box::new(new.clone()))])?;
        if old.expires != new.expires {
            self.move_expiry(id, Some(&old), None)?;
        }
        self.remove_chunks(&keys::part(id, old.head))?;
        self.finish(writer)?;
        Ok(true)
    }

    /// Takes a record out of the list of dates, or puts it in.
    fn move_expiry(
        &self,
        id: PackageId,
        from: Option<&Row>,
        to: Option<&Row>,
    ) -> Result<(), StoreError> {
        let index = self.read_index().clone();
        let date = |row: Option<&Row>| row.and_then(|row| row.expires.date());
        let engine = |error| self.engine("write", error);
        if let Some(date) = date(from) {
            index.remove(keys::expiry(date, id)).map_err(engine)?;
        }
        if let Some(date) = date(to) {
            index.insert(keys::expiry(date, id), &[]).map_err(engine)?;
        }
        Ok(())
    }
}
