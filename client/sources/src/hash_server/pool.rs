//! A hashserver's pool: which files it holds, and putting files there.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use hashget_api::{MAX_LOOKUP_KEYS, PoolHaveRequest, PoolHaveResponse};
use hashget_words::digest::Digest;
use hashget_words::hash_reader::HashReader;
use hashget_words::project::ProjectName;
use reqwest::blocking::Body;

use super::{HashServer, HashServerError, MAX_ANSWER_BYTES, ServerKind};
use crate::http::HttpError;

impl HashServer {
    /// The sizes in bytes of the files that the server's pool holds, in the order of `digests`.
    /// A tree of static files is asked with HEAD, one by one.
    pub fn pool_have(&self, digests: &[Digest]) -> Result<Vec<Option<u64>>, HashServerError> {
        self.pool_have_of(digests, None)
    }

    /// As [`HashServer::pool_have`], of the files that `project` put there: those of others may be
    /// removed by others.
    pub fn pool_have_by(
        &self,
        digests: &[Digest],
        project: &ProjectName,
    ) -> Result<Vec<Option<u64>>, HashServerError> {
        self.pool_have_of(digests, Some(project))
    }

    fn pool_have_of(
        &self,
        digests: &[Digest],
        project: Option<&ProjectName>,
    ) -> Result<Vec<Option<u64>>, HashServerError> {
        let mut sizes = vec![None; digests.len()];
        if self.kind()? == ServerKind::Static {
            for (size, digest) in sizes.iter_mut().zip(digests) {
                let url = self.pool_url(digest);
                let answer = self.ask(|| self.http.head(&url))?;
                *size = answer.size.filter(|_| answer.status == 200);
            }
            return Ok(sizes);
        }
        for (batch, places) in digests
            .chunks(MAX_LOOKUP_KEYS)
            .zip(sizes.chunks_mut(MAX_LOOKUP_KEYS))
        {
            let request = PoolHaveRequest {
                digests: batch.to_vec(),
                project: project.cloned(),
            };
            let answer: PoolHaveResponse =
                self.post_json("pool/have", &request, MAX_ANSWER_BYTES)?;
            for (place, bytes) in answer.files {
                *places
                    .get_mut(place as usize)
                    .ok_or_else(|| self.nonsense("its pool holds what was not asked for"))? =
                    Some(bytes);
            }
        }
        Ok(sizes)
    }

    /// Where the server's pool has the file with this digest, if it has it.
    pub fn pool_url(&self, digest: &Digest) -> String {
        self.place(&format!("pool/sha256/{}", digest.sharded_path()))
    }

    /// Puts a file into the server's pool for a project, which alone can remove it; the server checks its
    /// digest. Needs a token for the project. `file` is read from its start, wherever it stands.
    pub fn pool_put(
        &self,
        digest: &Digest,
        file: &File,
        size: u64,
        project: &ProjectName,
    ) -> Result<(), HashServerError> {
        self.need_api("take files into its pool")?;
        let url = format!("{}?project={project}", self.pool_url(digest));
        let copy = |source| HashServerError::Read {
            what: digest.to_string(),
            source,
        };
        // A body that is read from a file is sent once: each try needs a reader of its own.
        let readers = (0..=self.http.options().retries)
            .map(|_| Ok(FileFromStart::new(file.try_clone()?)))
            .collect::<io::Result<Vec<_>>>()
            .map_err(copy)?;
        let mut readers = readers.into_iter();
        self.ask(|| {
            self.http.retrying(&url, || {
                let body = readers.next().map_or_else(
                    || Body::from(Vec::new()),
                    |reader| Body::sized(reader, size),
                );
                self.http
                    .send_once("PUT", &url, |client| {
                        self.authorized(client.put(&url))
                            .timeout(self.upload_timeout(size))
                            .body(body)
                    })
                    .map(drop)
            })
        })
    }

    /// Copies a file of the server's pool to `out`, from its start on; its digest is checked.
    pub fn pool_get(&self, digest: &Digest, out: &mut File) -> Result<(), HashServerError> {
        let url = self.pool_url(digest);
        let got = self.ask(|| {
            self.http.retrying(&url, || {
                let response = self
                    .http
                    .send_once("GET", &url, |client| self.authorized(client.get(&url)))?;
                let copy = || -> io::Result<Digest> {
                    out.rewind()?;
                    out.set_len(0)?;
                    let mut reader = HashReader::new(response);
                    io::copy(&mut reader, out)?;
                    out.rewind()?;
                    Ok(reader.into_hasher().finish())
                };
                copy().map_err(|cause| HttpError::Body {
                    url: url.clone(),
                    cause,
                })
            })
        })?;
        if got == *digest {
            return Ok(());
        }
        Err(self.nonsense(format!("its pool has sha256:{got} as sha256:{digest}")))
    }

    /// Removes what a project put into the server's pool; needs a token for the project. `false` if it was
    /// not there, or the server removes nothing from its pool; a refusal (403) is an error.
    pub fn pool_remove(
        &self,
        digest: &Digest,
        project: &ProjectName,
    ) -> Result<bool, HashServerError> {
        self.need_api("remove files from its pool")?;
        let url = format!("{}?project={project}", self.pool_url(digest));
        let removed = self.ask(|| {
            self.http.send("DELETE", &url, |client| {
                self.authorized(client.delete(&url))
            })
        });
        match removed {
            Ok(_) => Ok(true),
            Err(HashServerError::Http(error)) if matches!(error.status(), Some(404 | 405)) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// How long an upload may take: the usual patience, and 100 µs for each byte (10 kB/s).
    pub(super) fn upload_timeout(&self, size: u64) -> Duration {
        let sending = Duration::from_micros(size.saturating_mul(100));
        self.http.options().stall_timeout.saturating_add(sending)
    }
}

/// Reads a file from its start without moving the place that other handles share.
pub(super) struct FileFromStart {
    file: File,
    at: u64,
}

impl FileFromStart {
    pub(super) fn new(file: File) -> Self {
        Self { file, at: 0 }
    }
}

impl Read for FileFromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
