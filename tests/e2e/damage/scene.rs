//! A packed tree with everything that its restore can stand on, to be copied and damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use hashget_tests::Random;
use hashget_tests::compression::Compression;
use hashget_tests::fault_server::{FaultServer, Reply};
use hashget_tests::tar_builder::TarBuilder;
use hashget_words::digest::Digest;
use tempfile::TempDir;

use hashget_tests::programs::{Client, HashServer, succeed};

/// Where the packages are; served by whatever proxy a scene has.
pub(super) const WEB: &str = "packages.example.org";
/// A hashserver of static files.
pub(super) const RECORDS: &str = "records.example.org";

/// The whole of it, in one directory:
///
/// | name | what |
/// |---|---|
/// | `tree` | what was packed: files of `A` and `B`, and own ones |
/// | `backup.tar.gz`, `plain.tar`, `unpacked` | the archive, not compressed, and unpacked by tar |
/// | `web/HOST/...` | what the web serves: packages, records |
/// | `home/hashdb`, `empty` | a client with records, and one without |
/// | `cache`, `parts`, `pool` | downloads, one broken off, and a pool |
/// | `server` | the data of a hashserver |
pub(super) struct Scene {
    dir: TempDir,
    web: FaultServer,
    pub(super) is_ordinary_user: bool,
}

impl Scene {
    /// A fresh copy.
    pub(super) fn new() -> Self {
        static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
        let template = TEMPLATE.get_or_init(|| {
            let dir = tempfile::tempdir().unwrap();
            build(dir.path());
            dir
        });
        let dir = tempfile::tempdir().unwrap();
        let from = template.path().join(".");
        succeed(Command::new("cp").arg("-a").arg(from).arg(dir.path()));
        let web = serve(dir.path());
        Self {
            dir,
            web,
            is_ordinary_user: false,
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Gives everything to an ordinary user, as whom programs run from now on.
    pub(super) fn become_ordinary_user(&mut self) {
        if rustix::process::geteuid().is_root() {
            let owner = format!("{USER}:{USER}");
            succeed(
                Command::new("chown")
                    .args(["-R", &owner])
                    .arg(self.dir.path()),
            );
            self.is_ordinary_user = true;
        }
    }

    /// Runs `hashget` with the given home, `home` or `empty`.
    pub(super) fn run(&self, home: &str, cache: &str, arguments: &[&str]) -> Output {
        let client = Client::new(self.path(home)).command("hashget");
        let mut command = Command::new("env");
        if self.is_ordinary_user {
            command = Command::new("setpriv");
            command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]);
        }
        command
            .arg(client.get_program())
            .args(arguments)
            .env_clear();
        for (name, value) in client.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        let output = command
            .env("HASHGET_CACHE", self.path(cache))
            .env("http_proxy", self.web.url(""))
            .env("no_proxy", "127.0.0.1")
            .current_dir(self.dir.path())
            .output();
        output.unwrap()
    }

    /// What was asked of the web.
    pub(super) fn log(&self) -> Vec<String> {
        self.web.log()
    }
}

const USER: &str = "65534";

pub(super) fn package_url(name: &str) -> String {
    format!("http://{WEB}/{name}")
}

/// Serves `web/` as a proxy does: a request names the host.
fn serve(dir: &Path) -> FaultServer {
    let web = dir.join("web");
    FaultServer::start(move |request| {
        let place = request.path.strip_prefix("http://").unwrap_or("none");
        let file = web.join(place.trim_end_matches('/'));
        if fs::metadata(&file).is_ok_and(|metadata| metadata.permissions().readonly()) {
            return Reply::new(403, "");
        }
        match fs::read(file) {
            Ok(content) => Reply::new(200, content),
            Err(_) => Reply::not_found(),
        }
    })
}

fn build(dir: &Path) {
    let at = |name: &str| dir.join(name);
    let mut random = Random::new(7);
    let files: Vec<(String, Vec<u8>)> = (0..6)
        .map(|n| (format!("pkg/{n}.bin"), random.bytes(150_000 - n * 23_000)))
        .collect();
    let tar = |files: &[(String, Vec<u8>)]| {
        let tar = TarBuilder::new();
        let all = files.iter();
        let tar = all.fold(tar, |tar, (name, content)| tar.file(name, content));
        tar.build_compressed(Compression::Gzip)
    };
    let (a, b) = (tar(&files[..4]), tar(&files[4..]));
    for directory in [
        "tree/pkg",
        "tree/own",
        "web",
        "pool",
        "parts/parts",
        "empty",
    ] {
        fs::create_dir_all(at(directory)).unwrap();
    }
    fs::create_dir_all(at("web").join(WEB)).unwrap();
    for (name, content) in &files {
        fs::write(at("tree").join(name), content).unwrap();
    }
    fs::write(at("tree/own/conf"), "only here\n").unwrap();
    std::os::unix::fs::symlink("own/conf", at("tree/link")).unwrap();
    for (name, package) in [("A.tar.gz", &a), ("B.tar.gz", &b)] {
        fs::write(at("web").join(WEB).join(name), package).unwrap();
        fs::write(at("pool").join(name), package).unwrap();
    }
    let client = Client::new(at("home"));
    for name in ["A.tar.gz", "B.tar.gz"] {
        let file = at("pool").join(name);
        client.hashget([
            "--submit",
            &package_url(name),
            "-p",
            "packages",
            "--file",
            file.to_str().unwrap(),
            "--hashserver",
        ]);
    }
    pack_and_share(dir, &client);
    keep_downloads(dir, &a);
}

fn pack_and_share(dir: &Path, client: &Client) {
    let at = |name: &str| dir.join(name);
    let text = |name: &str| at(name).to_str().unwrap().to_owned();
    let (archive, tree) = (text("backup.tar.gz"), text("tree"));
    let plain = text("plain.tar");
    client.hashget(["-zf", &archive, "--pack", &tree, "--hashserver"]);
    client.hashget(["-f", &plain, "--pack", &tree, "--hashserver"]);
    fs::create_dir(at("unpacked")).unwrap();
    succeed(
        Command::new("tar")
            .args(["-xzpf", &archive, "-C"])
            .arg(at("unpacked")),
    );
    client.admin(["--build", &text(&format!("web/{RECORDS}"))]);
    let server = HashServer::start(&at("server"));
    succeed(
        client
            .command("hashget")
            .env("HASHGET_TOKEN", server.token("publish:packages"))
            .args(["--publish", "-p", "packages", "--hashserver", server.url()]),
    );
}

fn keep_downloads(dir: &Path, a: &[u8]) {
    // One package is in the pool by its digest, the other by any name.
    let place = dir.join("pool/sha256").join(Digest::of(a).sharded_path());
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::rename(dir.join("pool/A.tar.gz"), place).unwrap();
    let place = dir.join("cache/sha256").join(Digest::of(a).sharded_path());
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(place, a).unwrap();
    let url = package_url("A.tar.gz");
    let key = Digest::of(url.as_bytes());
    let part = dir.join(format!("parts/parts/{key}.part"));
    fs::write(part, &a[..a.len() / 2]).unwrap();
    let info = format!(r#"{{"url":"{url}","etag":null,"last_modified":null}}"#);
    fs::write(dir.join(format!("parts/parts/{key}.json")), info).unwrap();
}
