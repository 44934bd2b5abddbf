//! A place of its own for every test, and the programs run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A temporary home, and the programs that know nothing but it.
pub(crate) struct Bed {
    directory: TempDir,
}

/// What a program did.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let directory = TempDir::with_prefix("hashget-cli-").unwrap();
        Self { directory }
    }

    /// A path in the temporary home.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file, with its directories.
    pub(crate) fn write(&self, name: &str, data: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, data).unwrap();
        path
    }

    /// `hashget`, not yet started.
    pub(crate) fn hashget(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_hashget"))
    }

    /// `hashget-admin`, not yet started.
    pub(crate) fn admin(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_hashget-admin"))
    }

    /// Runs a line of arguments of `hashget`; `~` at the start of one is the temporary home.
    pub(crate) fn run(&self, line: &str) -> Ran {
        run(self.hashget().args(self.words(line)))
    }

    /// The same of `hashget-admin`.
    pub(crate) fn run_admin(&self, line: &str) -> Ran {
        run(self.admin().args(self.words(line)))
    }

    pub(crate) fn words(&self, line: &str) -> Vec<String> {
        let home = self.directory.path().to_str().unwrap();
        let word = |word: &str| word.replacen('~', home, 1);
        line.split_whitespace().map(word).collect()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.directory.path())
            .env_clear()
            .env("HOME", self.directory.path())
            .env("TZ", "UTC")
            .env("HASHGET_HASHDB_PATH", self.path("hashdb"))
            .env("HASHGET_CACHE", self.path("cache"))
            .stdin(Stdio::null());
        command
    }
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(!stderr.contains("panicked"), "{stderr}");
    Ran {
        status: status.code().expect("ended by a signal"),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr,
    }
}

impl Ran {
    /// Fails the test unless the exit status is this.
    #[track_caller]
    pub(crate) fn expect(self, status: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(self.status, status, "stdout: {stdout}\nstderr: {stderr}");
        self
    }

    /// Fails the test unless standard error holds this.
    #[track_caller]
    pub(crate) fn tells(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "{text:?} is not in: {}",
            self.stderr
        );
        self
    }
}

/// Bytes that do not compress, the same for the same seed.
pub(crate) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(&mut next).take(bytes).collect()
}

/// The names and bytes of the files below a directory, the restore file left out.
pub(crate) fn files_of(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_owned();
                files.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}
