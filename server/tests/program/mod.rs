//! The program `hashserver`, as a process that can be stopped, killed and started again.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hashget_words::digest::Digest;
use hashget_words::hash_package::{Attributes, HashPackage};

/// The program on a data directory, with what else it is told.
pub(crate) fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hashserver"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HASHSERVER_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).arg("--data").arg(data);
    command
}

/// A running server; dropping it is `kill -9`.
pub(crate) struct Program {
    child: Child,
    pub(crate) url: String,
}

impl Program {
    /// Starts it on a free port and waits for its ready line.
    pub(crate) fn start(data: &Path) -> Self {
        let mut child = command(data, &["--listen", "127.0.0.1:0", "--log-level", "warn"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ");
        let url = url
            .unwrap_or_else(|| panic!("no ready line: {line:?}"))
            .to_owned();
        Self { child, url }
    }

    /// What the process has in its environment.
    #[allow(dead_code, reason = "not every test that has a program asks")]
    pub(crate) fn environment(&self) -> Vec<String> {
        let all = std::fs::read(format!("/proc/{}/environ", self.child.id())).unwrap();
        let variables = all.split(|byte| *byte == 0);
        variables
            .map(|variable| String::from_utf8_lossy(variable).into_owned())
            .collect()
    }

    /// Asks it to end (SIGTERM), and waits; its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < Duration::from_secs(30), "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Mostly it has ended already.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// A new token of this scope.
pub(crate) fn token(data: &Path, scope: &str) -> String {
    let output = command(data, &["token", "add", "--scope", scope])
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A package with a few files of its own and one that all have.
pub(crate) fn package(name: &str, files: usize) -> HashPackage {
    let of = |text: String| Digest::of(text.as_bytes());
    let mut digests: Vec<Digest> = (0..files)
        .map(|file| of(format!("{name} {file}")))
        .collect();
    digests.push(of("in every package".to_owned()));
    HashPackage {
        url: format!("http://example.org/{name}"),
        anchors: digests[..1].to_vec(),
        files: digests,
        hashes: vec![of(name.to_owned()).into()],
        attrs: Attributes {
            size: Some(1),
            ..Attributes::default()
        },
        ..HashPackage::default()
    }
}
