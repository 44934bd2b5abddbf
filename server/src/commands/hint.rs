//! What to do about an error.

use std::error::Error;
use std::io;

use hashget_server::startup::StartError;
use hashget_store::StoreError;

/// The way out, if there is one to name.
pub(crate) fn hint(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    if causes.any(is_disk_full) {
        return Some(
            "the disk is full: make room and try again, what was acknowledged is still there",
        );
    }
    if let Some(StartError::Listen { source, .. }) = error.downcast_ref() {
        return match source.kind() {
            io::ErrorKind::AddrInUse => Some(
                "another program listens there: name another port with --listen, or port 0 for a free one",
            ),
            io::ErrorKind::AddrNotAvailable => Some(
                "this machine has no such address: --listen 127.0.0.1:8700 is for itself, 0.0.0.0:8700 for everybody",
            ),
            io::ErrorKind::PermissionDenied => Some(
                "ports below 1024 are for root: name another with --listen, and let a proxy have that one",
            ),
            _ => None,
        };
    }
    if let Some(StartError::Data { .. }) = error.downcast_ref() {
        return Some("name a directory that can be written with --data or HASHSERVER_DATA");
    }
    let mut next = Some(error);
    while let Some(error) = next {
        match error.downcast_ref::<StoreError>() {
            Some(StoreError::Locked { .. }) => {
                return Some(
                    "stop the hashserver that runs on it, or name another directory with --data",
                );
            }
            Some(StoreError::Damaged { .. }) => {
                return Some(
                    "`hashserver check` tells what is wrong, and `check --rebuild` makes the index anew; else `import` a backup into an empty directory",
                );
            }
            _ => next = error.source(),
        }
    }
    None
}

fn is_disk_full(error: &(dyn Error + 'static)) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(
        kind,
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_before_anything_else() {
        let failed = |kind: io::ErrorKind| {
            StartError::Store(StoreError::Io {
                action: "open",
                path: "store".into(),
                source: kind.into(),
            })
        };
        let told = hint(&failed(io::ErrorKind::StorageFull)).unwrap();
        assert!(told.starts_with("the disk is full"), "{told}");
        assert_eq!(hint(&failed(io::ErrorKind::NotFound)), None);
        let data = StartError::Data {
            path: "data".into(),
            source: io::ErrorKind::StorageFull.into(),
        };
        assert_eq!(hint(&data), Some(told));
    }
}
