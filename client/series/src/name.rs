//! The names of backups, by template and back.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

/// Which backup of a section: the point of its series, and its point inside the series, which is 0
/// for the normal backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupId {
    /// NNN: counts series, from 1.
    pub series: u32,
    /// DD: counts backups inside the series; 0 is the normal one.
    pub point: u32,
}

impl BackupId {
    /// The normal backup of a series.
    pub fn normal(series: u32) -> Self {
        Self { series, point: 0 }
    }

    /// Whether this is the normal backup of its series.
    pub fn is_normal(self) -> bool {
        self.point == 0
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.series)?;
        if self.point > 0 {
            write!(f, "[{:02}]", self.point)?;
        }
        Ok(())
    }
}

impl Serialize for BackupId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a text names no backup.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0:?} names no backup: give NNN or NNN[DD], such as 001 or 001[02]")]
pub struct ParseBackupIdError(pub String);

/// Reads `NNN`, `NNN[DD]` and, which shells leave alone, `NNN.DD`.
impl FromStr for BackupId {
    type Err = ParseBackupIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseBackupIdError(text.to_owned());
        let (series, point) = match text.split_once('.') {
            Some((series, point)) => (series, Some(point)),
            None => match text.split_once('[') {
                Some((series, rest)) => (series, Some(rest.strip_suffix(']').ok_or_else(wrong)?)),
                None => (text, None),
            },
        };
        let series = number(series).filter(|n| *n > 0).ok_or_else(wrong)?;
        let point = match point {
            Some(point) => number(point).ok_or_else(wrong)?,
            None => 0,
        };
        Ok(Self { series, point })
    }
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Why a template cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the name template {template:?} {reason}")]
pub struct TemplateError {
    pub template: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// The names of a section's archives.
///
/// `{profile}` and `{section}` stand for these names, `{series}` for NNN; `[{point}]` is there only
/// for backups that are not normal ones. Every name leads back to exactly one backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTemplate {
    before: String,
    between: String,
    after: String,
}

impl NameTemplate {
    /// The template when none is given.
    pub const DEFAULT: &'static str = "({profile}){section}_{series}[{point}].tar.gz";

    /// The template with the names of profile and section put in.
    pub fn new(template: &str, profile: &str, section: &str) -> Result<Self, TemplateError> {
        let wrong = |reason| TemplateError {
            template: template.to_owned(),
            reason,
        };
        let (before, rest) = template
            .split_once("{series}")
            .ok_or_else(|| wrong("has no {series}"))?;
        let (between, after) = rest
            .split_once("[{point}]")
            .ok_or_else(|| wrong("has no [{point}] after {series}"))?;
        if !before.contains("{profile}") || !before.contains("{section}") {
            return Err(wrong("needs {profile} and {section} before {series}"));
        }
        let fill = |part: &str| {
            part.replace("{profile}", profile)
                .replace("{section}", section)
        };
        let made = Self {
            before: fill(before),
            between: fill(between),
            after: fill(after),
        };
        if template.contains('/') || template.starts_with('.') {
            return Err(wrong("must be a file name that is not hidden"));
        }
        if made.between.starts_with(|c: char| c.is_ascii_digit())
            || made.before.ends_with(|c: char| c.is_ascii_digit())
        {
            return Err(wrong("must not have a digit beside {series}"));
        }
        let endings = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst"];
        if !endings.iter().any(|ending| made.after == *ending) {
            return Err(wrong("must end in .tar, .tar.gz, .tgz, .tar.zst or .tzst"));
        }
        Ok(made)
    }

    /// The name of the archive of a backup.
    pub fn name(&self, id: BackupId) -> String {
        let point = match id.point {
            0 => String::new(),
            point => format!("[{point:02}]"),
        };
        format!(
            "{}{:03}{}{point}{}",
            self.before, id.series, self.between, self.after
        )
    }

