//! `hashget-admin set ATTR VALUE`.

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::Admin;
use crate::cli::error::CliError;
use crate::cli::groups::{FilterArgs, PlaceArgs};
use crate::cli::reporter::Report;

/// What a record is found by is derived from the package, and not to be changed by hand.
const FIXED: [&str; 5] = ["url", "files", "anchors", "hashes", "signatures"];

const EXAMPLES: &str = "\
Example:
  hashget-admin set expires 2031-01-01 --hp wordpress-5.1.1.zip";

/// `hashget-admin set`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SetArgs {
    /// `expires`, or the name of an attribute
    #[arg(value_name = "ATTR")]
    name: String,
    /// JSON or text; `null` takes the attribute away
    value: String,
    /// Which records.
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Where they are.
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

impl Admin<'_> {
    /// Sets an attribute of the packages that `--hp` names.
    pub(super) fn set(&self, args: &SetArgs) -> Result<(), CliError> {
        let spec = self.need_spec("set")?;
        let SetArgs { name, value, .. } = args;
        if FIXED.contains(&name.as_str()) {
            return Err(CliError::usage(format!(
                "{name} comes from the package and cannot be set"
            ))
            .hint("submit the package again; only `expires` and attributes can be set"));
        }
        let value: Value = serde_json::from_str(value).unwrap_or_else(|_| value.as_str().into());
        let project = self.filter.project.as_ref();
        let changed_packages = self.records.set(spec, project, name, &value)?;
        self.context.reporter.report(&Changed { changed_packages });
        self.found(changed_packages)
    }

    /// Fails if nothing was found to work on.
    pub(super) fn found(&self, packages: u64) -> Result<(), CliError> {
        if packages > 0 {
            return Ok(());
        }
        let project = self.filter.project.as_ref();
        let project = project.map_or(String::new(), |project| format!(" project: {project}"));
        let message = format!("nothing found for hpspec: {}{project}", self.spec());
        Err(CliError::failed(message).hint("`hashget-admin list` tells what there is"))
    }
}

#[derive(Serialize)]
struct Changed {
    changed_packages: u64,
}

impl Report for Changed {
    const EVENT: &'static str = "changed";

    fn lines(&self) -> Vec<String> {
        vec![format!("Changed {} packages", self.changed_packages)]
    }
}
