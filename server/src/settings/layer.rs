//! One source of settings: a file, or the command line with its environment variables.

use std::path::PathBuf;

use hashget_archive::LimitSettings;
use serde::Deserialize;

/// Settings as one source gives them: every one may be missing.
///
/// The members' names are those of the settings file; the flags are spelled with `-`, the
/// environment variables `HASHSERVER_NAME`.
#[derive(Clone, Debug, Default, Deserialize, clap::Args)]
#[serde(default, deny_unknown_fields)]
pub struct SettingsLayer {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8700]
    #[arg(long, env = "HASHSERVER_LISTEN", value_name = "ADDR")]
    pub listen: Option<String>,
    /// Directory of the store, the pool and the tokens
    #[arg(long, env = "HASHSERVER_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Name of the server, shown to clients
    #[arg(long, env = "HASHSERVER_NAME", value_name = "NAME")]
    pub name: Option<String>,
    /// Message of the day, shown once by clients
    #[arg(long, env = "HASHSERVER_MOTD", value_name = "TEXT")]
    pub motd: Option<String>,
    /// URL under which clients reach this server, told to them in config.json
    #[arg(long, env = "HASHSERVER_BASE_URL", value_name = "URL")]
    pub base_url: Option<String>,
    /// Regular expression of URLs that clients may submit; repeatable, one a line in the variable
    #[arg(
        long,
        env = "HASHSERVER_ACCEPT_URL",
        value_name = "REGEX",
        value_delimiter = '\n'
    )]
    pub accept_url: Option<Vec<String>>,
    /// Whether reading needs no token [default: true]
    #[arg(long, env = "HASHSERVER_OPEN_READING", value_name = "BOOL")]
    pub open_reading: Option<bool>,
    /// Largest body of a publish, in bytes [default: 64 MiB]
    #[arg(long, env = "HASHSERVER_MAX_PUBLISH_BYTES", value_name = "BYTES")]
    pub max_publish_bytes: Option<u64>,
    /// Largest body of every other JSON request, in bytes [default: 16 MiB]
    #[arg(long, env = "HASHSERVER_MAX_QUERY_BYTES", value_name = "BYTES")]
    pub max_query_bytes: Option<u64>,
    /// Largest file the pool takes, in bytes [default: 16 GiB]
    #[arg(long, env = "HASHSERVER_MAX_POOL_FILE_BYTES", value_name = "BYTES")]
    pub max_pool_file_bytes: Option<u64>,
    /// Most of the pool that may belong to one project, in bytes; 0: any number [default: 0]
    #[arg(
        long,
        env = "HASHSERVER_MAX_POOL_BYTES_PER_PROJECT",
        value_name = "BYTES"
    )]
    pub max_pool_bytes_per_project: Option<u64>,
    /// Most of the pool that may belong to one token, in bytes; 0: any number [default: 0]
    #[arg(
        long,
        env = "HASHSERVER_MAX_POOL_BYTES_PER_TOKEN",
        value_name = "BYTES"
    )]
    pub max_pool_bytes_per_token: Option<u64>,
    /// Most digests and signatures in one request [default: 50000]
    #[arg(long, env = "HASHSERVER_MAX_LOOKUP_KEYS", value_name = "N")]
    pub max_lookup_keys: Option<usize>,
    /// Most records in one fetch or publish [default: 1000]
    #[arg(long, env = "HASHSERVER_MAX_BATCH_PACKAGES", value_name = "N")]
    pub max_batch_packages: Option<usize>,
    /// Seconds a body may take, beyond those its size earns at the least rate [default: 30]
    #[arg(long, env = "HASHSERVER_BODY_DEADLINE_SECONDS", value_name = "SECONDS")]
    pub body_deadline_seconds: Option<u64>,
    /// Least rate of a body, in bytes per second [default: 16384]
    #[arg(
        long,
        env = "HASHSERVER_MIN_BODY_BYTES_PER_SECOND",
        value_name = "BYTES"
    )]
    pub min_body_bytes_per_second: Option<u64>,
    /// Disk space that writing leaves free, in bytes [default: 64 MiB]
    #[arg(long, env = "HASHSERVER_MIN_FREE_BYTES", value_name = "BYTES")]
    pub min_free_bytes: Option<u64>,
    /// About how much of the store is kept in memory, in bytes [default: 64 MiB]
    #[arg(long, env = "HASHSERVER_STORE_CACHE_BYTES", value_name = "BYTES")]
    pub store_cache_bytes: Option<u64>,
    /// Most memory for the digest index, in bytes; beyond it look-ups read the store [default: 1 GiB]
    #[arg(long, env = "HASHSERVER_INDEX_MEMORY_BYTES", value_name = "BYTES")]
    pub index_memory_bytes: Option<u64>,
    /// Most memory for answers to GET a/... that are ready to be sent, in bytes [default: 256 MiB]
    #[arg(long, env = "HASHSERVER_ANSWER_MEMORY_BYTES", value_name = "BYTES")]
    pub answer_memory_bytes: Option<u64>,
    /// Most memory for bodies of requests, all together; one client gets a half [default: 256 MiB]
    #[arg(long, env = "HASHSERVER_BODY_MEMORY_BYTES", value_name = "BYTES")]
    pub body_memory_bytes: Option<u64>,
    /// Memory for large answers that are made and sent, in bytes; one client gets a half [default: 256 MiB]
    #[arg(long, env = "HASHSERVER_SENDING_MEMORY_BYTES", value_name = "BYTES")]
    pub sending_memory_bytes: Option<u64>,
    /// Threads that serve requests [default: one per processor]
    #[arg(long, env = "HASHSERVER_WORKERS", value_name = "N")]
    pub workers: Option<usize>,
    /// Most connections open at a time, per worker [default: 4096]
    #[arg(long, env = "HASHSERVER_MAX_CONNECTIONS", value_name = "N")]
    pub max_connections: Option<usize>,
    /// Seconds that requests in flight get to finish at the end [default: 30]
    #[arg(
        long,
        env = "HASHSERVER_SHUTDOWN_TIMEOUT_SECONDS",
        value_name = "SECONDS"
    )]
    pub shutdown_timeout_seconds: Option<u64>,
    /// Seconds between two searches for expired records [default: 3600]
    #[arg(
        long,
        env = "HASHSERVER_SWEEP_INTERVAL_SECONDS",
        value_name = "SECONDS"
    )]
    pub sweep_interval_seconds: Option<u64>,
    /// Certificate chain (PEM) for TLS; read again when it changes and on SIGHUP
    #[arg(long, env = "HASHSERVER_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// Private key (PEM) of the certificate
    #[arg(long, env = "HASHSERVER_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Address or network of a proxy whose X-Forwarded-For is believed; repeatable, one a line in the variable
    #[arg(
        long,
        env = "HASHSERVER_TRUSTED_PROXIES",
        value_name = "NETWORK",
        value_delimiter = '\n'
    )]
    pub trusted_proxies: Option<Vec<String>>,
    /// Requests a second from one client address, bursts of ten seconds' worth; 0: any number [default: 200, loopback excepted]
    #[arg(long, env = "HASHSERVER_CLIENT_REQUESTS_PER_SECOND", value_name = "N")]
    pub client_requests_per_second: Option<u32>,
    /// Requests a second with one token, bursts of ten seconds' worth; 0: any number [default: 1000, loopback excepted]
    #[arg(long, env = "HASHSERVER_TOKEN_REQUESTS_PER_SECOND", value_name = "N")]
    pub token_requests_per_second: Option<u32>,
    /// Most connections open at a time from one client address [default: 512]
    #[arg(long, env = "HASHSERVER_MAX_CONNECTIONS_PER_CLIENT", value_name = "N")]
    pub max_connections_per_client: Option<usize>,
    /// Seconds that the head of a request may take [default: 10]
    #[arg(long, env = "HASHSERVER_HEAD_DEADLINE_SECONDS", value_name = "SECONDS")]
    pub head_deadline_seconds: Option<u64>,
    /// Seconds after which a client that takes nothing of its answer is given up [default: 60]
    #[arg(long, env = "HASHSERVER_SEND_DEADLINE_SECONDS", value_name = "SECONDS")]
    pub send_deadline_seconds: Option<u64>,
    /// File that gets a JSON object for every request, opened again on SIGHUP; -: the standard output
    #[arg(long, env = "HASHSERVER_ACCESS_LOG", value_name = "FILE")]
    pub access_log: Option<PathBuf>,
    /// Project that submitted packages are published into [default: submitted]
    #[arg(long, env = "HASHSERVER_SUBMIT_PROJECT", value_name = "PROJECT")]
    pub submit_project: Option<String>,
    /// Whether submitting needs no token; only where reading needs none [default: false]
    #[arg(long, env = "HASHSERVER_OPEN_SUBMITTING", value_name = "BOOL")]
    pub open_submitting: Option<bool>,
    /// Threads that fetch and index submitted packages [default: 2]
    #[arg(long, env = "HASHSERVER_SUBMIT_WORKERS", value_name = "N")]
    pub submit_workers: Option<usize>,
    /// Most submissions that wait [default: 1000]
    #[arg(long, env = "HASHSERVER_MAX_SUBMISSIONS", value_name = "N")]
    pub max_submissions: Option<usize>,
    /// Most submissions that wait of one client address, or one token [default: 100]
    #[arg(long, env = "HASHSERVER_MAX_SUBMISSIONS_PER_CLIENT", value_name = "N")]
    pub max_submissions_per_client: Option<usize>,
    /// Seconds that reading a package may take, and one more for each MiB of it [default: 60]
    #[arg(
        long,
        env = "HASHSERVER_INDEX_DEADLINE_SECONDS",
        value_name = "SECONDS"
    )]
    pub index_deadline_seconds: Option<u64>,
    /// Limits of the packages that are read, as NAME=NUMBER, several separated by spaces
    #[arg(long, env = "HASHSERVER_PACKAGE_LIMITS", value_name = "LIMITS")]
    pub package_limits: Option<LimitSettings>,
    /// Seconds between two requests of this server to one host [default: 1]
    #[arg(long, env = "HASHSERVER_FETCH_PAUSE_SECONDS", value_name = "SECONDS")]
    pub fetch_pause_seconds: Option<u64>,
    /// Ports that this server fetches from [default: 80 443]
    #[arg(
        long,
        env = "HASHSERVER_FETCH_PORTS",
        value_name = "PORT",
        value_delimiter = ','
    )]
    pub fetch_ports: Option<Vec<u16>>,
    /// Networks that this server may fetch from although they are not public; repeatable
    #[arg(
        long,
        env = "HASHSERVER_FETCH_NETWORKS",
        value_name = "ADDR/PREFIX",
        value_delimiter = ','
    )]
    pub fetch_networks: Option<Vec<String>>,
    /// Largest package that this server fetches, in bytes [default: 4 GiB]
    #[arg(long, env = "HASHSERVER_MAX_FETCH_BYTES", value_name = "BYTES")]
    pub max_fetch_bytes: Option<u64>,
    /// Least seconds between two builds of the downloadable filter; 0: none [default: 60]
    #[arg(
        long,
        env = "HASHSERVER_FILTER_INTERVAL_SECONDS",
        value_name = "SECONDS"
    )]
    pub filter_interval_seconds: Option<u64>,
    /// Seconds between two rounds of asking whether the packages' URLs are alive; 0: never [default: 0]
    #[arg(
        long,
        env = "HASHSERVER_CHECK_INTERVAL_SECONDS",
        value_name = "SECONDS"
    )]
    pub check_interval_seconds: Option<u64>,
    /// Form of the log: plain or json [default: plain]
    #[arg(long, env = "HASHSERVER_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// What is logged: error, warn, info, debug, trace, or directives [default: info]
    #[arg(long, env = "HASHSERVER_LOG_LEVEL", value_name = "LEVEL")]
    pub log_level: Option<String>,
}

