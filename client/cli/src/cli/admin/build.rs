//! `hashget-admin build [WEBROOT] [--pool DIR]`: a hashserver of static files, as the original has it.
//!
//! The records lie in `records/`; `a/` and `sig/` are trees of links to them, one a digest or
//! signature; with `--pool`, `pool/sha256/` has links to the package files of a directory.

use hashget_files::private::become_public;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use clap::Args;
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::hash_reader::HashReader;
use serde::Serialize;

use super::Admin;
use crate::cli::error::CliError;
use crate::cli::groups::{FilterArgs, LocalArgs};
use crate::cli::printable::printable_path;
use crate::cli::reporter::Report;
use hashget_files::monitor::{Progress, Unit};

const EXAMPLES: &str = "\
Examples:
  hashget-admin build /var/www/html
  hashget-admin build /var/www/html --pool /srv/pool";

/// `hashget-admin build`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BuildArgs {
    /// The directory that the web server serves [default: `HASHGET_WEBROOT`]
    #[arg(value_name = "WEBROOT")]
    webroot: Option<PathBuf>,
    /// WEBROOT, where it is not named otherwise
    #[arg(
        long = "webroot",
        value_name = "DIR",
        env = "HASHGET_WEBROOT",
        hide = true
    )]
    usual_webroot: Option<PathBuf>,
    /// Instead of records make the HTTP pool of this directory of packages
    #[arg(long, value_name = "DIR")]
    pool: Option<PathBuf>,
    /// Which records.
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Where the local records are.
    #[command(flatten)]
    pub(super) place: LocalArgs,
}

impl Admin<'_> {
    /// Writes the trees of links below the web server's root.
    pub(super) fn build(&self, args: &BuildArgs) -> Result<(), CliError> {
        let webroot = args.webroot.as_ref().or(args.usual_webroot.as_ref());
        let webroot = webroot.ok_or_else(|| {
            CliError::usage("build needs WEBROOT")
                .hint("name the web server's directory, here or in HASHGET_WEBROOT")
        })?;
        match &args.pool {
            Some(pool) => self.build_pool(pool, webroot),
            None => self.build_records(webroot),
        }
    }

    fn build_records(&self, webroot: &Path) -> Result<(), CliError> {
        let tree = NewTree::begin(webroot, &["records", "a", "sig"])?;
        let mut packages = self.packages()?;
        // The first to come gets a digest that several packages have: the one that lives
        // longest, then the smallest.
        packages.sort_by(|a, b| {
            let key = |p: &hashget_words::package_summary::PackageSummary| {
                (p.size.unwrap_or(u64::MAX), p.url.clone())
            };
            b.expires.cmp(&a.expires).then_with(|| key(a).cmp(&key(b)))
        });
        let today = self.context.today();
        packages.retain(|package| !package.expires.is_expired_at(today));
        let total = Some(packages.len() as u64);
        let progress = Progress::start(self.context.reporter, "building", Unit::Packages, total);
        let mut links = 0;
        self.records.each(&packages, |record| {
            links += add_record(&tree, &record.package)?;
            progress.advance(1);
            Ok(())
        })?;
        drop(progress);
        tree.finish()?;
        write_config(webroot)?;
        let packages = packages.len() as u64;
        self.tell_built(webroot, packages, links);
        Ok(())
    }

    fn build_pool(&self, pool: &Path, webroot: &Path) -> Result<(), CliError> {
        let tree = NewTree::begin(webroot, &["pool"])?;
        let pool = fs::canonicalize(pool).map_err(|error| cannot("find", pool, &error))?;
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&pool).map_err(|error| cannot("read", &pool, &error))? {
            let path = entry.map_err(|error| cannot("read", &pool, &error))?.path();
            if path.is_file() {
                files.insert(digest_of(&path)?, path);
            }
        }
        for (digest, path) in &files {
            tree.link(path, Path::new("pool/sha256").join(digest.sharded_path()))?;
        }
        tree.finish()?;
        self.tell_built(webroot, files.len() as u64, files.len() as u64);
        Ok(())
    }

    fn tell_built(&self, webroot: &Path, packages: u64, links: u64) {
        self.context.reporter.report(&Built {
            webroot: printable_path(webroot),
            packages,
            links,
        });
    }
}

/// Writes empty settings unless there are some: by them a client knows that it has found a hashserver.
fn write_config(webroot: &Path) -> Result<(), CliError> {
    let path = webroot.join("config.json");
    match fs::File::create_new(&path).and_then(|mut file| file.write_all(b"{}\n")) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result.map_err(|error| cannot("write", &path, &error)),
    }
}

