//! How the server runs: from a file, the environment and flags, in rising precedence.

mod check;
mod error;
mod layer;
mod network;
mod rate;
mod submit;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hashget_api::{MAX_BATCH_PACKAGES, MAX_LOOKUP_KEYS};
use url::Url;

use crate::pool::Quotas;

pub use error::SettingsError;
pub use layer::SettingsLayer;
pub use network::Network;
pub use rate::Rate;
pub use submit::{FetchSettings, SubmitSettings};

const MIB: u64 = 1024 * 1024;
/// More than a client of the original makes, which asks once for each large file, one after the other.
const CLIENT_REQUESTS_PER_SECOND: u32 = 200;
const TOKEN_REQUESTS_PER_SECOND: u32 = 1000;

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Plain,
    /// A JSON object a line.
    Json,
}

/// Settings that were found to make sense.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Directory of the store, the pool and the tokens.
    pub data: PathBuf,
    /// Name of the server.
    pub name: String,
    /// Message of the day; may be empty.
    pub motd: String,
    /// URL under which clients reach this server, ending in `/`.
    pub base_url: Option<Url>,
    /// Regular expressions of URLs that clients may submit.
    pub accept_url: Vec<String>,
    /// Whether reading needs no token.
    pub open_reading: bool,
    /// What one request may cost.
    pub limits: Limits,
    /// What becomes of submitted packages.
    pub submit: SubmitSettings,
    /// What this server fetches by itself.
    pub fetch: FetchSettings,
    /// Disk space that writing leaves free, in bytes.
    pub min_free_bytes: u64,
    /// How much of the pool may belong to a project, and to a token.
    pub pool_quotas: Quotas,
    /// About how much of the store is kept in memory, in bytes.
    pub store_cache_bytes: u64,
    /// How much memory the digest index and the rows of packages may take, in bytes.
    pub index_memory_bytes: u64,
    /// How much memory answers to `a/…` that are ready to be sent may take, in bytes.
    pub answer_memory_bytes: u64,
    /// How much memory bodies of requests may take all together, in bytes.
    pub body_memory_bytes: u64,
    /// How much memory answers may take all together while they are made and sent, in bytes.
    pub sending_memory_bytes: u64,
    /// Threads that serve requests.
    pub workers: usize,
    /// Most connections open at a time, per worker.
    pub max_connections: usize,
    /// How long requests in flight get to finish at the end.
    pub shutdown_timeout: Duration,
    /// The time between two searches for expired records.
    pub sweep_interval: Duration,
    /// Certificate chain and private key; without them the server speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// How often one client address may ask.
    pub client_rate: Rate,
    /// How often one token may be used.
    pub token_rate: Rate,
    /// Most connections open at a time from one client address.
    pub max_connections_per_client: usize,
    /// How long the head of a request may take.
    pub head_deadline: Duration,
    /// How long a client may take nothing of its answer.
    pub send_deadline: Duration,
    /// Where the access log goes; `-` is the standard output.
    pub access_log: Option<PathBuf>,
    /// The least time between two builds of the downloadable filter; `None`: there is none.
    pub filter_interval: Option<Duration>,
    /// The form of the log.
    pub log_format: LogFormat,
    /// What is logged, as directives of tracing.
    pub log_level: String,
}

/// The files of TLS, both PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, and those that lead to its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What one request may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest body of a publish, in bytes.
    pub publish_bytes: u64,
    /// Largest body of every other JSON request, in bytes.
    pub query_bytes: u64,
    /// Largest file the pool takes, in bytes.
    pub pool_file_bytes: u64,
    /// Most digests and signatures in one request.
    pub lookup_keys: usize,
    /// Most records in one fetch or publish.
    pub batch_packages: usize,
    /// How long a body may take, beyond what its size earns at the least rate.
    pub body_deadline: Duration,
    /// Least rate of a body, in bytes per second.
    pub body_bytes_per_second: u64,
}

impl Settings {
    /// Where the store is.
    pub fn store_path(&self) -> PathBuf {
        self.data.join("store")
    }

    /// Where the pool is.
    pub fn pool_path(&self) -> PathBuf {
        self.data.join("pool")
    }

    /// Where it is noted who put the files of the pool.
    pub fn pool_owners_path(&self) -> PathBuf {
        self.data.join("pool-owners.jsonl")
    }

