//! The order of fallback: every source that fails is passed over, said so, and the tree is exact.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use hashget_tests::compression::Compression;
use hashget_tests::fault_server::{Fault, FaultServer, Reply, dead_url};
use hashget_tests::tar_builder::TarBuilder;
use hashget_tests::{Random, assert_same_tree};
use hashget_words::digest::Digest;
use tempfile::TempDir;

use hashget_tests::programs::{Client, all_text};

/// A tree of one package, packed; the package's URLs can be chosen anew.
struct World {
    dir: TempDir,
    package: Vec<u8>,
}

const FILES: [&str; 3] = ["one.bin", "two.bin", "three.bin"];

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir(&tree).unwrap();
        let mut random = Random::new(11);
        let mut tar = TarBuilder::new();
        for name in FILES {
            let content = random.bytes(120_000);
            fs::write(tree.join(name), &content).unwrap();
            tar = tar.file(name, content);
        }
        fs::write(tree.join("own"), "only here").unwrap();
        let package = tar.build_compressed(Compression::Gzip);
        let world = Self { dir, package };
        fs::write(world.path("package.tar.gz"), &world.package).unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Packs the tree, its package known to be at the first URL, and puts all URLs into the
    /// restore file of the unpacked archive.
    fn unpacked(&self, urls: &[String]) -> PathBuf {
        let client = Client::new(self.path("packer"));
        let file = self.text("package.tar.gz");
        let (archive, tree) = (self.text("a.tar.gz"), self.text("tree"));
        client.hashget([
            "--submit",
            &urls[0],
            "-p",
            "p",
            "--file",
            &file,
            "--hashserver",
        ]);
        client.hashget(["-zf", &archive, "--pack", &tree, "--hashserver"]);
        let unpacked = self.path("unpacked");
        fs::create_dir(&unpacked).unwrap();
        let mut tar = std::process::Command::new("tar");
        hashget_tests::programs::succeed(tar.args(["-xzpf", &archive, "-C"]).arg(&unpacked));
        let at = unpacked.join(".hashget-restore.json");
        let json = fs::read_to_string(&at).unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&json).unwrap();
        json["packages"][0]["urls"] = urls[1..].into();
        json.as_object_mut().unwrap().remove("check");
        let times = fs::metadata(&unpacked).unwrap().modified().unwrap();
        fs::write(&at, json.to_string()).unwrap();
        fs::File::open(&unpacked)
            .unwrap()
            .set_modified(times)
            .unwrap();
        unpacked
    }

    fn restore(&self, directory: &Path, more: &[&str]) -> Output {
        let directory = directory.to_str().unwrap();
        let mut command = Client::new(self.path("restorer")).command("hashget");
        command.args(["-u", directory, "--timeout", "1"]).args(more);
        command.output().unwrap()
    }

    fn good(&self) -> FaultServer {
        let package = self.package.clone();
        FaultServer::start(move |request| Reply::file(request, &package, "\"1\""))
    }
}

fn faulty(package: Vec<u8>) -> FaultServer {
    FaultServer::start(move |request| {
        let whole = Reply::new(200, package.clone());
        match request.path.as_str() {
            "/wrong" => Reply::new(200, vec![b'x'; package.len()]),
            "/other" => Reply::new(200, "a page that says that the file has moved"),
            "/short" => Reply::new(200, &package[..package.len() / 2]),
            "/cut" => whole.failing(Fault::CutAfter(1000)),
            "/stalled" => whole.failing(Fault::StallAfter(1000)),
            "/silent" => whole.failing(Fault::Silence),
            "/reset" => whole.failing(Fault::NoAnswer),
            "/500" => Reply::new(500, "sorry"),
            "/503" => Reply::new(503, "").with("Retry-After", "3600"),
            "/loop" => Reply::redirect("/loop"),
            _ => Reply::not_found(),
        }
    })
}

#[test]
fn every_source_that_fails_is_passed_over_and_named() {
    let world = World::new();
    let (faulty, good) = (faulty(world.package.clone()), world.good());
    let paths = [
        "/wrong", "/other", "/short", "/cut", "/stalled", "/silent", "/reset", "/500", "/503",
        "/loop", "/404",
    ];
    let mut urls = vec![dead_url("/dead")];
    urls.extend(paths.map(|path| faulty.url(path)));
    urls.push(good.url("/good"));
    let directory = world.unpacked(&urls);
    let pool = world.path("pool");
    let damaged = pool
        .join("sha256")
        .join(Digest::of(&world.package).sharded_path());
    fs::create_dir_all(damaged.parent().unwrap()).unwrap();
    fs::write(&damaged, "damaged").unwrap();
    let started = Instant::now();
    let hashserver = faulty.url("/silent");
    let more = [
        "--pool",
        pool.to_str().unwrap(),
        "--hashserver",
        &hashserver,
    ];
    let output = world.restore(&directory, &more);
    let told = all_text(&output);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{told}");
    assert_same_tree(&world.path("tree"), &directory);
    assert!(!told.contains("panicked"), "{told}");
    for url in urls.iter().take(urls.len() - 1) {
        assert!(told.contains(url.as_str()), "{url} is not named:\n{told}");
    }
    assert!(
        told.contains("is damaged"),
        "the pool is not named:\n{told}"
    );
    assert_eq!(good.log(), ["GET /good"]);
    // A server that asks to come again in an hour is not waited for: there are others.
    assert!(started.elapsed() < Duration::from_secs(60));
    // The pool has been put right.
    assert_eq!(fs::read(&damaged).unwrap(), world.package);
}

