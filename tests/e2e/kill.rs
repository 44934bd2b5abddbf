//! `kill -9` at random moments of packing and of restoring, then the same command again: the exact
//! result, and nothing half or left over.
//!
//! `HASHGET_KILL_ROUNDS` sets how often each is killed, `HASHGET_SEED` the moments.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use hashget_tests::compression::Compression;
use hashget_tests::tar_builder::TarBuilder;
use hashget_tests::{Random, assert_same_tree};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use hashget_tests::programs::{Client, WebServer, succeed};

const DEFAULT_ROUNDS: u64 = 5;

/// A tree, a client that knows the packages of half of its files, and a web server with these.
struct World {
    temp: tempfile::TempDir,
    client: Client,
    random: Random,
    _web: WebServer,
}

impl World {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seed = match std::env::var("HASHGET_SEED") {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => u64::from(clock.unwrap().subsec_nanos()),
        };
        eprintln!("HASHGET_SEED={seed}");
        let mut random = Random::new(seed);
        let www = temp.path().join("www");
        fs::create_dir(&www).unwrap();
        let web = WebServer::start(&www);
        let client = Client::new(temp.path().join("home"));
        for (number, package) in grow(&temp.path().join("tree"), &mut random)
            .into_iter()
            .enumerate()
        {
            let name = format!("{number}.tar.gz");
            fs::write(www.join(&name), package).unwrap();
            client.hashget(["--submit", &web.url(&name), "-p", "p", "--hashserver"]);
        }
        Self {
            temp,
            client,
            random,
            _web: web,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    fn pack(&self, archive: &Path) -> Command {
        let mut command = self.client.command("hashget");
        command.arg("--pack").arg(self.path("tree"));
        command.arg("-zf").arg(archive).arg("--hashserver");
        command
    }

    fn restore(&self, archive: &Path, target: &Path) -> Command {
        let mut command = self.client.command("hashget");
        command.arg("-u").arg(archive).arg("-C").arg(target);
        command.arg("--hashserver");
        command
    }

    /// Kills a command somewhere in the time that it takes; whether it was killed before its end.
    ///
    /// What else the machine does decides how long `whole` is, so it follows: about five of six
    /// commands are killed.
    fn kill(&mut self, command: &mut Command, whole: &mut Duration) -> bool {
        let most = u64::try_from(whole.as_micros()).unwrap();
        let moment = Duration::from_micros(self.random.below(most));
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = quiet.spawn().unwrap();
        // Any moment will do: what is awaited is nothing but time.
        std::thread::sleep(moment);
        child.kill().unwrap();
        let killed = !child.wait().unwrap().success();
        *whole = whole.mul_f64(if killed { 1.02 } else { 0.9 });
        killed
    }
}

/// Files in directories with times of their own; gives packages that hold half of the files.
fn grow(tree: &Path, random: &mut Random) -> Vec<Vec<u8>> {
    let mut packages = Vec::new();
    for directory in 0..12_i64 {
        let at = tree.join(format!("directory{directory}/sub"));
        fs::create_dir_all(&at).unwrap();
        let mut package = TarBuilder::new();
        for number in 0..16_u64 {
            let length = if number == 0 { 1_500_000 } else { 1025 };
            let length = usize::try_from(length + random.below(3000)).unwrap();
            let content = random.bytes(length);
            let path = at.join(number.to_string());
            fs::write(&path, &content).unwrap();
            if number % 2 == 0 {
                package = package.file(format!("f{number}"), &content);
            }
            if number < 2 {
                fs::hard_link(&path, at.join(format!("link{number}"))).unwrap();
            }
        }
        packages.push(package.build_compressed(Compression::Gzip));
        let time = Timespec {
            tv_sec: 1_000_000_000 + directory,
            tv_nsec: 123_456_789,
        };
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        for path in [&at, at.parent().unwrap()] {
            utimensat(CWD, path, &times, AtFlags::empty()).unwrap();
        }
    }
    packages
}

fn rounds() -> u64 {
    let rounds = std::env::var("HASHGET_KILL_ROUNDS");
    rounds.map_or(DEFAULT_ROUNDS, |rounds| rounds.parse().unwrap())
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_killed_pack_leaves_the_old_archive_or_the_whole_new_one() {
    let mut world = World::new();
    let out = world.path("out");
    fs::create_dir(&out).unwrap();
    let archive = out.join("archive.tar.gz");
    let started = Instant::now();
    succeed(&mut world.pack(&archive));
    let mut whole = started.elapsed();
    let expected = fs::read(&archive).unwrap();
    let mut killed = 0;
    for round in 0..rounds() {
        // Every other round an older archive is in its place.
        let old = (round % 2 == 1).then_some(&b"an older archive"[..]);
        fs::remove_file(&archive).unwrap();
        if let Some(old) = old {
            fs::write(&archive, old).unwrap();
        }
        let mut command = world.pack(&archive);
        killed += u64::from(world.kill(&mut command, &mut whole));
        let found = fs::read(&archive).ok();
        assert!(
            found.as_deref() == old || found.as_ref() == Some(&expected),
            "round {round}: {:?} bytes under the archive's name",
            found.map(|found| found.len())
        );
        succeed(&mut world.pack(&archive));
        assert!(fs::read(&archive).unwrap() == expected, "round {round}");
        assert_eq!(names(&out), ["archive.tar.gz"], "round {round}");
    }
    eprintln!(
        "{killed} of {} packs were killed before their end",
        rounds()
    );
    let target = world.path("target");
    succeed(&mut world.restore(&archive, &target));
    assert_same_tree(&world.path("tree"), &target);
}

#[test]
fn a_killed_restore_ends_exactly_when_run_again() {
    let mut world = World::new();
    let archive = world.path("archive.tar.gz");
    succeed(&mut world.pack(&archive));
    let (tree, target, cache) = (
        world.path("tree"),
        world.path("target"),
        world.path("home/cache"),
    );
    let fresh = |cache: &Path, target: &Path| {
        for directory in [cache, target] {
            if directory.exists() {
                fs::remove_dir_all(directory).unwrap();
            }
        }
    };
    fresh(&cache, &target);
    let started = Instant::now();
    succeed(&mut world.restore(&archive, &target));
    let mut whole = started.elapsed();
    let (mut killed, mut runs) = (0, 0);
    for round in 0..rounds() {
        fresh(&cache, &target);
        for _ in 0..=(round % 3) {
            let mut command = world.restore(&archive, &target);
            killed += u64::from(world.kill(&mut command, &mut whole));
            runs += 1;
            assert_nothing_half(&tree, &target);
        }
        // The second run may find the first one's whole result, restore file gone.
        succeed(&mut world.restore(&archive, &target));
        assert_same_tree(&tree, &target);
    }
    eprintln!("{killed} of {runs} restores were killed before their end");
}

/// Whatever has its name has its content.
fn assert_nothing_half(tree: &Path, target: &Path) {
    for path in files(target) {
        let relative = path.strip_prefix(target).unwrap();
        let Ok(original) = fs::read(tree.join(relative)) else {
            let name = relative.file_name().unwrap().to_str().unwrap();
            assert!(name.starts_with(".hashget-"), "{name} came from nowhere");
            continue;
        };
        assert!(
            fs::read(&path).unwrap() == original,
            "{} is half",
            relative.display()
        );
        assert!(fs::metadata(&path).unwrap().mtime() > 0);
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
