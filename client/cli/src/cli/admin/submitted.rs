//! `hashget-admin submitted DIR`: indexes packages that were uploaded, as the original's web server leaves
//! them: a directory for each, with the package and `_meta.json`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use hashget_words::expiry::Expiry;
use hashget_words::project::ProjectName;
use serde::{Deserialize, Serialize};

use super::{Admin, record_line};
use crate::cli::error::CliError;
use crate::cli::groups::{LocalArgs, ResolveArgs};
use crate::cli::indexing::Services;
use crate::cli::printable::printable_path;
use crate::cli::reporter::Report;
use hashget_engine::index::RecordOptions;
use hashget_engine::submit::{Submission, SubmitOptions, SubmitStats, debsubmit, submit};
use hashget_files::monitor::{Monitor, Problem};

/// `hashget-admin submitted`.
#[derive(Debug, Args)]
pub(crate) struct SubmittedArgs {
    /// The directory, with a directory for each upload
    #[arg(value_name = "DIR")]
    uploads: PathBuf,
    /// Until when the packages are good: YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    expires: Option<Expiry>,
    /// The project that the records go to [default: debsnap]
    #[arg(long, short, value_name = "NAME")]
    pub(super) project: Option<ProjectName>,
    /// Where the local records are.
    #[command(flatten)]
    pub(super) place: LocalArgs,
}

/// The part of `_meta.json` that counts.
#[derive(Deserialize)]
struct Meta {
    files: MetaFiles,
    #[serde(default)]
    url: Option<String>,
}

#[derive(Deserialize)]
struct MetaFiles {
    package: String,
}

impl Admin<'_> {
    /// Indexes what is in the directories below the directory, and removes each that was indexed.
    pub(super) fn submitted(&self, args: &SubmittedArgs) -> Result<(), CliError> {
        let uploads = args.uploads.as_path();
        let failed = |error: std::io::Error| {
            CliError::new(&error).context(format!("cannot read {}", printable_path(uploads)))
        };
        let mut directories: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(uploads).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                directories.push(path);
            }
        }
        directories.sort();
        let options = self.submit_options(args)?;
        let services = Services::new(&ResolveArgs::default(), self.context)?;
        for directory in directories {
            match self.submit_directory(&directory, &options, &services) {
                Ok(true) => fs::remove_dir_all(&directory).map_err(|error| {
                    let directory = printable_path(&directory);
                    CliError::new(&error).context(format!("cannot remove {directory}"))
                })?,
                Ok(false) => {}
                Err(error) => {
                    let problem = Problem::text(printable_path(&directory), error.one_line());
                    self.context.reporter.problem(&problem);
                }
            }
        }
        Ok(())
    }

    /// Indexes one upload; whether that was done. What failed was reported.
    fn submit_directory(
        &self,
        directory: &Path,
        options: &SubmitOptions,
        services: &Services,
    ) -> Result<bool, CliError> {
        let meta: Meta = serde_json::from_slice(&fs::read(directory.join("_meta.json"))?)?;
        let name = Path::new(&meta.files.package);
        if name.file_name() != Some(name.as_os_str()) {
            return Err(CliError::failed(
                "the name of the package in _meta.json is a path",
            ));
        }
        let file = directory.join(name);
        let stats: SubmitStats = match meta.url {
            Some(url) => {
                let submission = Submission {
                    sha256: None,
                    project: None,
                    url,
                    file: Some(file),
                    signatures: Vec::new(),
                };
                submit(&[submission], options, &services.borrow())?
            }
            None => debsubmit(&file, options, &services.borrow())?,
        };
        for record in &stats.records {
            let name = record_line(record);
            self.context.reporter.report(&Indexed { name });
        }
        Ok(stats.failed_packages == 0 && !stats.records.is_empty())
    }

    fn submit_options(&self, args: &SubmittedArgs) -> Result<SubmitOptions, CliError> {
        let project = match &self.filter.project {
            Some(project) => project.clone(),
            None => ProjectName::DEBIAN.parse()?,
        };
        let mut record = RecordOptions::new(self.context.now());
        record.expires = args.expires.unwrap_or_default();
        Ok(SubmitOptions {
            project,
            record,
            jobs: self.context.jobs(),
        })
    }
}

#[derive(Serialize)]
struct Indexed {
    name: String,
}

impl Report for Indexed {
    const EVENT: &'static str = "submitted";

    fn lines(&self) -> Vec<String> {
        vec![format!("Indexed {}", self.name)]
    }
}
