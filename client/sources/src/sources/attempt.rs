//! What was tried to get a package, and why it failed.

use std::fmt::Write as _;

use hashget_files::monitor::HostTrouble;
use thiserror::Error;

/// One source that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchAttempt {
    /// The pool, URL or server.
    pub source: String,
    /// Why it failed, with its causes on one line.
    pub reason: String,
    /// The host that did not answer, if that was why.
    pub trouble: Option<HostTrouble>,
}

/// No source has the package.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("cannot get {what}{}", attempts_text(.what, .attempts))]
pub struct FetchError {
    /// The package: its URL, or its digest.
    pub what: String,
    /// What was tried, in order.
    pub attempts: Vec<FetchAttempt>,
}

fn attempts_text(what: &str, attempts: &[FetchAttempt]) -> String {
    match attempts {
        [] => return ": no source of it is known".to_owned(),
        [one] if one.source == what => return format!(": {}", one.reason),
        _ => {}
    }
    attempts.iter().fold(String::new(), |mut text, attempt| {
        let source = if attempt.source == what {
            "its URL"
        } else {
            &attempt.source
        };
        // Writing to a String cannot fail.
        let _ok = write!(text, "\n  {source}: {}", attempt.reason);
        text
    })
}

impl FetchError {
    /// The first host that did not answer, if that was why every source failed.
    pub fn host_trouble(&self) -> Option<HostTrouble> {
        let troubles = self.attempts.iter().map(|attempt| &attempt.trouble);
        let troubles: Option<Vec<&HostTrouble>> = troubles.map(Option::as_ref).collect();
        troubles?.first().map(|trouble| (*trouble).clone())
    }
}