/// Writes a record and the links to it; how many links.
fn add_record(tree: &NewTree, package: &HashPackage) -> Result<u64, CliError> {
    let Some(own) = package.digest() else {
        return Ok(0);
    };
    let name = Path::new("records").join(format!("{own}.json"));
    let place = tree.directory.path().join(&name);
    if !place.exists() {
        let json = serde_json::to_vec_pretty(package)?;
        fs::write(&place, json).map_err(|error| cannot("write", &place, &error))?;
    }
    let mut links = 0;
    for digest in package.anchors.iter().chain([&own]) {
        let path = Path::new("a").join(digest.sharded_path());
        links += u64::from(tree.link_up(&name, &path)?);
    }
    for path in package
        .signatures()
        .filter_map(|signature| signature.deb_path())
    {
        // A signature comes from a package and may hold anything.
        let safe = hashget_words::rel_path::RelPath::new(path.as_bytes());
        if safe.is_ok_and(|safe| safe.as_bytes() == path.as_bytes()) {
            links += u64::from(tree.link_up(&name, Path::new(&path))?);
        }
    }
    Ok(links)
}

/// Trees that are written aside and then put in the place of the old ones.
struct NewTree {
    webroot: PathBuf,
    directory: tempfile::TempDir,
    parts: &'static [&'static str],
}

impl NewTree {
    fn begin(webroot: &Path, parts: &'static [&'static str]) -> Result<Self, CliError> {
        // A web server reads it.
        become_public();
        fs::create_dir_all(webroot).map_err(|error| cannot("make", webroot, &error))?;
        let directory = tempfile::Builder::new()
            .prefix(".hashget-build-")
            .tempdir_in(webroot)
            .map_err(|error| cannot("write to", webroot, &error))?;
        for part in parts {
            let part = directory.path().join(part);
            fs::create_dir(&part).map_err(|error| cannot("make", &part, &error))?;
        }
        Ok(Self {
            webroot: webroot.to_owned(),
            directory,
            parts,
        })
    }

    /// Links `path` to `target`, which is another path in the tree; `false` if it is taken.
    fn link_up(&self, target: &Path, path: &Path) -> Result<bool, CliError> {
        let mut up: PathBuf = path
            .components()
            .skip(1)
            .map(|_| OsStr::new(".."))
            .collect();
        up.push(target);
        self.link(&up, path)
    }

    /// Links `path` to `target`; `false` if it is taken.
    fn link(&self, target: &Path, path: impl AsRef<Path>) -> Result<bool, CliError> {
        let place = self.directory.path().join(path);
        let directory = place.parent().unwrap_or(&place);
        fs::create_dir_all(directory).map_err(|error| cannot("make", directory, &error))?;
        match symlink(target, &place) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            done => done
                .map(|()| true)
                .map_err(|error| cannot("write", &place, &error)),
        }
    }

    fn finish(self) -> Result<(), CliError> {
        let old = self.directory.path().join("old");
        fs::create_dir(&old).map_err(|error| cannot("make", &old, &error))?;
        for part in self.parts {
            let place = self.webroot.join(part);
            match fs::rename(&place, old.join(part)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(cannot("replace", &place, &error));
                }
                _ => {}
            }
            fs::rename(self.directory.path().join(part), &place)
                .map_err(|error| cannot("replace", &place, &error))?;
        }
        self.directory
            .close()
            .map_err(|error| cannot("clean up in", &self.webroot, &error))
    }
}

fn digest_of(path: &Path) -> Result<Digest, CliError> {
    let failed = |error: io::Error| cannot("read", path, &error);
    let mut reader = HashReader::new(fs::File::open(path).map_err(failed)?);
    io::copy(&mut reader, &mut io::sink()).map_err(failed)?;
    Ok(reader.into_hasher().finish())
}

fn cannot(action: &str, path: &Path, error: &io::Error) -> CliError {
    CliError::new(error).context(format!("cannot {action} {}", printable_path(path)))
}

#[derive(Serialize)]
struct Built {
    webroot: String,
    packages: u64,
    links: u64,
}

impl Report for Built {
    const EVENT: &'static str = "built";

    fn lines(&self) -> Vec<String> {
        let Self {
            webroot,
            packages,
            links,
        } = self;
        vec![format!(
            "Built {webroot}: {packages} packages, {links} links"
        )]
    }
}
