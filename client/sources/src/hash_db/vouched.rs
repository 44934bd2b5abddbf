//! Whose word a record is.

use hashget_words::package_url::without_password;
use hashget_words::project::{ParseProjectError, ProjectName};
use serde::Serialize;
use url::Url;

use crate::hash_server::HashServer;

/// Whose word it is that a package holds something, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Vouched {
    /// This machine has read the package.
    Own,
    /// A hashserver said so, of a project that the operator named.
    Named,
    /// This machine has read the package, which only a hint file names.
    Hint,
    /// A hashserver said so, of another project.
    Unnamed,
}

/// The projects of hashservers that the operator named: their records are relied on as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedProjects(Vec<NamedProject>);

/// All projects of a hashserver, or one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum NamedProject {
    All { prefix: String },
    One { name: ProjectName },
}

/// Nobody named a project.
pub static NOBODY: NamedProjects = NamedProjects(Vec::new());

impl NamedProjects {
    /// Adds what `URL#PROJECT` names, or `URL` for all projects of the server. `None` if it is no such thing.
    pub fn add(&mut self, text: &str) -> Option<Result<(), ParseProjectError>> {
        let mut url = Url::parse(text).ok().filter(Url::has_host)?;
        let project = url.fragment().map(str::to_owned);
        url.set_fragment(None);
        url.set_query(None);
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let server = url.as_str();
        let named = match project.as_deref() {
            None | Some("") => NamedProject::All {
                prefix: ProjectName::cached_prefix(server),
            },
            Some(name) => match name.parse() {
                Ok(name) => NamedProject::One {
                    name: ProjectName::cached_from(server, &name),
                },
                Err(error) => return Some(Err(error)),
            },
        };
        self.0.push(named);
        Some(Ok(()))
    }

    /// Whose word the records of a local project are.
    pub(super) fn judge(&self, project: &ProjectName) -> Vouched {
        if project.as_str() == ProjectName::HINTS {
            return Vouched::Hint;
        }
        if !project.is_cached() {
            return Vouched::Own;
        }
        let is_named = self.0.iter().any(|named| match named {
            NamedProject::All { prefix } => project.as_str().starts_with(prefix),
            NamedProject::One { name } => name == project,
        });
        if is_named {
            Vouched::Named
        } else {
            Vouched::Unnamed
        }
    }
}

/// Whose the records of a local project are, for people: `http://example.org/#debsnap`.
pub fn whose(project: &ProjectName, servers: &[HashServer]) -> String {
    let named = servers.iter().find_map(|server| {
        let prefix = ProjectName::cached_prefix(server.url());
        let name = project.as_str().strip_prefix(&prefix)?;
        Some(format!("{}#{name}", without_password(server.url())))
    });
    named.unwrap_or_else(|| project.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_are_named_with_their_server() {
        let project = |name: &str| name.parse::<ProjectName>().unwrap();
        let cached = |server, name| ProjectName::cached_from(server, &project(name));
        let mut named = NamedProjects::default();
        named.add("http://one.example.org#a").unwrap().unwrap();
        named
            .add("http://two.example.org:8700/base")
            .unwrap()
            .unwrap();
        for (project, vouched) in [
            (project("mine"), Vouched::Own),
            (project("_hints"), Vouched::Hint),
            (project("_cached"), Vouched::Unnamed),
            (cached("http://one.example.org/", "a"), Vouched::Named),
            (cached("http://one.example.org/", "ab"), Vouched::Unnamed),
            (
                cached("http://two.example.org:8700/base/", "x"),
                Vouched::Named,
            ),
            (
                cached("http://two.example.org:8700/", "x"),
                Vouched::Unnamed,
            ),
        ] {
            assert_eq!(named.judge(&project), vouched, "{project}");
            let nobody = NOBODY.judge(&project);
            assert_ne!(nobody, Vouched::Named, "{project}");
        }
        assert!(named.add("no URL").is_none());
        assert!(named.add("http://example.org/#no/name").unwrap().is_err());
    }
}
