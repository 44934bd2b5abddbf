//! What to do about an error.

use std::error::Error;
use std::io;

use hashget_common::store::StoreError;
use hashget_server::startup::StartError;

/// The way out, if there is one to name.
pub(crate) fn hint(error: &(dyn Error + 'static)) -> Option<&'static str> {
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
        return Some("name a folder that can be written with --data or HASHSERVER_DATA");
    }
    let mut next = Some(error);
    while let Some(error) = next {
        match error.downcast_ref::<StoreError>() {
            Some(StoreError::Locked { .. }) => {
                return Some(
                    "stop the hashserver that runs on it, or name another folder with --data",
                );
            }
            Some(StoreError::Damaged { .. }) => {
                return Some(
                    "`hashserver check` tells what is wrong, and `check --rebuild` makes the index anew; else `import` a backup into an empty folder",
                );
            }
            _ => next = error.source(),
        }
    }
    None
}
