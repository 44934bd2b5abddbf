//! The options of packing, read into the library's.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hashget_common::expiry::Expiry;

use crate::cli::args::{HashgetArgs, PackArgs};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::pack::{Compression, PackOptions};
use crate::tree::{PatternSet, WalkOptions, read_pattern_file};

const PATTERN_HINT: &str = "patterns are relative to the packed folder; put \\ before *, ?, [ and \\ that stand for themselves";

/// How `--pack` packs into `file`; `-X` names a file of patterns.
pub(super) fn pack_options(
    file: &Path,
    args: &HashgetArgs,
    context: &Context,
) -> Result<PackOptions, CliError> {
    let mut patterns = bytes(&args.pack.exclude);
    if let Some(file) = &args.pack.exclude_from {
        patterns.extend(read_pattern_file(file)?);
    }
    let mut options = options(patterns, args, context)?;
    options.compact = args.pack.compact;
    options.small_files = args.index.filesz.or(context.settings.filesz).is_none();
    options.compression = compression(
        file,
        args.pack.gzip,
        args.pack.level.or(context.settings.level),
    )?;
    Ok(options)
}

/// How `--prepack` chooses; `-X` names the list that is written.
pub(super) fn prepack_options(
    args: &HashgetArgs,
    context: &Context,
) -> Result<PackOptions, CliError> {
    options(bytes(&args.pack.exclude), args, context)
}

fn options(
    exclude: Vec<Vec<u8>>,
    args: &HashgetArgs,
    context: &Context,
) -> Result<PackOptions, CliError> {
    let expires = args.index.expires.unwrap_or_default();
    refuse_past(expires, context)?;
    let pack = &args.pack;
    Ok(PackOptions {
        walk: walk_options(exclude, pack, args.restore.numeric_owner)?,
        skip: patterns(bytes(&pack.skip))?,
        filesz: args
            .index
            .filesz
            .or(context.settings.filesz)
            .unwrap_or(PackOptions::FILESZ),
        hash_cache: (!pack.no_cache).then(|| context.hash_cache()),
        expires,
        ..PackOptions::default()
    })
}

fn walk_options(
    exclude: Vec<Vec<u8>>,
    pack: &PackArgs,
    numeric_owner: bool,
) -> Result<WalkOptions, CliError> {
    Ok(WalkOptions {
        exclude: patterns(exclude)?,
        exclude_caches: pack.exclude_caches,
        exclude_ignored: pack.exclude_ignored,
        one_file_system: pack.one_file_system,
        numeric_owner,
        ..WalkOptions::default()
    })
}

fn patterns(texts: Vec<Vec<u8>>) -> Result<PatternSet, CliError> {
    PatternSet::new(texts).map_err(|error| CliError::new(&error).into_usage().hint(PATTERN_HINT))
}

fn bytes(texts: &[OsString]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// An archive that is expired already could rely on packages that are gone.
fn refuse_past(expires: Expiry, context: &Context) -> Result<(), CliError> {
    if expires.is_expired_at(context.today()) {
        return Err(CliError::usage(format!("--expires {expires} has passed"))
            .hint("give the day until which the archive must be restorable"));
    }
    Ok(())
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
