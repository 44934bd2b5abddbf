//! Where records and packages are: hashservers, the local records, pools.

use std::path::PathBuf;

use clap::Args;

use crate::cli::names::LOOKUP;
use crate::cli::size::parse_size;
use crate::settings::Settings;
use hashget_sources::hash_server::LookupMode;

/// Records, package files and servers.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Records, packages and servers")]
pub(crate) struct ServiceArgs {
    /// Ask this hashserver; may be repeated [default: those of the settings]
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) hashserver: Vec<String>,
    /// Ask no hashserver
    #[arg(long, global = true, conflicts_with = "hashserver")]
    pub(crate) no_hashserver: bool,
    /// Take packages from this directory or URL, by their hash; may be repeated
    ///
    /// They are asked in order. The first directory keeps what is downloaded.
    #[arg(long, value_name = "PATH", global = true)]
    pub(crate) pool: Vec<PathBuf>,
    /// Use no pool
    #[arg(long, global = true, conflicts_with = "pool", hide_short_help = true)]
    pub(crate) no_pool: bool,
    /// Use only this local project; may be repeated [default: all]
    #[arg(long, value_name = "PROJECT", global = true, hide_short_help = true)]
    pub(crate) hashdb: Vec<String>,
    /// Use no local records
    #[arg(long, global = true, conflicts_with = "hashdb", hide_short_help = true)]
    pub(crate) no_hashdb: bool,
    /// The directory of the local records
    #[arg(
        long,
        alias = "hashdb_path",
        value_name = "DIR",
        global = true,
        hide_short_help = true
    )]
    pub(crate) hashdb_path: Option<PathBuf>,
    /// What hashservers learn of the digests looked up [default: auto]
    #[arg(
        long = "lookup",
        value_name = "auto|filter|range|digest",
        global = true,
        value_parser = LOOKUP.parser(),
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub(crate) lookup_mode: Option<LookupMode>,
    /// Give up on a server that sends nothing for this long
    #[arg(long, value_name = "SECONDS", global = true, hide_short_help = true)]
    pub(crate) timeout: Option<u64>,
    /// How many threads hash, compress and download
    #[arg(long, value_name = "N", global = true, hide_short_help = true,
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// How much memory a restore file may take [default: what the machine has to spare]
    #[arg(long, value_name = "SIZE", global = true, hide = true, value_parser = parse_size)]
    pub(crate) memory: Option<u64>,
}

impl ServiceArgs {
    /// The same, whatever hashservers the settings name.
    pub(crate) fn without_servers(self) -> Self {
        Self {
            no_hashserver: true,
            ..self
        }
    }

    /// The options as the uppermost settings.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            hashserver: list(&self.hashserver, self.no_hashserver),
            hashdb: list(&self.hashdb, self.no_hashdb),
            hashdb_path: self.hashdb_path.clone(),
            pool: list(&self.pool, self.no_pool),
            timeout: self.timeout,
            jobs: self.jobs,
            memory: self.memory,
            lookup: self.lookup_mode.map(|mode| LOOKUP.name(&mode).to_owned()),
            ..Settings::default()
        }
    }
}

/// `None` leaves it to the settings.
fn list<T: Clone>(values: &[T], none: bool) -> Option<Vec<T>> {
    (none || !values.is_empty()).then(|| values.to_vec())
}
