//! The series file: profiles, and the sections in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashget_words::hash_package::is_http;
use hashget_words::keep_rules::KeepRules;
use hashget_words::project::ProjectName;
use serde::Deserialize;

use super::error::SeriesError;
use super::name::{NameTemplate, is_good_part};
use super::remote::Remote;
use super::rules::{Limits, Mode};
use hashget_files::tree::PatternSet;
use hashget_sources::hash_server::HashServer;

/// What `hashget series init` writes.
pub const EXAMPLE: &str = include_str!("example.toml");

/// The series file.
#[derive(Clone, Debug, Default)]
pub struct SeriesFile {
    /// Where it was read from.
    pub path: PathBuf,
    /// All sections, by profile and name.
    pub sections: Vec<Section>,
}

/// A section: what is backed up, where to, and how many backups there may be.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
#[derive(Clone, Debug)]
pub struct Section {
    /// The profile it belongs to.
    pub profile: String,
    pub name: String,
    /// The directory that is backed up.
    pub source: PathBuf,
    /// The directory of the archives; where a server has them, of what is at hand of them.
    pub destination: PathBuf,
    /// The hashserver that has the archives, if it is not the directory.
    pub server: Option<ServerPlace>,
    /// The same, once it can be asked.
    pub remote: Option<Arc<Remote>>,
    /// Mode and limits.
    pub limits: Limits,
    /// The names of the archives.
    pub names: NameTemplate,
    /// What is left out, as with `--exclude`.
    pub exclude: Vec<String>,
    /// Leaves out directories marked by a `CACHEDIR.TAG`.
    pub exclude_caches: bool,
    /// Stays on the source's file system.
    pub one_file_system: bool,
    /// Leaves out nothing that is only in public packages.
    pub self_sufficient: bool,
    /// Whether large files that changed are stored as patches for their base's version.
    pub delta: bool,
    /// How large, in bytes, a file is at least that may be stored as a patch.
    pub delta_min_size: u64,
    /// Whether packages are looked for in the source before packing, as `--pack` does.
    pub index: bool,
    /// After how many days a backup expires.
    pub expire_days: Option<u32>,
    /// Which backups are kept by age.
    pub keep: KeepRules,
    /// Directories that get a copy of each archive.
    pub replicate_to: Vec<PathBuf>,
    /// A shell command before each run; if it fails nothing is backed up.
    pub pre: Option<String>,
    /// A shell command after each run.
    pub post: Option<String>,
    /// The file for the node exporter's textfile collector.
    pub metrics: Option<PathBuf>,
    /// The compression level.
    pub level: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    #[serde(default)]
    profile: BTreeMap<String, BTreeMap<String, SectionText>>,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SectionText {
    source: PathBuf,
    destination: PathBuf,
    project: Option<String>,
    #[serde(default)]
    mode: Mode,
    max_series: u32,
    max_series_length: u32,
    name: Option<String>,
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default)]
    exclude_caches: bool,
    #[serde(default)]
    one_file_system: bool,
    #[serde(default)]
    self_sufficient: bool,
    #[serde(default)]
    delta: bool,
    #[serde(default = "delta_min_size")]
    delta_min_size: u64,
    #[serde(default = "yes")]
    index: bool,
    expire_days: Option<u32>,
    #[serde(default)]
    keep: KeepRules,
    #[serde(default)]
    replicate_to: Vec<PathBuf>,
    pre: Option<String>,
    post: Option<String>,
    metrics: Option<PathBuf>,
    level: Option<u32>,
}

fn yes() -> bool {
    true
}

/// Below this a patch saves little.
fn delta_min_size() -> u64 {
    64 * 1024
}

impl SeriesFile {
    /// Reads a series file.
    pub fn read(path: &Path) -> Result<Self, SeriesError> {
        let text = std::fs::read_to_string(path).map_err(SeriesError::io("read", path))?;
        Self::parse(&text, path)
    }

