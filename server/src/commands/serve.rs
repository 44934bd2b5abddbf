//! `hashserver`: serves until a signal stops it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Arg, Args, Command};
use hashget_server::settings::{LogFormat, Settings, SettingsLayer};
use hashget_server::startup::Server;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{CommandError, arenas, resolve};

/// Signals so soon after the first one mean the same.
const SAME_SIGNAL: Duration = Duration::from_secs(1);

#[derive(Args)]
pub(super) struct ServeArgs {
    /// Settings file (TOML); environment variables and flags go before it
    #[arg(long, env = "HASHSERVER_SETTINGS", value_name = "FILE")]
    settings: Option<PathBuf>,
    #[command(flatten)]
    layer: SettingsLayer,
}

pub(super) fn run(args: ServeArgs) -> Result<(), CommandError> {
    let settings = resolve(args.layer, args.settings)?;
    let arenas_error = arenas::bound();
    begin_log(&settings)?;
    if let Some(error) = arenas_error {
        tracing::warn!("the program cannot be begun again with MALLOC_ARENA_MAX=2: {error}");
    }
    warn_of_unknown_variables();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut signals, mut hangup) = {
        let _inside = runtime.enter();
        // Before the ready line: whoever reads it may send a signal at once.
        (
            (
                signal(SignalKind::terminate())?,
                signal(SignalKind::interrupt())?,
            ),
            signal(SignalKind::hangup())?,
        )
    };
    let data = settings.data.clone();
    let server = Server::start(settings)?;
    announce(&server)?;
    tracing::info!(url = server.url(), data = %data.display(), "serving");
    let name = runtime.block_on(async {
        loop {
            tokio::select! {
                name = next(&mut signals) => break name,
                _ = hangup.recv() => server.reload(),
            }
        }
    });
    tracing::info!("{name}: finishing the requests in flight; once more to end at once");
    runtime.block_on(stop(server, &mut signals))?;
    tracing::info!("stopped");
    Ok(())
}

/// Stops the server. A later signal gives up the requests in flight, but never a record that was
/// acknowledged: those are on disk.
async fn stop(server: Server, signals: &mut (Signal, Signal)) -> Result<(), CommandError> {
    let stopped = tokio::task::spawn_blocking(move || server.stop());
    tokio::select! {
        stopped = stopped => Ok(stopped?),
        name = later(signals) => {
            tracing::warn!("{name} again: ending at once");
            std::process::exit(1)
        }
    }
}

/// A signal that is not the first one come twice, as some supervisors and terminals send it.
async fn later(signals: &mut (Signal, Signal)) -> &'static str {
    let began = Instant::now();
    loop {
        let name = next(signals).await;
        if began.elapsed() >= SAME_SIGNAL {
            return name;
        }
    }
}

async fn next((terminate, interrupt): &mut (Signal, Signal)) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

/// Tells whoever started the program that it is ready, and where.
fn announce(server: &Server) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on {}", server.url())?;
    stdout.flush()
}

/// A misspelled variable would be ignored in silence. It is no error: container platforms set
/// variables of that form for services of this name.
fn warn_of_unknown_variables() {
    let known = ServeArgs::augment_args(Command::new("hashserver"));
    for (name, _) in std::env::vars_os() {
        let is_ours = name.to_string_lossy().starts_with("HASHSERVER_");
        let mut variables = known.get_arguments().filter_map(Arg::get_env);
        if is_ours && !variables.any(|variable| variable == name) {
            tracing::warn!(
                ?name,
                "this environment variable is no setting; it is ignored"
            );
        }
    }
}

fn begin_log(settings: &Settings) -> Result<(), CommandError> {
    let filter = EnvFilter::try_new(&settings.log_level)?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match settings.log_format {
        LogFormat::Plain => log
            .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
            .try_init(),
        LogFormat::Json => log.json().try_init(),
    }
}
