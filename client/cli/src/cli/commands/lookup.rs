//! `hashget lookup FILE|HASH…`: which packages hold a file.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;

use clap::Args;
use hashget_words::digest::Digest;
use hashget_words::hash_reader::HashReader;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::groups::ServiceArgs;
use crate::cli::printable::{printable, printable_path};
use crate::cli::reporter::Report;
use crate::cli::size::Size;
use hashget_sources::hash_db::{Found, FoundPackage, Trust};

const EXAMPLES: &str = "\
Examples:
  hashget lookup /usr/bin/vim
  hashget lookup sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 --json

Exit status: 0 if each is in a package, 1 if one is in none.";

/// `hashget lookup`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LookupArgs {
    /// A file, or a hash (`sha256:...`); a package's own file or hash finds the package
    #[arg(value_name = "FILE|HASH", required = true)]
    things: Vec<OsString>,
    /// Where records are.
    #[command(flatten)]
    pub(super) service: ServiceArgs,
}

/// Tells which packages hold files, by the local records and the hashservers.
pub(super) fn run(args: &LookupArgs, context: &Context) -> Result<(), CliError> {
    let digests: Vec<Digest> = args
        .things
        .iter()
        .map(|thing| digest_of(thing))
        .collect::<Result<_, _>>()?;
    let found = context.lookup(Trust::Servers).find_anywhere(&digests)?;
    let mut unknown = 0;
    for (key, (thing, digest)) in args.things.iter().zip(&digests).enumerate() {
        let looked_up = LookedUp::new(thing, *digest, key, &found, context);
        unknown += u64::from(looked_up.packages.is_empty());
        context.reporter.report(&looked_up);
    }
    if unknown == 0 {
        return Ok(());
    }
    let message = format!(
        "in no package that is known: {unknown} of {}",
        digests.len()
    );
    Err(CliError::failed(message).hint(
        "name a hashserver that may know more with --hashserver, or index their packages (submit, \
         index)",
    ))
}

/// The digest that a hash spells, or that a file has.
fn digest_of(thing: &OsStr) -> Result<Digest, CliError> {
    if let Some(text) = thing.to_str() {
        let hex = text.strip_prefix("sha256:");
        match hex.unwrap_or(text).parse::<Digest>() {
            Ok(digest) => return Ok(digest),
            Err(error) if hex.is_some() => return Err(CliError::new(&error).into_usage()),
            Err(_) => {}
        }
    }
    let path = Path::new(thing);
    let read = || -> io::Result<Digest> {
        let mut reader = HashReader::new(File::open(path)?);
        io::copy(&mut reader, &mut io::sink())?;
        Ok(reader.into_hasher().finish())
    };
    read().map_err(|error| {
        CliError::new(&error)
            .context(format!("cannot read {}", printable_path(path)))
            .hint("give a file, or a hash such as sha256:2cf24d…, in 64 hexadecimal digits")
    })
}

/// What is known about one file.
#[derive(Serialize)]
struct LookedUp {
    name: String,
    sha256: Digest,
    packages: Vec<HoldingPackage>,
}

/// A package that holds it.
#[derive(Serialize)]
struct HoldingPackage {
    url: String,
    sha256: Digest,
    size: Option<u64>,
    /// `never`, or the day.
    expires: String,
    expired: bool,
    project: String,
    /// Whether this machine has read the package itself.
    derived: bool,
}

impl LookedUp {
    fn new(thing: &OsStr, digest: Digest, key: usize, found: &Found, context: &Context) -> Self {
        let package = |package: &FoundPackage| HoldingPackage {
            url: package.url.clone(),
            sha256: package.sha256,
            size: package.size,
            expires: package.expires.to_string(),
            expired: package.expires.is_expired_at(context.today()),
            project: package.project.to_string(),
            derived: package.is_derived(),
        };
        let places = found.matches.get(key).unwrap_or_default();
        let packages = places.iter().filter_map(|place| found.packages.get(*place));
        Self {
            name: printable_path(Path::new(thing)),
            sha256: digest,
            packages: packages.map(package).collect(),
        }
    }
}

impl Report for LookedUp {
    const EVENT: &'static str = "lookup";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let hash = format!("sha256:{}", self.sha256);
        let mut line = self.name.clone();
        if line != hash {
            line = format!("{line} ({hash})");
        }
        if self.packages.is_empty() {
            return vec![format!("{line}: in no package that is known")];
        }
        let mut lines = vec![match self.packages.len() {
            1 => format!("{line}: in 1 package"),
            count => format!("{line}: in {count} packages"),
        }];
        lines.extend(self.packages.iter().map(HoldingPackage::line));
        lines
    }
}

impl HoldingPackage {
    fn line(&self) -> String {
        let size = self
            .size
            .map_or_else(|| "?".to_owned(), |bytes| Size(bytes).to_string());
        let source = if self.derived {
            "own record"
        } else {
            "a server's record"
        };
        let expiry = match (self.expired, self.expires.as_str()) {
            (_, "never") => String::new(),
            (true, day) => format!(", expired {day}"),
            (false, day) => format!(", until {day}"),
        };
        let (url, project) = (printable(&self.url), printable(&self.project));
        format!("{size:>9}  {url} ({project}, {source}{expiry})")
    }
}
