//! The `kernel` heuristic: Linux tarballs and unpacked Linux sources.

use std::path::Path;

use hashget_words::project::ProjectName;

use super::read_capped::read_capped;
use super::{Heuristic, PackageLocation, PackageRequest};
use hashget_files::monitor::{Monitor, Problem};

/// Files that every release of Linux since 1.0 has.
const WELL_KNOWN: [&str; 5] = [
    "include/linux/kernel.h",
    "kernel/panic.c",
    "mm/vmalloc.c",
    "net/socket.c",
    "fs/proc/inode.c",
];
const MAX_MAKEFILE_BYTES: u64 = 1 << 20;

/// Recognises `linux-V.P[.S].tar.{gz,xz,bz2}` and the `Makefile` of unpacked sources.
pub(super) struct Kernel {
    /// Releases are below `pub/linux/kernel/` of this URL, which ends with a slash.
    pub(super) base: String,
    pub(super) project: ProjectName,
}

impl Heuristic for Kernel {
    fn name(&self) -> &'static str {
        "kernel"
    }

    fn look(&self, path: &Path, _: &Path, monitor: &dyn Monitor) -> Vec<PackageRequest> {
        let name = path.file_name().and_then(|name| name.to_str());
        let url = match name {
            Some("Makefile") => self.source_url(path, monitor),
            Some(name) => tarball(name).map(|(release, suffix)| self.url(&release, suffix)),
            None => None,
        };
        let request = url.map(|url| PackageRequest {
            signatures: Vec::new(),
            location: PackageLocation::Url(url),
            project: self.project.clone(),
            hint: None,
        });
        request.into_iter().collect()
    }
}

impl Kernel {
    fn source_url(&self, makefile: &Path, monitor: &dyn Monitor) -> Option<String> {
        let directory = makefile.parent()?;
        let is_file = |name: &str| {
            let metadata = directory.join(name).symlink_metadata();
            metadata.is_ok_and(|metadata| metadata.is_file())
        };
        if !WELL_KNOWN.iter().all(|name| is_file(name)) {
            return None;
        }
        match read_capped(makefile, MAX_MAKEFILE_BYTES) {
            Ok(text) => Release::of_makefile(&text).map(|release| self.url(&release, "tar.xz")),
            Err(error) => {
                monitor.problem(&Problem::new(makefile.display().to_string(), &error));
                None
            }
        }
    }

    fn url(&self, release: &Release, suffix: &str) -> String {
        let Release { parts } = release;
        let series = match parts[..] {
            [version @ (1 | 2), patchlevel, ..] => format!("v{version}.{patchlevel}"),
            _ => format!("v{}.x", parts[0]),
        };
        let name = release.name();
        format!(
            "{}pub/linux/kernel/{series}/linux-{name}.{suffix}",
            self.base
        )
    }
}

/// The numbers of a release: version, patchlevel, and mostly a sublevel; four for 2.6.8.1 and
/// later 2.6 releases.
#[derive(Debug, PartialEq, Eq)]
struct Release {
    parts: Vec<u16>,
}

impl Release {
    fn new(parts: Vec<u16>) -> Option<Self> {
        let sound = match parts[..] {
            [version, _] | [version, _, _] => version > 0,
            [version, patchlevel, _, _] => (version, patchlevel) == (2, 6),
            _ => false,
        };
        sound.then_some(Self { parts })
    }

    fn parse(text: &str) -> Option<Self> {
        Self::new(text.split('.').map(number).collect::<Option<_>>()?)
    }

    fn name(&self) -> String {
        let parts: Vec<String> = self.parts.iter().map(u16::to_string).collect();
        parts.join(".")
    }

    /// The release that a Makefile names. Release candidates and the like have no lasting place.
    fn of_makefile(text: &[u8]) -> Option<Self> {
        let variable = |name: &str| {
            let value = text.split(|byte| *byte == b'\n').find_map(|line| {
                let (key, value) = std::str::from_utf8(line).ok()?.split_once('=')?;
                (key.trim_end() == name).then(|| value.trim().to_owned())
            });
            value.unwrap_or_default()
        };
        let mut parts = vec![
            number(&variable("VERSION"))?,
            number(&variable("PATCHLEVEL"))?,
        ];
        match number(&variable("SUBLEVEL")) {
            Some(0) if parts[0] >= 3 => {}
            Some(sublevel) => parts.push(sublevel),
            None => {}
        }
        let extra = variable("EXTRAVERSION");
        if extra.starts_with("-rc") || extra.starts_with("-pre") {
            return None;
        }
        if let Some(fourth) = extra.strip_prefix('.').and_then(number)
            && parts[..2] == [2, 6]
        {
            parts.push(fourth);
        }
        Self::new(parts)
    }
}

/// A decimal number without sign and leading zeros.
fn number(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
    let plain = plain && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok())?
}

