//! The corpora of the fuzz targets, replayed so that no found fault comes back.

use std::path::Path;

/// Gives every file of a target's corpus to `drive`.
pub fn replay_corpus(target: &str, drive: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut count = 0;
    for file in directory.read_dir().expect("a corpus") {
        let path = file.expect("a corpus file").path();
        println!("{}", path.display());
        drive(&std::fs::read(path).expect("a corpus file"));
        count += 1;
    }
    assert!(
        count >= 5,
        "{} holds only {count} files",
        directory.display()
    );
}
