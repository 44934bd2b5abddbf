//! What options of `pack` and `prepack` mean to the library.

use std::path::Path;

use hashget_words::expiry::Expiry;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::{RecordArgs, tell_unmatched};
use hashget_engine::pack::{Compression, CompressionNameError, PackOptions};
use hashget_files::tree::{PatternSet, WalkOptions};

/// The options that `pack` and `prepack` share.
pub(super) fn options(
    walk: WalkOptions,
    skip: PatternSet,
    no_cache: bool,
    record: &RecordArgs,
    context: &Context,
) -> Result<PackOptions, CliError> {
    let expires = record.expires.unwrap_or_default();
    refuse_past(expires, context)?;
    let filesz = record.filesz.or(context.settings.filesz);
    Ok(PackOptions {
        walk,
        skip,
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

/// Tells which patterns matched nothing in `root`.
pub(super) fn tell_unmatched_patterns(root: &Path, options: &PackOptions, context: &Context) {
    tell_unmatched("--exclude", &options.walk.exclude, root, context.reporter);
    tell_unmatched("--skip", &options.skip, root, context.reporter);
}

/// The compression that the name, `-z` and the level ask for.
pub(super) fn compression(
    file: &Path,
    gzip: bool,
    level: Option<u32>,
) -> Result<Compression, CliError> {
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
