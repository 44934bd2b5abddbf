use std::fs;
use std::path::Path;

use hashget_tests::compression::Compression;
use hashget_tests::tar_builder::TarBuilder;

use super::*;
use crate::index::bench::{Bench, content_of, deb, record};

fn options(directory: &Path) -> GetOptions {
    GetOptions {
        out_dir: directory.to_owned(),
        recursive: false,
        overwrite: false,
        limits: Limits::default(),
    }
}

fn run(bench: &Bench, spec: &str) -> Result<GotFile, GetError> {
    let directory = bench.root();
    bench.run(|services| get(&spec.parse().unwrap(), &options(&directory), services))
}

fn spec(content: &[u8]) -> String {
    format!("sha256:{}", Digest::of(content))
}

#[test]
fn a_file_comes_out_of_its_package() {
    let bench = Bench::new();
    let (package, content) = (deb("a", "1"), content_of("a"));
    let url = bench.site.put("/a_1_all.deb", &*package);
    bench.save("p", &record(&url, &package, &content));
    let got = run(&bench, &spec(&content)).unwrap();
    assert_eq!(got.path, bench.root().join("a"));
    assert_eq!(
        (got.size, got.url, got.unchanged),
        (200_000, Some(url), false)
    );
    assert_eq!(fs::read(&got.path).unwrap(), content);
    assert!(run(&bench, &spec(&content)).unwrap().unchanged);

    fs::write(&got.path, "precious").unwrap();
    assert!(matches!(
        run(&bench, &spec(&content)),
        Err(GetError::Exists { .. })
    ));
    assert_eq!(fs::read(&got.path).unwrap(), b"precious");
    assert_eq!(fs::read_dir(bench.root()).unwrap().count(), 1);
}

#[test]
fn a_package_comes_whole_by_hash_signature_or_name() {
    let bench = Bench::new();
    let (package, content) = (deb("a", "1"), content_of("a"));
    let url = bench.site.put("/a_1_all.deb", &*package);
    let mut record = record(&url, &package, &content);
    record
        .signatures
        .insert("deb".to_owned(), "a_1_all".to_owned());
    bench.save("p", &record);
    for (place, text) in [
        &spec(&package),
        "a_1_all",
        "a_1_all.deb",
        &format!("url:{url}"),
    ]
    .into_iter()
    .enumerate()
    {
        let got = run(&bench, text).unwrap();
        assert_eq!(got.path, bench.root().join("a_1_all.deb"), "{text}");
        assert_eq!(got.unchanged, place > 0);
        assert_eq!(fs::read(&got.path).unwrap(), package);
    }
}

#[test]
fn a_dead_and_a_lying_package_are_passed_over() {
    let bench = Bench::new();
    let content = content_of("a");
    let dead = bench.site.url("/dead.deb");
    bench.save("p", &record(&dead, b"dead", &content));
    let (liar, good) = (deb("liar", "1"), deb("a", "1"));
    let url = bench.site.put("/liar.deb", &*liar);
    bench.save("p", &record(&url, &liar, &content));
    assert!(matches!(
        run(&bench, &spec(&content)),
        Err(GetError::Failed { packages: 2, .. })
    ));
    assert_eq!(bench.problems().len(), 2);
    let url = bench.site.put("/good.deb", &*good);
    bench.save("p", &record(&url, &good, &content));
    assert_eq!(run(&bench, &spec(&content)).unwrap().url, Some(url));
}

#[test]
fn what_nobody_knows_is_an_error() {
    let bench = Bench::new();
    for text in [&spec(b"nothing"), "nothing_1_all.deb"] {
        assert!(matches!(run(&bench, text), Err(GetError::Unknown { .. })));
    }
    assert_eq!(fs::read_dir(bench.root()).unwrap().count(), 0);
}

#[test]
fn a_single_compressed_file_is_named_by_its_url() {
    let bench = Bench::new();
    let content = content_of("log");
    let package = Compression::Xz.compress(&content);
    let url = bench.site.put("/x/notes.txt.xz", &*package);
    bench.save("p", &record(&url, &package, &content));
    let got = run(&bench, &spec(&content)).unwrap();
    assert_eq!(got.path, bench.root().join("notes.txt"));
}

#[test]
fn hostile_names_stay_in_the_directory() {
    let bench = Bench::new();
    let content = content_of("x");
    for (place, name) in ["../../evil", "/etc/evil", "..", "a/\n"]
        .into_iter()
        .enumerate()
    {
        let package = TarBuilder::new()
            .file("unlike", vec![0; place + 2000])
            .file(name, &content)
            .build();
        let url = bench.site.put(&format!("/{place}.tar"), &*package);
        let bench = Bench::new();
        bench.save("p", &record(&url, &package, &content));
        let got = run(&bench, &spec(&content)).unwrap();
        assert_eq!(got.path.parent(), Some(&*bench.root()), "{name:?}");
    }
}

#[test]
fn archives_inside_are_searched_when_asked_for() {
    let bench = Bench::new();
    let content = content_of("x");
    let inner = TarBuilder::new()
        .file("deep", &content)
        .build_compressed(Compression::Gzip);
    let package = TarBuilder::new().file("inner.tar.gz", inner).build();
    let url = bench.site.put("/a.tar", &*package);
    bench.save("p", &record(&url, &package, &content));
    assert!(run(&bench, &spec(&content)).is_err());
    let options = GetOptions {
        recursive: true,
        ..options(&bench.root())
    };
    let spec = spec(&content).parse().unwrap();
    let got = bench
        .run(|services| get(&spec, &options, services))
        .unwrap();
    assert_eq!(got.path, bench.root().join("deep"));
}
