//! What to do about known failures: the only place that names options as ways out of library errors.

mod series;

use std::error::Error;
use std::io::{self, ErrorKind};

use hashget_archive::ArchiveError;
use hashget_store::StoreError;
use hashget_words::restore_file::RestoreFileError;

use hashget_engine::get::GetError;
use hashget_engine::index::IndexError;
use hashget_engine::pack::PackError;
use hashget_engine::publish::PublishError;
use hashget_engine::restore::RestoreError;
use hashget_engine::state::NoHomeError;
use hashget_engine::submit::SubmitError;
use hashget_series::SeriesError;
use hashget_snapshot::SnapshotError;
use hashget_sources::hash_db::HashDbError;
use hashget_sources::hash_server::HashServerError;
use hashget_sources::http::HttpError;
use hashget_sources::sources::{DownloadError, FetchError, PoolError};

use self::series::series_hint;

/// What to do about `error`, judged by the first of its causes that is known.
pub(super) fn hint_for(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(hint) = hint_for_one(error) {
            return Some(hint);
        }
        cause = error.source();
    }
    None
}

fn hint_for_one(error: &(dyn Error + 'static)) -> Option<String> {
    let hint = if let Some(error) = error.downcast_ref::<PackError>() {
        pack_hint(error)
    } else if let Some(error) = error.downcast_ref::<SeriesError>() {
        series_hint(error)
    } else if let Some(error) = error.downcast_ref::<SnapshotError>() {
        snapshot_hint(error)
    } else if error.is::<NoHomeError>() {
        Some("set HOME, or name the local records with --hashdb-path")
    } else if let Some(error) = error.downcast_ref::<RestoreError>() {
        restore_hint(error)
    } else if let Some(error) = error.downcast_ref::<RestoreFileError>() {
        restore_file_hint(error)
    } else if let Some(error) = error.downcast_ref::<ArchiveError>() {
        archive_hint(error)
    } else if let Some(error) = error.downcast_ref::<GetError>() {
        get_hint(error)
    } else if let Some(error) = error.downcast_ref::<SubmitError>() {
        submit_hint(error)
    } else if let Some(error) = error.downcast_ref::<FetchError>() {
        Some(fetch_hint(error))
    } else if let Some(error) = error.downcast_ref::<HashServerError>() {
        server_hint(error)
    } else if let Some(error) = error.downcast_ref::<DownloadError>() {
        download_hint(error)
    } else if let Some(error) = error.downcast_ref::<PoolError>() {
        pool_hint(error)
    } else {
        store_or_system_hint(error)
    };
    hint.map(str::to_owned)
}

/// Of the lowest causes: stores, the network, the system.
fn store_or_system_hint(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<HashDbError>() {
        hash_db_hint(error)
    } else if let Some(PublishError::HashDb(error)) = error.downcast_ref() {
        hash_db_hint(error)
    } else if let Some(IndexError::HashDb(error)) = error.downcast_ref() {
        hash_db_hint(error)
    } else if let Some(error) = error.downcast_ref::<StoreError>() {
        Some(store_hint(error))
    } else if let Some(error) = error.downcast_ref::<HttpError>() {
        http_hint(error)
    } else {
        io_cause(error)
    }
}

fn pack_hint(error: &PackError) -> Option<&'static str> {
    let by_system = match error {
        PackError::Tree(error) => error.source().and_then(io_cause),
        PackError::Output { source, .. } => io_cause(source),
        _ => None,
    };
    by_system.or(match error {
        PackError::NeverRestored { .. } => Some(
            "restore the directory first with `hashget restore`; or delete the file, or rename it to \
             keep it as an ordinary one",
        ),
        PackError::NotARestoreFile { .. } => {
            Some("rename or delete it, or leave it out with `--exclude .hashget-restore.json`")
        }
        PackError::Output { .. } | PackError::Archive { .. } => {
            Some("nothing was left behind; free some space or choose another place")
        }
        _ => None,
    })
}

fn snapshot_hint(error: &SnapshotError) -> Option<&'static str> {
    Some(match error {
        SnapshotError::Locked { .. } => "wait until it has ended, and run the command again",
        SnapshotError::Newer { .. } => {
            "use the newer hashget, or begin a new index with `hashget snapshot reindex`"
        }
        SnapshotError::TooLarge { .. } => {
            "remove it: `hashget snapshot reindex`, or the next snapshot, makes it anew"
        }
        SnapshotError::KeepsNothing => "name at least one rule, such as --keep-daily 7",
        _ => return None,
    })
}

