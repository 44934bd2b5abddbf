//! The `hint` heuristic: files that name the package a directory was unpacked from.

use std::path::Path;

use hashget_words::hash_package::is_http;
use hashget_words::package_url::has_password;
use hashget_words::project::ProjectName;
use serde::Deserialize;

use super::read_capped::read_capped;
use super::{Heuristic, PackageLocation, PackageRequest};
use hashget_files::monitor::{Monitor, Problem, error_chain};

const NAMES: [&str; 2] = ["hashget-hint.json", ".hashget-hint.json"];
const MAX_HINT_BYTES: u64 = 64 << 10;

/// Reads `hashget-hint.json` and `.hashget-hint.json`. A broken one is a problem and no more: the
/// original ends the whole run.
pub(super) struct Hint {
    pub(super) project: ProjectName,
}

#[derive(Deserialize)]
struct HintFile {
    url: Option<String>,
    project: Option<ProjectName>,
}

impl Heuristic for Hint {
    fn name(&self) -> &'static str {
        "hint"
    }

    fn look(&self, path: &Path, monitor: &dyn Monitor) -> Vec<PackageRequest> {
        let is_hint = path
            .file_name()
            .is_some_and(|name| NAMES.iter().any(|hint| name == *hint));
        if !is_hint {
            return Vec::new();
        }
        match self.read(path) {
            Ok(request) => vec![request],
            Err(what) => {
                monitor.problem(&Problem::text(path.display().to_string(), what));
                Vec::new()
            }
        }
    }
}

impl Hint {
    fn read(&self, path: &Path) -> Result<PackageRequest, String> {
        let bytes = read_capped(path, MAX_HINT_BYTES).map_err(|error| error_chain(&error))?;
        let hint: HintFile =
            serde_json::from_slice(&bytes).map_err(|error| format!("it is no hint: {error}"))?;
        let url = hint.url.ok_or("the hint names no \"url\"")?;
        if !is_http(&url) || url::Url::parse(&url).is_err() {
            return Err(format!("the hint's URL {url:?} is none of http or https"));
        }
        if has_password(&url) {
            return Err("the hint's URL names a user or a password".to_owned());
        }
        Ok(PackageRequest {
            signatures: Vec::new(),
            location: PackageLocation::Url(url),
            project: hint.project.unwrap_or_else(|| self.project.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;
    use hashget_files::monitor::{Level, Task};

    #[derive(Default)]
    struct Heard(Mutex<Vec<Problem>>);

    impl Monitor for Heard {
        fn message(&self, _: Level, _: &str) {}
        fn problem(&self, problem: &Problem) {
            self.0.lock().unwrap().push(problem.clone());
        }
        fn task_started(&self, _: &Task) {}
        fn task_advanced(&self, _: &Task, _: u64) {}
        fn task_finished(&self, _: &Task, _: u64) {}
    }

    fn look(name: &str, text: &[u8]) -> (Vec<PackageRequest>, usize) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        let hint = Hint {
            project: "_hints".parse().unwrap(),
        };
        let heard = Heard::default();
        let requests = hint.look(&path, &heard);
        (requests, heard.0.into_inner().unwrap().len())
    }

    #[test]
    fn hints_name_a_url_and_maybe_a_project() {
        let text = br#"{"url": "https://example.org/a.zip", "project": "mine", "more": 1}"#;
        for name in NAMES {
            let (requests, problems) = look(name, text);
            assert_eq!(problems, 0);
            assert_eq!(
                requests,
                [PackageRequest {
                    signatures: Vec::new(),
                    location: PackageLocation::Url("https://example.org/a.zip".to_owned()),
                    project: "mine".parse().unwrap(),
                }]
            );
        }
        let (requests, _) = look(NAMES[0], br#"{"url": "http://example.org/a.zip"}"#);
        assert_eq!(requests[0].project.as_str(), "_hints");
        assert_eq!(look("hint.json", text), (Vec::new(), 0));
    }

    #[test]
    fn broken_hints_are_problems_and_no_more() {
        let huge =
            format!("{{\"url\": \"http://example.org/{}\"}}", "x".repeat(70_000)).into_bytes();
        let deep = "[".repeat(60_000).into_bytes();
        for text in [
            &b""[..],
            b"{",
            b"[]",
            b"7",
            b"{}",
            b"{\"url\": null}",
            b"{\"url\": 7}",
            b"{\"url\": \"glacier-1\"}",
            b"{\"url\": \"file:///etc/passwd\"}",
            b"{\"url\": \"http://\"}",
            b"{\"url\": \"http://example.org/\", \"project\": \"../x\"}",
            b"\xff\xfe{}",
            &huge,
            &deep,
        ] {
            let (requests, problems) = look(NAMES[0], text);
            assert_eq!((requests.len(), problems), (0, 1), "{text:.40?}");
        }
    }

    #[test]
    fn a_link_in_place_of_a_hint_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAMES[0]);
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let hint = Hint {
            project: "_hints".parse().unwrap(),
        };
        let heard = Heard::default();
        assert!(hint.look(&path, &heard).is_empty());
        assert_eq!(heard.0.into_inner().unwrap().len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_bytes_give_a_request_or_a_problem(bytes: Vec<u8>) {
            let (requests, problems) = look(NAMES[1], &bytes);
            prop_assert_eq!(requests.len() + problems, 1);
        }
    }
}