impl SettingsLayer {
    /// This layer, with what it lacks taken from the one below.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            listen: self.listen.or(below.listen),
            data: self.data.or(below.data),
            name: self.name.or(below.name),
            motd: self.motd.or(below.motd),
            base_url: self.base_url.or(below.base_url),
            accept_url: self.accept_url.or(below.accept_url),
            open_reading: self.open_reading.or(below.open_reading),
            max_publish_bytes: self.max_publish_bytes.or(below.max_publish_bytes),
            max_query_bytes: self.max_query_bytes.or(below.max_query_bytes),
            max_pool_file_bytes: self.max_pool_file_bytes.or(below.max_pool_file_bytes),
            max_pool_bytes_per_project: self
                .max_pool_bytes_per_project
                .or(below.max_pool_bytes_per_project),
            max_pool_bytes_per_token: self
                .max_pool_bytes_per_token
                .or(below.max_pool_bytes_per_token),
            max_lookup_keys: self.max_lookup_keys.or(below.max_lookup_keys),
            max_batch_packages: self.max_batch_packages.or(below.max_batch_packages),
            body_deadline_seconds: self.body_deadline_seconds.or(below.body_deadline_seconds),
            min_body_bytes_per_second: self
                .min_body_bytes_per_second
                .or(below.min_body_bytes_per_second),
            min_free_bytes: self.min_free_bytes.or(below.min_free_bytes),
            store_cache_bytes: self.store_cache_bytes.or(below.store_cache_bytes),
            index_memory_bytes: self.index_memory_bytes.or(below.index_memory_bytes),
            answer_memory_bytes: self.answer_memory_bytes.or(below.answer_memory_bytes),
            sending_memory_bytes: self.sending_memory_bytes.or(below.sending_memory_bytes),
            body_memory_bytes: self.body_memory_bytes.or(below.body_memory_bytes),
            workers: self.workers.or(below.workers),
            max_connections: self.max_connections.or(below.max_connections),
            shutdown_timeout_seconds: self
                .shutdown_timeout_seconds
                .or(below.shutdown_timeout_seconds),
            sweep_interval_seconds: self.sweep_interval_seconds.or(below.sweep_interval_seconds),
            tls_certificate: self.tls_certificate.or(below.tls_certificate),
            tls_key: self.tls_key.or(below.tls_key),
            trusted_proxies: self.trusted_proxies.or(below.trusted_proxies),
            client_requests_per_second: self
                .client_requests_per_second
                .or(below.client_requests_per_second),
            token_requests_per_second: self
                .token_requests_per_second
                .or(below.token_requests_per_second),
            max_connections_per_client: self
                .max_connections_per_client
                .or(below.max_connections_per_client),
            head_deadline_seconds: self.head_deadline_seconds.or(below.head_deadline_seconds),
            send_deadline_seconds: self.send_deadline_seconds.or(below.send_deadline_seconds),
            access_log: self.access_log.or(below.access_log),
            submit_project: self.submit_project.or(below.submit_project),
            open_submitting: self.open_submitting.or(below.open_submitting),
            submit_workers: self.submit_workers.or(below.submit_workers),
            max_submissions: self.max_submissions.or(below.max_submissions),
            max_submissions_per_client: self
                .max_submissions_per_client
                .or(below.max_submissions_per_client),
            index_deadline_seconds: self.index_deadline_seconds.or(below.index_deadline_seconds),
            package_limits: match (self.package_limits, below.package_limits) {
                (Some(upper), Some(lower)) => Some(upper.over(lower)),
                (upper, lower) => upper.or(lower),
            },
            fetch_pause_seconds: self.fetch_pause_seconds.or(below.fetch_pause_seconds),
            fetch_ports: self.fetch_ports.or(below.fetch_ports),
            fetch_networks: self.fetch_networks.or(below.fetch_networks),
            max_fetch_bytes: self.max_fetch_bytes.or(below.max_fetch_bytes),
            filter_interval_seconds: self
                .filter_interval_seconds
                .or(below.filter_interval_seconds),
            check_interval_seconds: self.check_interval_seconds.or(below.check_interval_seconds),
            log_format: self.log_format.or(below.log_format),
            log_level: self.log_level.or(below.log_level),
        }
    }
}