fn restore_hint(error: &RestoreError) -> Option<&'static str> {
    Some(match error {
        RestoreError::NoRestoreFile { .. } => {
            "give the archive that `hashget pack` made, or the directory it was extracted into"
        }
        RestoreError::NotArchive { .. } => {
            "give an archive in tar format (.tar, .tar.gz, .tar.zst, .tar.xz or .tar.bz2)"
        }
        RestoreError::OtherRestoreFile { .. } => {
            "choose another directory, or restore what is there first"
        }
        _ => return None,
    })
}

fn restore_file_hint(error: &RestoreFileError) -> Option<&'static str> {
    match error {
        RestoreFileError::Version { .. } => None, // says it itself
        RestoreFileError::Changed => Some(
            "extract it again from the archive, or use another backup; if you changed it yourself, \
             remove its last member, `check`",
        ),
        _ => Some(
            "the restore file is damaged: extract it again from the archive, or use another backup",
        ),
    }
}

fn archive_hint(error: &ArchiveError) -> Option<&'static str> {
    Some(match error {
        ArchiveError::Truncated { .. }
        | ArchiveError::Corrupt { .. }
        | ArchiveError::Decode { .. } => {
            "the file is damaged or was not copied whole: get it again"
        }
        ArchiveError::Limit { .. } => {
            "the archive asks for more than a sound one does: do not trust it"
        }
        _ => return None,
    })
}

fn get_hint(error: &GetError) -> Option<&'static str> {
    match error {
        GetError::Unknown { .. } => Some(
            "submit its package first (`hashget submit`), or name a hashserver that knows it (--hashserver)",
        ),
        GetError::Failed { .. } => Some(OTHER_SOURCES),
        GetError::Exists { .. } => {
            Some("choose another directory with -o, or replace it with --overwrite changed")
        }
        GetError::Fetch(error) => Some(fetch_hint(error)),
        GetError::HashDb(error) => hash_db_hint(error),
        GetError::Write(_) => None,
    }
}

fn submit_hint(error: &SubmitError) -> Option<&'static str> {
    match error {
        SubmitError::NotInSnapshot { .. } => Some(
            "name the URL it can be downloaded from: hashget submit URL --file FILE -p PROJECT",
        ),
        SubmitError::Snapshot { source, .. } => match source.source() {
            // Of the file, not of the service.
            Some(cause) if cause.is::<io::Error>() => io_cause(cause),
            _ => Some(
                "name another snapshot service with --snapshot-url, or the URL of the package: \
                 hashget submit URL --file FILE -p PROJECT",
            ),
        },
        SubmitError::HashDb(error) => hash_db_hint(error),
    }
}

const OTHER_SOURCES: &str =
    "name pools or hashservers that have it, with --pool and --hashserver, or try again later";

fn fetch_hint(_: &FetchError) -> &'static str {
    OTHER_SOURCES
}

fn server_hint(error: &HashServerError) -> Option<&'static str> {
    match error {
        HashServerError::BadUrl { .. } => Some("a hashserver is named as http://HOST:PORT/"),
        HashServerError::Password { .. } => Some(
            "put the password into [credentials] of a settings file or into ~/.netrc, by host; a token into HASHGET_TOKEN",
        ),
        HashServerError::Down { .. } => Some(NOT_RUNNING),
        HashServerError::NoServer { .. } => Some(
            "check the URL; a tree of static files without directories needs a config.json with {} in it",
        ),
        HashServerError::Http(error) => http_hint(error),
        HashServerError::Nonsense { .. } => {
            Some("is that the URL of a hashserver, and of a version that this program knows?")
        }
        HashServerError::Static { .. } => Some("name a hashserver that runs `hashserver`"),
        HashServerError::Read { .. } => None,
    }
}

fn download_hint(error: &DownloadError) -> Option<&'static str> {
    match error {
        DownloadError::Http(error) => http_hint(error),
        DownloadError::NotDownloadable { .. } => {
            Some("it can only come from a pool that has it: name one with --pool")
        }
        DownloadError::Encoded { .. } => Some(
            "the server sends it otherwise than was asked for: name another source, or download it and use --file",
        ),
        DownloadError::WrongBytes { .. } => Some(
            "the file at that URL was changed: name another source with --pool or --hashserver",
        ),
        DownloadError::Cache(_) => None,
    }
}

fn pool_hint(error: &PoolError) -> Option<&'static str> {
    match error {
        PoolError::WrongBytes { .. } => Some("remove the damaged file from the pool"),
        PoolError::Download(error) => download_hint(error),
        PoolError::Io(_) => None,
    }
}

fn hash_db_hint(error: &HashDbError) -> Option<&'static str> {
    match error {
        HashDbError::Store(error) => Some(store_hint(error)),
        _ => None,
    }
}

