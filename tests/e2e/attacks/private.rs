//! Other users of the machine who read what was backed up, or plant names.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hashget_tests::programs::{Client, HashServer, all_text, program, succeed};
use hashget_tests::{Random, not_run};

struct Scene {
    work: tempfile::TempDir,
    client: Client,
}

impl Scene {
    fn new() -> Self {
        let work = tempfile::tempdir().unwrap();
        fs::create_dir_all(work.path().join("tree/etc")).unwrap();
        fs::write(
            work.path().join("tree/etc/shadow"),
            Random::new(3).bytes(5000),
        )
        .unwrap();
        let client = Client::new(work.path().join("home"));
        Self { work, client }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// Runs a line of words in the scene's directory, with the usual open umask.
    fn run(&self, line: &str) -> Output {
        let script = format!("umask 022; exec \"$0\" {line}");
        let hashget = program("hashget");
        let mut shell = self.client.command("hashget");
        let envs: Vec<_> = shell
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        shell = Command::new("/bin/sh");
        shell.env_clear().envs(envs).current_dir(self.work.path());
        shell.arg("-c").arg(script).arg(hashget).output().unwrap()
    }

    fn runs(&self, line: &str) -> String {
        let output = self.run(line);
        let said = all_text(&output);
        assert!(output.status.success(), "{line}: {said}");
        said
    }
}

/// What below `path` others may read, `path` itself among it.
fn open_to_others(path: &Path) -> Vec<PathBuf> {
    let metadata = path.symlink_metadata().unwrap();
    let mut open = Vec::new();
    if !metadata.is_symlink() && metadata.mode() & 0o077 != 0 {
        open.push(path.to_owned());
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            open.extend(open_to_others(&entry.unwrap().path()));
        }
    }
    open
}

#[test]
fn any_user_reads_the_shadow_file_out_of_an_archive() {
    let scene = Scene::new();
    let package = scene.at("p.tar.gz");
    succeed(
        Command::new("tar")
            .arg("-czf")
            .arg(&package)
            .arg("-C")
            .arg(scene.at("tree"))
            .arg("etc"),
    );
    scene.runs("submit http://localhost:9/p.tar.gz --file p.tar.gz -p mine --no-hashserver");
    scene.runs("pack tree -f a.tar.gz --no-hashserver");
    scene.runs("delta index tree -o tree.index");
    for name in ["home/hashdb", "home/cache", "a.tar.gz", "tree.index"] {
        if scene.at(name).exists() {
            assert_eq!(
                open_to_others(&scene.at(name)),
                [""; 0].map(PathBuf::from),
                "{name}"
            );
        }
    }
    assert!(scene.at("home/hashdb").exists());
    // One that is replaced is no longer for others either.
    fs::set_permissions(scene.at("a.tar.gz"), Permissions::from_mode(0o644)).unwrap();
    let said = scene.runs("pack tree -f a.tar.gz --no-hashserver");
    assert!(said.contains("a.tar.gz was open to other users"), "{said}");
    assert_eq!(scene.at("a.tar.gz").metadata().unwrap().mode() & 0o007, 0);
}

#[test]
fn records_and_downloads_of_an_older_version_stay_open() {
    let scene = Scene::new();
    scene.runs("pack tree -f a.tar.gz --no-hashserver");
    let hashdb = scene.at("home/hashdb");
    fs::create_dir_all(&hashdb).unwrap();
    fs::set_permissions(&hashdb, Permissions::from_mode(0o755)).unwrap();
    let said = scene.runs("pack tree -f a.tar.gz --no-hashserver");
    assert!(said.contains("was open to other users"), "{said}");
    assert_eq!(hashdb.metadata().unwrap().mode() & 0o777, 0o700);
    let said = scene.runs("pack tree -f a.tar.gz --no-hashserver");
    assert!(!said.contains("was open to other users"), "{said}");
}

