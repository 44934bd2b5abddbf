//! The original's way to offer a package: the file itself, which the server indexes.

use std::fs::File;

use hashget_words::digest::Digest;
use hashget_words::hash_package::{is_http, url_name};
use hashget_words::rel_path::display_bytes;
use regex::RegexBuilder;
use reqwest::blocking::multipart::{Form, Part};

use super::pool::FileFromStart;
use super::{HashServer, HashServerError};
use crate::http::read_body;

/// What became of a submitted package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// The server does not want packages of this URL; nothing was sent.
    NotAccepted,
    /// The server has it already; nothing was sent.
    AlreadyKnown,
    /// It was sent.
    Sent {
        /// The status of the answer.
        status: u16,
        /// The answer's text, escaped for showing.
        text: String,
    },
}

/// More than this of the answer is not read.
const MAX_ANSWER_BYTES: u64 = 64 << 10;
/// A pattern that compiles to more than this is not tried.
const MAX_PATTERN_BYTES: usize = 1 << 20;

impl HashServer {
    /// Offers the package at `url` if the server accepts such and does not have it. Fails if the
    /// server refuses what it said it would take.
    pub fn submit(
        &self,
        url: &str,
        digest: &Digest,
        file: &File,
        size: u64,
    ) -> Result<SubmitOutcome, HashServerError> {
        // Where there is no hashserver, nothing is accepted, and nobody would be told why.
        self.kind()?;
        if !self.accepts(url)? {
            return Ok(SubmitOutcome::NotAccepted);
        }
        let known = self.place(&format!("a/{}", digest.sharded_path()));
        match self.ask(|| self.http.head(&known))?.status {
            404 => {}
            200 => return Ok(SubmitOutcome::AlreadyKnown),
            status => return Err(self.nonsense(format!("HEAD of {known} gave status {status}"))),
        }
        let copy = file.try_clone().map_err(|source| HashServerError::Read {
            what: display_bytes(url.as_bytes()).into_owned(),
            source,
        })?;
        let submit = self.config()?.submit.as_str();
        let part = Part::reader_with_length(FileFromStart::new(copy), size)
            .file_name(url_name(url).to_owned());
        let form = Form::new()
            .text("url", url.to_owned())
            .text("size", size.to_string())
            .part("package", part);
        self.ask(|| {
            let response = self.http.send_once("POST", submit, |client| {
                let request = client.post(submit).multipart(form);
                // A token is for this server only, wherever its settings send packages.
                let request = if submit.starts_with(self.url()) {
                    self.authorized(request)
                } else {
                    request
                };
                request.timeout(self.upload_timeout(size))
            })?;
            let status = response.status().as_u16();
            let body = read_body(response, submit, MAX_ANSWER_BYTES)?;
            let text = display_bytes(body.trim_ascii()).into_owned();
            Ok(SubmitOutcome::Sent { status, text })
        })
    }

    /// Whether the server takes packages of this URL. Patterns that this program cannot read are
    /// passed over.
    pub fn accepts(&self, url: &str) -> Result<bool, HashServerError> {
        let config = self.config()?;
        Ok(is_http(url)
            && config.accept_url.iter().any(|pattern| {
                RegexBuilder::new(pattern)
                    .size_limit(MAX_PATTERN_BYTES)
                    .build()
                    .is_ok_and(|pattern| pattern.is_match(url))
            }))
    }
}
