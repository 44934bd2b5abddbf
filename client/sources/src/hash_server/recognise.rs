//! Whether there is a hashserver at a URL, and of which kind.
//!
//! A URL with a mistake in it mostly leads to a web server, too: one that answers 404, or a page, to
//! whatever it is asked. Taken for a hashserver that knows nothing, it would cost every package
//! without a word. So a server has to show that it is one before its "not found" counts.

use std::sync::atomic::Ordering;
use std::time::Instant;

use hashget_api::StatusResponse;
use hashget_words::digest::Digest;

use super::site::ConfigJson;
use super::{HashServer, HashServerError, MAX_SMALL_BYTES, STATUS_TIMEOUT, ServerKind};
use crate::http::{HttpError, parse_json, read_body};

/// What a tree of static files has at least one of: the directories that `hashget-admin --build`
/// makes, and the message of the day.
const PARTS: [&str; 4] = ["a/", "sig/", "pool/", "motd.txt"];

impl HashServer {
    /// What the server understands; asked once a run. An error if there is no hashserver.
    pub fn kind(&self) -> Result<ServerKind, HashServerError> {
        if let Some(kind) = self.learnt.kind.get() {
            return Ok(*kind);
        }
        let found = match self.ask_status() {
            Ok(status) => {
                let compact = &self.learnt.compact_lookup;
                compact.store(status.compact_lookup, Ordering::Relaxed);
                ServerKind::Api
            }
            // Only a server of ours answers errors in the envelope, and it always has this address.
            Err(HashServerError::Http(HttpError::Status {
                code: Some(_),
                status,
                ..
            })) if status != 404 => ServerKind::Api,
            Err(HashServerError::Http(
                HttpError::Status {
                    status: 300..=499, ..
                }
                | HttpError::Json { .. }
                | HttpError::TooLarge { .. },
            )) => {
                self.recognise_tree()?;
                ServerKind::Static
            }
            Err(error) => return Err(error),
        };
        Ok(*self.learnt.kind.get_or_init(|| found))
    }

    fn ask_status(&self) -> Result<StatusResponse, HashServerError> {
        // A server that is not there, or is silent, is noticed soon: others may do.
        let url = self.api_place("status");
        let patience = self.http.options().stall_timeout.min(STATUS_TIMEOUT);
        let http = self.http.clone().with_retries(1);
        let started = Instant::now();
        self.ask(|| {
            http.retrying(&url, || {
                let left = patience.saturating_sub(started.elapsed());
                let response = http.send_once("GET", &url, |client| {
                    self.authorized(client.get(&url)).timeout(left)
                })?;
                parse_json::<StatusResponse>(&url, &read_body(response, &url, MAX_SMALL_BYTES)?)
            })
        })
    }

    /// Fails unless there is a tree of static files: its settings, or a directory of its own beside
    /// addresses that it does not have.
    fn recognise_tree(&self) -> Result<(), HashServerError> {
        let url = self.place("config.json");
        match self.ask(|| self.http.get_bytes(&url, MAX_SMALL_BYTES)) {
            Ok(body) => {
                let told: ConfigJson = serde_json::from_slice(&body)
                    .map_err(|_| self.is_none("its config.json is no JSON"))?;
                let config = self.resolve_config(told)?;
                self.learnt.config.get_or_init(|| config);
                return Ok(());
            }
            Err(HashServerError::Http(HttpError::TooLarge { .. })) => {
                return Err(self.is_none("its config.json is too large for one"));
            }
            Err(HashServerError::Http(HttpError::Status {
                status: 300..=499, ..
            })) => {}
            Err(error) => return Err(error),
        }
        let nobody = Digest::of(b"hashget: what no package holds");
        let missing = self.status_of(&format!("a/{}", nobody.sharded_path()))?;
        if is_present(missing) {
            return Err(self.is_none("it has a page at every address"));
        }
        for part in PARTS {
            let status = self.status_of(part)?;
            // A directory that may not be listed is 403, where other addresses are not.
            if is_present(status) || (status == 403 && missing != 403) {
                return Ok(());
            }
        }
        Err(self.is_none(format!(
            "status {missing} at api/v1/status, config.json, a/ and sig/"
        )))
    }

