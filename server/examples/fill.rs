//! Fills a data directory with generated records of realistic shape, for measurements.
//!
//! `fill DATA DIGESTS KEYS [WEBROOT]`: publishes records with DIGESTS distinct digests in all into
//! the store in DATA. Writes the paths of some of their packages (`a/...`) to KEYS, and their
//! records below WEBROOT as the original's static tree has them.
//!
//! A record has 2 to some thousand files, most have few; one file in ten is also in the record
//! before (as in versions of one package), one in twenty is an anchor.

use std::error::Error;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use hashget_store::{PackageStore, SledStore, StoreOptions};
use hashget_words::digest::Digest;
use hashget_words::hash_package::{Attributes, HashPackage};
use hashget_words::project::ProjectName;

/// How many records go in at a time.
const BATCH: usize = 250;
/// How many packages' paths are written.
const KEYS: u64 = 20_000;

struct Generator {
    next_digest: u64,
    next_package: u64,
    random: u64,
    before: Vec<Digest>,
}

impl Generator {
    fn random(&mut self) -> u64 {
        // xorshift64.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn digest(&mut self) -> Digest {
        self.next_digest += 1;
        Digest::of(&self.next_digest.to_be_bytes())
    }

    fn package(&mut self) -> HashPackage {
        let number = self.next_package;
        self.next_package += 1;
        // Sizes fall off like a power: half have fewer than 20 files, the mean is about 60.
        let fraction = 1 + self.random() % 1000;
        let count = (2 + 12_000 / (fraction + 5)).min(4000);
        let mut files = Vec::new();
        for place in 0..count {
            let shared = self.random().is_multiple_of(10);
            let old = usize::try_from(place)
                .ok()
                .and_then(|place| self.before.get(place));
            match old.filter(|_| shared).copied() {
                Some(old) => files.push(old),
                None => files.push(self.digest()),
            }
        }
        self.before.clone_from(&files);
        let name = format!(
            "package{}_{}.{}-1_amd64",
            number / 4,
            number % 4,
            number % 7
        );
        let url = format!(
            "http://example.org/pool/main/p/package{}/{name}.deb",
            number / 4
        );
        HashPackage {
            anchors: files.iter().copied().skip(3).step_by(20).collect(),
            files,
            signatures: [("deb".to_owned(), name), ("url".to_owned(), url.clone())].into(),
            hashes: vec![Digest::of(url.as_bytes()).into()],
            attrs: Attributes {
                size: Some(1000 * count),
                sum_size: Some(4000 * count),
                ..Attributes::default()
            },
            url,
            ..HashPackage::default()
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: fill DATA DIGESTS KEYS [WEBROOT]";
    let data = PathBuf::from(arguments.next().ok_or(usage)?);
    let digests: u64 = arguments.next().ok_or(usage)?.parse()?;
    let mut keys = BufWriter::new(fs::File::create(arguments.next().ok_or(usage)?)?);
    let webroot = arguments.next().map(PathBuf::from);
    fs::create_dir_all(&data)?;
    let store = SledStore::open(
        &data.join("store"),
        StoreOptions {
            cache_bytes: 256 << 20,
            ..StoreOptions::default()
        },
    )?;
    let project: ProjectName = "generated".parse()?;
    let mut generator = Generator {
        next_digest: 0,
        next_package: 0,
        random: 0x9e37_79b9_7f4a_7c15,
        before: Vec::new(),
    };
    let began = Instant::now();
    while generator.next_digest < digests {
        let first = generator.next_package;
        let packages: Vec<HashPackage> = (0..BATCH).map(|_| generator.package()).collect();
        store.publish(&project, &packages)?;
        if first < KEYS {
            for package in &packages {
                write_static(package, &mut keys, webroot.as_deref())?;
            }
        }
    }
    keys.flush()?;
    drop(store);
    println!(
        "packages {}, digests {}, seconds {:.1}",
        generator.next_package,
        generator.next_digest,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

fn write_static(
    package: &HashPackage,
    keys: &mut impl Write,
    webroot: Option<&Path>,
) -> Result<(), Box<dyn Error>> {
    let Some(digest) = package.digest() else {
        return Ok(());
    };
    let path = format!("a/{}", digest.sharded_path());
    writeln!(keys, "{path}")?;
    if let Some(webroot) = webroot {
        let place = webroot.join(path);
        fs::create_dir_all(place.parent().ok_or("no parent")?)?;
        fs::write(place, serde_json::to_vec(package)?)?;
    }
    Ok(())
}
