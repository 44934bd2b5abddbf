//! The damage matrix: what is damaged × how × during which job.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashget_tests::{assert_same_tree, tree_listing};

use super::scene::{RECORDS, Scene, WEB};
use super::table::{self, Damage, Job, Thing};
use hashget_tests::programs::{all_text, program};

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Exact,
    Noted,
    Told,
    Fine,
    FineNoted,
}

impl Outcome {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Noted => "exact, noted",
            Self::Told => "told",
            Self::Fine => "fine",
            Self::FineNoted => "fine, noted",
        }
    }
}

#[test]
fn every_cell_of_the_matrix() {
    let mut cells = Vec::new();
    for thing in Thing::ALL {
        for damage in Damage::ALL {
            let jobs = Job::ALL.into_iter().filter(|job| thing.concerns(*job));
            cells.extend(jobs.map(|job| (thing, damage, job)));
        }
    }
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = Cell::new(*cell).outcome();
                    done.lock().unwrap().push((*cell, outcome));
                }
            });
        }
    });
    let done = done.into_inner().unwrap();
    let wrong: Vec<String> = done
        .iter()
        .filter_map(|(cell, outcome)| Some(format!("{cell:?}: {}", outcome.as_ref().err()?)))
        .collect();
    assert!(wrong.is_empty(), "{}\n", wrong.join("\n\n"));
    let page = table::page(&|thing, damage, job| {
        let found = done.iter().find(|(cell, _)| *cell == (thing, damage, job));
        found.and_then(|(_, outcome)| outcome.as_ref().ok().copied())
    });
    if std::env::var_os("HASHGET_WRITE_MATRIX").is_some() {
        fs::write(table::path(), page).unwrap();
    } else if rustix::process::geteuid().is_root() {
        let written = fs::read_to_string(table::path()).unwrap_or_default();
        assert_eq!(
            page, written,
            "docs/damage-matrix.md is old: write it with HASHGET_WRITE_MATRIX=1"
        );
    }
}

/// One cell, and the scene it plays in.
struct Cell {
    thing: Thing,
    damage: Damage,
    job: Job,
    scene: Scene,
}

impl Cell {
    fn new((thing, damage, job): (Thing, Damage, Job)) -> Self {
        let mut scene = Scene::new();
        if damage == Damage::Permission && thing != Thing::Package {
            scene.become_ordinary_user();
        }
        Self {
            thing,
            damage,
            job,
            scene,
        }
    }

    /// Whether the job runs as another user than root.
    fn is_ordinary_user(&self) -> bool {
        self.damage == Damage::Permission && self.thing != Thing::Package
    }

    /// Damages, runs and judges.
    fn outcome(self) -> Result<Outcome, String> {
        if self.thing == Thing::OnlyPoolFile {
            let web = self.scene.path("web").join(WEB);
            fs::remove_dir_all(web).map_err(|error| error.to_string())?;
        }
        for path in self.victims() {
            injure(&path, self.damage, self.thing);
        }
        let server = (self.thing == Thing::StoreFiles).then(|| Server::start(&self.scene));
        let url = server.as_ref().map(|server| server.url.as_str());
        let output = self.run(self.job, url);
        let told = all_text(&output);
        if told.contains("panicked") || output.status.code().is_none() {
            return Err(format!("{}\n{told}", output.status));
        }
        if server.as_ref().is_some_and(|server| server.panicked) {
            return Err("the hashserver panicked".to_owned());
        }
        self.judge(&output, url)
            .map_err(|why| format!("{why} ({}):\n{told}", output.status))
    }

