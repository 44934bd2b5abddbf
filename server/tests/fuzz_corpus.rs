//! Replays the corpora of the fuzz targets, so that no found fault comes back.

#[path = "../../fuzz/src/drive_server.rs"]
mod drive_server;

use hashget_tests::replay_corpus as replay;

#[test]
fn form_head() {
    replay("form_head", drive_server::form_head);
}

#[test]
fn framing() {
    replay("framing", drive_server::framing);
}
