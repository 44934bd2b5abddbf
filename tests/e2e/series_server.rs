//! A series in a hashserver's pool, by the command line: runs that are killed, and a machine that
//! has nothing but the series file and the token.
//!
//! `HASHGET_KILL_ROUNDS` sets how many runs are killed, `HASHGET_SEED` the moments.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hashget_tests::{Random, assert_same_tree};

use hashget_tests::programs::{Client, HashServer, all_text, succeed};

/// A source, a series file, and a server for its backups.
struct World {
    temp: tempfile::TempDir,
    token: String,
    _server: HashServer,
}

impl World {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let server = HashServer::start(&temp.path().join("server"));
        let source = temp.path().join("source");
        fs::create_dir_all(source.join("sub")).unwrap();
        let file = format!(
            "[profile.p.s]\nsource = '{}'\ndestination = '{}'\nproject = 'backups'\n\
             max_series = 2\nmax_series_length = 3\ndelta = true\n",
            source.display(),
            server.url()
        );
        fs::write(temp.path().join("series.toml"), file).unwrap();
        Self {
            token: server.token("publish:backups"),
            temp,
            _server: server,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    fn series(&self, client: &Client, arguments: &[&str]) -> Command {
        let mut command = client.command("hashget");
        command
            .args(["series", "--series-file"])
            .arg(self.path("series.toml"))
            .args(arguments)
            .arg("--hashserver")
            .env("HASHGET_TOKEN", &self.token);
        command
    }

    /// The newest backup, as the server has it.
    fn newest(&self, client: &Client) -> String {
        let backups = succeed(&mut self.series(client, &["list"]));
        let newest = backups.lines().last().unwrap();
        newest.split(' ').next().unwrap().to_owned()
    }

    fn assert_restores(&self, client: &Client, target: &str) {
        let (id, target) = (self.newest(client), self.path(target));
        let place = target.to_str().unwrap();
        succeed(&mut self.series(client, &["restore", &id, place]));
        assert_same_tree(&self.path("source"), &target);
    }
}

fn edit(source: &Path, random: &mut Random) {
    let mut content = fs::read(source.join("large")).unwrap_or_else(|_| random.bytes(300_000));
    let at = usize::try_from(random.below(299_000)).unwrap();
    content[at..at + 500].copy_from_slice(&random.bytes(500));
    fs::write(source.join("large"), content).unwrap();
    fs::write(source.join("sub/small"), random.bytes(3000)).unwrap();
}

#[test]
fn what_killed_runs_leave_on_the_server_harms_nothing() {
    let seed = std::env::var("HASHGET_SEED").map_or(7, |seed| seed.parse().unwrap());
    let rounds = std::env::var("HASHGET_KILL_ROUNDS").map_or(4, |rounds| rounds.parse().unwrap());
    let mut random = Random::new(seed);
    let world = World::new();
    let client = Client::new(world.path("home"));
    let source = world.path("source");
    edit(&source, &mut random);
    let began = Instant::now();
    succeed(&mut world.series(&client, &["run"]));
    let mut whole = began.elapsed();
    let mut killed_runs = 0;
    for round in 0..rounds {
        edit(&source, &mut random);
        let mut run = world.series(&client, &["run"]);
        run.stdout(Stdio::null()).stderr(Stdio::null());
        let most = u64::try_from(whole.as_micros()).unwrap();
        let moment = Duration::from_micros(random.below(most));
        let mut child = run.spawn().unwrap();
        // Any moment will do: what is awaited is nothing but time.
        std::thread::sleep(moment);
        child.kill().unwrap();
        let killed = !child.wait().unwrap().success();
        killed_runs += u32::from(killed);
        whole = whole.mul_f64(if killed { 1.02 } else { 0.9 });
        // What counts is whole, before the next run and after it.
        succeed(&mut world.series(&client, &["verify"]));
        succeed(&mut world.series(&client, &["run"]));
        world.assert_restores(&client, &format!("restored{round}"));
    }
    eprintln!("{killed_runs} of {rounds} runs were killed before their end");
    succeed(&mut world.series(&client, &["verify"]));
    // Another machine.
    let fresh = Client::new(world.path("fresh"));
    world.assert_restores(&fresh, "elsewhere");
    let large = world
        .series(&fresh, &["cat", &world.newest(&fresh), "large"])
        .output();
    assert!(large.unwrap().stdout == fs::read(source.join("large")).unwrap());
}

#[test]
fn without_the_token_nothing_is_stored_and_the_reason_told() {
    let world = World::new();
    edit(&world.path("source"), &mut Random::new(1));
    let client = Client::new(world.path("home"));
    let mut run = world.series(&client, &["run"]);
    let output = run.env_remove("HASHGET_TOKEN").output().unwrap();
    let told = all_text(&output);
    assert!(!output.status.success() && told.contains("token"), "{told}");
}