    /// Reads the text of a series file.
    pub fn parse(text: &str, path: &Path) -> Result<Self, SeriesError> {
        let parsed: FileText = toml::from_str(text).map_err(|error| SeriesError::Config {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| {
                text[..span.start.min(text.len())].matches('\n').count() + 1
            }),
            what: error.message().to_owned(),
        })?;
        let mut sections = Vec::new();
        for (profile, named) in parsed.profile {
            for (name, text) in named {
                sections.push(text.check(&profile, &name)?);
            }
        }
        Ok(Self {
            path: path.to_owned(),
            sections,
        })
    }

    /// The sections of `PROFILE` or `PROFILE/SECTION`; all without a name.
    pub fn select(&self, name: Option<&str>) -> Result<Vec<&Section>, SeriesError> {
        let matches = |section: &&Section| match name.map(|name| name.split_once('/')) {
            None => true,
            Some(None) => Some(section.profile.as_str()) == name,
            Some(Some((profile, name))) => section.profile == profile && section.name == name,
        };
        let found: Vec<&Section> = self.sections.iter().filter(matches).collect();
        if found.is_empty() {
            return Err(SeriesError::Unknown {
                path: self.path.clone(),
                name: name.unwrap_or_default().to_owned(),
            });
        }
        Ok(found)
    }
}

impl SectionText {
    /// Where the archives go if that is a server, and what they are called; else what is wrong.
    fn parts(
        &self,
        profile: &str,
        name: &str,
    ) -> Result<(Option<ServerPlace>, NameTemplate), String> {
        if !is_good_part(profile) || !is_good_part(name) {
            return Err(
                "names are put into file names: they must not begin with a dot or dash, nor have \
                 slashes, backslashes or brackets"
                    .to_owned(),
            );
        }
        if self.max_series == 0 || self.max_series_length == 0 {
            return Err("max_series and max_series_length are at least 1".to_owned());
        }
        let server = server_place(&self.destination, self.project.as_deref())?;
        let is_whole = server.is_some() || self.destination.is_absolute();
        if !self.source.is_absolute() || !is_whole {
            return Err("source and destination are whole paths, from / on".to_owned());
        }
        let template = self.name.as_deref().unwrap_or(NameTemplate::DEFAULT);
        let names =
            NameTemplate::new(template, profile, name).map_err(|error| error.to_string())?;
        PatternSet::new(&self.exclude).map_err(|error| error.to_string())?;
        let most = if names.ending().ends_with("zst") {
            22
        } else {
            9
        };
        if self.level.is_some_and(|level| level > most) {
            return Err(format!("level is at most {most}"));
        }
        Ok((server, names))
    }

    fn check(self, profile: &str, name: &str) -> Result<Section, SeriesError> {
        let wrong = |what: String| SeriesError::Section {
            section: format!("{profile}/{name}"),
            what,
        };
        let (server, names) = self.parts(profile, name).map_err(wrong)?;
        Ok(Section {
            profile: profile.to_owned(),
            name: name.to_owned(),
            source: self.source,
            destination: self.destination,
            server,
            remote: None,
            limits: Limits {
                mode: self.mode,
                max_series: self.max_series,
                max_series_length: self.max_series_length,
            },
            names,
            exclude: self.exclude,
            exclude_caches: self.exclude_caches,
            one_file_system: self.one_file_system,
            self_sufficient: self.self_sufficient,
            delta: self.delta,
            delta_min_size: self.delta_min_size,
            index: self.index,
            expire_days: self.expire_days,
            keep: self.keep,
            replicate_to: self.replicate_to,
            pre: self.pre,
            post: self.post,
            metrics: self.metrics,
            level: self.level,
        })
    }
}

/// A project on a hashserver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPlace {
    /// The server's base URL.
    pub url: String,
    pub project: ProjectName,
}