#[test]
fn a_restored_directory_is_closed_to_those_it_was_open_to() {
    let scene = Scene::new();
    fs::set_permissions(scene.at("tree/etc"), Permissions::from_mode(0o755)).unwrap();
    scene.runs("pack tree -f a.tar.gz --no-hashserver");
    scene.runs("restore a.tar.gz out --no-hashserver");
    assert_eq!(
        scene.at("out/etc").metadata().unwrap().mode() & 0o777,
        0o755
    );
    // Nobody says what the directory was like: it gets what the umask leaves.
    scene.runs("restore a.tar.gz part --path etc/shadow --no-hashserver");
    assert_eq!(scene.at("part").metadata().unwrap().mode() & 0o777, 0o755);
}

#[test]
fn any_user_reads_the_records_and_the_pool_of_a_server() {
    let scene = Scene::new();
    let data = scene.at("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    let server = HashServer::start(&data);
    server.token("admin");
    assert_eq!(open_to_others(&data), [""; 0].map(PathBuf::from));
}

#[test]
fn a_planted_lock_makes_the_backup_truncate_a_file() {
    let scene = Scene::new();
    fs::write(scene.at("victim"), "precious").unwrap();
    let config = format!(
        "[profile.Home.Docs]\nsource = {:?}\ndestination = {:?}\nmax_series = 9\nmax_series_length = 3\n",
        scene.at("tree"),
        scene.at("backups")
    );
    fs::create_dir_all(scene.at("home/.config/hashget")).unwrap();
    fs::write(scene.at("home/.config/hashget/series.toml"), config).unwrap();
    for (own, line) in [
        ("snaps/.hashget-snapshots", "snapshot create tree snaps"),
        ("backups/.hashget-series", "series run --no-hashserver"),
    ] {
        let directory = scene.at(own);
        fs::create_dir_all(&directory).unwrap();
        symlink(scene.at("victim"), directory.join("lock")).unwrap();
        let output = scene.run(line);
        let said = all_text(&output);
        assert_eq!(output.status.code(), Some(1), "{line}: {said}");
        assert!(
            said.contains("symbolic link") && said.contains("remove it"),
            "{line}: {said}"
        );
        assert_eq!(fs::read(scene.at("victim")).unwrap(), b"precious");
        fs::remove_file(directory.join("lock")).unwrap();
        if rustix::process::geteuid().is_root() {
            fs::write(directory.join("lock"), "").unwrap();
            std::os::unix::fs::chown(directory.join("lock"), Some(12345), None).unwrap();
            let said = all_text(&scene.run(line));
            assert!(said.contains("belongs to another user"), "{line}: {said}");
            fs::remove_file(directory.join("lock")).unwrap();
        } else {
            not_run(
                "a_planted_lock_makes_the_backup_truncate_a_file",
                "only root can give files away",
            );
        }
        scene.runs(line);
    }
}

#[test]
fn a_pipe_in_a_pool_hangs_a_restore() {
    let scene = Scene::new();
    let www = scene.at("www");
    fs::create_dir(&www).unwrap();
    let package = www.join("p.tar.gz");
    succeed(
        Command::new("tar")
            .arg("-czf")
            .arg(&package)
            .arg("-C")
            .arg(scene.at("tree"))
            .arg("etc"),
    );
    let web = hashget_tests::programs::WebServer::start(&www);
    let url = web.url("p.tar.gz");
    scene.runs(&format!("submit {url} -p mine --pool pool --no-hashserver"));
    scene.runs("pack tree -f a.tar.gz --no-hashserver");
    let pool = scene.at("pool");
    let files = succeed(Command::new("find").arg(&pool).args(["-type", "f"]));
    let file = files
        .lines()
        .next()
        .unwrap_or_else(|| panic!("the pool is empty"));
    fs::remove_file(file).unwrap();
    succeed(Command::new("mkfifo").arg(file));
    let output = scene.run("restore a.tar.gz out --pool pool --no-hashserver");
    let said = all_text(&output);
    // It comes from elsewhere, and that the pool is broken is a problem.
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("it is no regular file"), "{said}");
    assert!(scene.at("out/etc/shadow").exists(), "{said}");
}
