//! What one would not type every time: settings files and `HASHGET_*` variables.
//!
//! Flags go before variables, those before the user's file, that before the system's. A member
//! that no setting has is an error, so that a misspelt one is never silently without effect.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use hashget_archive::{LimitSettings, LimitSettingsError};
use serde::Deserialize;
use thiserror::Error;

pub use hashget_sources::http::Token;

/// The system's settings file.
pub const SYSTEM_FILE: &str = "/etc/hashget/hashget.toml";

/// What can be set; `None` leaves it to the next layer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Base URLs of the hashservers, in the order they are asked.
    pub hashserver: Option<Vec<String>>,
    /// Names of the local projects that are used, or `all`.
    pub hashdb: Option<Vec<String>>,
    /// The directory of the local records.
    pub hashdb_path: Option<PathBuf>,
    /// Directories and URLs of pools, in order.
    pub pool: Option<Vec<PathBuf>>,
    /// The directory of downloads.
    pub cache: Option<PathBuf>,
    /// The token for hashservers without one in `tokens`.
    pub token: Option<Token>,
    /// Tokens by the base URL of their hashserver.
    pub tokens: Option<BTreeMap<String, Token>>,
    /// The base URL of the Debian snapshot service.
    pub snapshot_url: Option<String>,
    /// The base URL below which `pub/linux/kernel/` has the kernel's releases.
    pub kernel_url: Option<String>,
    /// Whether hint files may name private addresses.
    pub private_hints: Option<bool>,
    /// Whose records are relied on: `self`, `verified` or `server`.
    pub trust: Option<String>,
    /// Projects of hashservers whose records are relied on as they are: `URL#PROJECT`, or `URL` for all.
    pub trusted_projects: Option<Vec<String>>,
    /// One package in so many of projects that nobody named is read in any case; 0 stands for none.
    pub read_one_in: Option<u64>,
    /// How much may be downloaded to check records of others, in bytes.
    pub max_download: Option<u64>,
    /// How much look-ups tell a hashserver: `auto`, `filter`, `range` or `digest`.
    pub lookup: Option<String>,
    /// Files larger than this are anchors, in bytes.
    pub anchsz: Option<u64>,
    /// Files larger than this are indexed, in bytes.
    pub filesz: Option<u64>,
    /// Names of the heuristics that are used, or `all`.
    pub heuristics: Option<Vec<String>>,
    /// How long a silent server is waited for, in seconds.
    pub timeout: Option<u64>,
    /// How long a connection may take to come about, in seconds.
    pub connect_timeout: Option<u64>,
    /// How long the answer to a small question is waited for, in seconds.
    pub question_timeout: Option<u64>,
    /// What the body of an answer may take in all, in seconds, besides what its size allows.
    pub answer_time: Option<u64>,
    /// Bytes a second that must come once `answer_time` has passed; 0 stands for any.
    pub min_speed: Option<u64>,
    /// Whether `token` may go to several hashservers, and over plain http to other machines.
    pub token_everywhere: Option<bool>,
    /// Names and passwords by host (`HOST` or `HOST:PORT`), for packages and pools.
    pub credentials: Option<BTreeMap<String, CredentialSetting>>,
    /// How many threads work.
    pub jobs: Option<u16>,
    /// The compression level.
    pub level: Option<u32>,
    /// How many bytes of memory a restore file may take.
    pub memory: Option<u64>,
    /// The limits of packages from elsewhere.
    pub package_limits: Option<LimitSettings>,
}

