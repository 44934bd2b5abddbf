//! How fast the sled store is: opening, publishing, looking up, and what it takes on disk.
//!
//! `cargo bench -p hashget-store --bench store -- [digests]`; a million by default, and a few
//! where it is run as a test.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use hashget_store::{PackageStore, SledStore, StoreOptions};
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;

/// The digests of one package.
const PER_PACKAGE: u64 = 500;

fn digest(number: u64) -> Digest {
    Digest::of(&number.to_be_bytes())
}

fn package(number: u64) -> HashPackage {
    let files: Vec<Digest> = (number * PER_PACKAGE..(number + 1) * PER_PACKAGE)
        .map(digest)
        .collect();
    HashPackage {
        url: format!("https://example.org/pool/main/p/package_{number}_amd64.deb"),
        anchors: files.iter().copied().step_by(10).collect(),
        files,
        ..HashPackage::default()
    }
}

fn open(path: &Path) -> Result<(SledStore, Duration), Box<dyn Error>> {
    let start = Instant::now();
    let store = SledStore::open(path, StoreOptions::default())?;
    Ok((store, start.elapsed()))
}

fn report(what: &str, count: u64, took: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
    let rate = count as f64 / took.as_secs_f64();
    println!("{what:<44}{count:>10} in {took:>10.3?} {rate:>12.0}/s");
}

fn publish(store: &SledStore, from: u64, to: u64, batch: usize) -> Result<(), Box<dyn Error>> {
    let project = "bench".parse()?;
    let numbers: Vec<u64> = (from..to).collect();
    let mut took = Duration::ZERO;
    for some in numbers.chunks(batch) {
        let packages: Vec<HashPackage> = some.iter().copied().map(package).collect();
        let start = Instant::now();
        store.publish(&project, &packages)?;
        took += start.elapsed();
    }
    let digests = (to - from) * PER_PACKAGE;
    report(&format!("publish, digests, {batch} a batch"), digests, took);
    Ok(())
}

fn look_up(store: &SledStore, what: &str, numbers: Vec<u64>) -> Result<(), Box<dyn Error>> {
    let digests: Vec<Digest> = numbers.into_iter().map(digest).collect();
    let start = Instant::now();
    for some in digests.chunks(1000) {
        store.find_digests(some)?;
    }
    report(what, digests.len() as u64, start.elapsed());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let is_bench = words.iter().any(|word| word == "--bench");
    let usual: u64 = if is_bench { 1_000_000 } else { 0 };
    let wanted = words.iter().find_map(|word| word.parse().ok());
    let packages = (wanted.unwrap_or(usual) / PER_PACKAGE).max(200);
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("store");
    println!("open, new             {:?}", open(&path)?.1);
    let (store, took) = open(&path)?;
    println!("open, empty           {took:?}");
    publish(&store, 0, 100, 1)?;
    let start = Instant::now();
    drop(store);
    println!("close                 {:?}", start.elapsed());
    let (store, took) = open(&path)?;
    println!("open, 100 packages    {took:?}");
    publish(&store, 100, packages - 100, 200)?;
    publish(&store, packages - 100, packages, 1)?;
    let all = packages * PER_PACKAGE;
    let spread = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % all;
    look_up(
        &store,
        "look up, there, spread",
        (0..200_000).map(spread).collect(),
    )?;
    look_up(
        &store,
        "look up, there, by package",
        (0..all.min(200_000)).collect(),
    )?;
    look_up(&store, "look up, not there", (all..all + 200_000).collect())?;
    let start = Instant::now();
    let listed = store.summaries(
        &(1..=packages)
            .map(hashget_words::package_summary::PackageId)
            .collect::<Vec<_>>(),
    )?;
    report("summaries", listed.len() as u64, start.elapsed());
    let stats = store.stats()?;
    println!(
        "on disk               {} B/digest",
        stats.store_bytes / stats.digests
    );
    drop(store);
    println!("open, all             {:?}", open(&path)?.1);
    let (store, took) = open(&path)?;
    println!("open, all, again      {took:?}");
    let start = Instant::now();
    store.check()?;
    println!("check                 {:?}", start.elapsed());
    Ok(())
}
