//! Names for the values of the library's enums, in options and settings.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use hashget_engine::publish::WithFiles;
use hashget_engine::restore::Overwrite;
use hashget_sources::hash_db::{NamedProjects, Trust};
use hashget_sources::hash_server::LookupMode;

/// Whose records are relied on.
pub(super) const TRUST: Names<Trust> = Names(&[
    ("self", Trust::Own),
    ("verified", Trust::Verified),
    ("server", Trust::Servers),
]);

/// What `--trust` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TrustArg {
    /// Whose records count.
    Level(Trust),
    /// A project of a hashserver whose records count as they are.
    Project(String),
}

/// Reads `--trust`.
pub(super) fn trust_arg(text: &str) -> Result<TrustArg, String> {
    if let Some(level) = TRUST.value(text) {
        return Ok(TrustArg::Level(level));
    }
    let project = text.strip_prefix("server=");
    match project.map(|project| (project, NamedProjects::default().add(project))) {
        Some((project, Some(Ok(())))) => Ok(TrustArg::Project(project.to_owned())),
        Some((_, Some(Err(error)))) => Err(error.to_string()),
        Some((project, None)) => Err(format!("{project:?} is no URL of a hashserver")),
        None => Err("it is none of self, verified, server and server=URL#PROJECT".to_owned()),
    }
}

/// How much look-ups tell a hashserver.
pub(super) const LOOKUP: Names<LookupMode> = Names(&[
    ("auto", LookupMode::Auto),
    ("filter", LookupMode::Filter),
    ("range", LookupMode::Range),
    ("digest", LookupMode::Digest),
]);

/// When a file that is there already is replaced.
pub(super) const OVERWRITE: Names<Overwrite> = Names(&[
    ("never", Overwrite::Never),
    ("changed", Overwrite::Changed),
    ("always", Overwrite::Always),
]);

/// Which bytes go to a server's pool.
pub(super) const WITH_FILES: Names<WithFiles> = Names(&[
    ("package", files(true, false)),
    ("anchors", files(false, true)),
    ("all", files(true, true)),
]);

const fn files(packages: bool, anchors: bool) -> WithFiles {
    WithFiles { packages, anchors }
}

/// The names of values.
pub(super) struct Names<T: 'static>(&'static [(&'static str, T)]);

impl<T: Clone + PartialEq + Send + Sync> Names<T> {
    /// Reads a name on a command line.
    pub(super) fn parser(&self) -> impl TypedValueParser<Value = T> + use<T> {
        let names = self.0;
        let texts = names.iter().map(|(name, _)| *name);
        PossibleValuesParser::new(texts)
            .try_map(move |text| Names(names).value(&text).ok_or("it has no such value"))
    }

    /// The value of this name.
    pub(super) fn value(&self, name: &str) -> Option<T> {
        let named = self.0.iter().find(|(known, _)| *known == name);
        named.map(|(_, value)| value.clone())
    }

    /// The name of a value.
    pub(super) fn name(&self, value: &T) -> &'static str {
        let named = self.0.iter().find(|(_, known)| known == value);
        named.map_or("", |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_go_both_ways() {
        for (name, value) in LOOKUP.0 {
            assert_eq!(LOOKUP.name(value), *name);
            assert_eq!(LOOKUP.value(name), Some(*value));
        }
        assert_eq!(TRUST.value("own"), None);
    }
}