    fn judge(&self, output: &Output, url: Option<&str>) -> Result<Outcome, String> {
        let code = output.status.code();
        let is_done = matches!(code, Some(0 | 3));
        let (exact, fine) = match code {
            Some(0) => (Outcome::Exact, Outcome::Fine),
            _ => (Outcome::Noted, Outcome::FineNoted),
        };
        if code != Some(0) {
            let told = all_text(output);
            if !self.thing.needles().iter().any(|word| told.contains(word)) {
                return Err(format!("it names none of {:?}", self.thing.needles()));
            }
        }
        match self.job {
            Job::Pack if is_done => {
                self.restores_exactly(&self.scene.path("new.tar.gz"))?;
                Ok(exact)
            }
            Job::RestoreDirectory | Job::RestoreArchive if is_done => {
                self.is_exact(&self.restored(self.job))?;
                Ok(exact)
            }
            Job::Pack => {
                if self.scene.path("new.tar.gz").exists() {
                    return Err("half an archive has its name".to_owned());
                }
                Ok(Outcome::Told)
            }
            Job::RestoreDirectory | Job::RestoreArchive => {
                self.holds_nothing_wrong(&self.restored(self.job))?;
                Ok(Outcome::Told)
            }
            Job::VerifyDeep if is_done => {
                let job = if self.thing == Thing::RestoreFile {
                    Job::RestoreDirectory
                } else {
                    Job::RestoreArchive
                };
                let output = self.run(job, url);
                if !matches!(output.status.code(), Some(0 | 3)) {
                    return Err(format!("but it does not restore:\n{}", all_text(&output)));
                }
                self.is_exact(&self.restored(job))?;
                Ok(fine)
            }
            Job::Verify if is_done => Ok(fine),
            Job::Verify | Job::VerifyDeep => Ok(Outcome::Told),
        }
    }

    /// The files that are damaged.
    fn victims(&self) -> Vec<PathBuf> {
        let at = |name: &str| self.scene.path(name);
        match self.thing {
            Thing::Archive => vec![at("backup.tar.gz")],
            Thing::PlainArchive => vec![at("plain.tar")],
            Thing::RestoreFile => vec![at("unpacked/.hashget-restore.json")],
            Thing::Package => vec![at("web").join(WEB).join("A.tar.gz")],
            Thing::PoolFile | Thing::OnlyPoolFile => files(&at("pool/sha256")),
            Thing::Cached => files(&at("cache/sha256")),
            Thing::LocalStore => files(&at("home/hashdb/.store")),
            Thing::ServerAnswer => files(&at("web").join(RECORDS).join("records")),
            Thing::StoreFiles => files(&at("server/store")),
            Thing::Partial => {
                let mut parts = files(&at("parts/parts"));
                parts.retain(|path| path.extension().is_some_and(|kind| kind == "part"));
                parts
            }
        }
    }

    fn run(&self, job: Job, url: Option<&str>) -> Output {
        let text = |name: &str| self.scene.path(name).to_str().unwrap().to_owned();
        let target = match self.thing {
            Thing::RestoreFile => text("unpacked"),
            Thing::PlainArchive => text("plain.tar"),
            _ => text("backup.tar.gz"),
        };
        let mut arguments: Vec<String> = match job {
            Job::Pack => vec![
                "-zf".into(),
                text("new.tar.gz"),
                "--pack".into(),
                text("tree"),
            ],
            Job::RestoreDirectory => vec!["-u".into(), text("unpacked")],
            Job::RestoreArchive => vec!["-u".into(), target, "-C".into(), text("restored")],
            Job::Verify => vec!["verify".into(), target],
            Job::VerifyDeep => vec!["verify".into(), target, "--deep".into()],
        };
        let restores = matches!(job, Job::RestoreDirectory | Job::RestoreArchive);
        if restores && self.is_ordinary_user() {
            // Owners that only root can set are another matter.
            arguments.push("--user".into());
        }
        if job == Job::Pack && self.thing == Thing::ServerAnswer {
            arguments.extend(["--pull".into(), "--anchsz".into(), "1024".into()]);
        }
        if matches!(self.thing, Thing::PoolFile | Thing::OnlyPoolFile) {
            arguments.extend(["--pool".into(), text("pool")]);
        }
        arguments.push("--hashserver".into());
        match self.thing {
            Thing::ServerAnswer => arguments.push(format!("http://{RECORDS}/")),
            _ => arguments.extend(url.map(str::to_owned)),
        }
        let home = match (self.thing, job) {
            (Thing::ServerAnswer | Thing::StoreFiles, _) => "empty",
            (Thing::LocalStore, _) | (_, Job::Pack) => "home",
            _ => "empty",
        };
        let cache = match self.thing {
            Thing::Cached => "cache",
            Thing::Partial => "parts",
            _ => "new-cache",
        };
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.scene.run(home, cache, &arguments)
    }

