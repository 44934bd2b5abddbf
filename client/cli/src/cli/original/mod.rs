//! The spelling of the Python original, translated before anything else reads it.
//!
//! `hashget -zf a.tar.gz --pack DIR --hashserver` becomes
//! `hashget pack -z --file a.tar.gz --no-hashserver -- DIR`. A line that names a command
//! (`hashget pack …`) is left as it is, but for options that the original gives without a value
//! to mean "none". What no table knows is passed on, so that new options go with old lines, and
//! misspelt ones are refused where all are.

mod tables;
mod words;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, Command};

use self::tables::{ADMIN, Becomes, HASHGET, Table};
use self::words::{Word, read};

/// A line of `hashget`, the program's name first, in today's spelling.
pub(super) fn hashget(
    args: Vec<OsString>,
    command: &Command,
) -> Result<Vec<OsString>, clap::Error> {
    translate(args, &HASHGET, command)
}

/// The same of `hashget-admin`.
pub(super) fn admin(args: Vec<OsString>, command: &Command) -> Result<Vec<OsString>, clap::Error> {
    translate(args, &ADMIN, command)
}

fn translate(
    args: Vec<OsString>,
    table: &Table,
    command: &Command,
) -> Result<Vec<OsString>, clap::Error> {
    let mut args = args.into_iter();
    let Some(program) = args.next() else {
        return Ok(Vec::new());
    };
    let args: Vec<OsString> = args.collect();
    let is_command = |word: &OsString| {
        let name = word.to_str();
        name == Some("help") || name.is_some_and(|name| command.find_subcommand(name).is_some())
    };
    let line = match read(&args, table, &is_command) {
        Some(words) => Line::of(&words, command)?.finish(table, command),
        None => match misspelt_job(&args, table, command) {
            Some(error) => return Err(error),
            None => spell_out_none(&args, table),
        },
    };
    Ok(std::iter::once(program).chain(line).collect())
}

/// A line of the original, sorted.
struct Line<'a> {
    /// The command's name, the options it stands for, and its operands.
    name: &'static str,
    fixed: &'static [&'static str],
    operands: Vec<OsString>,
    /// Operands that options of their own name, such as `-C DIR`.
    further: Vec<OsString>,
    options: Vec<&'a Word<'a>>,
}

impl<'a> Line<'a> {
    fn of(words: &'a [Word<'a>], command: &Command) -> Result<Self, clap::Error> {
        let mut line = Self {
            name: "",
            fixed: &[],
            operands: Vec::new(),
            further: Vec::new(),
            options: Vec::new(),
        };
        let mut first = None;
        for word in words {
            match word {
                Word::Option { old, values } => match old.becomes {
                    Becomes::Command(name, fixed) => {
                        let old_name = old.names[0];
                        if let Some(first) =
                            first.replace(old_name).filter(|first| *first != old_name)
                        {
                            let text = format!(
                                "the argument '{first}' cannot be used with '{old_name}'\n"
                            );
                            return Err(command.clone().error(ErrorKind::ArgumentConflict, text));
                        }
                        (line.name, line.fixed, line.operands) = (name, fixed, values.clone());
                    }
                    Becomes::Operand => line.further.extend(values.iter().cloned()),
                    _ => line.options.push(word),
                },
                Word::Other(_) => line.options.push(word),
            }
        }
        Ok(line)
    }

    fn finish(self, table: &Table, command: &Command) -> Vec<OsString> {
        let mut args = vec![OsString::from(self.name)];
        args.extend(self.fixed.iter().map(OsString::from));
        for word in &self.options {
            match word {
                Word::Other(word) => args.push((*word).clone()),
                Word::Option { old, values } => {
                    let is_set = |name: &str| self.has_values(name);
                    let mut option = old.becomes.spell(values, &is_set);
                    let is_known = |option: &OsString| {
                        !table.drops_what_means_nothing || takes(command, self.name, option)
                    };
                    if option.first().is_some_and(is_known) {
                        args.append(&mut option);
                    }
                }
            }
        }
        let mut operands = self.operands;
        operands.extend(self.further);
        if !operands.is_empty() {
            args.push("--".into());
            args.append(&mut operands);
        }
        args
    }

    /// Whether the option of this name is given with a value anywhere in the line.
    fn has_values(&self, name: &str) -> bool {
        self.options.iter().any(|word| match word {
            Word::Option { old, values } => old.names[0] == name && !values.is_empty(),
            Word::Other(_) => false,
        })
    }
}

/// Whether the command `name`, or every command, takes this option.
fn takes(command: &Command, name: &str, option: &OsString) -> bool {
    let of = |command: &Command| {
        command.get_arguments().any(|arg| {
            let long = arg.get_long().map(|long| format!("--{long}"));
            let short = arg.get_short().map(|short| format!("-{short}"));
            [long, short]
                .into_iter()
                .flatten()
                .any(|name| *option == *name)
        })
    };
    of(command) || command.find_subcommand(name).is_some_and(of)
}

/// What clap says about a line that begins with a misspelt job, such as `--pak DIR`: the program
/// itself has no option like that any more.
fn misspelt_job(args: &[OsString], table: &Table, command: &Command) -> Option<clap::Error> {
    let first = args
        .first()
        .filter(|word| word.as_bytes().starts_with(b"--"))?;
    let longs = command.get_arguments().filter_map(Arg::get_long);
    let name = first
        .to_str()
        .and_then(|word| word[2..].split('=').next())?;
    if longs.chain(["help", "version"]).any(|long| long == name) {
        return None;
    }
    let jobs = table.options.iter().filter_map(|old| match old.becomes {
        Becomes::Command(..) => old.names[0].strip_prefix("--"),
        _ => None,
    });
    let jobs = Command::new(table.program)
        .override_usage(format!("{} [OPTIONS] <COMMAND>", table.program))
        .args(jobs.map(|job| Arg::new(job).long(job)));
    let program = OsString::from(table.program);
    let error = jobs.try_get_matches_from([&program, first]).err()?;
    error
        .get(ContextKind::SuggestedArg)
        .is_some()
        .then_some(error)
}

/// `--hashserver` at the end of a line, or before another option, asks none in today's spelling,
/// too.
fn spell_out_none(args: &[OsString], table: &Table) -> Vec<OsString> {
    let none_of = |word: &OsString| {
        table.options.iter().find_map(|old| match old.becomes {
            Becomes::OptionOrNone(option, none) if *word == *option => Some(none),
            _ => None,
        })
    };
    let ends = |next: Option<&OsString>| {
        next.is_none_or(|next| next.len() > 1 && next.as_bytes().starts_with(b"-"))
    };
    let operands = args
        .iter()
        .position(|word| word == "--")
        .unwrap_or(args.len());
    let spelt = (0..args.len()).map(|place| match none_of(&args[place]) {
        Some(none) if place < operands && ends(args.get(place + 1)) => none.into(),
        _ => args[place].clone(),
    });
    spelt.collect()
}

#[cfg(test)]
mod tests;
