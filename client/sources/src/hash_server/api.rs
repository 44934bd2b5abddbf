//! The JSON API's records: one method an endpoint.

use std::collections::{HashSet, VecDeque};
use std::io::{BufRead, BufReader, Read};
use std::sync::atomic::Ordering;

use hashget_api::{
    ChangeRequest, ChangeResponse, DIGESTS_TYPE, FetchRequest, FetchedPackage, ListQuery,
    ListResponse, LookupRequest, LookupResponse, MATCHES_TYPE, PublishRequest, PublishResponse,
    RemoveResponse, SpecQuery, StatusResponse,
};
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::project::ProjectName;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{HashServer, HashServerError, MAX_ANSWER_BYTES, MAX_RECORD_BYTES, MAX_SMALL_BYTES};
use crate::http::{Answer, HttpError, list_header, parse_json, read_body};

impl HashServer {
    /// What the server holds.
    pub fn status(&self) -> Result<StatusResponse, HashServerError> {
        self.need_api("tell its status")?;
        self.get_json("status", MAX_SMALL_BYTES)
    }

    /// Which packages hold these digests or carry these signatures? Every place in the answer
    /// is one that exists. The server is told as much as the [`LookupMode`](super::LookupMode)
    /// says.
    pub fn lookup(&self, request: &LookupRequest) -> Result<LookupResponse, HashServerError> {
        self.need_api("look up many digests at once")?;
        self.lookup_discreetly(request)
    }

    pub(super) fn lookup_plainly(
        &self,
        request: &LookupRequest,
    ) -> Result<LookupResponse, HashServerError> {
        let is_compact = self.learnt.compact_lookup.load(Ordering::Relaxed);
        let answer = if is_compact && request.signatures.is_empty() {
            self.lookup_compactly(request)?
        } else {
            self.post_json("lookup", request, MAX_ANSWER_BYTES)?
        };
        let sound = |matches: &[(u32, Vec<u32>)], keys: usize| {
            let is_place = |place: u32, count: usize| (place as usize) < count;
            matches.iter().all(|(key, packages)| {
                is_place(*key, keys)
                    && packages
                        .iter()
                        .all(|place| is_place(*place, answer.packages.len()))
            })
        };
        if sound(&answer.digests, request.digests.len())
            && sound(&answer.signatures, request.signatures.len())
        {
            Ok(answer)
        } else {
            Err(self.nonsense("a look-up names a place that does not exist"))
        }
    }

    /// Asks in the compact form: half the bytes, and a tenth of the work.
    fn lookup_compactly(&self, request: &LookupRequest) -> Result<LookupResponse, HashServerError> {
        let place = self.api_place("lookup");
        let url = match request.expires {
            Some(expires) => format!("{place}?expires={expires}"),
            None => place,
        };
        let body = request.digests_to_bytes();
        let bytes = self.ask(|| {
            self.http.retrying(&url, || {
                let response = self.http.send_once("POST", &url, |client| {
                    self.authorized(client.post(&url))
                        .header(CONTENT_TYPE, DIGESTS_TYPE)
                        .header(ACCEPT, MATCHES_TYPE)
                        .body(body.clone())
                })?;
                read_body(response, &url, MAX_ANSWER_BYTES)
            })
        })?;
        LookupResponse::from_bytes(&bytes)
            .map_err(|_| self.nonsense("a look-up is not answered in the compact form"))
    }

