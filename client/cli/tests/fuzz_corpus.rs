//! Replays the corpora of the fuzz targets, so that no found fault comes back.

#[path = "../../../fuzz/src/drive_client.rs"]
mod drive_client;
#[path = "../../../fuzz/src/drive_delta.rs"]
mod drive_delta;

use hashget_tests::replay_corpus as replay;

#[test]
fn patch() {
    replay("patch", drive_delta::apply_patch);
}

#[test]
fn block_signature() {
    replay("block_signature", drive_delta::block_signature);
}

#[test]
fn change_list() {
    replay("change_list", drive_client::change_list);
}

#[test]
fn series_manifest() {
    replay("series_manifest", drive_client::series_manifest);
}

#[test]
fn delta_manifest() {
    replay("delta_manifest", drive_client::delta_manifest);
}

#[test]
fn delta_index() {
    replay("delta_index", drive_client::delta_index);
}

#[test]
fn snapshot_record() {
    replay("snapshot_record", drive_client::snapshot_record);
}

#[test]
fn hash_cache() {
    replay("hash_cache", drive_client::hash_cache);
}

#[test]
fn journal() {
    replay("journal", drive_client::journal);
}

#[test]
fn patterns() {
    replay("patterns", drive_client::patterns);
}

#[test]
fn settings() {
    replay("settings", drive_client::settings);
}
