//! `hashget verify ARCHIVE|DIR`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::ServiceArgs;
use crate::cli::printable::one_line;
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use crate::cli::standard_streams::NamedArchive;
use hashget_engine::restore::Trust;
use hashget_engine::verify::{PackageReport, VerifyOptions, VerifyReport, verify};
use hashget_files::monitor::ByHost;

const EXAMPLES: &str = "\
Examples:
  hashget verify backup.tar.gz
  hashget verify backup.tar.gz --deep --sample 10%
  hashget verify backup.tar.gz --deep --add-to-pool --pool /srv/pool";

/// `hashget verify`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VerifyArgs {
    /// The archive (-: standard input), or the directory it was extracted into
    #[arg(value_name = "ARCHIVE|DIR|-")]
    path: PathBuf,
    /// Fetch the packages and check that every file is in them
    #[arg(long)]
    deep: bool,
    /// Look only at this share of the packages, such as 10%
    #[arg(long, value_name = "N%", value_parser = parse_percent)]
    sample: Option<u8>,
    /// Keep what was fetched in the first pool directory
    #[arg(long, requires = "deep")]
    add_to_pool: bool,
    /// Look also into archives inside packages (slower)
    #[arg(long)]
    recursive: bool,
    /// Ask private addresses, too, whoever owns the archive
    #[arg(long)]
    trusted: bool,
    /// Where records and packages are.
    #[command(flatten)]
    pub(super) service: ServiceArgs,
}

fn parse_percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    match number.parse() {
        Ok(percent @ 1..=100) => Ok(percent),
        _ => Err("give a whole number from 1 to 100, such as 10%".to_owned()),
    }
}

/// Checks whether everything that was left out is still available.
pub(super) fn run(args: &VerifyArgs, context: &Context) -> Result<(), CliError> {
    let options = VerifyOptions {
        deep: args.deep,
        sample_percent: args.sample.unwrap_or(100),
        add_to_pool: args.add_to_pool,
        recursive: args.recursive,
        // Asking mostly waits; reading needs the processors.
        jobs: if args.deep {
            context.jobs()
        } else {
            context.index_jobs()
        },
        ..VerifyOptions::default()
    };
    let archive = NamedArchive::new(&args.path, &std::env::temp_dir())?;
    let trust = if args.trusted {
        Trust::Always
    } else {
        Trust::ByOwner
    };
    let sources = context.sources_for(trust, archive.path())?;
    let report = verify(archive.path(), &options, &sources, context.reporter)?;
    let good = report.is_good();
    context.reporter.report(&Verified(report));
    if good {
        return Ok(());
    }
    Err(
        CliError::failed("the archive cannot be restored completely").hint(
            "while the original files are still there, pack them again; else name pools or \
             hashservers that have the packages, with --pool or --hashserver",
        ),
    )
}

#[derive(Serialize)]
struct Verified(VerifyReport);

impl Report for Verified {
    const EVENT: &'static str = "verify";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let report = &self.0;
        let mut silent: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
        for trouble in report
            .details
            .iter()
            .filter_map(|package| package.trouble.as_ref())
        {
            silent.entry(&trouble.host).or_insert((0, &trouble.why)).0 += 1;
        }
        silent.retain(|_, (count, _)| ByHost::is_many(*count));
        let is_told = |package: &&PackageReport| {
            let host = package
                .trouble
                .as_ref()
                .map(|trouble| trouble.host.as_str());
            host.is_none_or(|host| !silent.contains_key(host))
        };
        let packages = report.details.iter().filter(is_told);
        let mut lines: Vec<String> = packages.flat_map(package_lines).collect();
        for (host, (count, why)) in &silent {
            lines.push(format!("DEAD {count} packages at {host}: {why}"));
        }
        for lost in &report.lost {
            lines.push(format!(
                "LOST {} (sha256:{}): {}",
                lost.file, lost.sha256, lost.why
            ));
        }
        let mut total = vec![format!(
            "Verified {}/{} packages: {} dead",
            report.checked_packages, report.packages, report.dead_packages
        )];
        if report.deep {
            total.push(format!(
                ", {}/{} files found ({} downloaded)",
                report.found_files,
                report.files,
                Size(report.downloaded_bytes)
            ));
        }
        if report.kept_packages > 0 {
            total.push(format!(", {} put into the pool", report.kept_packages));
        }
        lines.push(total.concat());
        lines
    }
}

fn package_lines(package: &PackageReport) -> Vec<String> {
    let sign = if package.alive { "OK" } else { "DEAD" };
    let mut line = vec![format!("{sign} {}", package.url)];
    if let Some(files) = package.found_files {
        line.push(format!(" ({files} files)"));
    }
    if let Some(why) = &package.why {
        line.push(format!(": {}", one_line(why)));
    }
    let mut lines = vec![line.concat()];
    for source in package.sources.iter().filter(|source| !source.alive) {
        lines.push(format!("  {}: {}", source.source, source.detail));
    }
    for lie in &package.lies {
        lines.push(format!(
            "  LIE a record says that sha256:{lie} is in it, but it is not"
        ));
    }
    lines
}
