//! Settings of what the server fetches by itself.

use std::time::Duration;

use hashget_archive::Limits;
use hashget_words::project::{ParseProjectError, ProjectName};

use super::check::{invalid, within};
use super::{Network, SettingsError, SettingsLayer};

/// What becomes of submitted packages.
#[derive(Clone, Debug)]
pub struct SubmitSettings {
    /// Where they are published.
    pub project: ProjectName,
    /// Whether submitting needs no token.
    pub open: bool,
    /// Threads that work on them.
    pub workers: usize,
    /// Most that wait; those without a token get no more than a half.
    pub max_waiting: usize,
    /// Most that wait of one client address, or one token.
    pub max_waiting_per_client: usize,
    /// The limits of their packages.
    pub package_limits: Limits,
    /// How long a package may be read, beyond what its size earns.
    pub index_deadline: Duration,
}

/// What this server fetches by itself.
#[derive(Clone, Debug)]
pub struct FetchSettings {
    /// Ports that it connects to.
    pub ports: Vec<u16>,
    /// Networks that it may go to although they are not public.
    pub allowed_networks: Vec<Network>,
    /// The largest package that is fetched, in bytes.
    pub max_bytes: u64,
    /// How long a body may take, beyond what its size earns at the least rate.
    pub deadline: Duration,
    /// Least rate of a body.
    pub min_bytes_per_second: u64,
    /// The time between two requests to one host.
    pub host_pause: Duration,
    /// The time between two rounds of asking whether packages are still there; `None`: never.
    pub check_interval: Option<Duration>,
}

pub(super) fn submit(layer: &SettingsLayer) -> Result<SubmitSettings, SettingsError> {
    let project = layer.submit_project.as_deref().unwrap_or("submitted");
    Ok(SubmitSettings {
        project: project
            .parse()
            .map_err(|error: ParseProjectError| invalid("submit_project", &project, error))?,
        open: open(layer)?,
        workers: within("submit_workers", layer.submit_workers, 2, 1..=64)?,
        max_waiting: within("max_submissions", layer.max_submissions, 1000, 1..=100_000)?,
        max_waiting_per_client: within(
            "max_submissions_per_client",
            layer.max_submissions_per_client,
            100,
            1..=100_000,
        )?,
        index_deadline: super::check::deadline(
            "index_deadline_seconds",
            layer.index_deadline_seconds,
            60,
        )?,
        package_limits: layer.package_limits.clone().unwrap_or_default().limits(),
    })
}

/// Whoever may submit without a token can find out what is known here, by what it takes to fetch it.
fn open(layer: &SettingsLayer) -> Result<bool, SettingsError> {
    let open = layer.open_submitting.unwrap_or(false);
    if open && !layer.open_reading.unwrap_or(true) {
        let reason =
            "reading needs a token: set `open_reading` too, or have submitters send theirs";
        return Err(invalid("open_submitting", &open, reason));
    }
    Ok(open)
}

pub(super) fn fetch(layer: &SettingsLayer) -> Result<FetchSettings, SettingsError> {
    let ports = layer.fetch_ports.clone().unwrap_or_else(|| vec![80, 443]);
    if let Some(port) = ports.iter().find(|port| **port == 0) {
        return Err(invalid("fetch_ports", port, "use ports from 1 to 65535"));
    }
    let mut allowed_networks = Vec::new();
    for text in layer.fetch_networks.iter().flatten() {
        let network = text.parse();
        allowed_networks
            .push(network.map_err(|reason: String| invalid("fetch_networks", text, reason))?);
    }
    Ok(FetchSettings {
        ports,
        allowed_networks,
        max_bytes: within(
            "max_fetch_bytes",
            layer.max_fetch_bytes,
            4 << 30,
            1..=1 << 50,
        )?,
        deadline: Duration::from_secs(60),
        min_bytes_per_second: 16 * 1024,
        host_pause: Duration::from_secs(within(
            "fetch_pause_seconds",
            layer.fetch_pause_seconds,
            1,
            0..=3600,
        )?),
        check_interval: layer
            .check_interval_seconds
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs),
    })
}
