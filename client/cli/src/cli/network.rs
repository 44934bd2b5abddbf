//! What requests are made with: patience, proxies, passwords and tokens, from settings and environment.

use hashget_words::package_url::has_password;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::error::CliError;
use super::reporter::Reporter;
use crate::settings::{Settings, Token, is_same_server};
use hashget_files::monitor::{Level, Monitor};
use hashget_sources::http::{Credentials, HttpOptions, Login, Proxies, is_private};

/// How requests are made.
pub(super) fn http_options(settings: &Settings, reporter: &Reporter) -> HttpOptions {
    let mut options = HttpOptions {
        proxies: Proxies::from_variables(&|name| std::env::var_os(name)),
        credentials: credentials(settings, reporter),
        ..HttpOptions::default()
    };
    let seconds = |seconds: u64| Duration::from_secs(seconds.max(1));
    if let Some(timeout) = settings.timeout {
        options.stall_timeout = seconds(timeout);
        options.connect_timeout = options.connect_timeout.min(options.stall_timeout);
    }
    if let Some(timeout) = settings.connect_timeout {
        options.connect_timeout = seconds(timeout);
    }
    if let Some(timeout) = settings.question_timeout {
        options.question_timeout = seconds(timeout);
    }
    if let Some(time) = settings.answer_time {
        options.answer_time = seconds(time);
    }
    if let Some(speed) = settings.min_speed {
        options.min_speed = speed;
    }
    options
}

/// Those of the settings, then those of `~/.netrc`, or of the file that `NETRC` names.
fn credentials(settings: &Settings, reporter: &Reporter) -> Credentials {
    let mut credentials = Credentials::default();
    for (host, login) in settings.credentials.iter().flatten() {
        credentials.add(Login {
            host: host.clone(),
            user: login.user.clone(),
            password: login.password.clone(),
            plain: login.plain,
        });
    }
    let Some(path) = netrc_path() else {
        return credentials;
    };
    match read_netrc(&path) {
        Ok(text) => credentials.add_netrc(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            let text = format!("cannot read {}: {error}", path.display());
            reporter.message(Level::Warning, &text);
        }
    }
    credentials
}

fn netrc_path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    set("NETRC")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| Path::new(&home).join(".netrc")))
}

fn read_netrc(path: &Path) -> std::io::Result<String> {
    const MAX_BYTES: u64 = 1 << 20;
    if std::fs::metadata(path)?.len() > MAX_BYTES {
        return Err(std::io::Error::other("it is larger than 1 MiB"));
    }
    std::fs::read_to_string(path)
}

/// The token for a hashserver, as it can be sent. One that is not bound to the server goes to it
/// only if it is the only one that is named, and nobody on the way can read it.
pub(super) fn token_for(settings: &Settings, url: &str) -> Result<Option<String>, CliError> {
    if has_password(url) {
        // Refused with a word of its own, and not shown.
        return Ok(None);
    }
    let bound = settings.bound_token(url);
    let Some(token) = bound.or(settings.token.as_ref()).map(Token::secret) else {
        return Ok(None);
    };
    if bound.is_none() && settings.token_everywhere != Some(true) {
        check_reach(settings, url)?;
    }
    if token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Some(token.to_owned()));
    }
    let text = format!("the token for {url} has white space or other characters that no token has");
    Err(CliError::usage(text).hint("correct HASHGET_TOKEN or the settings file"))
}

fn check_reach(settings: &Settings, url: &str) -> Result<(), CliError> {
    let mut others = settings.hashserver.iter().flatten();
    let why = if others.any(|other| !is_same_server(other, url)) {
        "would go to several hashservers"
    } else if Url::parse(url).is_ok_and(|url| !is_private(&url)) {
        "would go over plain http, where others can read it"
    } else {
        return Ok(());
    };
    Err(CliError::usage(format!(
        "the token of HASHGET_TOKEN or of the setting `token` {why}"
    ))
    .hint(format!(
        "bind it to its server in a settings file ([tokens], \"{url}\" = \"…\"), or say \
         `token_everywhere = true` there or HASHGET_TOKEN_EVERYWHERE=yes"
    )))
}
