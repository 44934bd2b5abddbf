//! The `hint` heuristic: files that name the package a directory was unpacked from.
//!
//! A hint is a claim of whoever could write it, so it is obeyed only where nobody but the user and root could have,
//! and [says nothing](crate::hint_scope) of files outside its own directory.

use std::path::Path;

use hashget_words::hash_package::is_http;
use hashget_words::package_url::has_password;
use hashget_words::project::ProjectName;
use serde::Deserialize;

use super::read_capped::read_capped;
use super::vouched::distrust;
use super::{Heuristic, HintFile, PackageLocation, PackageRequest};
use hashget_files::monitor::{Monitor, Problem, error_chain};
use hashget_sources::http::names_private_host;

const NAMES: [&str; 2] = ["hashget-hint.json", ".hashget-hint.json"];
const MAX_HINT_BYTES: u64 = 64 << 10;
const PRIVATE: &str = "the URL is at a private address (--private-hints obeys such)";

/// Reads `hashget-hint.json` and `.hashget-hint.json`. A broken one is a problem and no more: the
/// original ends the whole run. Its `project` is passed over: who wrote it does not choose the
/// project of others.
pub(super) struct Hint {
    /// Whether hints may name private addresses.
    pub(super) private: bool,
}

#[derive(Deserialize)]
struct HintContent {
    url: Option<String>,
}

impl Heuristic for Hint {
    fn name(&self) -> &'static str {
        "hint"
    }

    fn look(&self, path: &Path, root: &Path, monitor: &dyn Monitor) -> Vec<PackageRequest> {
        let is_hint = path
            .file_name()
            .is_some_and(|name| NAMES.iter().any(|hint| name == *hint));
        if !is_hint {
            return Vec::new();
        }
        match self.read(path, root) {
            Ok(request) => vec![request],
            Err(what) => {
                monitor.problem(&Problem::text(path.display().to_string(), what));
                Vec::new()
            }
        }
    }
}

impl Hint {
    fn read(&self, path: &Path, root: &Path) -> Result<PackageRequest, String> {
        let project = ProjectName::HINTS.parse();
        let mut request = PackageRequest {
            signatures: Vec::new(),
            location: PackageLocation::Url(String::new()),
            project: project.map_err(|error| error_chain(&error))?,
            hint: None,
        };
        let said_by = |refused| {
            let path = path.to_owned();
            Some(HintFile { path, refused })
        };
        let distrust = distrust(path, root).map_err(|error| error_chain(&error))?;
        request.hint = said_by(distrust);
        if distrust.is_some() {
            // Not even read: that would tell its author something.
            return Ok(request);
        }
        let bytes = read_capped(path, MAX_HINT_BYTES).map_err(|error| error_chain(&error))?;
        let hint: HintContent =
            serde_json::from_slice(&bytes).map_err(|error| format!("it is no hint: {error}"))?;
        let url = hint.url.ok_or("the hint names no \"url\"")?;
        let parsed = url::Url::parse(&url).ok().filter(|_| is_http(&url));
        let Some(parsed) = parsed else {
            return Err(format!("the hint's URL {url:?} is none of http or https"));
        };
        if has_password(&url) {
            return Err("the hint's URL names a user or a password".to_owned());
        }
        if !self.private && names_private_host(&parsed) {
            request.hint = said_by(Some(PRIVATE));
        }
        request.location = PackageLocation::Url(url);
        Ok(request)
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
        let hint = Hint { private: false };
        let heard = Heard::default();
        let requests = hint.look(&path, directory.path(), &heard);
        (requests, heard.0.into_inner().unwrap().len())
    }

    #[test]
    fn hints_name_a_url_and_no_project() {
        let text = br#"{"url": "https://example.org/a.zip", "project": "debsnap", "more": 1}"#;
        for name in NAMES {
            let (requests, problems) = look(name, text);
            assert_eq!((requests.len(), problems), (1, 0));
            let request = &requests[0];
            let url = PackageLocation::Url("https://example.org/a.zip".to_owned());
            assert_eq!(request.location, url);
            assert_eq!(request.project.as_str(), "_hints");
            let hint = request.hint.as_ref().unwrap();
            assert!(hint.path.ends_with(name));
            assert_eq!(hint.refused, None);
        }
        assert_eq!(look("hint.json", text), (Vec::new(), 0));
    }

    #[test]
    fn private_addresses_are_refused_unless_they_are_meant() {
        let text = br#"{"url": "http://10.0.0.1/a.zip"}"#;
        let (requests, problems) = look(NAMES[0], text);
        assert_eq!(problems, 0);
        let hint = requests[0].hint.as_ref().unwrap();
        assert_eq!(hint.refused, Some(PRIVATE));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAMES[0]);
        fs::write(&path, text).unwrap();
        let hint = Hint { private: true };
        let requests = hint.look(&path, directory.path(), &Heard::default());
        assert_eq!(requests[0].hint.as_ref().unwrap().refused, None);
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
        let hint = Hint { private: false };
        let heard = Heard::default();
        let requests = hint.look(&path, directory.path(), &heard);
        assert!(requests.is_empty());
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