/// Tells directories and servers apart.
fn server_place(destination: &Path, project: Option<&str>) -> Result<Option<ServerPlace>, String> {
    let url = destination.to_str().filter(|text| is_http(text));
    match (url, project) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err("project is for destinations on a hashserver".to_owned()),
        (Some(_), None) => Err("a destination on a hashserver needs a project".to_owned()),
        (Some(url), Some(project)) => Ok(Some(ServerPlace {
            url: url.to_owned(),
            project: project
                .parse()
                .map_err(|error| format!("project {project:?}: {error}"))?,
        })),
    }
}

impl Section {
    /// Makes the hashserver the section's destination; `directory` is for what is at hand of it, and may
    /// be removed at any time when no command runs.
    pub fn connect(&mut self, server: HashServer, project: ProjectName, directory: PathBuf) {
        let names = (self.profile.as_str(), self.name.as_str());
        let remote = Remote::new(server, project, names, self.names.clone());
        self.remote = Some(Arc::new(remote));
        self.destination = directory;
    }

    /// The destination as hooks are told: the directory, or the hashserver's URL.
    pub(super) fn destination_env(&self) -> &std::ffi::OsStr {
        match &self.server {
            Some(server) => server.url.as_ref(),
            None => self.destination.as_os_str(),
        }
    }

    /// Fails where the archives are on a hashserver.
    pub(super) fn need_directory(&self, what: &'static str) -> Result<(), SeriesError> {
        if self.remote.is_none() {
            return Ok(());
        }
        Err(SeriesError::NeedsDirectory {
            what,
            section: self.full_name(),
        })
    }

    /// `PROFILE/SECTION`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.profile, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SeriesFile, SeriesError> {
        SeriesFile::parse(text, Path::new("series.toml"))
    }

    #[test]
    fn the_example_is_a_series_file() {
        let file = parse(EXAMPLE).unwrap();
        let sections: Vec<String> = file.sections.iter().map(Section::full_name).collect();
        assert_eq!(sections, ["home/documents"]);
        let limits = file.sections[0].limits;
        assert_eq!((limits.max_series, limits.max_series_length), (4, 7));
    }

    #[test]
    fn every_option_of_the_example_exists() {
        let lines = EXAMPLE.lines().map(|line| {
            let option = line.strip_prefix("# ").unwrap_or(line);
            let is_option = option
                .split_once(" = ")
                .is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            if is_option { option } else { line }
        });
        let text: Vec<&str> = lines.collect();
        parse(&text.join("\n")).unwrap();
    }

    #[test]
    fn sections_are_selected_by_name() {
        let section = "source = '/s'\ndestination = '/d'\nmax_series = 1\nmax_series_length = 1\n";
        let text =
            format!("[profile.a.x]\n{section}[profile.a.y]\n{section}[profile.b.x]\n{section}");
        let file = parse(&text).unwrap();
        let select = |name| file.select(name).map_or(0, |sections| sections.len());
        assert_eq!(select(None), 3);
        assert_eq!(select(Some("a")), 2);
        assert_eq!(select(Some("b/x")), 1);
        assert_eq!(select(Some("b/y")), 0);
    }

    #[test]
    fn what_cannot_be_is_told() {
        for (wrong, told) in [
            ("max_series = 0", "at least 1"),
            ("max_seris = 2", "unknown field"),
            ("destination = 'https://example.org'", "needs a project"),
            ("project = 'backups'", "hashserver"),
            ("source = 'relative'", "whole paths"),
            ("exclude = ['[oops']", "[oops"),
            ("level = 12", "at most 9"),
            ("name = 'x.tar'", "{series}"),
        ] {
            let mut lines = vec!["source = '/s'", "destination = '/d'", "max_series = 1"];
            lines.push("max_series_length = 1");
            let key = wrong.split(' ').next().unwrap_or_default();
            lines.retain(|line| line.split(' ').next() != Some(key));
            let text = format!("[profile.p.s]\n{}\n{wrong}\n", lines.join("\n"));
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(told), "{wrong}: {error}");
        }
        assert!(parse("[profile.p.'a/b']\nsource='/s'\ndestination='/d'\nmax_series=1\nmax_series_length=1").is_err());
    }
}