#[test]
fn with_nothing_left_every_source_is_named_and_nothing_is_placed() {
    let world = World::new();
    let faulty = faulty(world.package.clone());
    let urls = ["/wrong", "/short", "/loop", "/404"].map(|path| faulty.url(path));
    let directory = world.unpacked(&urls);
    let output = world.restore(&directory, &["--hashserver"]);
    let told = all_text(&output);
    assert!(!output.status.success(), "{told}");
    for text in urls.iter().map(String::as_str).chain(FILES) {
        assert!(told.contains(text), "{text} is not named:\n{told}");
    }
    for name in FILES {
        assert!(!directory.join(name).exists());
    }
    // The restore file stays, and a later run with a source that works completes the tree.
    let pool = world.path("pool");
    fs::create_dir(&pool).unwrap();
    fs::write(pool.join("any name"), &world.package).unwrap();
    let output = world.restore(
        &directory,
        &["--pool", pool.to_str().unwrap(), "--hashserver"],
    );
    assert!(output.status.success(), "{}", all_text(&output));
    assert_same_tree(&world.path("tree"), &directory);
}

#[test]
fn a_hashserver_that_is_not_needed_costs_little() {
    let world = World::new();
    let good = world.good();
    let directory = world.unpacked(&[good.url("/good")]);
    let silent = FaultServer::start(|_| Reply::new(200, "").failing(Fault::Silence));
    let broken = FaultServer::start(|_| Reply::new(500, "<html>broken</html>"));
    for server in [dead_url("/"), silent.url("/"), broken.url("/")] {
        let copy = world.path("copy");
        let mut cp = std::process::Command::new("cp");
        hashget_tests::programs::succeed(cp.arg("-a").args([&directory, &copy]));
        let started = Instant::now();
        let output = world.restore(&copy, &["--hashserver", &server]);
        let told = all_text(&output);
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert_same_tree(&world.path("tree"), &copy);
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "{server}: {told}"
        );
        fs::remove_dir_all(&copy).unwrap();
        fs::remove_dir_all(world.path("restorer/cache")).unwrap();
    }
}

#[test]
fn a_mirror_that_may_recover_is_asked_once_where_another_has_the_package() {
    let world = World::new();
    let (busy, good) = (faulty(world.package.clone()), world.good());
    let directory = world.unpacked(&[dead_url("/package"), busy.url("/503"), good.url("/good")]);
    let output = world.restore(&directory, &["-v", "--hashserver"]);
    let told = all_text(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_same_tree(&world.path("tree"), &directory);
    assert_eq!(busy.log(), ["GET /503"]);
}

#[test]
fn what_is_published_anew_at_a_url_is_recorded_anew() {
    let world = World::new();
    let www = world.path("www");
    fs::create_dir(&www).unwrap();
    let web = hashget_tests::programs::WebServer::start(&www);
    let url = web.url("full-1.tar.gz");
    let client = Client::new(world.path("packer"));
    let mut sizes = Vec::new();
    for version in 0..2_u64 {
        let tree = world.path("full");
        fs::create_dir_all(&tree).unwrap();
        fs::write(tree.join("file"), Random::new(version).bytes(150_000)).unwrap();
        let mut tar = std::process::Command::new("tar");
        tar.arg("-czf").arg(www.join("full-1.tar.gz")).arg("-C");
        hashget_tests::programs::succeed(tar.arg(&tree).arg("."));
        client.hashget(["--submit", &url, "-p", "full", "--hashserver"]);
        let (archive, tree) = (world.text("diff.tar.gz"), tree.to_str().unwrap());
        client.hashget(["-zf", &archive, "--pack", tree, "--hashserver"]);
        sizes.push(fs::metadata(&archive).unwrap().len());
    }
    assert!(sizes.iter().all(|size| *size < 5000), "{sizes:?}");
    let (archive, restored) = (world.text("diff.tar.gz"), world.text("restored"));
    Client::new(world.path("restorer")).hashget(["-u", &archive, "-C", &restored, "--hashserver"]);
    assert_same_tree(&world.path("full"), Path::new(&restored));
}
