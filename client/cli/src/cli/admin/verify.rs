//! `hashget-admin verify [report|delete]`: are the packages still where their records say?

use clap::{Args, ValueEnum};
use hashget_words::hash_package::is_http;
use hashget_words::package_summary::PackageSummary;
use rayon::prelude::*;
use serde::Serialize;

use super::purge::Purged;
use super::{Admin, listing_line};
use crate::cli::error::CliError;
use crate::cli::groups::{FilterArgs, PlaceArgs};
use crate::cli::reporter::Report;
use hashget_files::monitor::{Progress, Unit, error_chain};
use hashget_sources::http::Http;

const EXAMPLES: &str = "\
Examples:
  hashget-admin verify
  hashget-admin verify delete -p wordpress";

/// `hashget-admin verify`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VerifyArgs {
    /// `report` only tells, `delete` also removes the records of packages that are gone
    #[arg(
        value_name = "report|delete",
        default_value = "report",
        hide_possible_values = true,
        hide_default_value = true
    )]
    action: VerifyAction,
    /// Which records.
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Where they are.
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// What is done about packages that are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum VerifyAction {
    Report,
    Delete,
}

impl Admin<'_> {
    /// Asks for every package, without fetching it, and tells or removes those that are gone.
    pub(super) fn verify(&self, args: &VerifyArgs) -> Result<(), CliError> {
        let reporter = self.context.reporter;
        let packages = self.packages()?;
        let progress = Progress::start(
            reporter,
            "verifying",
            Unit::Packages,
            Some(packages.len() as u64),
        );
        let verdicts: Vec<Verdict> = packages
            .par_iter()
            .map(|package| {
                let verdict = verdict(package, self.context.http());
                progress.advance(1);
                verdict
            })
            .collect();
        drop(progress);
        let mut gone = Vec::new();
        for (package, verdict) in packages.into_iter().zip(verdicts) {
            reporter.report(&Verified {
                name: listing_line(&package),
                url: package.url.clone(),
                verdict: verdict.clone(),
            });
            if matches!(verdict, Verdict::Gone { .. } | Verdict::Unknown { .. }) {
                reporter.count_problem();
            }
            if matches!(verdict, Verdict::Gone { .. }) {
                gone.push(package);
            }
        }
        if args.action == VerifyAction::Delete && !gone.is_empty() {
            let purged_packages = self.records.remove(&gone)?;
            reporter.report(&Purged { purged_packages });
        }
        Ok(())
    }
}

/// What became of a package's URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
enum Verdict {
    /// It is there, with the right size where that is known.
    Alive,
    /// The server says that it is not there, or has another file there.
    Gone { why: String },
    /// The server cannot be asked now; nothing is deleted for that.
    Unknown { why: String },
    /// The URL is a mere name.
    NoUrl,
}

fn verdict(package: &PackageSummary, http: &Http) -> Verdict {
    if !is_http(&package.url) {
        return Verdict::NoUrl;
    }
    match http.head(&package.url) {
        Err(error) => Verdict::Unknown {
            why: error_chain(&error),
        },
        Ok(answer) if answer.status != 200 => {
            let why = format!("status {}", answer.status);
            match answer.status {
                401 | 403 | 404 | 410 => Verdict::Gone { why },
                _ => Verdict::Unknown { why },
            }
        }
        Ok(answer) => match (answer.size, package.size) {
            (Some(there), Some(recorded)) if there != recorded => Verdict::Gone {
                why: format!("is {there} bytes there, {recorded} in the record"),
            },
            _ => Verdict::Alive,
        },
    }
}

#[derive(Serialize)]
struct Verified {
    name: String,
    url: String,
    #[serde(flatten)]
    verdict: Verdict,
}

impl Report for Verified {
    const EVENT: &'static str = "verified";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        vec![match &self.verdict {
            Verdict::Alive => format!("VERIFIED {}", self.name),
            Verdict::Gone { why } => format!("FAILED VERIFICATION {}: {why}", self.name),
            Verdict::Unknown { why } => format!("NOT VERIFIED {}: {why}", self.name),
            Verdict::NoUrl => format!("NO URL TO VERIFY {}", self.name),
        }]
    }
}
