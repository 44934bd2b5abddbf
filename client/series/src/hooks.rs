//! The shell commands before and after a run.

use hashget_files::private::users_umask;
use std::process::Command;

use super::config::Section;
use super::error::SeriesError;

/// Runs the command before a run, if there is one.
pub fn pre(section: &Section) -> Result<(), SeriesError> {
    match &section.pre {
        Some(command) => shell("pre", command, section, "running"),
        None => Ok(()),
    }
}

/// Runs the command after a run, if there is one; `status` is `made`, `unchanged` or `failed`.
pub fn post(section: &Section, status: &str) -> Result<(), SeriesError> {
    match &section.post {
        Some(command) => shell("post", command, section, status),
        None => Ok(()),
    }
}

fn shell(
    which: &'static str,
    command: &str,
    section: &Section,
    status: &str,
) -> Result<(), SeriesError> {
    let failed = |what: String| SeriesError::Hook {
        which,
        command: command.to_owned(),
        what,
    };
    // It makes files as if the user had run it.
    let script = format!("umask {:04o}\n{command}", users_umask());
    let ended = Command::new("/bin/sh")
        .args(["-c", &script])
        .env("HASHGET_SECTION", section.full_name())
        .env("HASHGET_SOURCE", &section.source)
        .env("HASHGET_DESTINATION", section.destination_env())
        .env("HASHGET_STATUS", status)
        .stdin(std::process::Stdio::null())
        // Standard output belongs to the results of the command itself.
        .stdout(std::io::stderr())
        .status()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    if ended.success() {
        return Ok(());
    }
    Err(failed(format!("ended with {ended}")))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::SeriesFile;

    fn section(hook: &str) -> Section {
        let text = format!(
            "[profile.p.s]\nsource='/s'\ndestination='/d'\nmax_series=1\nmax_series_length=1\n{hook}"
        );
        let file = SeriesFile::parse(&text, Path::new("x")).unwrap();
        file.sections.into_iter().next().unwrap()
    }

    #[test]
    fn a_hook_that_fails_is_told_with_its_exit_code() {
        let error = pre(&section("pre = 'exit 7'")).unwrap_err().to_string();
        assert!(error.contains("exit status: 7"), "{error}");
        pre(&section("pre = 'test $HASHGET_SECTION = p/s'")).unwrap();
        post(&section("post = 'test $HASHGET_STATUS = made'"), "made").unwrap();
        post(&section(""), "failed").unwrap();
    }
}
