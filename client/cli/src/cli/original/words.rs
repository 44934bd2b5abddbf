//! Reads a line as the original does.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::tables::{Becomes, Old, Table};

/// A part of a line.
#[derive(Debug, PartialEq)]
pub(super) enum Word<'a> {
    /// An option of the original, with its values.
    Option {
        old: &'static Old,
        values: Vec<OsString>,
    },
    Other(&'a OsString),
}

/// The parts of a line in the original's spelling: one that names a job by an option, and not a
/// command before it.
pub(super) fn read<'a>(
    args: &'a [OsString],
    table: &Table,
    is_command: &dyn Fn(&OsString) -> bool,
) -> Option<Vec<Word<'a>>> {
    let mut words = Vec::new();
    let mut has_job = false;
    let mut rest = args;
    while let Some((word, after)) = rest.split_first() {
        rest = after;
        if word == "--" {
            words.extend(std::iter::once(word).chain(rest).map(Word::Other));
            break;
        }
        if !is_option(word) && !has_job && is_command(word) {
            return None;
        }
        let Some(options) = options_of(word, table) else {
            words.push(Word::Other(word));
            continue;
        };
        for (old, attached) in options {
            let values = match attached {
                Some(value) => vec![value],
                None => take_values(old, &mut rest),
            };
            has_job |= matches!(old.becomes, Becomes::Command(..));
            words.push(Word::Option { old, values });
        }
    }
    has_job.then_some(words)
}

fn is_option(word: &OsStr) -> bool {
    word.len() > 1 && word.as_bytes().starts_with(b"-")
}

/// The values that follow an option: as many as it takes, up to the next option.
fn take_values(old: &Old, rest: &mut &[OsString]) -> Vec<OsString> {
    let values = rest.iter().take(old.most_values);
    let count = values.take_while(|word| !is_option(word)).count();
    let (values, after) = rest.split_at(count);
    *rest = after;
    values.to_vec()
}

type Options = Vec<(&'static Old, Option<OsString>)>;

/// The options in a word, such as the two of `-zfFILE`, each with the value attached to it.
/// `None` if one of them is not the original's.
fn options_of(word: &OsStr, table: &Table) -> Option<Options> {
    let bytes = word.as_bytes();
    if bytes.starts_with(b"--") {
        let (name, value) = match bytes.iter().position(|byte| *byte == b'=') {
            Some(equals) => (&bytes[..equals], Some(os_string(&bytes[equals + 1..]))),
            None => (bytes, None),
        };
        return Some(vec![(table.find(name)?, value)]);
    }
    let mut letters = bytes
        .strip_prefix(b"-")
        .filter(|letters| !letters.is_empty())?;
    let mut options = Vec::new();
    while let Some((letter, after)) = letters.split_first() {
        let old = table.find(&[b'-', *letter])?;
        if old.most_values == 0 {
            options.push((old, None));
            letters = after;
            continue;
        }
        let attached = after.strip_prefix(b"=").unwrap_or(after);
        options.push((old, (!after.is_empty()).then(|| os_string(attached))));
        break;
    }
    Some(options)
}

fn os_string(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}
