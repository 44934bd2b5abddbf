//! What every command stands on: options over settings, made into services.

use hashget_engine::restore::{STRANGERS_MEMORY, Trust as RestoreTrust, is_trusted};
use hashget_files::private::tighten_directory;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use hashget_words::project::ProjectName;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::error::CliError;
use super::groups::ResolveArgs;
use super::groups::ServiceArgs;
use super::names::{LOOKUP, TRUST, TrustArg};
use super::network::{http_options, token_for};
use super::printable::printable_path;
use super::reporter::Reporter;
use crate::settings::Settings;
use hashget_engine::index::RecordOptions;
use hashget_engine::restore::set_restore_memory;
use hashget_engine::state::StatePaths;
use hashget_engine::vouch::{CheckedLookup, VouchOptions};
use hashget_files::hash_cache::HashCache;
use hashget_files::monitor::{Level, Monitor, Problem, error_chain};
use hashget_sources::hash_db::{
    CombinedLookup, LocalHashDb, NOBODY, NamedProjects, ProjectFilter, Trust,
};
use hashget_sources::hash_server::{HashServer, LookupMode};
use hashget_sources::http::Http;
use hashget_sources::sources::{
    DownloadOptions, Downloader, PackageSources, Pool, set_package_limits,
};

/// What every command stands on.
pub(super) struct Context<'a> {
    /// Where everything is reported.
    pub(super) reporter: &'a Reporter,
    /// The settings, with the flags over them.
    pub(super) settings: Settings,
    /// The local records.
    pub(super) db: LocalHashDb,
    /// The named hashservers, in order.
    pub(super) servers: Vec<HashServer>,
    cache: PathBuf,
    http: Http,
    now: Zoned,
    /// The projects of hashservers that the user named, once options were read.
    named: OnceLock<NamedProjects>,
}

impl<'a> Context<'a> {
    /// The services as options and settings describe them; nothing is asked of them yet.
    pub(super) fn new(
        args: &ServiceArgs,
        settings: Settings,
        reporter: &'a Reporter,
    ) -> Result<Self, CliError> {
        let settings = args.settings().over(settings);
        if let Some(jobs) = settings.jobs {
            check_jobs(jobs)?;
            // Fails only where the pool runs already, as in tests.
            drop(
                rayon::ThreadPoolBuilder::new()
                    .num_threads(usize::from(jobs))
                    .build_global(),
            );
        }
        if let Some(limits) = &settings.package_limits {
            set_package_limits(limits.limits());
        }
        if let Some(bytes) = settings.memory {
            set_restore_memory(bytes);
        }
        let http = Http::new(http_options(&settings, reporter))?;
        let (hashdb, cache) = state_paths(&settings)?;
        for directory in [&hashdb, &cache] {
            tighten(directory, reporter);
        }
        let servers = servers(&settings, &http, &cache)?;
        Ok(Self {
            reporter,
            db: LocalHashDb::new(hashdb, project_filter(&settings)?),
            servers,
            cache,
            http,
            now: local_now(reporter),
            named: OnceLock::new(),
            settings,
        })
    }

    /// How many packages are handled at once.
    pub(super) fn jobs(&self) -> usize {
        self.settings.jobs.map_or_else(processors, usize::from)
    }

    /// How many packages are downloaded and indexed at once: more than there are processors, where
    /// these are few, because a download mostly waits.
    pub(super) fn index_jobs(&self) -> usize {
        let usual = || processors().max(MOST_WAITING.min(4 * processors()));
        self.settings.jobs.map_or_else(usual, usize::from)
    }

    /// The local time at which the command began.
    pub(super) fn now(&self) -> DateTime {
        self.now.datetime()
    }

    /// The time at which the command began, with its zone.
    pub(super) fn zoned_now(&self) -> &Zoned {
        &self.now
    }

    /// The day at which records may have expired.
    pub(super) fn today(&self) -> Date {
        self.now.date()
    }

    /// The HTTP client.
    pub(super) fn http(&self) -> &Http {
        &self.http
    }

    /// The directory of downloads.
    pub(super) fn cache(&self) -> &Path {
        &self.cache
    }

    /// The remembered digests of files.
    pub(super) fn hash_cache(&self) -> HashCache {
        HashCache::new(&self.cache)
    }

    /// The downloads and their cache.
    pub(super) fn downloader(&self) -> Downloader {
        Downloader::new(self.http.clone(), DownloadOptions::new(self.cache.clone()))
    }