    /// Whole records, handed to `receive` one by one; removed ones are left out, and what
    /// was not asked for is refused.
    pub fn fetch_packages(
        &self,
        ids: &[PackageId],
        receive: &mut dyn FnMut(FetchedPackage),
    ) -> Result<(), HashServerError> {
        self.need_api("give many records at once")?;
        let url = self.api_place("packages/fetch");
        let body = self.to_json(&FetchRequest { ids: ids.to_vec() })?;
        let mut wanted: HashSet<PackageId> = ids.iter().copied().collect();
        let response = self.ask(|| {
            self.http.send("POST", &url, |client| {
                self.authorized(client.post(&url))
                    .header(CONTENT_TYPE, "application/json")
                    .header(ACCEPT_ENCODING, "zstd")
                    .body(body.clone())
            })
        })?;
        let mut lines = self.decoded(response, &url)?;
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut lines)
                .take(MAX_RECORD_BYTES)
                .read_until(b'\n', &mut line)
                .map_err(|cause| HttpError::Body {
                    url: url.clone(),
                    cause,
                })?;
            if read as u64 == MAX_RECORD_BYTES {
                let limit_bytes = MAX_RECORD_BYTES;
                return Err(HttpError::TooLarge { url, limit_bytes }.into());
            }
            if read == 0 {
                return Ok(());
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let fetched: FetchedPackage = parse_json(&url, &line)?;
            if !wanted.remove(&fetched.id) {
                return Err(self.nonsense("it sent a record that was not asked for"));
            }
            receive(fetched);
        }
    }

    /// The body of a fetch as lines, decompressed.
    fn decoded(&self, response: Answer, url: &str) -> Result<Box<dyn BufRead>, HashServerError> {
        match list_header(response.headers(), &CONTENT_ENCODING).as_deref() {
            None | Some("" | "identity") => Ok(Box::new(BufReader::new(response))),
            Some("zstd") => {
                let failed = |cause| HttpError::Body {
                    url: url.to_owned(),
                    cause,
                };
                let mut decoder = zstd::Decoder::new(response).map_err(failed)?;
                decoder.window_log_max(MAX_WINDOW_LOG).map_err(failed)?;
                Ok(Box::new(BufReader::new(decoder)))
            }
            Some(other) => Err(self.nonsense(format!("content encoding {other:?}"))),
        }
    }

    /// Adds records to a project; returns when they are on the server's disk.
    pub fn publish(&self, request: &PublishRequest) -> Result<PublishResponse, HashServerError> {
        self.need_api("be published to")?;
        let answer: PublishResponse = self.post_json("packages", request, MAX_ANSWER_BYTES)?;
        if answer.ids.len() == request.packages.len() {
            Ok(answer)
        } else {
            Err(self.nonsense("it took another number of records than it was given"))
        }
    }

    /// The packages that a query names, page by page. `after` and `limit` of the query say where
    /// to begin and how large the pages are.
    pub fn list(&self, query: ListQuery) -> PackagePages<'_> {
        PackagePages {
            server: self,
            query: Some(query),
            page: VecDeque::new(),
        }
    }

    /// Removes packages; needs a token for the project, and an admin token for all.
    pub fn remove(&self, query: &SpecQuery) -> Result<RemoveResponse, HashServerError> {
        self.need_api("remove packages")?;
        let url = self.with_query("packages", query)?;
        self.ask(|| {
            let response = self.http.send_once("DELETE", &url, |client| {
                self.authorized(client.delete(&url))
            })?;
            parse_json(&url, &read_body(response, &url, MAX_SMALL_BYTES)?)
        })
    }

    /// Sets attributes and expiry dates; needs an admin token.
    pub fn change(&self, request: &ChangeRequest) -> Result<ChangeResponse, HashServerError> {
        self.need_api("change packages")?;
        let url = self.api_place("packages");
        let body = self.to_json(request)?;
        self.ask(|| {
            let response = self.http.send("PATCH", &url, |client| {
                self.authorized(client.patch(&url))
                    .header(CONTENT_TYPE, "application/json")
                    .body(body.clone())
            })?;
            parse_json(&url, &read_body(response, &url, MAX_SMALL_BYTES)?)
        })
    }

    /// Makes an empty project; `false` if it is there already. Needs an admin token.
    pub fn add_project(&self, project: &ProjectName) -> Result<bool, HashServerError> {
        self.need_api("make projects")?;
        let url = self.api_place(&format!("projects/{project}"));
        let response = self.ask(|| {
            self.http
                .send("PUT", &url, |client| self.authorized(client.put(&url)))
        })?;
        Ok(response.status().as_u16() == 201)
    }

    /// Removes a project with all its records; `false` if there is none. Needs an admin token.
    pub fn remove_project(&self, project: &ProjectName) -> Result<bool, HashServerError> {
        self.need_api("remove projects")?;
        let url = self.api_place(&format!("projects/{project}"));
        let removed = self.ask(|| {
            self.http.send_once("DELETE", &url, |client| {
                self.authorized(client.delete(&url))
            })
        });
        match removed {
            Ok(_) => Ok(true),
            Err(HashServerError::Http(error)) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn get_json<T: DeserializeOwned>(
        &self,
        endpoint: &str,
        limit_bytes: u64,
    ) -> Result<T, HashServerError> {
        self.get_json_at(&self.api_place(endpoint), limit_bytes)
    }

    pub(super) fn get_bytes(
        &self,
        endpoint: &str,
        limit_bytes: u64,
    ) -> Result<Vec<u8>, HashServerError> {
        let url = self.api_place(endpoint);
        self.ask(|| {
            self.http.retrying(&url, || {
                let response = self
                    .http
                    .send_once("GET", &url, |client| self.authorized(client.get(&url)))?;
                read_body(response, &url, limit_bytes)
            })
        })
    }

    fn get_json_at<T: DeserializeOwned>(
        &self,
        url: &str,
        limit_bytes: u64,
    ) -> Result<T, HashServerError> {
        self.ask(|| {
            self.http.retrying(url, || {
                let response = self
                    .http
                    .send_once("GET", url, |client| self.authorized(client.get(url)))?;
                parse_json(url, &read_body(response, url, limit_bytes)?)
            })
        })
    }

    pub(super) fn post_json<T: DeserializeOwned>(
        &self,
        endpoint: &str,
        request: &impl Serialize,
        limit_bytes: u64,
    ) -> Result<T, HashServerError> {
        let url = self.api_place(endpoint);
        let body = self.to_json(request)?;
        self.ask(|| {
            self.http.retrying(&url, || {
                let response = self.http.send_once("POST", &url, |client| {
                    self.authorized(client.post(&url))
                        .header(CONTENT_TYPE, "application/json")
                        .body(body.clone())
                })?;
                parse_json(&url, &read_body(response, &url, limit_bytes)?)
            })
        })
    }

    fn to_json(&self, request: &impl Serialize) -> Result<Vec<u8>, HashServerError> {
        serde_json::to_vec(request).map_err(|source| {
            let url = self.url().to_owned();
            HashServerError::Http(HttpError::Json { url, source })
        })
    }

    fn with_query(
        &self,
        endpoint: &str,
        query: &impl Serialize,
    ) -> Result<String, HashServerError> {
        let json_error = |source| {
            let url = self.url().to_owned();
            HashServerError::Http(HttpError::Json { url, source })
        };
        let mut url = self.base.clone();
        url.set_path(&format!(
            "{}{}/{endpoint}",
            self.base.path(),
            super::API_PREFIX
        ));
        if let Value::Object(members) = serde_json::to_value(query).map_err(json_error)? {
            let mut pairs = url.query_pairs_mut();
            for (name, value) in members {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                pairs.append_pair(&name, &text);
            }
        }
        Ok(url.into())
    }
}

/// The largest window a zstd body may ask for: 128 MiB.
const MAX_WINDOW_LOG: u32 = 27;

/// The packages of a listing; pages are asked for as they are needed. Ends behind an error.
#[derive(Debug)]
pub struct PackagePages<'a> {
    server: &'a HashServer,
    /// The next page; none when there is no more.
    query: Option<ListQuery>,
    page: VecDeque<PackageSummary>,
}

impl PackagePages<'_> {
    fn load(&mut self, query: ListQuery) -> Result<(), HashServerError> {
        self.server.need_api("list its packages")?;
        let url = self.server.with_query("packages", &query)?;
        let answer: ListResponse = self.server.get_json_at(&url, MAX_ANSWER_BYTES)?;
        if let Some(next) = answer.next {
            if query.after.is_some_and(|after| next <= after) {
                return Err(self.server.nonsense("its listing runs in a circle"));
            }
            let after = Some(next);
            self.query = Some(ListQuery { after, ..query });
        }
        self.page = answer.packages.into();
        Ok(())
    }
}

impl Iterator for PackagePages<'_> {
    type Item = Result<PackageSummary, HashServerError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(package) = self.page.pop_front() {
                return Some(Ok(package));
            }
            let query = self.query.take()?;
            if let Err(error) = self.load(query) {
                return Some(Err(error));
            }
        }
    }
}
