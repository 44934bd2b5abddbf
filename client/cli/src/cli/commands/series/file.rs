//! The series file, and the units that run it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::SeriesArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::printable::printable_path;
use crate::cli::reporter::Report;
use hashget_series::{EXAMPLE, units};

/// Where the series file is.
pub(super) fn path(args: &SeriesArgs) -> Result<PathBuf, CliError> {
    if let Some(path) = &args.series_file {
        return Ok(path.clone());
    }
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = variable("HASHGET_SERIES") {
        return Ok(path.into());
    }
    let config = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || variable("HOME").map(|home| Path::new(&home).join(".config"));
    let directory = config.or_else(home).ok_or_else(|| {
        CliError::usage("there is no home directory for the series file")
            .hint("name the file with --series-file")
    })?;
    Ok(directory.join("hashget/series.toml"))
}

/// Where runs remember which destinations they knew; none without a home.
pub(super) fn state() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let state = variable("XDG_STATE_HOME").map(PathBuf::from);
    let home = || variable("HOME").map(|home| Path::new(&home).join(".local/state"));
    Some(state.or_else(home)?.join("hashget/series"))
}

/// Writes a series file with comments.
pub(super) fn init(path: &Path, context: &Context) -> Result<(), CliError> {
    let write = || -> std::io::Result<()> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::File::create_new(path)?.write_all(EXAMPLE.as_bytes())
    };
    write().map_err(|error| {
        CliError::new(&error)
            .context(format!("cannot write {}", printable_path(path)))
            .hint("edit the file that is there, or name another one with --series-file")
    })?;
    context.reporter.report(&Written {
        path: printable_path(path),
    });
    Ok(())
}

#[derive(Serialize)]
struct Written {
    path: String,
}

impl Report for Written {
    const EVENT: &'static str = "series_file";

    fn lines(&self) -> Vec<String> {
        vec![format!(
            "Wrote {}: edit it, then `hashget series run`",
            self.path
        )]
    }
}

/// Prints systemd units.
pub(super) fn timer(
    path: &Path,
    name: Option<&str>,
    calendar: &str,
    context: &Context,
) -> Result<(), CliError> {
    let text = |path: PathBuf| {
        path.into_os_string().into_string().map_err(|path| {
            let path = printable_path(Path::new(&path));
            CliError::usage(format!("{path} is not UTF-8: no unit can name it"))
        })
    };
    let program = text(std::env::current_exe()?)?;
    let file = text(std::path::absolute(path)?)?;
    context.reporter.report(&Units {
        units: units(&program, &file, name, calendar),
    });
    Ok(())
}

#[derive(Serialize)]
struct Units {
    units: [(String, String); 2],
}

impl Report for Units {
    const EVENT: &'static str = "series_units";
    const ASKED_FOR: bool = true;

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, content) in &self.units {
            lines.push(format!("# /etc/systemd/system/{name}"));
            lines.extend(content.lines().map(str::to_owned));
            lines.push(String::new());
        }
        lines
    }
}
