//! What the fuzz targets of the server do with their input; `server/tests/fuzz_corpus.rs` replays the
//! corpora through the same functions, without a fuzzer.

#![allow(dead_code, reason = "each target uses one of these functions")]

#[path = "../../server/src/wire/framing.rs"]
mod framing;
#[path = "../../server/src/form_head.rs"]
mod reader;

/// The beginning of a form. The first line is the header `Content-Type`.
pub(crate) fn form_head(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (header, body) = data.split_at(end.unwrap_or(data.len()));
    let (Ok(header), Some(body)) = (std::str::from_utf8(header), body.get(1..)) else {
        return;
    };
    for name in ["url", "project", "expires"] {
        if let Some(value) = reader::field(header, body, name) {
            assert!(value.len() <= body.len());
        }
    }
}

/// What a connection brings; the first byte tells in which pieces. What is refused does not depend on them.
pub(crate) fn framing(data: &[u8]) {
    let Some((piece, request)) = data.split_first() else {
        return;
    };
    let checked = |piece: usize| {
        let mut bytes = request.to_vec();
        let mut framing = framing::Framing::default();
        bytes
            .chunks_mut(piece)
            .for_each(|piece| framing.check(piece));
        bytes
    };
    let whole = checked(usize::MAX);
    assert!(whole == checked(usize::from(*piece).max(1)));
    // What was refused once goes on being refused.
    let spoilt = whole
        .iter()
        .zip(request)
        .position(|(now, then)| now != then);
    if let Some(at) = spoilt {
        assert!(whole[at + 1..].iter().all(|byte| *byte == 0));
    }
}
