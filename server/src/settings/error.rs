//! What can be wrong with settings.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// What can be wrong with settings.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The settings file cannot be read.
    #[error("cannot read the settings file {}", path.display())]
    Read {
        /// The path of the settings file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The settings file is no TOML, or has a member that is no setting or of the wrong type.
    #[error("cannot understand the settings file {}", path.display())]
    Parse {
        /// The path of the settings file.
        path: PathBuf,
        /// What is wrong, and where.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A setting that has no default was not given.
    #[error(
        "setting `{setting}` is missing: give {flag}, {variable}, or `{setting}` in the settings file"
    )]
    Missing {
        /// Its name in the settings file.
        setting: &'static str,
        /// The option of the command line that sets it.
        flag: &'static str,
        /// Its environment variable.
        variable: &'static str,
    },
    /// A setting has a value that cannot be.
    #[error("setting `{setting}` cannot be {value:?}: {reason}")]
    Invalid {
        /// Its name in the settings file.
        setting: &'static str,
        /// What was given.
        value: String,
        /// What would be right.
        reason: String,
    },
}
