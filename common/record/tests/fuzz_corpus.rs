//! Replays the corpora of the fuzz targets, so that no found fault comes back.

#[path = "../../../fuzz/src/drive.rs"]
mod drive;

use hashget_tests::replay_corpus as replay;

#[test]
fn tar() {
    replay("tar", drive::tar);
}

#[test]
fn pax() {
    replay("pax", drive::pax);
}

#[test]
fn deb() {
    replay("deb", drive::deb);
}

#[test]
fn zip() {
    replay("zip", drive::zip);
}

#[test]
fn ar() {
    replay("ar", drive::ar);
}

#[test]
fn restore_file() {
    replay("restore_file", drive::restore_file);
}

#[test]
fn record() {
    replay("record", drive::record);
}

#[test]
fn lookup_answer() {
    replay("lookup_answer", drive::lookup_answer);
}

#[test]
fn zstd_frames() {
    replay("zstd_frames", drive::zstd_frames);
}

#[test]
fn filter() {
    replay("filter", drive::filter);
}

#[test]
fn deb822() {
    replay("deb822", drive::deb822);
}

#[test]
fn content_coding() {
    replay("content_coding", drive::content_coding);
}
