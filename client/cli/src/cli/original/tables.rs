//! What each option of the original becomes. `docs/compatibility.md` lists the same for people.

use std::ffi::OsString;

/// The options of one of the original's programs.
pub(super) struct Table {
    pub(super) program: &'static str,
    /// All of them.
    pub(super) options: &'static [Old],
    /// Whether options that mean nothing to a command are dropped, as the original ignores them.
    /// Where records are changed and removed they are refused instead.
    pub(super) drops_what_means_nothing: bool,
}

impl Table {
    /// The option that has this name.
    pub(super) fn find(&self, name: &[u8]) -> Option<&'static Old> {
        let is_named = |old: &&Old| old.names.iter().any(|known| known.as_bytes() == name);
        self.options.iter().find(is_named)
    }
}

/// An option of the original.
#[derive(Debug, PartialEq)]
pub(super) struct Old {
    /// Its names, the usual one first.
    pub(super) names: &'static [&'static str],
    /// How many values it takes at most.
    pub(super) most_values: usize,
    /// What it is today.
    pub(super) becomes: Becomes,
}

/// What an option is today.
#[derive(Debug, PartialEq)]
pub(super) enum Becomes {
    /// A command, with options that it always gets; the values are its operands.
    Command(&'static str, &'static [&'static str]),
    /// A further operand, after those of the command.
    Operand,
    /// An option without a value.
    Flag(&'static str),
    /// An option, once for each value.
    Option(&'static str),
    /// An option, once for each value, and nothing without any.
    Options(&'static str),
    /// An option, once for each value; without any, the other one.
    OptionOrNone(&'static str, &'static str),
    Nothing,
}

impl Becomes {
    /// The words of the option today. `is_set` says whether an option of the line has values.
    pub(super) fn spell(
        &self,
        values: &[OsString],
        is_set: &dyn Fn(&str) -> bool,
    ) -> Vec<OsString> {
        match self {
            Self::Flag(name) => vec![name.into()],
            // Whoever reads the line says that a value is missing.
            Self::Option(name) if values.is_empty() => vec![name.into()],
            Self::OptionOrNone(name, none) if values.is_empty() => {
                Vec::from_iter((!is_set(name)).then(|| none.into()))
            }
            Self::Option(name) | Self::Options(name) | Self::OptionOrNone(name, _) => {
                let option = |value: &OsString| [name.into(), value.clone()];
                values.iter().flat_map(option).collect()
            }
            Self::Command(..) | Self::Operand | Self::Nothing => Vec::new(),
        }
    }
}

const ANY: usize = usize::MAX;

const fn old(names: &'static [&'static str], most_values: usize, becomes: Becomes) -> Old {
    Old {
        names,
        most_values,
        becomes,
    }
}

const fn command(names: &'static [&'static str], most_values: usize, name: &'static str) -> Old {
    old(names, most_values, Becomes::Command(name, &[]))
}

const fn flag(names: &'static [&'static str], name: &'static str) -> Old {
    old(names, 0, Becomes::Flag(name))
}

const fn option(names: &'static [&'static str], name: &'static str) -> Old {
    old(names, 1, Becomes::Option(name))
}

const fn options(names: &'static [&'static str]) -> Old {
    old(names, ANY, Becomes::Option(names[0]))
}

const fn or_none(names: &'static [&'static str], none: &'static str) -> Old {
    old(names, ANY, Becomes::OptionOrNone(names[0], none))
}

/// `hashget`.
pub(super) const HASHGET: Table = Table {
    program: "hashget",
    drops_what_means_nothing: true,
    options: HASHGET_OPTIONS,
};

const HASHGET_OPTIONS: &[Old] = &[
    old(&["--pack"], 1, Becomes::Command("pack", &[])),
    command(&["--prepack"], 1, "prepack"),
    command(&["--postunpack", "-u"], 1, "restore"),
    command(&["--submit"], 1, "submit"),
    command(&["--index"], 1, "index"),
    old(&["--debsubmit"], 1, Becomes::Command("submit", &["--deb"])),
    command(&["--get"], 1, "get"),
    command(&["--fetch"], 1, "fetch"),
    command(&["--info"], 2, "info"),
    command(&["--publish"], 0, "publish"),
    old(&["--directory", "-C"], 1, Becomes::Operand),
    option(&["--file", "-f"], "--file"),
    flag(&["-z"], "-z"),
    option(&["-X", "--exclude-from"], "-X"),
    option(&["--outdir", "-o"], "--outdir"),
    option(&["--project", "-p"], "--project"),
    option(&["--expires"], "--expires"),
    option(&["--anchsz"], "--anchsz"),
    option(&["--filesz"], "--filesz"),
    options(&["--fanchor"]),
    options(&["--sig"]),
    options(&["--exclude"]),
    old(&["--skip"], ANY, Becomes::Options("--skip")),
    or_none(&["--heuristics"], "--no-heuristics"),
    or_none(&["--hashserver"], "--no-hashserver"),
    or_none(&["--hashdb"], "--no-hashdb"),
    or_none(&["--pool"], "--no-pool"),
    option(&["--hashdb_path", "--hashdb-path"], "--hashdb-path"),
    flag(&["--pull"], "--pull"),
    flag(&["--recursive"], "--recursive"),
    flag(&["--user"], "--user"),
    old(&["--etag"], 0, Becomes::Nothing),
    option(&["--sleep"], "--sleep"),
    option(&["--logfile"], "--logfile"),
    flag(&["--verbose", "-v"], "--verbose"),
    flag(&["--quiet", "-q"], "--quiet"),
];

/// `hashget-admin`.
pub(super) const ADMIN: Table = Table {
    program: "hashget-admin",
    drops_what_means_nothing: false,
    options: ADMIN_OPTIONS,
};

const ADMIN_OPTIONS: &[Old] = &[
    command(&["--status"], 0, "status"),
    command(&["--list"], 0, "list"),
    command(&["--dump"], 0, "dump"),
    command(&["--get"], ANY, "get"),
    command(&["--set"], 2, "set"),
    command(&["--purge"], 0, "purge"),
    command(&["--verify"], 1, "verify"),
    command(&["--addproject"], 0, "add-project"),
    command(&["--rmproject"], 0, "remove-project"),
    command(&["--modify"], 0, "modify"),
    command(&["--build"], 1, "build"),
    command(&["--submitted"], 1, "submitted"),
    command(&["--clean"], 1, "clean"),
    command(&["--publish"], 0, "publish"),
    command(&["--export"], 1, "export"),
    command(&["--import"], 1, "import"),
    flag(&["--really"], "--really"),
    option(&["--project", "-p"], "--project"),
    option(&["--hp"], "--hp"),
    option(&["--hashserver"], "--hashserver"),
    option(&["--pool"], "--pool"),
    option(&["--webroot"], "--webroot"),
    option(&["--path", "--hashdb_path", "--hashdb-path"], "--path"),
    option(&["--expires"], "--expires"),
    option(&["--logfile"], "--logfile"),
    flag(&["--verbose", "-v"], "--verbose"),
    flag(&["--quiet", "-q"], "--quiet"),
    old(&["--full"], 0, Becomes::Nothing),
    old(&["--storage"], 1, Becomes::Nothing),
    old(&["--pkgtype"], 1, Becomes::Nothing),
];
