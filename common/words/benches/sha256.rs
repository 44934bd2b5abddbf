//! SHA-256 of many messages at once against `sha2`, in the same run: `cargo bench -p hashget-common`.

use std::hint::black_box;
use std::time::Instant;

use hashget_words::digest::Digest;
use hashget_words::sha256_lanes::{digest_many, lanes};

/// The best of a few rounds, in MB/s.
fn rate(bytes: usize, mut hash: impl FnMut()) -> f64 {
    let round = || {
        let start = Instant::now();
        hash();
        start.elapsed().as_secs_f64()
    };
    let best = std::iter::repeat_with(round)
        .take(5)
        .fold(f64::INFINITY, f64::min);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let megabytes = bytes as f64 / 1e6;
    megabytes / best
}

fn main() {
    println!("lanes: {}", lanes());
    println!(
        "{:>10} {:>12} {:>12} {:>6}",
        "bytes", "sha2 MB/s", "lanes MB/s", "ratio"
    );
    for length in [512, 1350, 8 << 10, 64 << 10, 1 << 20] {
        let count = (64 << 20) / length;
        let data = vec![0x5A_u8; length * count];
        let messages: Vec<&[u8]> = data.chunks_exact(length).collect();
        let one = rate(data.len(), || {
            for message in &messages {
                black_box(Digest::of(message));
            }
        });
        let many = rate(data.len(), || {
            black_box(digest_many(&messages));
        });
        println!("{length:>10} {one:>12.0} {many:>12.0} {:>6.1}", many / one);
    }
}
