//! Packages of random kinds that hold given contents: in a pool or on a web server, and indexed.

use std::collections::HashSet;
use std::convert::Infallible;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hashget_engine::index::{RecordOptions, index_package};
use hashget_sources::hash_db::{Found, FoundPackage, PackageLookup};
use hashget_sources::sources::{LocalPackage, Origin};
use hashget_tests::Random;
use hashget_tests::compression::Compression;
use hashget_tests::deb_builder::DebBuilder;
use hashget_tests::tar_builder::TarBuilder;
use hashget_tests::zip_builder::ZipBuilder;
use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::hash_package::HashPackage;

/// Where packages of a case lie.
pub(crate) struct Places<'a> {
    /// A directory pool.
    pub(crate) pool: &'a Path,
    /// A directory that a web server shows at `url`.
    pub(crate) www: &'a Path,
    /// The URL of that directory, with a final slash.
    pub(crate) url: String,
}

/// The records of a case's packages.
#[derive(Default)]
pub(crate) struct Records(Vec<HashPackage>);

impl Records {
    /// Puts random parts of `contents` into packages, and indexes these.
    pub(crate) fn of(
        contents: &[Vec<u8>],
        places: &Places<'_>,
        options: &RecordOptions,
        random: &mut Random,
    ) -> Self {
        let mut chosen: Vec<&[u8]> = Vec::new();
        for content in contents {
            if random.one_in(2) {
                chosen.push(content);
            }
        }
        let mut records = Self::default();
        while !chosen.is_empty() {
            let count = 1 + random.below(6.min(chosen.len() as u64));
            let held = chosen.split_off(chosen.len() - usize::try_from(count).unwrap());
            let package = build(&held, options.recursive, random);
            let name = format!("package-{}", records.0.len());
            let (path, url) = if random.one_in(2) {
                (places.pool.join(&name), format!("pool-{name}"))
            } else {
                (places.www.join(&name), format!("{}{name}", places.url))
            };
            fs::write(&path, &package).unwrap();
            records.0.push(record(path, &package, &url, options));
        }
        records
    }
}

fn record(path: PathBuf, bytes: &[u8], url: &str, options: &RecordOptions) -> HashPackage {
    let package = LocalPackage {
        file: File::open(&path).unwrap(),
        path,
        sha256: Digest::of(bytes),
        size: bytes.len() as u64,
        origin: Origin::Given,
    };
    let indexed = index_package(&package, url, &[], options).unwrap();
    indexed.record
}

/// One package with these contents and others.
fn build(contents: &[&[u8]], recursive: bool, random: &mut Random) -> Vec<u8> {
    if contents.len() == 1 && random.one_in(3) {
        // A file of the tree that can be downloaded as it is.
        return contents[0].to_vec();
    }
    let other = random.bytes(2000);
    let compression = *random.pick(&Compression::ALL);
    let mut package = match random.below(3) {
        0 => {
            let mut deb = DebBuilder::new().compression(compression);
            deb = deb.control("Package: p\nVersion: 1\nArchitecture: all\n");
            deb = deb.file("usr/other", &other);
            for (number, content) in contents.iter().enumerate() {
                deb = deb.file(format!("usr/file{number}"), content);
            }
            deb.build()
        }
        1 => {
            let mut zip = ZipBuilder::new().directory("d/");
            if random.one_in(2) {
                zip = zip.with_descriptors();
            }
            for (number, content) in contents.iter().enumerate() {
                zip = zip.file(format!("d/file{number}"), content);
            }
            zip.build()
        }
        _ => {
            let mut tar = TarBuilder::new().file("other", &other);
            for (number, content) in contents.iter().enumerate() {
                tar = tar.file(format!("file{number}"), content);
            }
            tar.build_compressed(compression)
        }
    };
    if recursive && random.one_in(2) {
        let inner = TarBuilder::new().file("inner.package", &package);
        package = inner.build_compressed(Compression::Gzip);
    }
    package
}

impl PackageLookup for Records {
    type Error = Infallible;

    fn find(&self, digests: &[Digest], _needed: Expiry) -> Result<Found, Infallible> {
        let held: Vec<Vec<Digest>> = self.0.iter().map(HashPackage::all_digests).collect();
        let package = |record: &HashPackage| FoundPackage {
            sha256: record.digest().unwrap(),
            url: record.url.clone(),
            size: record.attrs.size,
            expires: record.expires,
            project: "test".parse().unwrap(),
            vouched: hashget_sources::hash_db::Vouched::Own,
        };
        let holders = |digest: &Digest| {
            let holds = |place: &usize| held[*place].contains(digest);
            (0..held.len()).filter(holds).collect::<Vec<_>>()
        };
        Ok(Found {
            packages: self.0.iter().map(package).collect(),
            matches: digests.iter().map(holders).collect(),
        })
    }

    fn ahead<T>(
        &self,
        _needed: Expiry,
        work: impl FnOnce(&(dyn Fn(&[Digest]) + Sync)) -> T,
    ) -> (T, impl PackageLookup<Error = Infallible>) {
        let told = Mutex::new(HashSet::new());
        let done = work(&|digests| told.lock().unwrap().extend(digests.iter().copied()));
        let told = told.into_inner().unwrap();
        let records = self;
        (done, LookedAhead { records, told })
    }
}

/// Records that were told digests while these became known.
struct LookedAhead<'a> {
    records: &'a Records,
    told: HashSet<Digest>,
}

impl PackageLookup for LookedAhead<'_> {
    type Error = Infallible;

    fn find(&self, digests: &[Digest], needed: Expiry) -> Result<Found, Infallible> {
        let untold = digests.iter().find(|digest| !self.told.contains(digest));
        assert_eq!(untold, None, "each is told as soon as it is known");
        self.records.find(digests, needed)
    }
}
