//! Brings the server up, and down again.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use actix_web::dev::ServerHandle;
use actix_web::{rt, web};
use hashget_store::{PackageStore, SledStore, StoreError, StoreOptions};
use thiserror::Error;

use crate::access_log::AccessLog;
use crate::answers::Answers;
use crate::auth::{TokenError, TokenFile, TokenUses};
use crate::checker::Checker;
use crate::connections::Connections;
use crate::disk::Disk;
use crate::fetch::{Fetcher, SystemResolver};
use crate::filters::{Builder, Filters};
use crate::growth::Growth;
use crate::health::Health;
use crate::memory_budget::MemoryBudget;
use crate::metrics::Metrics;
use crate::pool::{Owners, Pool, PoolError};
use crate::rate_limit::RateLimit;
use crate::settings::Settings;
use crate::state::{Clock, State, system_clock};
use crate::stopping::Background;
use crate::submissions::{Places, Submissions, Workers};
use crate::tls::{Certificates, TlsError};
use crate::{housekeeper, listen, loader, sweeper, tls};

/// How often the store makes room in its file: sled frees one segment of half a MiB each time, or
/// some more while it is written to, and syncs the file, also when nothing has changed. More often
/// the file stays smaller, and no disk ever comes to rest.
const CLEANING_INTERVAL: Duration = Duration::from_millis(200);
/// So many times the body that a record came in it takes to answer with it: read, and written.
const RECORD_FACTOR: u64 = 2;