    /// Which backup has this name, if one can have it.
    pub fn parse(&self, name: &str) -> Option<BackupId> {
        let rest = name.strip_prefix(&self.before)?.strip_suffix(&self.after)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let series = number(&rest[..digits]).filter(|n| *n > 0)?;
        let rest = rest[digits..].strip_prefix(&self.between)?;
        let point = match rest.strip_prefix('[') {
            Some(rest) => number(rest.strip_suffix(']')?)?,
            None if rest.is_empty() => 0,
            None => return None,
        };
        let id = BackupId { series, point };
        // Other spellings, such as 0001, are other files.
        (self.name(id) == name).then_some(id)
    }

    /// What all names begin with.
    pub fn prefix(&self) -> &str {
        &self.before
    }

    /// What all names end in.
    pub fn ending(&self) -> &str {
        &self.after
    }
}

/// Whether a profile or section can have this name: names are put into file names and read back.
pub(super) fn is_good_part(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 80
        && !name.starts_with(['.', '-'])
        && !name.contains(|c: char| c.is_control() || "/()[]{}\\".contains(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn template() -> NameTemplate {
        NameTemplate::new(NameTemplate::DEFAULT, "Home", "Docs").unwrap()
    }

    #[test]
    fn names_are_as_in_the_seed() {
        let names = template();
        assert_eq!(names.name(BackupId::normal(1)), "(Home)Docs_001.tar.gz");
        let id = BackupId {
            series: 12,
            point: 3,
        };
        assert_eq!(names.name(id), "(Home)Docs_012[03].tar.gz");
    }

    #[test]
    fn other_names_are_no_backups() {
        for name in [
            "(Home)Docs_000.tar.gz",
            "(Home)Docs_1.tar.gz",
            "(Home)Docs_0001.tar.gz",
            "(Home)Docs_001[00].tar.gz",
            "(Home)Docs_001[1].tar.gz",
            "(Home)Docs_001[01.tar.gz",
            "(Home)Docs_001.tar.gz.tmp",
            "(Home)Doc_001.tar.gz",
            "(Home)Docs_001x.tar.gz",
            "(Home)Docs_.tar.gz",
        ] {
            assert_eq!(template().parse(name), None, "{name}");
        }
    }

    #[test]
    fn templates_that_cannot_be_read_back_are_refused() {
        for text in [
            "{section}_{series}[{point}].tar.gz",
            "({profile}){section}.tar.gz",
            "({profile}){section}_{series}.tar.gz",
            "({profile}){section}_{series}[{point}].zip",
            "({profile}){section}_1{series}[{point}].tar.gz",
            "../({profile}){section}_{series}[{point}].tar.gz",
        ] {
            assert!(NameTemplate::new(text, "p", "s").is_err(), "{text}");
        }
        assert!(
            NameTemplate::new(NameTemplate::DEFAULT, "p", "s2").is_ok(),
            "a digit in a name"
        );
        assert!(NameTemplate::new("{profile}-{section}{series}[{point}].tar", "p", "s2").is_err());
    }

    #[test]
    fn backups_are_named_in_three_ways() {
        let id = BackupId {
            series: 1,
            point: 2,
        };
        assert_eq!("001[02]".parse(), Ok(id));
        assert_eq!("1.2".parse(), Ok(id));
        assert_eq!("007".parse(), Ok(BackupId::normal(7)));
        for wrong in ["", "0", "x", "1[2", "1[]", "-1", "1.2.3", "+1"] {
            assert!(wrong.parse::<BackupId>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_name_leads_back(series in 1_u32.., point in 0_u32..) {
            let id = BackupId { series, point };
            prop_assert_eq!(template().parse(&template().name(id)), Some(id));
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn reading_any_name_back_gives_that_name(name in "(\\(Home\\)Docs_)?[0-9\\[\\]]{0,12}(\\.tar\\.gz)?") {
            if let Some(id) = template().parse(&name) {
                prop_assert_eq!(template().name(id), name);
            }
        }
    }
}