fn store_hint(error: &StoreError) -> &'static str {
    match error {
        StoreError::Locked { .. } => "another program uses it: run the command again when it ends",
        StoreError::Newer { .. } => "a newer hashget made it: use that",
        StoreError::Damaged { .. } => {
            "move that directory away; then import an export (`hashget-admin import`), or submit the packages again"
        }
        StoreError::Engine { .. } | StoreError::Io { .. } => {
            "check that there is room on the disk and that the directory can be written"
        }
        StoreError::BadRecord { .. } => "submit the package again",
    }
}

const NOT_RUNNING: &str = "is the server running, and its address right? --no-hashserver asks none";

fn http_hint(error: &HttpError) -> Option<&'static str> {
    Some(match error {
        HttpError::Request { source, .. } if source.is_timeout() => {
            "try again later, or wait longer with --timeout SECONDS"
        }
        HttpError::Request { proxy: Some(_), .. } => {
            "check the proxy that the environment names; NO_PROXY lists what is asked without it"
        }
        HttpError::Request { .. } | HttpError::Body { .. } => NOT_RUNNING,
        HttpError::Status { status: 401, .. } => {
            "set HASHGET_TOKEN, or a token in a settings file; `hashserver token add` makes one"
        }
        HttpError::Status { status: 403, .. } => {
            "the token's scope does not cover this: use another token in HASHGET_TOKEN"
        }
        HttpError::Status { status: 404, .. } => "check the URL",
        HttpError::Status { status: 507, .. } => "the server's disk is full: tell who runs it",
        HttpError::Status { status: 500.., .. } => "the server is at fault: try again later",
        HttpError::Json { .. } => "is that the URL of a hashserver?",
        HttpError::HostDown { .. } => {
            "try again later, or name other sources with --pool or --hashserver"
        }
        HttpError::PrivateHost { .. } => {
            "if that is meant: --private-hints obeys such hints, and --trusted restores and verifies such archives"
        }
        HttpError::Proxy { .. } => "write it as http://HOST:PORT, or list the host in NO_PROXY",
        HttpError::PlainPassword { .. } => {
            "use https, or set `plain = true` for the host in [credentials] of a settings file"
        }
        _ => return None,
    })
}

fn io_cause(error: &(dyn Error + 'static)) -> Option<&'static str> {
    error
        .downcast_ref::<io::Error>()
        .and_then(|error| io_hint(error.kind()))
}

fn io_hint(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::NotFound => {
            "check the path: it, or the directory it is to be in, does not exist"
        }
        ErrorKind::PermissionDenied => {
            "run as a user who may do this (root for owners and system files), or choose another place"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "make room on the disk, or choose another place, and run the same command again"
        }
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only: choose another place",
        ErrorKind::NotADirectory => "give a directory here",
        ErrorKind::IsADirectory => "give a file here",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_cannot_be_made_is_hinted_at_by_the_systems_reason() {
        let hint = |kind| {
            hint_for(&PackError::Output {
                path: "/x/a.tgz".into(),
                source: io::Error::from(kind),
            })
        };
        assert!(hint(ErrorKind::NotFound).is_some_and(|hint| hint.starts_with("check the path")));
        assert!(hint(ErrorKind::StorageFull).is_some_and(|hint| hint.contains("make room")));
        assert!(hint(ErrorKind::Other).is_some_and(|hint| hint.contains("another place")));
    }

    #[test]
    fn libraries_say_what_failed_and_the_program_what_to_do() {
        let home = NoHomeError;
        let table: [(&(dyn Error + 'static), &str); 5] = [
            (&SnapshotError::KeepsNothing, "--keep-daily"),
            (&home, "--hashdb-path"),
            (&SeriesError::Changed { url: String::new() }, "one machine"),
            (
                &SeriesError::Pack(PackError::NeverRestored {
                    path: "/x".into(),
                    missing: 1,
                    example: String::new(),
                }),
                "hashget restore",
            ),
            (
                &PackError::NotARestoreFile {
                    path: "/x".into(),
                    source: None,
                },
                "--exclude",
            ),
        ];
        for (error, word) in table {
            let hint = hint_for(error).unwrap();
            assert!(hint.contains(word), "{error}: {hint}");
            assert!(!error.to_string().contains("--"), "{error}");
        }
    }

    #[test]
    fn the_first_known_cause_decides() {
        let full = io::Error::from(ErrorKind::StorageFull);
        assert!(hint_for(&full).is_some_and(|hint| hint.contains("make room")));
        let other = io::Error::from(ErrorKind::InvalidData);
        assert_eq!(hint_for(&other), None);
    }
}