/// A name and password in `[credentials."HOST"]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialSetting {
    /// The user name that is sent.
    pub user: String,
    /// The password, never shown nor logged.
    pub password: Token,
    /// Whether it may be sent over plain http to other machines.
    #[serde(default)]
    pub plain: bool,
}

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// A settings file cannot be read.
    #[error("cannot read the settings file {}", path.display())]
    Read {
        /// The path of the settings file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// A settings file is no TOML, or has a member that is unknown or of the wrong type. The
    /// text of the file is not shown, as there may be a token in it.
    #[error("settings file {}, line {line}: {what}", path.display())]
    Parse {
        /// The path of the settings file.
        path: PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A variable of the environment has a value that it cannot have.
    #[error("the variable {name} is {what}")]
    Variable {
        /// The name of the variable.
        name: &'static str,
        /// What is wrong.
        what: String,
    },
}

impl Settings {
    /// The settings of the environment, over the user's file, over the system's.
    ///
    /// `variable` looks up a variable of the environment.
    pub fn load(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, SettingsError> {
        let mut settings = Self::from_variables(variable)?;
        let (user, named) = user_file(variable);
        if let Some(path) = user {
            settings = settings.over(Self::from_file(&path, named)?);
        }
        Ok(settings.over(Self::from_file(Path::new(SYSTEM_FILE), false)?))
    }

    /// Reads a settings file; one that is not there is empty unless it is `required`.
    pub fn from_file(path: &Path, required: bool) -> Result<Self, SettingsError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => {
                Ok(Self::default())
            }
            Err(source) => Err(SettingsError::Read {
                path: path.to_owned(),
                source,
            }),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, SettingsError> {
        toml::from_str(text).map_err(|error| SettingsError::Parse {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| {
                text[..span.start.min(text.len())].matches('\n').count() + 1
            }),
            what: error.message().to_owned(),
        })
    }

    /// The settings of the `HASHGET_*` variables. Lists are separated by white space; an empty
    /// variable is an empty list.
    pub fn from_variables(
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, SettingsError> {
        let from = Variables(variable);
        Ok(Self {
            hashserver: from.list("HASHGET_HASHSERVER")?,
            hashdb: from.list("HASHGET_HASHDB")?,
            hashdb_path: from.path("HASHGET_HASHDB_PATH"),
            pool: from
                .list("HASHGET_POOL")?
                .map(|places| places.into_iter().map(PathBuf::from).collect()),
            cache: from.path("HASHGET_CACHE"),
            token: from.text("HASHGET_TOKEN")?.map(|text| Token::new(&text)),
            tokens: None,
            snapshot_url: from.text("HASHGET_SNAPSHOT_URL")?,
            kernel_url: from.text("HASHGET_KERNEL_URL")?,
            private_hints: from.yes_or_no("HASHGET_PRIVATE_HINTS")?,
            trust: from.text("HASHGET_TRUST")?,
            trusted_projects: from.list("HASHGET_TRUSTED_PROJECTS")?,
            read_one_in: from.number("HASHGET_READ_ONE_IN")?,
            max_download: from.number("HASHGET_MAX_DOWNLOAD")?,
            lookup: from.text("HASHGET_LOOKUP")?,
            anchsz: from.number("HASHGET_ANCHSZ")?,
            filesz: from.number("HASHGET_FILESZ")?,
            heuristics: from.list("HASHGET_HEURISTICS")?,
            timeout: from.number("HASHGET_TIMEOUT")?,
            connect_timeout: from.number("HASHGET_CONNECT_TIMEOUT")?,
            question_timeout: from.number("HASHGET_QUESTION_TIMEOUT")?,
            answer_time: from.number("HASHGET_ANSWER_TIME")?,
            min_speed: from.number("HASHGET_MIN_SPEED")?,
            token_everywhere: from.yes_or_no("HASHGET_TOKEN_EVERYWHERE")?,
            credentials: None,
            jobs: from.number("HASHGET_JOBS")?,
            level: from.number("HASHGET_LEVEL")?,
            memory: from.number("HASHGET_MEMORY")?,
            package_limits: from.limits("HASHGET_PACKAGE_LIMITS")?,
        })
    }

    /// These settings, with what they leave open taken from `lower`.
    #[must_use]
    pub fn over(self, lower: Self) -> Self {
        Self {
            hashserver: self.hashserver.or(lower.hashserver),
            hashdb: self.hashdb.or(lower.hashdb),
            hashdb_path: self.hashdb_path.or(lower.hashdb_path),
            pool: self.pool.or(lower.pool),
            cache: self.cache.or(lower.cache),
            token: self.token.or(lower.token),
            tokens: self.tokens.or(lower.tokens),
            snapshot_url: self.snapshot_url.or(lower.snapshot_url),
            kernel_url: self.kernel_url.or(lower.kernel_url),
            private_hints: self.private_hints.or(lower.private_hints),
            trust: self.trust.or(lower.trust),
            trusted_projects: self.trusted_projects.or(lower.trusted_projects),
            read_one_in: self.read_one_in.or(lower.read_one_in),
            max_download: self.max_download.or(lower.max_download),
            lookup: self.lookup.or(lower.lookup),
            anchsz: self.anchsz.or(lower.anchsz),
            filesz: self.filesz.or(lower.filesz),
            heuristics: self.heuristics.or(lower.heuristics),
            timeout: self.timeout.or(lower.timeout),
            connect_timeout: self.connect_timeout.or(lower.connect_timeout),
            question_timeout: self.question_timeout.or(lower.question_timeout),
            answer_time: self.answer_time.or(lower.answer_time),
            min_speed: self.min_speed.or(lower.min_speed),
            token_everywhere: self.token_everywhere.or(lower.token_everywhere),
            credentials: self.credentials.or(lower.credentials),
            jobs: self.jobs.or(lower.jobs),
            level: self.level.or(lower.level),
            memory: self.memory.or(lower.memory),
            package_limits: match (self.package_limits, lower.package_limits) {
                (Some(upper), Some(lower)) => Some(upper.over(lower)),
                (upper, lower) => upper.or(lower),
            },
        }
    }

    /// The token for the hashserver at `url`: the one that `[tokens]` binds to it, else `token`.
    pub fn token_for(&self, url: &str) -> Option<&Token> {
        self.bound_token(url).or(self.token.as_ref())
    }

    /// The token that `[tokens]` binds to the hashserver at `url`.
    pub fn bound_token(&self, url: &str) -> Option<&Token> {
        let mut tokens = self.tokens.iter().flatten();
        let own = tokens.find(|(server, _)| is_same_server(server, url));
        own.map(|(_, token)| token)
    }
}

/// Whether two base URLs are of one hashserver.
pub fn is_same_server(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// The user's settings file, and whether it was named and so must be there.
fn user_file(variable: &dyn Fn(&str) -> Option<OsString>) -> (Option<PathBuf>, bool) {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    if let Some(path) = set("HASHGET_CONFIG") {
        return (Some(path.into()), true);
    }
    let directory = set("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| Path::new(&home).join(".config")));
    (
        directory.map(|directory| directory.join("hashget/hashget.toml")),
        false,
    )
}

struct Variables<'a>(&'a dyn Fn(&str) -> Option<OsString>);

impl Variables<'_> {
    fn text(&self, name: &'static str) -> Result<Option<String>, SettingsError> {
        let text = self.raw(name)?;
        Ok(text.filter(|text| !text.trim().is_empty()))
    }

    fn list(&self, name: &'static str) -> Result<Option<Vec<String>>, SettingsError> {
        let text = self.raw(name)?;
        Ok(text.map(|text| text.split_whitespace().map(str::to_owned).collect()))
    }

    fn path(&self, name: &'static str) -> Option<PathBuf> {
        (self.0)(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    }

    fn number<T: std::str::FromStr<Err: fmt::Display>>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, SettingsError> {
        let parse = |text: String| {
            text.trim()
                .parse()
                .map_err(|error| SettingsError::Variable {
                    name,
                    what: format!("{text:?}, not a number: {error}"),
                })
        };
        self.text(name)?.map(parse).transpose()
    }

    fn limits(&self, name: &'static str) -> Result<Option<LimitSettings>, SettingsError> {
        let parse = |text: String| {
            text.parse()
                .map_err(|error: LimitSettingsError| SettingsError::Variable {
                    name,
                    what: format!("{text:?}: {error}"),
                })
        };
        self.text(name)?.map(parse).transpose()
    }

    fn yes_or_no(&self, name: &'static str) -> Result<Option<bool>, SettingsError> {
        let parse = |text: String| match text.trim() {
            "yes" | "true" | "1" => Ok(true),
            "no" | "false" | "0" => Ok(false),
            _ => Err(SettingsError::Variable {
                name,
                what: format!("{text:?}, neither yes nor no"),
            }),
        };
        self.text(name)?.map(parse).transpose()
    }

    fn raw(&self, name: &'static str) -> Result<Option<String>, SettingsError> {
        let error = |_| SettingsError::Variable {
            name,
            what: "not text".to_owned(),
        };
        (self.0)(name)
            .map(OsString::into_string)
            .transpose()
            .map_err(error)
    }
}

#[cfg(test)]
mod tests;
