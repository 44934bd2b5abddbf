//! `POST api/v1/packages/fetch`: a stream of records.

use std::io::{self, Write};
use std::vec;

use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY,
};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use hashget_api::{FetchRequest, FetchedPackage};
use hashget_words::package_summary::PackageId;
use zstd::stream::write::Encoder;

use crate::auth::Reader;
use crate::body::{Body, parse_json};
use crate::error::ApiError;
use crate::memory_budget::Share;
use crate::routes::check_batch;
use crate::state::State;
use crate::view::{View, blocking};

/// A piece is sent when it has this many bytes.
const PIECE_BYTES: usize = 256 * 1024;
const ZSTD_LEVEL: i32 = 3;

pub(super) async fn fetch(
    reader: Reader,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let limits = state.settings.limits;
    let body = Body::new(&request, payload, limits.query_bytes, limits)?
        .read()
        .await?;
    let compress = accepts_zstd(&request);
    let first = blocking(&state, reader.clone(), move |state| {
        let question: FetchRequest = parse_json(&body)?;
        check_batch("packages", question.ids.len(), limits.batch_packages)?;
        Records::new(question.ids, compress)?.next_piece(state)
    });
    let (piece, records) = first.await?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, "application/x-ndjson"));
    answer.insert_header((CACHE_CONTROL, "no-store"));
    answer.insert_header((VARY, "Accept-Encoding"));
    if compress {
        answer.insert_header((CONTENT_ENCODING, "zstd"));
    }
    // Each piece is made when the client has taken the one before: a slow client holds neither
    // a thread nor more than one piece.
    let rest = stream::try_unfold((Some(piece), records), move |(made, records)| {
        let (state, reader) = (state.clone(), reader.clone());
        async move {
            match (made, records) {
                (Some(piece), records) => Ok(Some((piece, (None, records)))),
                (None, Some(records)) => {
                    let (piece, records) =
                        blocking(&state, reader, move |state| records.next_piece(state)).await?;
                    Ok::<_, ApiError>(Some((piece, (None, records))))
                }
                (None, None) => Ok(None),
            }
        }
    });
    Ok(answer.streaming(rest))
}

fn accepts_zstd(request: &HttpRequest) -> bool {
    let values = request.headers().get_all(ACCEPT_ENCODING);
    values.filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|coding| {
            let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
            let quality = quality.trim().strip_prefix("q=");
            let refused = quality.is_some_and(|q| q.parse().is_ok_and(|q: f32| q <= 0.0));
            name.trim().eq_ignore_ascii_case("zstd") && !refused
        })
    })
}

/// The records still to be sent, and where they go.
struct Records {
    ids: vec::IntoIter<PackageId>,
    output: Output,
    /// What the piece takes that is being made.
    shares: Vec<Share>,
}

enum Output {
    Plain(Vec<u8>),
    Zstd(Encoder<'static, Vec<u8>>),
}

impl Records {
    fn new(ids: Vec<PackageId>, compress: bool) -> Result<Self, ApiError> {
        let output = if compress {
            Output::Zstd(
                Encoder::new(Vec::new(), ZSTD_LEVEL).map_err(|error| cannot_write(&error))?,
            )
        } else {
            Output::Plain(Vec::new())
        };
        let ids = ids.into_iter();
        let shares = Vec::new();
        Ok(Self {
            ids,
            output,
            shares,
        })
    }

    /// The next piece of the body, and the rest if it was not the last.
    fn next_piece(mut self, state: &View<'_>) -> Result<(web::Bytes, Option<Self>), ApiError> {
        while self.output.buffer().len() < PIECE_BYTES {
            let Some(id) = self.ids.next() else {
                let last = self.output.finish().map_err(|error| cannot_write(&error))?;
                return Ok((counted(last, self.shares), None));
            };
            let Some(found) = state.record(id)? else {
                continue;
            };
            // Until the piece is taken: the record may be most of it.
            let (stored, share) = found.into_parts();
            self.shares.extend(share);
            if !state.is_expired(stored.package.expires) {
                let line = FetchedPackage {
                    id: stored.id,
                    project: stored.project,
                    package: stored.package,
                };
                self.output
                    .line(&line)
                    .map_err(|error| cannot_write(&error))?;
            }
        }
        let piece = std::mem::take(self.output.buffer());
        let shares = std::mem::take(&mut self.shares);
        Ok((counted(piece, shares), Some(self)))
    }
}

/// A piece that takes its shares of the memory until it is sent.
fn counted(bytes: Vec<u8>, shares: Vec<Share>) -> web::Bytes {
    struct Counted(
        Vec<u8>,
        #[expect(dead_code, reason = "it counts until it is dropped")] Vec<Share>,
    );
    impl AsRef<[u8]> for Counted {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    web::Bytes::from_owner(Counted(bytes, shares))
}

impl Output {
    fn buffer(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Plain(buffer) => buffer,
            Self::Zstd(encoder) => encoder.get_mut(),
        }
    }

    fn line(&mut self, package: &FetchedPackage) -> io::Result<()> {
        let writer: &mut dyn Write = match self {
            Self::Plain(buffer) => buffer,
            Self::Zstd(encoder) => encoder,
        };
        serde_json::to_writer(&mut *writer, package)?;
        writer.write_all(b"\n")
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain(buffer) => Ok(buffer),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

fn cannot_write(error: &io::Error) -> ApiError {
    ApiError::Internal(format!("a record cannot be written: {error}"))
}