    /// Every place where packages can be fetched.
    pub(super) fn sources(&self) -> PackageSources {
        let places = self.settings.pool.iter().flatten();
        PackageSources {
            pools: places
                .map(|place| Pool::new(place.as_os_str(), &self.cache))
                .collect(),
            downloader: self.downloader(),
            // One of many sources: the others are not to wait for it for long.
            servers: self
                .servers
                .iter()
                .map(|server| server.with_http(self.http.clone().with_retries(1)))
                .collect(),
            db: Some(self.db.clone()),
        }
    }

    /// Like [`Context::sources`], but packages are downloaded from hosts of the public internet only.
    pub(super) fn public_sources(&self) -> Result<PackageSources, CliError> {
        let options = DownloadOptions::new(self.cache.clone());
        Ok(PackageSources {
            downloader: Downloader::new(self.http.public_only()?, options),
            ..self.sources()
        })
    }

    /// Where what an archive or directory names is fetched: if it is a stranger's, from the public internet, with his
    /// list bounded more.
    pub(super) fn sources_for(
        &self,
        trust: RestoreTrust,
        path: &Path,
    ) -> Result<PackageSources, CliError> {
        if is_trusted(trust, path) {
            return Ok(self.sources());
        }
        // The user's own bound, if there is one, was set before.
        set_restore_memory(STRANGERS_MEMORY);
        self.public_sources()
    }

    /// The look-up over local records and hashservers.
    pub(super) fn lookup(&self, trust: Trust) -> CombinedLookup<'_> {
        CombinedLookup {
            named: self.named.get().unwrap_or(&NOBODY),
            db: &self.db,
            servers: &self.servers,
            trust,
            today: self.today(),
            monitor: self.reporter,
        }
    }

    /// A look-up that checks packages of projects that nobody named; `read_all` tells to read each.
    pub(super) fn checked_lookup<'c>(
        &'c self,
        args: &ResolveArgs,
        sources: &'c PackageSources,
        read_all: bool,
    ) -> Result<CheckedLookup<'c>, CliError> {
        let lookup = self.lookup(self.trust(&args.trust)?);
        let max_download = args.max_download.or(self.settings.max_download);
        let options = VouchOptions {
            read_all,
            read_one_in: self
                .settings
                .read_one_in
                .unwrap_or(VouchOptions::READ_ONE_IN),
            max_download: max_download.unwrap_or(VouchOptions::MAX_DOWNLOAD),
            jobs: self.index_jobs(),
            state: self.db.path().to_owned(),
            today: self.today(),
            record: RecordOptions::new(self.now()),
        };
        Ok(CheckedLookup {
            lookup,
            sources,
            options,
        })
    }

    /// Whose records are relied on: the option, else the setting, else the default. The projects that are named count
    /// from now on.
    pub(super) fn trust(&self, args: &[TrustArg]) -> Result<Trust, CliError> {
        let settings = self.settings.trusted_projects.iter().flatten();
        let by_option = args.iter().filter_map(|arg| match arg {
            TrustArg::Project(text) => Some(text),
            TrustArg::Level(_) => None,
        });
        let mut named = NamedProjects::default();
        for text in settings.chain(by_option) {
            if !matches!(named.add(text), Some(Ok(()))) {
                return Err(
                    CliError::usage(format!("{text:?} is no project of a hashserver")).hint(
                        "write it as http://HOST/#PROJECT, in trusted_projects or --trust server=",
                    ),
                );
            }
        }
        self.named.get_or_init(|| named);
        let mut levels = args.iter().rev().filter_map(|arg| match arg {
            TrustArg::Level(level) => Some(*level),
            TrustArg::Project(_) => None,
        });
        let option = levels.next();
        match (option, self.settings.trust.as_deref()) {
            (Some(trust), _) => Ok(trust),
            (None, None) => Ok(Trust::default()),
            (None, Some(name)) => TRUST.value(name).ok_or_else(|| {
                CliError::usage(format!(
                    "the setting trust is {name:?}, none of `self`, `verified` and `server`"
                ))
                .hint("correct HASHGET_TRUST or the settings file")
            }),
        }
    }

    /// Shows the servers' messages of the day. A server that does not answer is reported here, as
    /// nobody asks it again; one whose message makes no sense has none.
    pub(super) fn show_messages(&self) {
        for server in &self.servers {
            match server.kind().and_then(|_| server.motd()) {
                Ok(text) => {
                    for line in text.iter().flat_map(|text| text.lines()) {
                        self.reporter.message(Level::Info, line);
                    }
                }
                Err(error) if server.is_down() => {
                    self.reporter.problem(&Problem::new(server.url(), &error));
                }
                Err(error) => self.reporter.message(Level::Detail, &error_chain(&error)),
            }
        }
    }

    /// A hashserver that is named elsewhere than in the settings, with its token from there.
    pub(super) fn server_at(&self, url: &str) -> Result<HashServer, CliError> {
        let token = token_for(&self.settings, url)?;
        HashServer::new(url, token, self.http.clone())
            .map_err(|error| CliError::new(&error).into_usage())
    }

    /// Fails unless a hashserver is named.
    pub(super) fn need_server(&self) -> Result<(), CliError> {
        if self.servers.is_empty() {
            return Err(CliError::usage("no hashserver is named").hint(
                "name one with --hashserver URL, in HASHGET_HASHSERVER or in a settings file",
            ));
        }
        Ok(())
    }
}

