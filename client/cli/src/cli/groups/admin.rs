//! Which records `hashget-admin` is about.

use std::path::PathBuf;

use clap::Args;
use hashget_words::package_spec::PackageSpec;
use hashget_words::project::ProjectName;

use super::ServiceArgs;

/// Where the records are.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Where")]
pub(crate) struct PlaceArgs {
    /// The records of this hashserver instead of the local ones
    #[arg(long, value_name = "URL")]
    pub(crate) hashserver: Option<String>,
    /// The directory of the local records
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// Give up on a server that sends nothing for this long
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
}

impl PlaceArgs {
    /// The local records, or those of the hashserver that is named, whatever the settings say.
    pub(crate) fn service(&self) -> ServiceArgs {
        match self.hashserver {
            Some(_) => self.publishing(),
            None => self.publishing().without_servers(),
        }
    }

    /// The same, but without a named hashserver those of the settings count.
    pub(crate) fn publishing(&self) -> ServiceArgs {
        ServiceArgs {
            hashserver: self.hashserver.iter().cloned().collect(),
            hashdb_path: self.path.clone(),
            timeout: self.timeout,
            ..ServiceArgs::default()
        }
    }
}

/// Where the local records are, for commands that are about no others.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Where")]
pub(crate) struct LocalArgs {
    /// The directory of the local records
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

impl LocalArgs {
    /// The local records, whatever hashservers the settings name.
    pub(crate) fn service(&self) -> ServiceArgs {
        let service = ServiceArgs {
            hashdb_path: self.path.clone(),
            ..ServiceArgs::default()
        };
        service.without_servers()
    }
}

/// Which records.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Which records")]
pub(crate) struct FilterArgs {
    /// Only this project
    #[arg(long, short, value_name = "NAME")]
    pub(crate) project: Option<ProjectName>,
    /// Only these packages: NAME, URL, sig:TYPE:VALUE, all, expired[:YYYY-MM-DD]
    #[arg(long, value_name = "HPSPEC")]
    pub(crate) hp: Option<PackageSpec>,
}
