//! Reading a compressed tar by one thread and by all, and hashing its members in lanes and one by
//! one, in the same run: `cargo bench -p hashget-archive --bench archive`.

use std::convert::Infallible;
use std::hint::black_box;
use std::io::{self, Read, Write as _};
use std::time::Instant;

use hashget_archive::{ArchiveOptions, Entry, Input, read_archive};
use hashget_tests::tar_builder::TarBuilder;
use hashget_words::content_batch::ContentBatch;
use hashget_words::hash_reader::Hasher;
use liblzma::stream::MtStreamBuilder;
use liblzma::write::XzEncoder;

const MEMBERS: u32 = 4000;

/// Text of a few words, which compresses about as sources do.
fn content(number: u32) -> Vec<u8> {
    let mut state = number.wrapping_mul(2_654_435_761) | 1;
    let mut text = Vec::new();
    for _ in 0..2000 {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let word = [
            "static ", "return ", "struct ", "if (", "0x", "\n\t", "->", "device ",
        ];
        let [letter, choice, ..] = state.to_be_bytes();
        text.extend_from_slice(word[usize::from(choice) % word.len()].as_bytes());
        text.push(b'a' + letter % 26);
    }
    text
}

fn packed() -> Vec<u8> {
    let tar = (0..MEMBERS).fold(TarBuilder::new(), |tar, number| {
        tar.file(format!("f{number}"), content(number))
    });
    let mut blocks = MtStreamBuilder::new();
    blocks.threads(2).block_size(4 << 20).preset(1);
    let mut encoder = XzEncoder::new_stream(Vec::new(), blocks.encoder().expect("an encoder"));
    encoder.write_all(&tar.build()).expect("memory");
    encoder.finish().expect("memory")
}

/// The best of a few rounds, in MB/s of the `bytes` that came out.
fn rate(bytes: u64, mut read: impl FnMut()) -> f64 {
    let round = || {
        let start = Instant::now();
        read();
        start.elapsed().as_secs_f64()
    };
    let best = std::iter::repeat_with(round)
        .take(5)
        .fold(f64::INFINITY, f64::min);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let megabytes = bytes as f64 / 1e6;
    megabytes / best
}

fn read(packed: &[u8], threads: u32, visit: &mut dyn FnMut(&Entry, &mut dyn Read)) {
    let options = ArchiveOptions {
        threads,
        ..ArchiveOptions::default()
    };
    let mut stream = packed;
    let done = read_archive(
        Input::Stream(&mut stream),
        &options,
        &mut |entry, content| {
            visit(entry, content);
            Ok::<(), Infallible>(())
        },
    );
    black_box(done.is_ok());
}

fn main() {
    let packed = packed();
    let mut bytes = 0;
    read(&packed, 1, &mut |entry, _| bytes += entry.size.unwrap_or(0));
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let processors = u32::try_from(processors).unwrap_or(1);
    let row = |what: &str, threads: u32, rate: f64| println!("{what:<24} {threads:>7} {rate:>8.0}");
    println!("{:<24} {:>7} {:>8}", "members are", "threads", "MB/s");
    for threads in [1, processors] {
        let passed = rate(bytes, || read(&packed, threads, &mut |_, _| {}));
        row("passed", threads, passed);
        let hashed = rate(bytes, || {
            read(&packed, threads, &mut |_, content| {
                let mut hasher = Hasher::new();
                black_box(io::copy(content, &mut hasher).is_ok());
                black_box(hasher.finish());
            });
        });
        row("hashed one by one", threads, hashed);
        let in_lanes = rate(bytes, || {
            let mut batch = ContentBatch::new();
            let drain = |batch: &mut ContentBatch<()>| {
                let done: Result<(), Infallible> = batch.drain(|(), digest, _| {
                    black_box(digest);
                    Ok(())
                });
                black_box(done.is_ok());
            };
            read(&packed, threads, &mut |_, content| {
                let max = ContentBatch::<()>::MAX_CONTENT_BYTES;
                black_box(batch.take(content, max, ()).is_ok());
                if batch.is_full() {
                    drain(&mut batch);
                }
            });
            drain(&mut batch);
        });
        row("hashed in lanes", threads, in_lanes);
    }
}
