//! Text from outside made fit for a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hashget_words::visible::visible;

/// `text` on one line without characters that steer a terminal or hide text: names and URLs come from
/// packages and servers.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    visible(text)
}

/// `text` with its lines joined by `; `: some errors list what was tried, one a line.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains('\n') {
        return Cow::Borrowed(text);
    }
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    Cow::Owned(lines.join("; "))
}

/// A file's path on one line; bytes that are no text are shown as `\xNN`.
pub(super) fn printable_path(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(&printable(chunk.valid()));
        for byte in chunk.invalid() {
            // Writing to a `String` cannot fail.
            if write!(text, "\\x{byte:02x}").is_err() {
                return text;
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(printable("naïve.deb"), "naïve.deb");
        assert_eq!(
            printable_path(Path::new(OsStr::from_bytes(b"a\xffb\r"))),
            "a\\xffb\\r"
        );
    }
}