/// Why the server does not come up.
#[derive(Debug, Error)]
pub enum StartError {
    /// The data directory cannot be made or used.
    #[error("cannot use the data directory {}", path.display())]
    Data {
        /// The data directory, from the settings.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error("cannot open the store")]
    Store(#[from] StoreError),
    /// The pool cannot be opened.
    #[error("cannot open the pool")]
    Pool(#[from] PoolError),
    /// The tokens cannot be read.
    #[error("cannot read the tokens")]
    Tokens(#[from] TokenError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address from the settings.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The certificate cannot be used.
    #[error("cannot use the certificate")]
    Tls(#[from] TlsError),
    /// The access log cannot be written.
    #[error("cannot write the access log {}", path.display())]
    AccessLog {
        /// The file of the access log, from the settings.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The system gives no thread.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

/// A server that is running; dropping it stops it.
pub struct Server {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
    background: Vec<Background>,
    state: web::Data<State>,
    certificates: Option<Arc<Certificates>>,
    workers: Option<Workers>,
    builder: Option<Builder>,
    checker: Option<Checker>,
}

impl Server {
    /// Starts a server on the store in the data directory.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        make_data_directory(&settings)?;
        let options = StoreOptions {
            cache_bytes: settings.store_cache_bytes,
            resident_bytes: settings.index_memory_bytes,
            cleaning_interval: Some(CLEANING_INTERVAL),
        };
        let store = SledStore::open(&settings.store_path(), options)?;
        Self::start_with(settings, Arc::new(store), system_clock())
    }

    /// Starts a server on any store, with any idea of what day it is.
    pub fn start_with(
        settings: Settings,
        store: Arc<dyn PackageStore>,
        clock: Clock,
    ) -> Result<Self, StartError> {
        make_data_directory(&settings)?;
        let tokens = TokenFile::new(settings.tokens_path());
        tokens.tokens()?;
        let pool = Pool::open(settings.pool_path())?;
        let owners = Owners::open(settings.pool_owners_path(), settings.pool_quotas)?;
        let submissions = Submissions::open(
            settings.submissions_path(),
            Places {
                all: settings.submit.max_waiting,
                of_sender: settings.submit.max_waiting_per_client,
            },
            settings.fetch.host_pause,
        )
        .map_err(|error| {
            let (_, path, source) = error.into_parts();
            StartError::Data { path, source }
        })?;
        let path = settings.data.join("health.json");
        let health =
            Health::open(path.clone()).map_err(|source| StartError::Data { path, source })?;
        let path = settings.data.join("growth.json");
        let growth =
            Growth::open(path.clone()).map_err(|source| StartError::Data { path, source })?;
        let fetcher = Fetcher::new(settings.fetch.clone(), Arc::new(SystemResolver));
        let disk = Disk::new(&settings.data, settings.min_free_bytes);
        let files = settings.tls.clone();
        let certificates = files.map(Certificates::load).transpose()?.map(Arc::new);
        let answer_memory_bytes = settings.answer_memory_bytes;
        let state = web::Data::new(State {
            token_uses: TokenUses::open(settings.token_uses_path()),
            client_rate: RateLimit::new(settings.client_rate.per_second),
            token_rate: RateLimit::new(settings.token_rate.per_second),
            connections: Arc::new(Connections::new(&settings)),
            body_memory: Arc::new(MemoryBudget::new(
                settings.body_memory_bytes,
                settings
                    .limits
                    .publish_bytes
                    .max(settings.limits.query_bytes),
            )),
            sending_memory: Arc::new(MemoryBudget::new(
                settings.sending_memory_bytes,
                settings.limits.publish_bytes.saturating_mul(RECORD_FACTOR),
            )),
            metrics: Metrics::default(),
            access_log: open_access_log(&settings)?,
            settings,
            store,
            pool,
            owners,
            disk,
            tokens,
            submissions,
            fetcher,
            filters: Filters::default(),
            answers: Answers::new(answer_memory_bytes),
            health,
            growth,
            clock,
            started: Instant::now(),
        });
        let (address, handle, thread) = serve(state.clone(), certificates.clone())?;
        let mut server = Self {
            address,
            handle,
            thread: Some(thread),
            background: Vec::new(),
            state: state.clone(),
            certificates: certificates.clone(),
            workers: None,
            builder: None,
            checker: None,
        };
        server
            .background
            .push(loader::start(state.clone()).map_err(StartError::Thread)?);
        server.checker = Some(Checker::start(state.clone()).map_err(StartError::Thread)?);
        server.builder = Some(Builder::start(state.clone()).map_err(StartError::Thread)?);
        server.workers = Some(Workers::start(state.clone()).map_err(StartError::Thread)?);
        let sweeper = sweeper::start(state.clone()).map_err(StartError::Thread)?;
        server.background.push(sweeper);
        let housekeeper = housekeeper::start(state, certificates).map_err(StartError::Thread)?;
        server.background.push(housekeeper);
        Ok(server)
    }

    /// Where it listens; the port is the real one.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL, `http://ADDRESS:PORT/`, or with `https`.
    pub fn url(&self) -> String {
        let scheme = match self.certificates {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}/", self.address)
    }

    /// Reads the certificate again, and opens the access log again.
    pub fn reload(&self) {
        if let Some(certificates) = &self.certificates {
            housekeeper::reload(certificates);
        }
        self.state.access_log.reopen();
    }

    /// Lets the requests in flight finish, takes no more, and closes the store.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        if let Some(checker) = self.checker.take() {
            checker.stop();
        }
        if let Some(builder) = self.builder.take() {
            builder.stop();
        }
        if let Some(workers) = self.workers.take() {
            workers.stop();
        }
        if let Some(thread) = self.thread.take() {
            // The order is given by the call; its future only tells when it was carried out,
            // and so does the end of the thread.
            drop(self.handle.stop(true));
            if thread.join().is_err() {
                tracing::error!("the server's thread panicked");
            }
        }
        // After the requests: what they left to do is done now.
        for thread in self.background.drain(..) {
            thread.stop();
        }
        self.state.access_log.close();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shut_down();
    }
}

fn make_data_directory(settings: &Settings) -> Result<(), StartError> {
    let data = &settings.data;
    let failed = |source| StartError::Data {
        path: data.clone(),
        source,
    };
    fs::create_dir_all(data).map_err(failed)?;
    let metadata = fs::metadata(data).map_err(failed)?;
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if is_ours && metadata.mode() & 0o077 != 0 {
        let mode = Permissions::from_mode(metadata.mode() & 0o7700);
        fs::set_permissions(data, mode).map_err(failed)?;
        tracing::warn!(path = %data.display(), "the data directory was open to other users: it is closed now");
    }
    Ok(())
}

fn open_access_log(settings: &Settings) -> Result<AccessLog, StartError> {
    let Some(path) = settings.access_log.clone() else {
        return Ok(AccessLog::default());
    };
    AccessLog::open(path.clone()).map_err(|source| StartError::AccessLog { path, source })
}

type Serving = (SocketAddr, ServerHandle, JoinHandle<()>);

/// Runs the HTTP server in a thread of its own, which ends with it.
fn serve(
    state: web::Data<State>,
    certificates: Option<Arc<Certificates>>,
) -> Result<Serving, StartError> {
    let tls = certificates.map(tls::config).transpose()?;
    let (ready, is_ready) = mpsc::channel();
    let address = state.settings.listen;
    let run = move || {
        rt::System::new().block_on(async move {
            let (server, bound) = match listen::start(&state, tls) {
                Ok(listening) => listening,
                Err(error) => return drop(ready.send(Err(error))),
            };
            let told = ready.send(Ok((bound, server.handle())));
            if told.is_ok()
                && let Err(error) = server.await
            {
                tracing::error!("the HTTP server failed: {error}");
            }
        });
    };
    let thread = thread::Builder::new()
        .name("http".to_owned())
        .spawn(run)
        .map_err(StartError::Thread)?;
    let gone = |_| Err(io::Error::other("the server's thread ended"));
    match is_ready.recv().unwrap_or_else(gone) {
        Ok((bound, handle)) => Ok((bound, handle, thread)),
        Err(source) => Err(StartError::Listen { address, source }),
    }
}
