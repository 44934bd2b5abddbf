//! Pages about errors and logins that servers send, with status 200, in place of a package.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use hashget_words::hash_package::url_name;

/// How the names of archives end that are recognised by their content.
const ARCHIVE_ENDINGS: [&str; 18] = [
    ".deb",
    ".udeb",
    ".tar",
    ".tar.gz",
    ".tar.xz",
    ".tar.bz2",
    ".tar.zst",
    ".tar.lzma",
    ".tgz",
    ".txz",
    ".tbz",
    ".tbz2",
    ".tzst",
    ".tlz",
    ".zip",
    ".whl",
    ".jar",
    ".crate",
];
const HEAD_BYTES: usize = 512;

/// What a file that is no archive is instead, if its URL names an archive and it cannot be a
/// damaged one: words such as "an HTML page".
///
/// An archive of a format that is not known here is none either, and no mistake.
pub(super) fn misnamed(url: &str, file: &File) -> io::Result<Option<&'static str>> {
    let name = url_name(url).to_ascii_lowercase();
    if !ARCHIVE_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
        return Ok(None);
    }
    let mut head = [0; HEAD_BYTES];
    let mut count = 0;
    while count < head.len() {
        match file.read_at(&mut head[count..], count as u64)? {
            0 => break,
            more => count += more,
        }
    }
    Ok(text_kind(&head[..count]))
}

fn text_kind(head: &[u8]) -> Option<&'static str> {
    let is_text = |byte: &u8| *byte >= b' ' || b"\t\r\n\x0c\x1b".contains(byte);
    if head.is_empty() {
        return Some("an empty file");
    }
    if !head.iter().all(is_text) {
        return None;
    }
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let start = start.trim_ascii_start().to_ascii_lowercase();
    let is_page = [&b"<!doctype html"[..], b"<html", b"<head"];
    if is_page.iter().any(|mark| start.starts_with(mark)) {
        Some("an HTML page")
    } else {
        Some("text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_text_are_told_from_bytes() {
        let kind = |head: &str| text_kind(head.as_bytes());
        assert_eq!(kind(""), Some("an empty file"));
        assert_eq!(
            kind("\u{feff}\n <!DOCTYPE html>\n<p>"),
            Some("an HTML page")
        );
        assert_eq!(kind("<HTML lang=it>"), Some("an HTML page"));
        assert_eq!(kind("{\"error\": \"gone\"}\n"), Some("text"));
        assert_eq!(kind("Grüße"), Some("text"));
        assert_eq!(text_kind(&[0; 512]), None);
        assert_eq!(text_kind(b"\x1f\x9d\x90compress"), None);
    }
}
