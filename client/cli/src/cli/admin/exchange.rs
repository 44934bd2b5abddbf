//! `hashget-admin export FILE` and `import FILE`: records as JSON lines, `{"project": ..., "package": ...}`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use hashget_api::MAX_BATCH_PACKAGES;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_url::without_password;
use hashget_words::project::ProjectName;
use serde::{Deserialize, Serialize};

use super::Admin;
use crate::cli::error::CliError;
use crate::cli::groups::{FilterArgs, PlaceArgs};
use crate::cli::printable::printable_path;
use crate::cli::reporter::Report;

/// A longer line is no record.
const MAX_LINE_BYTES: u64 = 256 << 20;

const EXAMPLES: &str = "\
Examples:
  hashget-admin export records.jsonl
  hashget-admin import records.jsonl --hashserver http://hash.example.org/";

/// `hashget-admin export`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExportArgs {
    /// The file; `-`: standard output
    file: PathBuf,
    /// Which records.
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Where they are.
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// `hashget-admin import`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ImportArgs {
    /// The file; `-`: standard input
    file: PathBuf,
    /// Put all records into this project [default: where they came from]
    #[arg(long, short, value_name = "NAME")]
    pub(super) project: Option<ProjectName>,
    /// Where they are.
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// One line.
#[derive(Serialize, Deserialize)]
struct Line {
    project: ProjectName,
    package: HashPackage,
}

impl Admin<'_> {
    /// Writes the records that the filters name.
    pub(super) fn export(&self, args: &ExportArgs) -> Result<(), CliError> {
        let file = args.file.as_path();
        let failed = |error: io::Error| cannot("write", file, &error);
        let packages = self.packages()?;
        if file.as_os_str() == "-" {
            return self.records.each(&packages, |record| {
                self.context
                    .reporter
                    .raw(&json_line(record.project, record.package)?);
                Ok(())
            });
        }
        let directory = file
            .parent()
            .filter(|directory| !directory.as_os_str().is_empty());
        let temp = tempfile::Builder::new()
            .prefix(".hashget-export-")
            .tempfile_in(directory.unwrap_or(Path::new(".")))
            .map_err(failed)?;
        let mut writer = BufWriter::new(temp);
        self.records.each(&packages, |record| {
            let line = json_line(record.project, record.package)?;
            writer.write_all(&line).map_err(failed)
        })?;
        let temp = writer
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        temp.as_file().sync_all().map_err(failed)?;
        temp.persist(file).map_err(|error| failed(error.error))?;
        let exported_packages = packages.len() as u64;
        self.context
            .reporter
            .report(&Exported { exported_packages });
        Ok(())
    }

    /// Adds the records of a file, into `--project` where that is given.
    pub(super) fn import(&self, args: &ImportArgs) -> Result<(), CliError> {
        let file = args.file.as_path();
        let failed = |error: io::Error| cannot("read", file, &error);
        let reader: Box<dyn Read> = if file.as_os_str() == "-" {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(file).map_err(failed)?)
        };
        let mut reader = BufReader::new(reader);
        let mut batch = Batch::new(self);
        for number in 1_u64.. {
            let mut text = Vec::new();
            let limited = &mut (&mut reader).take(MAX_LINE_BYTES);
            if limited.read_until(b'\n', &mut text).map_err(failed)? == 0 {
                break;
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            let line: Line = serde_json::from_slice(&text).map_err(|error| {
                let path = printable_path(file);
                CliError::failed(format!("{path}, line {number}, is no record: {error}")).hint(
                    "what came before it was imported; lines are written by `hashget-admin export`",
                )
            })?;
            if let Some(url) = line.package.password_in() {
                let (path, url) = (printable_path(file), without_password(url));
                let text =
                    format!("{path}, line {number}: the URL {url} names a user or a password");
                return Err(CliError::failed(text).hint(
                    "records tell their URLs to everybody: take it out, and put it under [credentials.\"HOST\"] in a \
                     settings file, or into ~/.netrc",
                ));
            }
            batch.add(line)?;
        }
        batch.flush()?;
        let imported_packages = batch.sent;
        self.context
            .reporter
            .report(&Imported { imported_packages });
        Ok(())
    }
}

/// Records of one project that are saved together.
struct Batch<'a> {
    admin: &'a Admin<'a>,
    project: Option<ProjectName>,
    packages: Vec<HashPackage>,
    sent: u64,
}

impl<'a> Batch<'a> {
    fn new(admin: &'a Admin<'a>) -> Self {
        Self {
            admin,
            project: None,
            packages: Vec::new(),
            sent: 0,
        }
    }

    fn add(&mut self, line: Line) -> Result<(), CliError> {
        let given = self.admin.filter.project.clone();
        let project = Some(given.unwrap_or(line.project));
        if self.project != project || self.packages.len() >= MAX_BATCH_PACKAGES {
            self.flush()?;
        }
        self.project = project;
        self.packages.push(line.package);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), CliError> {
        if let Some(project) = self.project.take() {
            let packages = std::mem::take(&mut self.packages);
            self.sent += packages.len() as u64;
            self.admin.records.add(&project, packages)?;
        }
        Ok(())
    }
}

fn json_line(project: ProjectName, package: HashPackage) -> Result<Vec<u8>, CliError> {
    let mut line = serde_json::to_vec(&Line { project, package })?;
    line.push(b'\n');
    Ok(line)
}

fn cannot(action: &str, file: &Path, error: &io::Error) -> CliError {
    CliError::new(error).context(format!("cannot {action} {}", printable_path(file)))
}

#[derive(Serialize)]
struct Exported {
    exported_packages: u64,
}

impl Report for Exported {
    const EVENT: &'static str = "exported";

    fn lines(&self) -> Vec<String> {
        vec![format!("Exported {} packages", self.exported_packages)]
    }
}

#[derive(Serialize)]
struct Imported {
    imported_packages: u64,
}

impl Report for Imported {
    const EVENT: &'static str = "imported";

    fn lines(&self) -> Vec<String> {
        vec![format!("Imported {} packages", self.imported_packages)]
    }
}
