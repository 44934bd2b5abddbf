//! What to do about failures of series.

use hashget_series::SeriesError;

use super::pack_hint;

pub(super) fn series_hint(error: &SeriesError) -> Option<&'static str> {
    Some(match error {
        SeriesError::Busy { .. } => "wait until it ends, then run the command again",
        SeriesError::Settled { .. } => {
            "take the new value over with `hashget series convert`, or name an empty destination"
        }
        SeriesError::EmptyDestination { .. } => {
            "mount the destination, or copy the replica's files there, or name another one"
        }
        SeriesError::NoDestination {
            was_there: true, ..
        } => {
            "mount it: an earlier run put backups there; `hashget series run --new-destination` begins anew"
        }
        SeriesError::NoDestination { .. } => "mount it, or make the directory that it is to be in",
        SeriesError::Lacking { .. } => "leave out --no-reserve, or restore into an empty directory",
        SeriesError::Unreadable { .. } => "`hashget series find` tells which backups have it",
        SeriesError::NoBackup { .. } => "`hashget series list` tells which there are",
        SeriesError::NoChangeList { .. } => {
            "`hashget series verify` tells what is damaged; a replica may have it whole"
        }
        SeriesError::Hook { .. } => "nothing was backed up; correct the command in the series file",
        SeriesError::NoFile { .. } | SeriesError::NothingSelected { .. } => {
            "`hashget series show` lists the files of a backup"
        }
        SeriesError::Incomplete { .. } => {
            "`hashget series verify` tells what is damaged; name pools or hashservers that \
                 have the packages with --pool and --hashserver"
        }
        SeriesError::Changed { .. } => "let one machine run the section, and run it again",
        SeriesError::NeedsDirectory { .. } => {
            "`hashget series export` makes a standalone archive; `restore --in-place --no-reserve` \
                 replaces a directory without a reserve backup"
        }
        SeriesError::Patch { .. } => {
            "`hashget series verify` tells which archive is damaged; a replica may have it whole"
        }
        SeriesError::NotEmpty { .. } => {
            "name an empty directory, or replace what is there with --in-place"
        }
        SeriesError::NotReplaceable { .. } => {
            "restore into another directory, and move the files yourself"
        }
        SeriesError::Config { .. } | SeriesError::Section { .. } | SeriesError::Unknown { .. } => {
            "`hashget series init` writes a series file with comments"
        }
        SeriesError::Pack(error) => return pack_hint(error),
        _ => return None,
    })
}
