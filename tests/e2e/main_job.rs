//! Index, publish, look up, pack, restore: on real packages, with real programs.

use std::fs;
use std::path::{Path, PathBuf};

use hashget_tests::assert_same_tree;
use tempfile::TempDir;

use crate::real_packages::{deb_directory, debs, install_debs};
use hashget_tests::programs::{Client, HashServer, WebServer, all_text};

/// A tree of installed packages and own files, a web server with the packages, a hashserver.
struct World {
    temp: TempDir,
    tree: PathBuf,
    server: HashServer,
}

impl World {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let tree = temp.path().join("tree");
        fs::create_dir(&tree).unwrap();
        install_debs(&tree);
        fs::create_dir(tree.join("etc")).unwrap_or_default();
        fs::write(tree.join("etc/own.conf"), "only here\n").unwrap();
        let server = HashServer::start(&temp.path().join("data"));
        Self { temp, tree, server }
    }

    fn client(&self, name: &str) -> Client {
        Client::new(self.temp.path().join(name))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    /// A client that has indexed every package from `web` and published it, with files.
    fn publisher(&self, web: &WebServer, with_files: &str) -> Client {
        let publisher = self.client("publisher");
        for deb in debs() {
            let url = web.url(deb.file_name().unwrap().to_str().unwrap());
            publisher.hashget(["--submit", &url, "-p", "debs", "--hashserver"]);
        }
        let token = self.server.token("publish:debs");
        let mut command = publisher.command("hashget");
        command
            .env("HASHGET_TOKEN", token)
            .args(["--publish", "-p", "debs"]);
        if !with_files.is_empty() {
            command.args(["--with-files", with_files]);
        }
        hashget_tests::programs::succeed(command.args(["--hashserver", self.server.url()]));
        publisher
    }

    fn pack(&self, client: &Client, archive: &Path, hashserver: &[&str]) -> String {
        let arguments = [
            "-z",
            "-f",
            archive.to_str().unwrap(),
            "--pack",
            self.tree.to_str().unwrap(),
        ];
        let arguments = arguments
            .into_iter()
            .chain(["--hashserver"])
            .chain(hashserver.iter().copied());
        client.hashget(arguments)
    }
}

