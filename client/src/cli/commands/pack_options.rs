//! The options of packing, read into the library's.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use hashget_common::expiry::Expiry;

use super::pack::PackArgs;
use super::prepack::PrepackArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::{RecordArgs, patterns};
use crate::pack::{Compression, PackOptions};
use crate::tree::{WalkOptions, read_pattern_file};

/// How `pack` packs into `file`.
pub(super) fn pack_options(
    file: &Path,
    args: &PackArgs,
    context: &Context,
) -> Result<PackOptions, CliError> {
    let more = args.exclude_from.as_deref().map(read_pattern_file);
    let mut walk = args.walk.options(more.transpose()?.unwrap_or_default())?;
    walk.numeric_owner = args.numeric_owner;
    let record = &args.indexing.record;
    let options = options(walk, &args.skip, args.no_cache, record, context)?;
    let level = args.level.or(context.settings.level);
    Ok(PackOptions {
        compact: args.compact,
        small_files: record.filesz.or(context.settings.filesz).is_none(),
        compression: compression(file, is_gzip(file, args), level)?,
        ..options
    })
}

/// How `prepack` chooses.
pub(super) fn prepack_options(
    args: &PrepackArgs,
    context: &Context,
) -> Result<PackOptions, CliError> {
    let walk = args.walk.options(Vec::new())?;
    options(
        walk,
        &args.skip,
        args.no_cache,
        &args.indexing.record,
        context,
    )
}

fn options(
    walk: WalkOptions,
    skip: &[OsString],
    no_cache: bool,
    record: &RecordArgs,
    context: &Context,
) -> Result<PackOptions, CliError> {
    let expires = record.expires.unwrap_or_default();
    refuse_past(expires, context)?;
    let filesz = record.filesz.or(context.settings.filesz);
    Ok(PackOptions {
        walk,
        skip: patterns(skip)?,
        filesz: filesz.unwrap_or(PackOptions::FILESZ),
        hash_cache: (!no_cache).then(|| context.hash_cache()),
        expires,
        ..PackOptions::default()
    })
}

/// An archive that is expired already could rely on packages that are gone.
fn refuse_past(expires: Expiry, context: &Context) -> Result<(), CliError> {
    if expires.is_expired_at(context.today()) {
        return Err(CliError::usage(format!("--expires {expires} has passed"))
            .hint("give the day until which the archive must be restorable"));
    }
    Ok(())
}

/// Whether gzip is asked for, by `-z` or by the archive's name.
fn is_gzip(file: &Path, args: &PackArgs) -> bool {
    let ending = file.extension().and_then(OsStr::to_str);
    args.gzip || (!args.gzip_only_by_z && matches!(ending, Some("gz" | "tgz")))
}

fn compression(file: &Path, gzip: bool, level: Option<u32>) -> Result<Compression, CliError> {
    let chosen = Compression::for_name(file, gzip);
    let Some(level) = level else {
        return Ok(chosen);
    };
    Ok(match chosen {
        Compression::None => Compression::None,
        Compression::Gzip(_) if level <= 9 => Compression::Gzip(level),
        Compression::Gzip(_) => return Err(CliError::usage("gzip has the levels 0 to 9")),
        Compression::Zstd(_) => match i32::try_from(level) {
            Ok(level @ 1..=22) => Compression::Zstd(level),
            _ => return Err(CliError::usage("zstd has the levels 1 to 22")),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_belong_to_a_compression() {
        let of = |name: &str, gzip, level| compression(Path::new(name), gzip, level).ok();
        assert_eq!(of("a.tar", false, Some(9)), Some(Compression::None));
        assert_eq!(of("a.tar.gz", true, Some(1)), Some(Compression::Gzip(1)));
        assert_eq!(of("a.tar.gz", true, Some(12)), None);
        assert_eq!(
            of("a.tar.zst", false, Some(12)),
            Some(Compression::Zstd(12))
        );
        assert_eq!(of("a.tar.zst", false, Some(0)), None);
    }
}
