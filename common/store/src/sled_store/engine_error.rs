//! What the engine's errors mean.

use std::path::Path;

use crate::StoreError;

/// The error of an `action` on the store in `path`. Files that the engine cannot make sense of are
/// told apart from a disk that fails: there is no use in trying again.
pub(super) fn engine_error(action: &'static str, path: &Path, source: sled::Error) -> StoreError {
    let what = match source {
        sled::Error::Corruption { .. } => "its files are cut short or have wrong bytes",
        sled::Error::Unsupported(_) => "its settings are of no known engine",
        sled::Error::ReportableBug(_) | sled::Error::CollectionNotFound(_) => {
            "its files contradict each other"
        }
        // A full disk is no fault of the engine.
        sled::Error::Io(source) => {
            return StoreError::Io {
                action,
                path: path.to_owned(),
                source,
            };
        }
    };
    StoreError::Damaged {
        path: path.to_owned(),
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tempfile::tempdir;

    use crate::conformance::package;
    use crate::{PackageStore, SledStore, StoreError, StoreOptions};

    fn open(path: &Path) -> Result<SledStore, StoreError> {
        SledStore::open(path, StoreOptions::default())
    }

    #[test]
    fn files_that_were_spoilt_are_told_apart_from_a_disk_that_fails() {
        for name in ["db", "conf", "snap."] {
            let directory = tempdir().unwrap();
            let store = open(directory.path()).unwrap();
            let packages = [package("u", 0..3000)];
            store.publish(&"p".parse().unwrap(), &packages).unwrap();
            drop(store);
            // Opening writes a snapshot.
            drop(open(directory.path()).unwrap());
            for entry in fs::read_dir(directory.path()).unwrap() {
                let path = entry.unwrap().path();
                let found = path.file_name().and_then(|name| name.to_str()).unwrap();
                if found.starts_with(name) {
                    fs::write(path, [0x5a; 300]).unwrap();
                }
            }
            let opened = open(directory.path());
            assert!(
                matches!(opened, Err(StoreError::Damaged { .. })),
                "{name}: {opened:?}"
            );
        }
    }
}