fn restore(client: &Client, archive: &Path, to: &Path, hashserver: &[&str]) -> String {
    let arguments = [
        "-u",
        archive.to_str().unwrap(),
        "-C",
        to.to_str().unwrap(),
        "--hashserver",
    ];
    client.hashget(arguments.into_iter().chain(hashserver.iter().copied()))
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

#[test]
fn an_empty_client_packs_against_the_server_and_another_restores() {
    let world = World::new();
    let web = WebServer::start(deb_directory());
    world.publisher(&web, "");
    let archive = world.path("backup.tar.gz");
    let told = world.pack(&world.client("packer"), &archive, &[world.server.url()]);
    assert!(told.contains(&format!("{} pkgs", debs().len())), "{told}");

    let plain = world.path("plain.tar.gz");
    let tar = std::process::Command::new("tar")
        .arg("-czf")
        .args([&plain, Path::new("-C")])
        .arg(&world.tree)
        .arg(".")
        .status();
    assert!(tar.unwrap().success());
    assert!(
        size(&archive) * 5 < size(&plain),
        "{} against {}",
        size(&archive),
        size(&plain)
    );

    let restored = world.path("restored");
    restore(&world.client("restorer"), &archive, &restored, &[]);
    assert_same_tree(&world.tree, &restored);
}

#[test]
fn the_same_records_give_the_same_plan_from_wherever_they_come() {
    let world = World::new();
    let web = WebServer::start(deb_directory());
    let publisher = world.publisher(&web, "");
    let plan = |client: &Client, hashserver: &[&str]| {
        let arguments = [
            "--dry-run",
            "--pack",
            world.tree.to_str().unwrap(),
            "--hashserver",
        ];
        let mut command = client.command("hashget");
        let output = command.args(arguments).args(hashserver).output().unwrap();
        assert!(output.status.success(), "{}", all_text(&output));
        output.stdout
    };
    let local = plan(&publisher, &[]);
    assert!(local.len() > 100);
    assert_eq!(local, plan(&world.client("empty"), &[world.server.url()]));
}

#[test]
fn what_a_server_said_is_kept_for_the_next_run() {
    let world = World::new();
    let web = WebServer::start(deb_directory());
    world.publisher(&web, "");
    let packer = world.client("packer");
    world.pack(&packer, &world.path("one.tar.gz"), &[world.server.url()]);
    let told = world.pack(&packer, &world.path("two.tar.gz"), &[]);
    assert!(told.contains(&format!("{} pkgs", debs().len())), "{told}");
    assert_eq!(
        size(&world.path("one.tar.gz")),
        size(&world.path("two.tar.gz"))
    );
}

#[test]
fn packages_come_from_the_servers_pool_when_their_urls_are_dead() {
    let world = World::new();
    let gone = tempfile::tempdir().unwrap();
    for deb in debs() {
        fs::copy(&deb, gone.path().join(deb.file_name().unwrap())).unwrap();
    }
    let web = WebServer::start(gone.path());
    world.publisher(&web, "package");
    let archive = world.path("backup.tar.gz");
    world.pack(&world.client("packer"), &archive, &[world.server.url()]);
    drop(gone);
    let restored = world.path("restored");
    let home = world.client("restorer");
    restore(&home, &archive, &restored, &[world.server.url()]);
    assert_same_tree(&world.tree, &restored);

    let other = world.path("other");
    let output = world
        .client("lonely")
        .command("hashget")
        .args([
            "-u",
            archive.to_str().unwrap(),
            "-C",
            other.to_str().unwrap(),
            "-v",
            "--hashserver",
        ])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        all_text(&output).contains("bin/grep"),
        "names what is missing: {}",
        all_text(&output)
    );
    // A second run, with the server, fetches what is missing.
    home.hashget([
        "-u",
        other.to_str().unwrap(),
        "--hashserver",
        world.server.url(),
    ]);
    assert_same_tree(&world.tree, &other);
}

#[test]
fn anchors_alone_bring_back_what_they_hold() {
    let world = World::new();
    let gone = tempfile::tempdir().unwrap();
    for deb in debs() {
        fs::copy(&deb, gone.path().join(deb.file_name().unwrap())).unwrap();
    }
    let web = WebServer::start(gone.path());
    world.publisher(&web, "anchors");
    // Only one large program is left of the tree, so the anchors are all that is needed.
    let tree = world.path("small");
    fs::create_dir(&tree).unwrap();
    let grep = ["bin/grep", "usr/bin/grep"].map(|path| world.tree.join(path));
    let grep = grep.iter().find(|path| path.is_file()).unwrap();
    assert!(size(grep) > 102_400);
    fs::copy(grep, tree.join("grep")).unwrap();
    let archive = world.path("backup.tar.gz");
    let packer = world.client("packer");
    let (tree_text, archive_text) = (tree.to_str().unwrap(), archive.to_str().unwrap());
    packer.hashget([
        "--pack",
        tree_text,
        "-zf",
        archive_text,
        "--hashserver",
        world.server.url(),
    ]);
    assert!(size(&archive) < 2000);
    drop(gone);
    let restored = world.path("restored");
    restore(
        &world.client("restorer"),
        &archive,
        &restored,
        &[world.server.url()],
    );
    assert_same_tree(&tree, &restored);
}

#[test]
fn two_clients_share_one_hashdb() {
    let world = World::new();
    let web = WebServer::start(deb_directory());
    let client = world.client("shared");
    std::thread::scope(|scope| {
        for (number, deb) in debs().iter().enumerate() {
            let url = web.url(deb.file_name().unwrap().to_str().unwrap());
            let client = &client;
            scope.spawn(move || {
                client.hashget([
                    "--submit",
                    &url,
                    "-p",
                    &format!("p{number}"),
                    "--hashserver",
                ]);
            });
        }
    });
    let listed = client.admin(["--list"]);
    for deb in debs() {
        let name = deb.file_name().unwrap().to_str().unwrap();
        let name = &name[..name.find('_').unwrap()];
        assert!(listed.contains(name), "{name} is not in:\n{listed}");
    }
}
