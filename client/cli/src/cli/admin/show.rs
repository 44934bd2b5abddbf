//! `hashget-admin list`, `dump` and `get`: records, shown in three ways.

use clap::Args;
use hashget_words::hash_package::HashPackage;
use hashget_words::project::ProjectName;
use serde::Serialize;
use serde_json::Value;

use super::{Admin, listing_line};
use crate::cli::error::CliError;
use crate::cli::groups::{FilterArgs, PlaceArgs};
use crate::cli::reporter::Report;

const LIST_EXAMPLES: &str = "\
Examples:
  hashget-admin list -p my_incremental
  hashget-admin list --hp expired
  hashget-admin list --hashserver http://hash.example.org/";

const GET_EXAMPLES: &str = "\
Example:
  hashget-admin get url size expires --hp wordpress-5.1.1.zip";

/// `hashget-admin list`.
#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
pub(crate) struct ListArgs {
    /// Which records.
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Where they are.
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// `hashget-admin dump`.
#[derive(Debug, Args)]
pub(crate) struct DumpArgs {
    /// Which records.
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Where they are.
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// `hashget-admin get`.
#[derive(Debug, Args)]
#[command(after_help = GET_EXAMPLES)]
pub(crate) struct GetArgs {
    /// Members of records, such as `url`, `size` and `expires`
    #[arg(value_name = "FIELD", required = true)]
    fields: Vec<String>,
    /// Which records.
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Where they are.
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

impl Admin<'_> {
    /// One line a package.
    pub(super) fn list(&self) -> Result<(), CliError> {
        let verbose = self.context.reporter.is_verbose();
        for package in self.packages()? {
            let name = listing_line(&package);
            let line = if verbose {
                let (project, expires, url) = (&package.project, package.expires, &package.url);
                format!("{name} {project} {expires} {url}")
            } else {
                name
            };
            self.context.reporter.report(&Listed { line, package });
        }
        Ok(())
    }

    /// Whole records as JSON.
    pub(super) fn dump(&self) -> Result<(), CliError> {
        let packages = self.packages()?;
        self.records.each(&packages, |record| {
            self.context.reporter.report(&Dumped {
                project: record.project,
                package: record.package,
            });
            Ok(())
        })
    }

    /// Some members of records.
    pub(super) fn get(&self, args: &GetArgs) -> Result<(), CliError> {
        let packages = self.packages()?;
        self.records.each(&packages, |record| {
            let json = serde_json::to_value(&record.package)?;
            let values = args
                .fields
                .iter()
                .map(|name| field(&record.package, &json, name));
            self.context.reporter.report(&Fields(values.collect()));
            Ok(())
        })
    }
}

/// A member of a record or of its attributes, or its name; `null` if it has none such.
fn field(package: &HashPackage, json: &Value, name: &str) -> Value {
    if name == "name" {
        return package.name().into();
    }
    let members = [Some(json), json.get("attrs"), json.get("signatures")];
    let found = members
        .into_iter()
        .flatten()
        .find_map(|object| object.get(name));
    found.cloned().unwrap_or(Value::Null)
}

#[derive(Serialize)]
struct Listed {
    #[serde(skip)]
    line: String,
    #[serde(flatten)]
    package: hashget_words::package_summary::PackageSummary,
}

impl Report for Listed {
    const EVENT: &'static str = "package";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        vec![self.line.clone()]
    }
}

#[derive(Serialize)]
struct Dumped {
    project: ProjectName,
    package: HashPackage,
}

impl Report for Dumped {
    const EVENT: &'static str = "record";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        match serde_json::to_string_pretty(&self.package) {
            Ok(json) => json.lines().map(str::to_owned).collect(),
            Err(error) => vec![format!("the record cannot be shown: {error}")],
        }
    }
}

#[derive(Serialize)]
struct Fields(Vec<Value>);

impl Report for Fields {
    const EVENT: &'static str = "fields";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Null => "None".to_owned(),
            other => other.to_string(),
        };
        vec![self.0.iter().map(text).collect::<Vec<_>>().join(" ")]
    }
}
