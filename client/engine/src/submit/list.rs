//! Lists of packages: one a line, with what is known of it.

use std::collections::HashSet;
use std::io::{self, BufRead};
use std::path::PathBuf;

use hashget_words::digest::Digest;
use hashget_words::hash_package::is_http;
use hashget_words::package_url::has_password;
use thiserror::Error;

use super::Submission;

/// Longer lines are refused, in bytes.
const MAX_LINE_BYTES: u64 = 64 << 10;
/// Longer lists are refused, in packages.
const MAX_PACKAGES: usize = 10_000_000;

/// A list that cannot be understood.
#[derive(Debug, Error)]
pub enum ListError {
    /// It cannot be read.
    #[error("cannot read the list")]
    Read(#[from] io::Error),
    /// A line makes no sense.
    #[error("line {line} of the list: {what}")]
    Line {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
}

/// Reads a list: `URL [sha256:HEX] [file=PATH] [project=NAME]` on each line, in any order behind the URL. Empty lines and those
/// that begin with `#` say nothing; of several with one URL the first counts.
pub fn read_list(input: &mut dyn BufRead) -> Result<Vec<Submission>, ListError> {
    let mut packages = Vec::new();
    let mut seen = HashSet::new();
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let read = io::Read::take(&mut *input, MAX_LINE_BYTES + 1).read_until(b'\n', &mut text)?;
        if read == 0 {
            break;
        }
        let wrong = |what: String| ListError::Line { line, what };
        if read as u64 > MAX_LINE_BYTES {
            return Err(wrong(format!("it is longer than {MAX_LINE_BYTES} bytes")));
        }
        let text = str::from_utf8(&text).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
        // Editors of another system begin a file with this.
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let package = package(text).map_err(wrong)?;
        if seen.insert(package.url.clone()) {
            packages.push(package);
        }
        if packages.len() > MAX_PACKAGES {
            return Err(wrong(format!(
                "there are more than {MAX_PACKAGES} packages"
            )));
        }
    }
    Ok(packages)
}

fn package(text: &str) -> Result<Submission, String> {
    let mut words = text.split_whitespace();
    let url = words.next().unwrap_or_default().to_owned();
    if has_password(&url) {
        return Err(
            "its URL names a user or a password, which a record would tell to everybody".to_owned(),
        );
    }
    let mut package = Submission {
        url,
        file: None,
        signatures: Vec::new(),
        sha256: None,
        project: None,
    };
    for word in words {
        if let Some(hex) = word.strip_prefix("sha256:") {
            let digest: Digest = hex.parse().map_err(|_| format!("{word:?} is no SHA-256"))?;
            package.sha256 = Some(digest);
        } else if let Some(path) = word.strip_prefix("file=") {
            package.file = Some(PathBuf::from(path));
        } else if let Some(name) = word.strip_prefix("project=") {
            package.project = Some(name.parse().map_err(|error| format!("{error}"))?);
        } else {
            return Err(format!(
                "{word:?} is none of sha256:HEX, file=PATH and project=NAME"
            ));
        }
    }
    if package.file.is_none() && !is_http(&package.url) {
        return Err(format!(
            "{:?} is no http or https URL, and no file=PATH is named",
            package.url
        ));
    }
    Ok(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<Vec<Submission>, String> {
        read_list(&mut text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_name_packages_and_what_is_known_of_them() {
        let digest = Digest::of(b"package");
        let text = format!(
            "\u{feff}# packages\r\n\r\nhttp://example.org/a.tgz\r\n\
             http://example.org/b.tgz project=p sha256:{digest}\n\
             name file=/tmp/c.tgz\nhttp://example.org/a.tgz project=later"
        );
        let packages = list(&text).unwrap();
        let urls: Vec<&str> = packages.iter().map(|it| it.url.as_str()).collect();
        assert_eq!(
            urls,
            [
                "http://example.org/a.tgz",
                "http://example.org/b.tgz",
                "name"
            ]
        );
        assert_eq!(packages[0].project, None);
        assert_eq!(packages[1].sha256, Some(digest));
        assert_eq!(packages[1].project, Some("p".parse().unwrap()));
        assert_eq!(packages[2].file, Some(PathBuf::from("/tmp/c.tgz")));
        assert_eq!(list("").unwrap(), []);
    }

    #[test]
    fn lines_that_make_no_sense_are_named() {
        for (text, what) in [
            ("\nno-url", "line 2 of the list: \"no-url\" is no http"),
            (
                "http://u:secret@example.org/a",
                "names a user or a password",
            ),
            ("http://example.org/a sha256:12", "is no SHA-256"),
            ("http://example.org/a md5:12", "is none of"),
            ("http://example.org/a project=../x", "is not a project name"),
            (&"x".repeat(70_000), "longer than 65536 bytes"),
        ] {
            let error = list(text).unwrap_err();
            assert!(error.contains(what) && !error.contains("secret"), "{error}");
        }
        assert!(read_list(&mut &b"\xff"[..]).is_err());
    }
}
