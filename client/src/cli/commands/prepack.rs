//! `--prepack DIR [-X FILE]`: only the restore file and the list of what to exclude.

use std::path::Path;

use super::pack::Saved;
use super::{index_options, pack_options};
use crate::cli::args::HashgetArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::pack::prepack;

/// Prepares a folder for another program that makes the archive.
pub(super) fn run(root: &Path, args: &HashgetArgs, context: &Context) -> Result<(), CliError> {
    let options = pack_options::prepack_options(root, args, context)?;
    index_options::index_folder(root, args, context)?;
    let lookup = context.lookup(context.trust(args.pack.trust)?);
    let list = args.pack.exclude_from.as_deref();
    let stats = prepack(root, list, &options, &lookup, context.reporter)?;
    pack_options::tell_unmatched_patterns(root, &options, context);
    context.reporter.report(&Saved::new(&stats));
    Ok(())
}