    fn restored(&self, job: Job) -> PathBuf {
        let name = if job == Job::RestoreDirectory {
            "unpacked"
        } else {
            "restored"
        };
        self.scene.path(name)
    }

    /// Whether a restore with everything sound gives the original tree.
    fn restores_exactly(&self, archive: &Path) -> Result<(), String> {
        let sound = Scene::new();
        let (from, to) = (archive.to_str().unwrap(), sound.path("restored"));
        let arguments = ["-u", from, "-C", to.to_str().unwrap(), "--hashserver"];
        let output = sound.run("empty", "new-cache", &arguments);
        if !output.status.success() {
            return Err(format!("it does not restore:\n{}", all_text(&output)));
        }
        self.is_exact(&to)
    }

    fn is_exact(&self, restored: &Path) -> Result<(), String> {
        if self.scene.is_ordinary_user {
            let (original, restored) = (contents(&self.scene.path("tree")), contents(restored));
            return if original == restored {
                Ok(())
            } else {
                Err(format!("{:?}, not {:?}", restored.keys(), original.keys()))
            };
        }
        let original = self.scene.path("tree");
        if tree_listing(&original) != tree_listing(restored) {
            let compared = std::panic::catch_unwind(|| assert_same_tree(&original, restored));
            return Err(format!("the tree is another one: {compared:?}"));
        }
        Ok(())
    }

    /// Whether everything in place is what it was.
    fn holds_nothing_wrong(&self, restored: &Path) -> Result<(), String> {
        let original = contents(&self.scene.path("tree"));
        for (name, content) in contents(restored) {
            if !name.starts_with(".hashget") && original.get(&name) != Some(&content) {
                return Err(format!("{name} is wrong"));
            }
        }
        Ok(())
    }
}

/// A `hashserver` on damaged data, which may refuse to start.
struct Server {
    process: Child,
    url: String,
    panicked: bool,
}

impl Server {
    fn start(scene: &Scene) -> Self {
        let errors = scene.path("server.log");
        let mut command = Command::new(program("hashserver"));
        if scene.is_ordinary_user {
            command = Command::new("setpriv");
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
            command.arg(program("hashserver"));
        }
        let mut process = command
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(scene.path("server"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        // Where it does not start, nobody listens.
        let url = line.trim().strip_prefix("listening on ");
        let url = url.map_or_else(|| hashget_tests::fault_server::dead_url("/"), str::to_owned);
        let told = fs::read_to_string(errors).unwrap();
        Self {
            process,
            url,
            panicked: told.contains("panicked"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn injure(path: &Path, damage: Damage, thing: Thing) {
    let mut bytes = fs::read(path).unwrap();
    match damage {
        Damage::Truncate => bytes.truncate(bytes.len() / 2),
        Damage::Flip => {
            let at = match thing {
                // A letter of a name, which makes another good name of it.
                Thing::RestoreFile => {
                    let text = String::from_utf8_lossy(&bytes);
                    text.find("pkg/0.bin").unwrap() + 4
                }
                // A file's content, of which tar itself has no checksum.
                Thing::PlainArchive => {
                    let text = bytes.windows(9).position(|text| text == b"only here");
                    text.unwrap() + 4
                }
                _ => bytes.len() / 2,
            };
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1;
            }
        }
        Damage::Delete => return fs::remove_file(path).unwrap(),
        Damage::Replace => bytes.fill(b'x'),
        Damage::Permission => {
            return fs::set_permissions(path, Permissions::from_mode(0o0)).unwrap();
        }
    }
    // In place, so that links to it see it.
    fs::write(path, bytes).unwrap();
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Names below `directory`, with the content of files.
fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for path in files(directory) {
        let name = path.strip_prefix(directory).unwrap().to_str().unwrap();
        found.insert(name.to_owned(), fs::read(&path).unwrap_or_default());
    }
    found
}
