//! Real programs on real files: the binaries, a hashserver process, a web server.
#![expect(
    clippy::unwrap_used,
    reason = "a test cannot go on without its programs"
)]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The path of one of our programs, built if need be.
pub fn program(name: &str) -> PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--package",
                "hashget",
                "--package",
                "hashget-server",
                "--bins",
            ])
            .status()
            .unwrap();
        assert!(status.success(), "cannot build the programs");
        // target/debug/deps/e2e-…
        let test = std::env::current_exe().unwrap();
        test.ancestors().nth(2).unwrap().to_owned()
    });
    directory.join(name)
}

/// A client with a home of its own: its own `HashDB`, cache and settings.
pub struct Client {
    home: PathBuf,
}

impl Client {
    /// A client whose home is this directory, which is made.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        let home = home.into();
        std::fs::create_dir_all(&home).unwrap();
        Self { home }
    }

    /// One of our programs as a command, run in the home with nothing of this machine's settings.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(program(name));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("HASHGET_HASHDB_PATH", self.home.join("hashdb"))
            .env("HASHGET_CACHE", self.home.join("cache"))
            .env("HASHGET_CONFIG", "/dev/null")
            .current_dir(&self.home)
            .stdin(Stdio::null());
        command
    }

    /// Runs `hashget`, and panics with all it printed unless it ends with status 0.
    pub fn hashget<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> String {
        succeed(self.command("hashget").args(arguments))
    }

    /// Runs `hashget-admin`, as [`Client::hashget`] does.
    pub fn admin<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> String {
        succeed(self.command("hashget-admin").args(arguments))
    }
}

/// Runs a command to its end; what it printed, both streams, unless it failed.
pub fn succeed(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = all_text(&output);
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{text}",
        output.status
    );
    text
}

/// Both output streams as text.
pub fn all_text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]]
        .concat()
        .escape_lines()
}

trait EscapeLines {
    fn escape_lines(&self) -> String;
}

impl EscapeLines for Vec<u8> {
    fn escape_lines(&self) -> String {
        String::from_utf8_lossy(self).into_owned()
    }
}

/// A `hashserver` process on a free port; killed when dropped.
pub struct HashServer {
    process: Child,
    url: String,
    data: PathBuf,
}

impl HashServer {
    /// Starts it over this data directory.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// Starts it with more arguments.
    pub fn start_with(data: &Path, arguments: &[&str]) -> Self {
        let mut process = Command::new(program("hashserver"))
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("{line:?}"));
        Self {
            process,
            url: url.to_owned(),
            data: data.to_owned(),
        }
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bytes of memory that it has in use, as the system counts them (`VmRSS`).
    pub fn memory_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        kib.parse::<u64>().unwrap() * 1024
    }

    /// Asks it to end (SIGTERM) and waits for that; panics if it takes longer than `within`.
    pub fn terminate(mut self, within: Duration) -> ExitStatus {
        let pid = self.process.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(asked.unwrap().success());
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < within, "it does not end");
            std::thread::yield_now();
        }
    }

    /// A new token with this scope.
    pub fn token(&self, scope: &str) -> String {
        let text = Command::new(program("hashserver"))
            .args(["token", "add", "--scope", scope, "--data"])
            .arg(&self.data)
            .output()
            .unwrap();
        assert!(text.status.success(), "{}", all_text(&text));
        String::from_utf8(text.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for HashServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A web server for the files of one directory: `GET` and `HEAD`, one request a connection.
pub struct WebServer {
    url: String,
}

impl WebServer {
    /// Starts it over this directory.
    pub fn start(directory: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let directory = directory.to_owned();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let directory = directory.clone();
                // A client that goes away is not the server's failure.
                std::thread::spawn(move || drop(answer(connection, &directory)));
            }
        });
        Self { url }
    }

    /// The URL of a file of the directory.
    pub fn url(&self, name: &str) -> String {
        format!("{}{name}", self.url)
    }
}

fn answer(mut connection: TcpStream, directory: &Path) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?);
    let mut request = String::new();
    lines.read_line(&mut request)?;
    let mut header = String::from("-");
    while !header.trim().is_empty() {
        header.clear();
        lines.read_line(&mut header)?;
    }
    let mut words = request.split(' ');
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut body = Vec::new();
    let found = !path.contains("..")
        && std::fs::File::open(directory.join(path.trim_start_matches('/')))
            .and_then(|mut file| file.read_to_end(&mut body))
            .is_ok();
    let status = if found { "200 OK" } else { "404 Not Found" };
    write!(
        connection,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    if method != "HEAD" {
        connection.write_all(&body)?;
    }
    connection.flush()
}