/// Reads `linux-V.P[.S].tar.{gz,xz,bz2}`.
fn tarball(name: &str) -> Option<(Release, &'static str)> {
    let rest = name.strip_prefix("linux-")?;
    ["tar.gz", "tar.xz", "tar.bz2"]
        .into_iter()
        .find_map(|suffix| {
            let release = rest.strip_suffix(suffix)?.strip_suffix('.')?;
            Some((Release::parse(release)?, suffix))
        })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use hashget_files::monitor::Silent;

    fn kernel() -> Kernel {
        Kernel {
            base: "https://example.org/".to_owned(),
            project: "kernel.org".parse().unwrap(),
        }
    }

    fn url(requests: &[PackageRequest]) -> Option<&str> {
        match requests {
            [] => None,
            [request] => match &request.location {
                PackageLocation::Url(url) => Some(
                    url.strip_prefix("https://example.org/pub/linux/kernel/")
                        .unwrap(),
                ),
                PackageLocation::DebianSnapshot { .. } => panic!("not of Debian"),
            },
            _ => panic!("more than one"),
        }
    }

    #[test]
    fn tarballs_are_known_by_name() {
        for (name, expected) in [
            ("linux-5.0.4.tar.xz", Some("v5.x/linux-5.0.4.tar.xz")),
            ("linux-6.1.tar.gz", Some("v6.x/linux-6.1.tar.gz")),
            ("linux-3.0.tar.bz2", Some("v3.x/linux-3.0.tar.bz2")),
            ("linux-2.6.39.tar.bz2", Some("v2.6/linux-2.6.39.tar.bz2")),
            (
                "linux-2.6.32.71.tar.xz",
                Some("v2.6/linux-2.6.32.71.tar.xz"),
            ),
            ("linux-2.4.37.tar.gz", Some("v2.4/linux-2.4.37.tar.gz")),
            ("linux-1.0.tar.gz", Some("v1.0/linux-1.0.tar.gz")),
            ("linux-5.0.4.tar.zst", None),
            ("linux-5.0.4.1.tar.xz", None),
            ("linux-5.tar.xz", None),
            ("linux-0.11.tar.xz", None),
            ("linux-05.1.tar.xz", None),
            ("linux-6.1-rc3.tar.xz", None),
            ("linux-6..1.tar.xz", None),
            ("linux-6.1tar.xz", None),
            ("linux-99999999.1.tar.xz", None),
            ("linux-firmware-1.2.tar.xz", None),
            ("xlinux-5.0.4.tar.xz", None),
        ] {
            let requests = kernel().look(&Path::new("/x").join(name), Path::new("/x"), &Silent);
            assert_eq!(url(&requests), expected, "{name}");
        }
    }

    fn source(makefile: &str, without: Option<&str>) -> Option<String> {
        let directory = tempfile::tempdir().unwrap();
        for name in WELL_KNOWN {
            if Some(name) != without {
                let path = directory.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
        }
        let path = directory.path().join("Makefile");
        fs::write(&path, makefile).unwrap();
        url(&kernel().look(&path, &path, &Silent)).map(str::to_owned)
    }

    #[test]
    fn sources_are_known_by_their_makefile() {
        for (makefile, expected) in [
            (
                "# SPDX\nVERSION = 5\nPATCHLEVEL = 0\nSUBLEVEL = 4\nEXTRAVERSION =\nNAME = Shy Crocodile\n",
                Some("v5.x/linux-5.0.4.tar.xz"),
            ),
            (
                "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 0\nEXTRAVERSION =\n",
                Some("v6.x/linux-6.1.tar.xz"),
            ),
            (
                "VERSION = 2\nPATCHLEVEL = 6\nSUBLEVEL = 0\n",
                Some("v2.6/linux-2.6.0.tar.xz"),
            ),
            (
                "VERSION = 2\nPATCHLEVEL = 6\nSUBLEVEL = 32\nEXTRAVERSION = .71\n",
                Some("v2.6/linux-2.6.32.71.tar.xz"),
            ),
            (
                "VERSION=1\nPATCHLEVEL=0\nALPHA=\n",
                Some("v1.0/linux-1.0.tar.xz"),
            ),
            (
                "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\nEXTRAVERSION = -custom\n",
                Some("v6.x/linux-6.1.7.tar.xz"),
            ),
            (
                "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 0\nEXTRAVERSION = -rc4\n",
                None,
            ),
            ("VERSION = 6\n", None),
            ("VERSION = $(shell x)\nPATCHLEVEL = 1\n", None),
            ("", None),
        ] {
            assert_eq!(source(makefile, None).as_deref(), expected, "{makefile}");
        }
    }

    #[test]
    fn any_other_makefile_is_not_read() {
        let makefile = "VERSION = 5\nPATCHLEVEL = 0\nSUBLEVEL = 4\n";
        for name in WELL_KNOWN {
            assert_eq!(source(makefile, Some(name)), None);
        }
    }

    proptest! {
        #[test]
        fn names_round_trip(version in 3_u16..99, patchlevel: u16, sublevel: Option<u16>) {
            let parts: Vec<u16> = [version, patchlevel].into_iter().chain(sublevel).collect();
            let release = Release { parts };
            let name = format!("linux-{}.tar.xz", release.name());
            prop_assert_eq!(tarball(&name), Some((release, "tar.xz")));
        }

        #[test]
        fn any_makefile_is_read_without_panic(text: Vec<u8>) {
            let _release = Release::of_makefile(&text);
        }
    }
}
