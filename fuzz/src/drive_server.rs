//! What the fuzz target of the server does with its input; `server/tests/fuzz_corpus.rs` replays the
//! corpus through the same function, without a fuzzer.

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
