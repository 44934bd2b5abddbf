//! What must not stand in a package's URL: names and passwords, which would be published with it.

use std::borrow::Cow;

/// Where the name and password of an http URL stand, the `@` behind them included.
///
/// It is judged as leniently as browsers read URLs, so that no odd spelling passes.
fn userinfo(url: &str) -> Option<(usize, usize)> {
    let scheme = url.find(':')?;
    let is_http = ["http", "https"]
        .iter()
        .any(|known| url[..scheme].trim_start().eq_ignore_ascii_case(known));
    if !is_http {
        return None;
    }
    let rest = &url[scheme + 1..];
    let skipped = rest.len() - rest.trim_start_matches(['/', '\\', '\t', '\n', '\r']).len();
    let start = scheme + 1 + skipped;
    let authority = &url[start..];
    let length = authority
        .find(['/', '\\', '?', '#'])
        .unwrap_or(authority.len());
    let at = authority[..length].rfind('@')?;
    Some((start, start + at + 1))
}

/// Whether an http URL names a user or a password (`http://user:secret@host/…`).
pub fn has_password(url: &str) -> bool {
    userinfo(url).is_some()
}

/// The URL without user and password, for showing.
pub fn without_password(url: &str) -> Cow<'_, str> {
    match userinfo(url) {
        None => Cow::Borrowed(url),
        Some((start, end)) => Cow::Owned([&url[..start], &url[end..]].concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_are_found_however_they_are_spelt() {
        for url in [
            "http://user:secret@example.org/p.tar.gz",
            "https://user@example.org",
            "HTTP://u:s@example.org?x",
            "http:\\\\u:s@example.org\\p",
            "http:/u:s@example.org/p",
            "http:u:s@example.org/p",
            "http:///u:s@example.org/p",
            "http://u:s@x@example.org/p",
            "http://@example.org/",
            " http://u:s@example.org/",
            "http:/\t/u:s@example.org/",
        ] {
            assert!(has_password(url), "{url:?}");
            let shown = without_password(url);
            assert!(!has_password(&shown) && !shown.contains("u:s"), "{shown}");
            assert!(shown.contains("example.org"), "{shown}");
        }
        for url in [
            "http://example.org/a@b",
            "http://example.org?a@b",
            "http://example.org#a@b",
            "mailto:a@b",
            "glacier:vault@x",
            "x@y",
            "",
            "http:",
        ] {
            assert!(!has_password(url), "{url:?}");
            assert_eq!(without_password(url), url);
        }
    }
}
