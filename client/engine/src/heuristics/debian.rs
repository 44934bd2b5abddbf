//! The `debian` heuristic: what dpkg has installed.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hashget_words::deb822;
use hashget_words::project::ProjectName;

use super::read_capped::read_capped;
use super::{Heuristic, PackageLocation, PackageRequest};
use hashget_files::monitor::{Level, Monitor, Problem};

const STATUS: &[u8] = b"/var/lib/dpkg/status";
/// A hundred times the size of a large system's.
const MAX_STATUS_BYTES: u64 = 256 << 20;

/// Reads `…/var/lib/dpkg/status`: every package installed there is asked for by its `deb`
/// signature, and found at the snapshot service.
pub(super) struct Debian {
    pub(super) project: ProjectName,
}

impl Heuristic for Debian {
    fn name(&self) -> &'static str {
        "debian"
    }

    fn look(&self, path: &Path, _: &Path, monitor: &dyn Monitor) -> Vec<PackageRequest> {
        if !path.as_os_str().as_bytes().ends_with(STATUS) {
            return Vec::new();
        }
        match read_capped(path, MAX_STATUS_BYTES) {
            Ok(text) => self.requests(path, &text, monitor),
            Err(error) => {
                monitor.problem(&Problem::new(path.display().to_string(), &error));
                Vec::new()
            }
        }
    }
}

impl Debian {
    fn requests(&self, path: &Path, text: &[u8], monitor: &dyn Monitor) -> Vec<PackageRequest> {
        let mut odd = 0;
        let mut requests = Vec::new();
        for paragraph in deb822::paragraphs(text).filter(deb822::Paragraph::is_installed) {
            let signature = paragraph.signature();
            let parts = (paragraph.package, paragraph.version, paragraph.architecture);
            let (Some(signature), (Some(name), Some(version), Some(architecture))) =
                (signature, parts)
            else {
                odd += 1;
                continue;
            };
            requests.push(PackageRequest {
                signatures: vec![signature],
                location: PackageLocation::DebianSnapshot {
                    name,
                    version,
                    architecture,
                },
                project: self.project.clone(),
                hint: None,
            });
        }
        if odd > 0 {
            let text = format!(
                "{}: {odd} installed packages have no usable name, version or architecture",
                path.display()
            );
            monitor.message(Level::Info, &text);
        }
        requests
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use hashget_files::monitor::Silent;

    fn look(text: &[u8]) -> Vec<PackageRequest> {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("var/lib/dpkg");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("status"), text).unwrap();
        fs::write(directory.join("status-old"), text).unwrap();
        let debian = Debian {
            project: "debsnap".parse().unwrap(),
        };
        assert!(
            debian
                .look(&directory.join("status-old"), &directory, &Silent)
                .is_empty()
        );
        debian.look(&directory.join("status"), &directory, &Silent)
    }

    #[test]
    fn installed_packages_are_asked_for() {
        let requests = look(
            b"Package: vim\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\n\
              Version: 2:8.0.0197-4+deb9u1\nDescription: editor\n Vi\n .\n improved\n\n\
              Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n\
              Package: half\nStatus: install ok half-installed\nArchitecture: all\nVersion: 1\n\n\
              Package: odd\nStatus: install ok installed\nVersion: 1\n\n\
              Package: libc6\nStatus: install ok installed\nArchitecture: i386\nVersion: 2.36-9\n",
        );
        assert_eq!(requests.len(), 2);
        assert_eq!(
            requests[0],
            PackageRequest {
                hint: None,
                signatures: vec!["deb:vim_8.0.0197-4+deb9u1_amd64".parse().unwrap()],
                location: PackageLocation::DebianSnapshot {
                    name: "vim".to_owned(),
                    version: "2:8.0.0197-4+deb9u1".to_owned(),
                    architecture: "amd64".to_owned(),
                },
                project: "debsnap".parse().unwrap(),
            }
        );
        assert_eq!(requests[1].signatures[0].value(), "libc6_2.36-9_i386");
    }

    #[test]
    fn an_empty_or_foreign_file_asks_for_nothing() {
        assert!(look(b"").is_empty());
        assert!(look(b"\x7fELF\0\n\n: :\n").is_empty());
    }
}
