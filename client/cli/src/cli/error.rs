//! Why a command failed, as it is told to the user: `error:`, `caused by:`, `hint:`.

use std::error::Error;
use std::fmt;

use serde::Serialize;

use super::exit_status::ExitStatus;
use super::hint::hint_for;
use super::printable::{one_line, printable};
use hashget_files::sentence::{texts, without_repeats};

/// Why a command failed.
#[derive(Debug)]
pub(super) struct CliError {
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    status: ExitStatus,
}

impl CliError {
    /// The command line or the settings ask for something that cannot be.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            causes: Vec::new(),
            hint: None,
            status: ExitStatus::Usage,
        }
    }

    /// A failure that no error value stands for.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self {
            status: ExitStatus::Failed,
            ..Self::usage(message)
        }
    }

    /// An error of the library with all its causes, and the hint that is known for it.
    pub(super) fn new(error: &(dyn Error + 'static)) -> Self {
        let mut texts = without_repeats("", &texts(error)).into_iter();
        Self {
            message: texts.next().unwrap_or_default(),
            causes: texts.collect(),
            hint: hint_for(error),
            status: ExitStatus::Failed,
        }
    }

    /// Says what was being done; what was known becomes a cause.
    #[must_use]
    pub(super) fn context(mut self, message: String) -> Self {
        let cause = std::mem::replace(&mut self.message, message);
        self.causes.insert(0, cause);
        self
    }

    /// Says what to do about it, where nothing better is known.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Says that nothing was begun, because of the command line or the settings.
    #[must_use]
    pub(super) fn into_usage(mut self) -> Self {
        self.status = ExitStatus::Usage;
        self
    }

    /// How the command ends.
    pub(super) fn status(&self) -> ExitStatus {
        self.status
    }

    /// The message and its causes, joined by `: `.
    pub(super) fn one_line(&self) -> String {
        let texts = std::iter::once(&self.message).chain(&self.causes);
        texts.map(String::as_str).collect::<Vec<_>>().join(": ")
    }

    /// The event of `--json`.
    pub(super) fn event(&self) -> ErrorEvent<'_> {
        ErrorEvent {
            message: &self.message,
            causes: &self.causes,
            hint: self.hint.as_deref(),
        }
    }
}

/// The event of `--json`.
#[derive(Serialize)]
pub(super) struct ErrorEvent<'a> {
    message: &'a str,
    causes: &'a [String],
    hint: Option<&'a str>,
}

impl<E: Error + 'static> From<E> for CliError {
    fn from(error: E) -> Self {
        Self::new(&error)
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", printable(&one_line(&self.message)))?;
        for cause in &self.causes {
            write!(f, "\ncaused by: {}", printable(&one_line(cause)))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {}", printable(hint))?;
        }
        Ok(())
    }
}
