//! Bodies made of files, read piece by piece on the pool of blocking threads.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody, SizedStream};
use actix_web::web;
use futures_util::Stream;
use futures_util::stream;

use crate::error::ApiError;
use crate::state::{State, blocking};

/// How much is read at a time.
const PIECE_BYTES: u64 = 256 * 1024;

/// `bytes` of a file from `start` on. The next piece is read when the client has taken the one
/// before, so that a slow client holds no thread.
pub(super) fn file_body(
    state: &web::Data<State>,
    file: File,
    start: u64,
    bytes: u64,
) -> SizedStream<impl Stream<Item = Result<web::Bytes, ApiError>> + use<>> {
    let file = Arc::new(file);
    let state = state.clone();
    let pieces = stream::try_unfold(start, move |place| {
        let (file, state) = (Arc::clone(&file), state.clone());
        async move {
            let wanted = PIECE_BYTES.min(start + bytes - place);
            if wanted == 0 {
                return Ok(None);
            }
            let piece = blocking(&state, move |_| read_piece(&file, place, wanted)).await?;
            Ok(Some((piece, place + wanted)))
        }
    });
    SizedStream::new(bytes, pieces)
}

fn read_piece(file: &File, place: u64, wanted: u64) -> Result<web::Bytes, ApiError> {
    let failed =
        |error: io::Error| ApiError::Internal(format!("a pool file cannot be read: {error}"));
    let length = usize::try_from(wanted).map_err(|error| failed(io::Error::other(error)))?;
    let mut piece = vec![0; length];
    // A file that became shorter breaks the answer off; the client sees that bytes are missing.
    file.read_exact_at(&mut piece, place).map_err(failed)?;
    Ok(piece.into())
}

/// The body that a GET would have, of which HEAD tells only the size.
pub(super) struct HeadBody(pub(super) u64);

impl MessageBody for HeadBody {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        Poll::Ready(None)
    }
}