    /// Where the queue of submissions is.
    pub fn submissions_path(&self) -> PathBuf {
        self.data.join("submissions")
    }

    /// Where the tokens are.
    pub fn tokens_path(&self) -> PathBuf {
        self.data.join("tokens.json")
    }

    /// Where it is noted when tokens were used.
    pub fn token_uses_path(&self) -> PathBuf {
        self.data.join("token-uses.json")
    }

    /// Reads a settings file.
    pub fn read_file(path: &Path) -> Result<SettingsLayer, SettingsError> {
        let text = std::fs::read_to_string(path).map_err(|source| SettingsError::Read {
            path: path.to_owned(),
            source,
        })?;
        toml::from_str(&text).map_err(|source| SettingsError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }

    /// Checks the settings, and fills in the defaults.
    pub fn from_layer(layer: SettingsLayer) -> Result<Self, SettingsError> {
        let limits = limits(&layer)?;
        let submit = submit::submit(&layer)?;
        let fetch = submit::fetch(&layer)?;
        let data = layer.data.filter(|data| !data.as_os_str().is_empty());
        let seconds = |given: Option<u64>, default| Duration::from_secs(given.unwrap_or(default));
        Ok(Self {
            listen: check::listen(layer.listen.as_deref().unwrap_or("127.0.0.1:8700"))?,
            data: data.ok_or(SettingsError::Missing {
                setting: "data",
                flag: "--data",
                variable: "HASHSERVER_DATA",
            })?,
            name: check::line(
                "name",
                layer.name.unwrap_or_else(|| "hashserver".to_owned()),
            )?,
            motd: layer.motd.unwrap_or_default(),
            base_url: layer.base_url.as_deref().map(check::base_url).transpose()?,
            accept_url: check::patterns(layer.accept_url.unwrap_or_default())?,
            open_reading: layer.open_reading.unwrap_or(true),
            limits,
            submit,
            fetch,
            pool_quotas: Quotas {
                of_project: any_number(layer.max_pool_bytes_per_project),
                of_token: any_number(layer.max_pool_bytes_per_token),
            },
            min_free_bytes: layer.min_free_bytes.unwrap_or(64 * MIB),
            store_cache_bytes: check::within(
                "store_cache_bytes",
                layer.store_cache_bytes,
                64 * MIB,
                MIB..=1 << 50,
            )?,
            index_memory_bytes: layer.index_memory_bytes.unwrap_or(1024 * MIB),
            answer_memory_bytes: layer.answer_memory_bytes.unwrap_or(256 * MIB),
            body_memory_bytes: layer.body_memory_bytes.unwrap_or(256 * MIB),
            sending_memory_bytes: layer.sending_memory_bytes.unwrap_or(256 * MIB),
            workers: check::within("workers", layer.workers, check::processors(), 1..=1024)?,
            max_connections: check::within(
                "max_connections",
                layer.max_connections,
                4096,
                1..=1_000_000,
            )?,
            shutdown_timeout: seconds(layer.shutdown_timeout_seconds, 30),
            sweep_interval: Duration::from_secs(check::within(
                "sweep_interval_seconds",
                layer.sweep_interval_seconds,
                3600,
                1..=u64::from(u32::MAX),
            )?),
            tls: check::tls(layer.tls_certificate, layer.tls_key)?,
            trusted_proxies: check::networks(&layer.trusted_proxies.unwrap_or_default())?,
            client_rate: Rate::new(layer.client_requests_per_second, CLIENT_REQUESTS_PER_SECOND),
            token_rate: Rate::new(layer.token_requests_per_second, TOKEN_REQUESTS_PER_SECOND),
            max_connections_per_client: check::within(
                "max_connections_per_client",
                layer.max_connections_per_client,
                512,
                1..=1_000_000,
            )?,
            head_deadline: check::deadline(
                "head_deadline_seconds",
                layer.head_deadline_seconds,
                10,
            )?,
            send_deadline: check::deadline(
                "send_deadline_seconds",
                layer.send_deadline_seconds,
                60,
            )?,
            access_log: layer.access_log.filter(|path| !path.as_os_str().is_empty()),
            filter_interval: Some(Duration::from_secs(check::within(
                "filter_interval_seconds",
                layer.filter_interval_seconds,
                60,
                0..=u64::from(u32::MAX),
            )?))
            .filter(|interval| !interval.is_zero()),
            log_format: check::log_format(layer.log_format.as_deref().unwrap_or("plain"))?,
            log_level: check::log_level(layer.log_level.unwrap_or_else(|| "info".to_owned()))?,
        })
    }
}

/// 0 is any number.
fn any_number(given: Option<u64>) -> Option<u64> {
    given.filter(|number| *number > 0)
}

fn limits(layer: &SettingsLayer) -> Result<Limits, SettingsError> {
    let bytes = |setting, given, default| check::within(setting, given, default, 1..=1 << 50);
    Ok(Limits {
        publish_bytes: bytes("max_publish_bytes", layer.max_publish_bytes, 64 * MIB)?,
        query_bytes: bytes("max_query_bytes", layer.max_query_bytes, 16 * MIB)?,
        pool_file_bytes: bytes(
            "max_pool_file_bytes",
            layer.max_pool_file_bytes,
            16 * 1024 * MIB,
        )?,
        lookup_keys: check::within(
            "max_lookup_keys",
            layer.max_lookup_keys,
            MAX_LOOKUP_KEYS,
            1..=MAX_LOOKUP_KEYS,
        )?,
        batch_packages: check::within(
            "max_batch_packages",
            layer.max_batch_packages,
            MAX_BATCH_PACKAGES,
            1..=MAX_BATCH_PACKAGES,
        )?,
        body_deadline: Duration::from_secs(check::within(
            "body_deadline_seconds",
            layer.body_deadline_seconds,
            30,
            1..=86_400,
        )?),
        body_bytes_per_second: check::within(
            "min_body_bytes_per_second",
            layer.min_body_bytes_per_second,
            16 * 1024,
            1..=1 << 40,
        )?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(text: &str) -> SettingsLayer {
        toml::from_str(text).unwrap()
    }

    fn refused(text: &str) -> String {
        Settings::from_layer(layer(text)).unwrap_err().to_string()
    }

    #[test]
    fn only_data_must_be_given() {
        let settings = Settings::from_layer(layer("data = 'd'")).unwrap();
        assert_eq!(settings.listen, "127.0.0.1:8700".parse().unwrap());
        assert!(settings.open_reading && settings.base_url.is_none());
        assert!(refused("").contains("`data` is missing: give --data"));
    }

    #[test]
    fn a_higher_layer_wins_member_by_member() {
        let flags = layer("name = 'high'");
        let settings = Settings::from_layer(flags.over(layer("name = 'low'\ndata = 'd'"))).unwrap();
        assert_eq!(
            (settings.name.as_str(), settings.data),
            ("high", "d".into())
        );
    }

    #[test]
    fn unknown_members_are_refused() {
        let error = toml::from_str::<SettingsLayer>("data = 'd'\nlisten_on = ':80'").unwrap_err();
        assert!(error.to_string().contains("listen_on"), "{error}");
    }

    #[test]
    fn wrong_values_are_refused_by_name() {
        for (setting, value) in [
            ("listen", "'nowhere'"),
            ("base_url", "'ftp://example.org/'"),
            ("accept_url", "['(']"),
            ("log_format", "'xml'"),
            ("log_level", "'a=b=c'"),
            ("workers", "0"),
            ("max_lookup_keys", "50001"),
            ("body_deadline_seconds", "0"),
            ("name", "''"),
            ("tls_key", "'key.pem'"),
            ("trusted_proxies", "['10.0.0.0/33']"),
            ("max_connections_per_client", "0"),
            ("head_deadline_seconds", "0"),
            ("submit_project", "'a/b'"),
            ("submit_workers", "0"),
            ("fetch_ports", "[0]"),
            ("fetch_networks", "['10.0.0.0/40']"),
        ] {
            let message = refused(&format!("data = 'd'\n{setting} = {value}"));
            assert!(message.contains(&format!("`{setting}`")), "{message}");
        }
    }

    #[test]
    fn the_base_url_ends_in_a_slash() {
        let settings =
            Settings::from_layer(layer("data = 'd'\nbase_url = 'https://example.org/h'")).unwrap();
        assert_eq!(
            settings.base_url.unwrap().as_str(),
            "https://example.org/h/"
        );
    }
}