/// As many threads as the flag allows.
const JOBS: std::ops::RangeInclusive<u16> = 1..=1024;
/// So many packages are downloaded at once at most, unless there are more processors. Each may take
/// about 10 MB.
const MOST_WAITING: usize = 8;

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The time of the machine's zone. A machine without one, as many containers are, has UTC, as in the C library; a zone that is
/// named and that nobody knows is UTC, too, and reported.
fn local_now(reporter: &Reporter) -> Zoned {
    let zone = TimeZone::try_system().unwrap_or_else(|_| {
        if let Some(name) = std::env::var_os("TZ").filter(|name| !name.is_empty()) {
            let subject = format!("TZ={}", printable_path(Path::new(&name)));
            let what = "no such time zone is known: times are in UTC";
            reporter.problem(&Problem::text(subject, what));
        }
        TimeZone::UTC
    });
    Timestamp::now().to_zoned(zone)
}

/// The flag is checked when it is read; a setting or variable is not.
fn check_jobs(jobs: u16) -> Result<(), CliError> {
    if JOBS.contains(&jobs) {
        return Ok(());
    }
    let text = format!("the setting jobs is {jobs}: not from 1 to {}", JOBS.end());
    Err(CliError::usage(text).hint("correct HASHGET_JOBS or the settings file"))
}

fn state_paths(settings: &Settings) -> Result<(PathBuf, PathBuf), CliError> {
    if let (Some(hashdb), Some(cache)) = (&settings.hashdb_path, &settings.cache) {
        return Ok((hashdb.clone(), cache.clone()));
    }
    let standard =
        StatePaths::of_this_user().map_err(|error| CliError::new(&error).into_usage())?;
    let hashdb = settings.hashdb_path.clone().unwrap_or(standard.hashdb);
    Ok((hashdb, settings.cache.clone().unwrap_or(standard.cache)))
}

fn project_filter(settings: &Settings) -> Result<ProjectFilter, CliError> {
    let names = match &settings.hashdb {
        None => return Ok(ProjectFilter::All),
        Some(names) if names.iter().any(|name| name == "all") => return Ok(ProjectFilter::All),
        Some(names) => names,
    };
    let projects: Result<Vec<ProjectName>, _> = names.iter().map(|name| name.parse()).collect();
    projects
        .map(ProjectFilter::Only)
        .map_err(|error| CliError::new(&error).into_usage())
}

fn lookup_mode(settings: &Settings) -> Result<LookupMode, CliError> {
    let Some(name) = settings.lookup.as_deref() else {
        return Ok(LookupMode::Auto);
    };
    LOOKUP.value(name).ok_or_else(|| {
        CliError::usage(format!(
            "the setting lookup is {name:?}, not `auto`, `filter`, `range` or `digest`"
        ))
        .hint("correct HASHGET_LOOKUP or the settings file")
    })
}

/// Others are not to read what was backed up out of records and downloads.
fn tighten(directory: &Path, reporter: &Reporter) {
    let name = printable_path(directory);
    match tighten_directory(directory) {
        Ok(false) => {}
        Ok(true) => {
            let text = format!("{name} was open to other users: it is for you alone now");
            reporter.message(Level::Info, &text);
        }
        Err(error) => {
            let text = format!("{name} may be open to other users: {error}");
            reporter.message(Level::Warning, &text);
        }
    }
}

fn servers(settings: &Settings, http: &Http, cache: &Path) -> Result<Vec<HashServer>, CliError> {
    let mode = lookup_mode(settings)?;
    let filters = cache.join("filters");
    let urls = settings.hashserver.iter().flatten();
    let server = |url: &String| {
        HashServer::new(url, token_for(settings, url)?, http.clone())
            .map(|server| server.with_lookup(mode, &filters))
            .map_err(|error| CliError::new(&error).into_usage())
    };
    urls.map(server).collect()
}