    fn status_of(&self, path: &str) -> Result<u16, HashServerError> {
        let url = self.place(path);
        let status = self.ask(|| self.http.head(&url))?.status;
        if !matches!(status, 405 | 501) {
            return Ok(status);
        }
        match self.ask(|| self.http.send("GET", &url, |client| client.get(&url))) {
            Ok(response) => Ok(response.status().as_u16()),
            Err(HashServerError::Http(error)) if error.status().is_some() => {
                Ok(error.status().unwrap_or(status))
            }
            Err(error) => Err(error),
        }
    }

    /// The error; the server is not asked again.
    fn is_none(&self, what: impl Into<String>) -> HashServerError {
        self.learnt.down.store(true, Ordering::Relaxed);
        HashServerError::NoServer {
            url: self.url().to_owned(),
            what: what.into(),
        }
    }
}

fn is_present(status: u16) -> bool {
    (200..300).contains(&status)
}

#[cfg(test)]
mod tests {
    use hashget_tests::fault_server::{FaultServer, Reply, Request};

    use super::*;
    use crate::http::tests::hasty;

    fn kind_of(
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> (Result<ServerKind, HashServerError>, HashServer) {
        let site = FaultServer::start(answer);
        let server = HashServer::new(&site.url("/h/"), None, hasty()).unwrap();
        (server.kind(), server)
    }

    fn page() -> Reply {
        Reply::new(200, "<html>welcome</html>").with("Content-Type", "text/html")
    }

    #[test]
    fn trees_are_known_by_their_settings_or_a_directory() {
        for (path, status) in [
            ("/h/config.json", 200),
            ("/h/a/", 403),
            ("/h/a/", 200),
            ("/h/sig/", 403),
            ("/h/pool/", 200),
            ("/h/motd.txt", 200),
        ] {
            let (kind, _) = kind_of(move |request| match &request.path {
                asked if asked == path => Reply::new(status, "{}"),
                _ => Reply::not_found(),
            });
            assert_eq!(kind.unwrap(), ServerKind::Static, "{path} {status}");
        }
    }

    #[test]
    fn a_web_server_that_is_no_hashserver_is_an_error_and_not_asked_again() {
        type Site = (fn(&Request) -> Reply, &'static str);
        let sites: [Site; 7] = [
            (|_| page(), "its config.json is no JSON"),
            (|_| Reply::not_found(), "status 404 at"),
            (|_| Reply::new(403, ""), "status 403 at"),
            (|_| Reply::new(401, ""), "status 401 at"),
            (|_| Reply::new(405, ""), "status 405 at"),
            (
                |request| match &request.path {
                    asked if asked.ends_with("/config.json") => Reply::not_found(),
                    _ => page(),
                },
                "it has a page at every address",
            ),
            (
                |_| Reply::new(404, r#"{"error": "not_found", "message": "no route"}"#),
                "status 404 at",
            ),
        ];
        for (answer, what) in sites {
            let (kind, server) = kind_of(answer);
            let error = kind.unwrap_err();
            let said = error.to_string();
            assert!(matches!(error, HashServerError::NoServer { .. }), "{said}");
            assert!(said.contains(what), "{said}");
            assert!(matches!(server.kind(), Err(HashServerError::Down { .. })));
            let other = server.with_http(hasty());
            assert!(other.is_down(), "clones share what was learnt");
        }
    }

    #[test]
    fn a_server_of_ours_is_known_by_its_envelope() {
        let (kind, _) = kind_of(|_| {
            Reply::new(
                401,
                r#"{"error": "unauthorized", "message": "a token is needed"}"#,
            )
        });
        assert_eq!(kind.unwrap(), ServerKind::Api);
    }
}
