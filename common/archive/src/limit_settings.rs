//! The limits of packages as settings, alike on clients and servers.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

use super::limits::Limits;

type Set = fn(&mut Limits, u64);

/// Every limit by its name.
const LIMITS: [(&str, Set); 11] = [
    ("max_entries", |limits, n| limits.max_entries = n),
    ("max_total_bytes", |limits, n| limits.max_total_bytes = n),
    ("max_hole_bytes", |limits, n| limits.max_hole_bytes = n),
    ("max_ratio", |limits, n| limits.max_ratio = n),
    ("ratio_free_bytes", |limits, n| limits.ratio_free_bytes = n),
    ("max_depth", |limits, n| {
        limits.max_depth = u32::try_from(n).unwrap_or(u32::MAX);
    }),
    ("max_decoder_memory", |limits, n| {
        limits.max_decoder_memory = n;
    }),
    ("max_extension_bytes", |limits, n| {
        limits.max_extension_bytes = n;
    }),
    ("max_global_bytes", |limits, n| limits.max_global_bytes = n),
    ("max_sparse_extents", |limits, n| {
        limits.max_sparse_extents = n;
    }),
    ("max_spool_bytes", |limits, n| limits.max_spool_bytes = n),
];

/// Those of [`Limits`] that are set; a table of a settings file, or `NAME=NUMBER` separated by white
/// space in a variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitSettings(BTreeMap<&'static str, u64>);

/// Why limits cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LimitSettingsError {
    /// There is no limit of this name.
    #[error("there is no limit {0:?} of packages; there are {names}", names = names())]
    Unknown(String),
    /// A limit is not set to a number.
    #[error("{0:?} does not set a limit: write NAME=NUMBER, as in max_entries=20000000")]
    NoNumber(String),
}

impl LimitSettings {
    /// Sets the limit called `name`.
    pub fn set(&mut self, name: &str, value: u64) -> Result<(), LimitSettingsError> {
        let known = LIMITS.iter().find(|(known, _)| *known == name);
        let (known, _) = known.ok_or_else(|| LimitSettingsError::Unknown(name.to_owned()))?;
        self.0.insert(known, value);
        Ok(())
    }

    /// These settings, with what they leave open taken from `lower`.
    #[must_use]
    pub fn over(mut self, lower: Self) -> Self {
        for (name, value) in lower.0 {
            self.0.entry(name).or_insert(value);
        }
        self
    }

    /// The limits, defaults where nothing is set.
    pub fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        for (name, set) in LIMITS {
            if let Some(value) = self.0.get(name) {
                set(&mut limits, *value);
            }
        }
        limits
    }
}

fn names() -> String {
    LIMITS.map(|(name, _)| name).join(", ")
}

impl FromStr for LimitSettings {
    type Err = LimitSettingsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut settings = Self::default();
        for word in text.split_whitespace() {
            let no_number = || LimitSettingsError::NoNumber(word.to_owned());
            let (name, value) = word.split_once('=').ok_or_else(no_number)?;
            settings.set(name, value.parse().map_err(|_| no_number())?)?;
        }
        Ok(settings)
    }
}

impl<'de> Deserialize<'de> for LimitSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut settings = Self::default();
        for (name, value) in BTreeMap::<String, u64>::deserialize(deserializer)? {
            settings.set(&name, value).map_err(de::Error::custom)?;
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_can_be_set() {
        for (number, (name, _)) in (7..).zip(LIMITS) {
            let settings: LimitSettings = format!("{name}={number}").parse().unwrap();
            let limits = settings.limits();
            assert_ne!(limits, Limits::default(), "{name}");
            let shown = format!("{limits:?}");
            assert!(shown.contains(&format!("{name}: {number}")), "{shown}");
        }
        // A limit that is added must be added here, too.
        let members = format!("{:?}", Limits::default()).matches(": ").count();
        assert_eq!(members, LIMITS.len());
    }

    #[test]
    fn what_is_no_limit_is_named() {
        let error = "max_entries=1 max_files=2".parse::<LimitSettings>();
        assert!(error.unwrap_err().to_string().contains("\"max_files\""));
        for text in ["max_entries", "max_entries=many", "max_entries=-1"] {
            assert!(text.parse::<LimitSettings>().is_err(), "{text}");
        }
    }

    #[test]
    fn upper_layers_win() {
        let upper: LimitSettings = "max_depth=1".parse().unwrap();
        let both = upper.over("max_depth=2 max_ratio=3".parse().unwrap());
        let limits = both.limits();
        assert_eq!((limits.max_depth, limits.max_ratio), (1, 3));
    }
}
