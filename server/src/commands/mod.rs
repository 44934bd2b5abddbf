//! The commands of the program, one file each.

mod arenas;
mod hint;
mod maintain;
mod serve;
mod token;
mod transfer;

use std::error::Error;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use hashget_server::settings::{Settings, SettingsError, SettingsLayer};
use hashget_store::{SledStore, StoreOptions};

pub(crate) use self::hint::hint;

/// What `main` reports; the settings' own errors are told apart there.
pub(crate) type CommandError = Box<dyn Error + Send + Sync>;

/// A hashserver: knows which package holds a file, so that backups can leave it out.
#[derive(Parser)]
#[command(name = "hashserver", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    serve: serve::ServeArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Make, list and revoke tokens; works while the server runs
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Write every record as a line of JSON, of a stopped server or with --from of a running one
    Export(transfer::ExportArgs),
    /// Read records as export wrote them; the server must not run
    Import(transfer::ImportArgs),
    /// Look whether the store is sound, and mend its index; the server must not run
    Check(maintain::CheckArgs),
    /// Copy the store into a fresh, smaller one; the server must not run
    Compact(maintain::CompactArgs),
}

/// Which data directory a command is about.
#[derive(Args)]
struct DataArgs {
    /// Directory of the store, the pool and the tokens
    #[arg(long, env = "HASHSERVER_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Settings file that names the directory
    #[arg(long, env = "HASHSERVER_SETTINGS", value_name = "FILE")]
    settings: Option<PathBuf>,
}

impl DataArgs {
    fn settings(self) -> Result<Settings, SettingsError> {
        let layer = SettingsLayer {
            data: self.data,
            ..SettingsLayer::default()
        };
        resolve(layer, self.settings)
    }
}

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> Result<(), CommandError> {
    match cli.command {
        None => serve::run(cli.serve),
        Some(Command::Token(command)) => token::run(command),
        Some(Command::Export(args)) => transfer::export(args),
        Some(Command::Import(args)) => transfer::import(args),
        Some(Command::Check(args)) => maintain::check(args),
        Some(Command::Compact(args)) => maintain::compact(args),
    }
}

/// Settings of the command line over those of a file.
fn resolve(layer: SettingsLayer, file: Option<PathBuf>) -> Result<Settings, SettingsError> {
    let layer = match file {
        Some(path) => layer.over(Settings::read_file(&path)?),
        None => layer,
    };
    Settings::from_layer(layer)
}

fn store_options(settings: &Settings) -> StoreOptions {
    StoreOptions {
        cache_bytes: settings.store_cache_bytes,
        ..StoreOptions::default()
    }
}

/// Opens the store of a server that does not run. A directory without one is an error: it is
/// mostly the wrong directory.
fn open_store(settings: &Settings) -> Result<SledStore, CommandError> {
    let path = settings.store_path();
    if !path.is_dir() {
        return Err(format!("there is no store at {}", path.display()).into());
    }
    Ok(SledStore::open(&path, store_options(settings))?)
}
