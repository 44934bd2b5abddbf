//! The options of packing, read into the library's.

use std::path::Path;

use hashget_common::expiry::Expiry;

use super::pattern_options::{patterns, tell_unmatched};
use crate::cli::args::HashgetArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::pack::{Compression, CompressionNameError, PackOptions};
use crate::tree::{PatternSet, WalkOptions};

/// How `--pack` packs `root` into `file`; `-X` names a file of patterns.
pub(super) fn pack_options(
    root: &Path,
    file: &Path,
    args: &HashgetArgs,
    context: &Context,
) -> Result<PackOptions, CliError> {
    let exclude = patterns(root, &args.pack.exclude, args.pack.exclude_from.as_deref())?;
    let mut options = options(root, exclude, args, context)?;
    options.compact = args.pack.compact;
    options.small_files = args.index.filesz.or(context.settings.filesz).is_none();
    options.compression = compression(
        file,
        args.pack.gzip,
        args.pack.level.or(context.settings.level),
    )?;
    Ok(options)
}

/// How `--prepack` chooses in `root`; `-X` names the list that is written.
pub(super) fn prepack_options(
    root: &Path,
    args: &HashgetArgs,
    context: &Context,
) -> Result<PackOptions, CliError> {
    let exclude = patterns(root, &args.pack.exclude, None)?;
    options(root, exclude, args, context)
}

fn options(
    root: &Path,
    exclude: PatternSet,
    args: &HashgetArgs,
    context: &Context,
) -> Result<PackOptions, CliError> {
    let expires = args.index.expires.unwrap_or_default();
    refuse_past(expires, context)?;
    let pack = &args.pack;
    Ok(PackOptions {
        walk: WalkOptions {
            exclude,
            exclude_caches: pack.exclude_caches,
            exclude_ignored: pack.exclude_ignored,
            one_file_system: pack.one_file_system,
            pseudo_file_systems: pack.all_file_systems,
            numeric_owner: args.restore.numeric_owner,
            ..WalkOptions::default()
        },
        skip: patterns(root, &pack.skip, None)?,
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

/// Tells which patterns matched nothing in `root`.
pub(super) fn tell_unmatched_patterns(root: &Path, options: &PackOptions, context: &Context) {
    tell_unmatched("--exclude", &options.walk.exclude, root, context.reporter);
    tell_unmatched("--skip", &options.skip, root, context.reporter);
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
    let chosen = Compression::for_name(file, gzip).map_err(|error| {
        let way_out = match error {
            CompressionNameError::Contradiction { .. } => {
                "leave out -z, and the ending decides; or give the archive a name in .tar.gz"
            }
            CompressionNameError::NotWritten { .. } => {
                "archives end in .tar, .tar.gz, .tar.zst, .tar.xz or .tar.bz2"
            }
        };
        CliError::new(&error).into_usage().hint(way_out)
    })?;
    let Some(level) = level else {
        return Ok(chosen);
    };
    chosen.at_level(level).ok_or_else(|| {
        let levels = chosen.levels();
        CliError::usage(format!(
            "{} has the levels {} to {}",
            chosen.name(),
            levels.start(),
            levels.end()
        ))
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
