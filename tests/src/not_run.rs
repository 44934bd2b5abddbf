//! Tests that this machine cannot run say so, and never count as passed in silence.

use std::fs::OpenOptions;
use std::io::Write;

/// Reports a test that cannot run here, and why: on standard error past the test runner's capture, and in the file
/// that `HASHGET_NOT_RUN` names, one line a test, for a summary.
#[expect(clippy::unwrap_used, reason = "a report that is lost would be a lie")]
pub fn not_run(test: &str, why: &str) {
    let line = format!("not run: {test}: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    if let Some(path) = std::env::var_os("HASHGET_NOT_RUN") {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}
