//! Debian's control files: paragraphs of `Name: value` lines.

use crate::signature::Signature;

/// What one paragraph says of a package; members that are missing or no UTF-8 are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paragraph {
    /// The field `Package`: the package's name.
    pub package: Option<String>,
    /// The field `Status`: three words, as in `install ok installed`.
    pub status: Option<String>,
    /// `Version`, with epoch.
    pub version: Option<String>,
    /// The field `Architecture`.
    pub architecture: Option<String>,
}

impl Paragraph {
    /// Whether dpkg has the package on the system, whole.
    ///
    /// The original looks for `install ok installed` only, and so misses packages on `hold`.
    pub fn is_installed(&self) -> bool {
        let status = self.status.as_deref().unwrap_or_default();
        let mut words = status.split_ascii_whitespace().skip(1);
        words.next() == Some("ok") && words.next() == Some("installed") && words.next().is_none()
    }

    /// The `deb` signature, `<name>_<version without epoch>_<architecture>`, if all parts are
    /// there and are such as Debian's policy allows.
    pub fn signature(&self) -> Option<Signature> {
        let name = self.package.as_deref()?;
        let version = self.version.as_deref()?;
        let architecture = self.architecture.as_deref()?;
        let version = match version.split_once(':') {
            Some((_epoch, rest)) => rest,
            None => version,
        };
        let sound = |part: &str, others: &[u8]| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
        };
        let sound = sound(name, b"+.-")
            && !name.starts_with('.')
            && sound(version, b"+.~:-")
            && sound(architecture, b"-");
        sound
            .then(|| Signature::new(Signature::DEB, &format!("{name}_{version}_{architecture}")))?
            .ok()
    }

    fn set(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return;
        };
        let field = match line[..colon].to_ascii_lowercase().as_slice() {
            b"package" => &mut self.package,
            b"status" => &mut self.status,
            b"version" => &mut self.version,
            b"architecture" => &mut self.architecture,
            _ => return,
        };
        *field = std::str::from_utf8(&line[colon + 1..])
            .ok()
            .map(|value| value.trim().to_owned());
    }
}

/// The paragraphs of a control file, empty ones left out. Continuation lines and lines without
/// a colon are passed over.
pub fn paragraphs(text: &[u8]) -> impl Iterator<Item = Paragraph> + '_ {
    let mut lines = text.split(|byte| *byte == b'\n');
    std::iter::from_fn(move || {
        let mut paragraph = None;
        for line in lines.by_ref() {
            if line.iter().all(u8::is_ascii_whitespace) {
                if paragraph.is_some() {
                    break;
                }
            } else if !line.starts_with(b" ") && !line.starts_with(b"\t") {
                paragraph.get_or_insert_with(Paragraph::default).set(line);
            }
        }
        paragraph
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Paragraph {
        paragraphs(text.as_bytes()).next().unwrap_or_default()
    }

    #[test]
    fn epochs_are_left_out_of_signatures() {
        for (version, expected) in [
            ("2:8.0-4+deb9u1", "vim_8.0-4+deb9u1_amd64"),
            ("8.0~rc1", "vim_8.0~rc1_amd64"),
            ("1:2:3", "vim_2:3_amd64"),
        ] {
            let text = format!("Package: vim\nVersion: {version}\nArchitecture: amd64\n");
            assert_eq!(one(&text).signature().unwrap().value(), expected);
        }
    }

    #[test]
    fn parts_that_could_be_paths_make_no_signature() {
        for (name, version, architecture) in [
            ("../x", "1", "amd64"),
            (".x", "1", "amd64"),
            ("x", "1/2", "amd64"),
            ("x", "1", "a_b"),
            ("x", "", "amd64"),
            ("x", "1:", "amd64"),
            ("x y", "1", "amd64"),
        ] {
            let text =
                format!("Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n");
            assert_eq!(one(&text).signature(), None, "{text}");
        }
    }

    #[test]
    fn paragraphs_are_told_apart_however_odd() {
        let text = b"\n\nPACKAGE:a\nDescription: x\n Package: not this\n.\nnonsense\n\r\nPackage: b\r\nVersion: \xff\n";
        let all: Vec<Paragraph> = paragraphs(text).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].package.as_deref(), Some("a"));
        assert_eq!(all[1].package.as_deref(), Some("b"));
        assert_eq!(all[1].version, None);
    }

    #[test]
    fn only_whole_packages_are_installed() {
        for (status, installed) in [
            ("install ok installed", true),
            ("hold ok installed", true),
            ("install ok half-installed", false),
            ("install reinstreq installed", false),
            ("deinstall ok config-files", false),
            ("install ok unpacked", false),
            ("", false),
        ] {
            let paragraph = one(&format!("Status: {status}\n"));
            assert_eq!(paragraph.is_installed(), installed, "{status}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            for paragraph in paragraphs(&bytes) {
                let _signature = paragraph.signature();
            }
        }

        #[test]
        fn written_paragraphs_are_read_back(
            packages in prop::collection::vec(("[a-z][a-z0-9+.-]{1,8}", "[0-9][0-9.~+-]{0,6}"), 0..9),
        ) {
            let mut text = String::new();
            for (name, version) in &packages {
                write!(text, "Package: {name}\nVersion: {version}\n\n").unwrap();
            }
            let read: Vec<_> = paragraphs(text.as_bytes())
                .map(|paragraph| (paragraph.package.unwrap(), paragraph.version.unwrap()))
                .collect();
            prop_assert_eq!(read, packages);
        }
    }
}
