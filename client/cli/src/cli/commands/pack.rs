//! `hashget pack DIR -f FILE`: index, choose packages, write the archive.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

use super::index::index_directory;
use super::pack_options;
use super::pack_reports::{Packed, Planned, Saved};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::{IndexingArgs, ServiceArgs, WalkArgs, patterns};
use crate::cli::standard_streams::refuse_closed_output;
use hashget_engine::pack::{Output, PackOptions, Packing};

const EXAMPLES: &str = "\
Examples:
  hashget pack /srv/www -f www.tar.gz --hashserver http://hash.example.org/
  hashget pack / -f /backup/machine.tar.zst --exclude /backup --one-file-system";

/// `hashget pack`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PackArgs {
    /// The directory to pack
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The archive, compressed as its name ends; `-`: standard output
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Compress with gzip where the name of FILE does not say how
    #[arg(short = 'z')]
    gzip: bool,
    /// Compression level: gzip, xz 0 to 9, zstd 1 to 22, bzip2 1 to 9
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=22))]
    level: Option<u32>,
    /// Name untouched members of packages all at once: tiny, for hashget alone
    ///
    /// Only packages that are in the cache or a pool can be named that way.
    #[arg(long)]
    compact: bool,
    /// Store owners by number, without names
    #[arg(long, hide_short_help = true)]
    numeric_owner: bool,
    /// Read all files, also those that did not change since they were last hashed
    #[arg(long, hide_short_help = true)]
    no_cache: bool,
    /// Print the plan and do nothing
    #[arg(long)]
    dry_run: bool,
    /// What is packed.
    #[command(flatten)]
    walk: WalkArgs,
    /// Leave out what matches a line of FILE
    #[arg(
        long,
        short = 'X',
        value_name = "FILE",
        help_heading = "Choosing files"
    )]
    exclude_from: Option<PathBuf>,
    /// Pack these as they are, without looking them up; may be repeated
    #[arg(long, value_name = "PATH", help_heading = "Choosing files")]
    skip: Vec<OsString>,
    /// How packages are found.
    #[command(flatten)]
    indexing: IndexingArgs,
    /// Where records and packages are.
    #[command(flatten)]
    pub(super) service: ServiceArgs,
}

impl PackArgs {
    /// The archive's name, and whether it is standard output.
    fn output(&self, context: &Context) -> Result<(&Path, bool), CliError> {
        let file = match &self.file {
            Some(file) => file.as_path(),
            // A plan has no use for a name.
            None if self.dry_run => Path::new("-"),
            None => {
                return Err(CliError::usage("pack DIR needs -f FILE")
                    .hint("name the archive, such as: hashget pack DIR -f backup.tar.gz"));
            }
        };
        let to_stdout = file.as_os_str() == "-";
        if to_stdout && context.reporter.is_json() && !self.dry_run {
            return Err(CliError::usage(
                "-f - and --json both want standard output: give the archive a name",
            ));
        }
        Ok((file, to_stdout))
    }
}

/// How `pack` packs `root` into `file`.
fn pack_options(
    root: &Path,
    file: &Path,
    args: &PackArgs,
    context: &Context,
) -> Result<PackOptions, CliError> {
    let mut walk = args.walk.options(root, args.exclude_from.as_deref())?;
    walk.numeric_owner = args.numeric_owner;
    let record = &args.indexing.record;
    let skip = patterns(root, &args.skip, None)?;
    let options = pack_options::options(walk, skip, args.no_cache, record, context)?;
    let level = args.level.or(context.settings.level);
    Ok(PackOptions {
        compact: args.compact,
        small_files: record.filesz.or(context.settings.filesz).is_none(),
        compression: pack_options::compression(file, args.gzip, level)?,
        ..options
    })
}

/// Packs a directory.
pub(super) fn run(args: &PackArgs, context: &Context) -> Result<(), CliError> {
    let reporter = context.reporter;
    let root = args.directory.as_path();
    let (file, to_stdout) = args.output(context)?;
    if to_stdout && !args.dry_run {
        refuse_closed_output()?;
    }
    let mut options = pack_options(root, file, args, context)?;
    let output = if to_stdout {
        Output::Stream(Box::new(std::io::stdout()))
    } else {
        Output::File(file.to_owned())
    };

    reporter.step("STEP 1/3 Indexing...");
    options.hints = index_directory(root, &args.indexing, &args.walk, context)?;

    reporter.step("STEP 2/3 prepare exclude list for packing...");
    let sources = context.sources();
    let lookup = context.checked_lookup(&args.indexing.resolve, &sources, false)?;
    let packing = Packing::new(root, &output, &options, &lookup, reporter)?;
    pack_options::tell_unmatched_patterns(root, &options, context);
    if args.dry_run {
        reporter.report(&Planned(packing.plan()));
        return Ok(());
    }
    let saved = Saved::planned(packing.left_out_files(), packing.plan(), &context.servers);
    if to_stdout {
        reporter.progress(&saved);
    } else {
        reporter.report(&saved);
    }

    reporter.step("STEP 3/3 tarring...");
    let stats = packing.write(output, Some(&context.sources()), reporter)?;
    let packed = Packed::new(root, file, &stats);
    if to_stdout {
        reporter.progress(&packed);
    } else {
        reporter.report(&packed);
    }
    Ok(())
}
