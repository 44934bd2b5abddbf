//! The rows of the suite and how they run.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hashget_tests::not_run;
use hashget_tests::programs::{Client, all_text, program};

/// One report and what must come of it.
pub(crate) struct Case {
    /// The report's number, for talking about it; the hundreds are the subject.
    pub(crate) report: u16,
    /// What was reported, in one sentence.
    pub(crate) title: &'static str,
    /// What must be at hand beside our programs; without it the row is reported as not run.
    pub(crate) needs: &'static [Need],
    /// Makes the input below the scene's directory.
    pub(crate) input: fn(&Scene),
    /// The commands, in order; each one's outcome is checked before the next begins.
    pub(crate) steps: Vec<Step>,
    /// What must be true at the end.
    pub(crate) check: fn(&Scene),
}

/// What a row needs of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A program on `PATH`.
    Program(&'static str),
    /// To be root.
    Root,
    /// To mount something that only the row sees, by `unshare -m`.
    Mounts,
}

impl Need {
    fn is_met(self) -> bool {
        match self {
            Self::Program(name) => std::env::var_os("PATH").is_some_and(|path| {
                std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
            }),
            Self::Root => rustix::process::geteuid().is_root(),
            Self::Mounts => {
                let mount = ["-m", "mount", "--bind", "/proc", "/proc"];
                let tried = Command::new("unshare").args(mount).output();
                tried.is_ok_and(|output| output.status.success())
            }
        }
    }
}

/// A directory of its own for one row, which is also the client's home and the commands' working directory.
pub(crate) struct Scene {
    directory: tempfile::TempDir,
    client: Client,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let client = Client::new(directory.path());
        Self { directory, client }
    }

    /// A path below the scene's directory.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file, and the directories above it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn run(&self, step: &Step) -> Output {
        let root = self.directory.path().to_str().unwrap();
        let mut words = step
            .command
            .split_whitespace()
            .map(|word| word.replace("{root}", root));
        let name = words.next().unwrap();
        let ours = ["hashget", "hashget-admin", "hashserver"].contains(&name.as_str());
        let real = if ours {
            program(&name)
        } else {
            PathBuf::from(&name)
        };
        let mut command: Command = if let Some(time) = step.clock {
            let mut command = self.client.command("faketime");
            // The files' own times stay what they are.
            command = replace_program(&command, Path::new("faketime"));
            command.env("NO_FAKE_STAT", "1").arg(time).arg(real);
            command
        } else {
            replace_program(&self.client.command("hashget"), &real)
        };
        command.args(words).envs(step.environment.iter().copied());
        command
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", step.command))
    }
}

/// The same environment and directory for another program.
fn replace_program(command: &Command, program: &Path) -> Command {
    let mut other = Command::new(program);
    other.env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            other.env(name, value);
        }
    }
    if let Some(directory) = command.get_current_dir() {
        other.current_dir(directory);
    }
    other.stdin(std::process::Stdio::null());
    other
}

/// A command and what must come of it.
pub(crate) struct Step {
    command: &'static str,
    clock: Option<&'static str>,
    environment: Vec<(&'static str, &'static str)>,
    status: i32,
    says: Vec<&'static str>,
    never_says: Vec<&'static str>,
}

/// A command of words between spaces, run in the scene's directory; `{root}` stands for that directory's path. It must end with status 0
/// unless [`Step::ends`] says otherwise. Other programs than ours are looked up on `PATH`.
pub(crate) fn run(command: &'static str) -> Step {
    Step {
        command,
        clock: None,
        environment: Vec::new(),
        status: 0,
        says: Vec::new(),
        never_says: Vec::new(),
    }
}

impl Step {
    /// The exit status that must come.
    pub(crate) fn ends(mut self, status: i32) -> Self {
        self.status = status;
        self
    }

    /// A text that must be printed, on either stream.
    pub(crate) fn says(mut self, text: &'static str) -> Self {
        self.says.push(text);
        self
    }

    /// A text that must not be printed.
    pub(crate) fn never_says(mut self, text: &'static str) -> Self {
        self.never_says.push(text);
        self
    }

    /// Runs it with the clock standing at this local time (`2026-11-01 12:00:00`); the row needs `faketime`.
    pub(crate) fn at(mut self, time: &'static str) -> Self {
        self.clock = Some(time);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    fn judge(&self, output: &Output) {
        let text = all_text(output);
        let told = format!("{}\n{text}", self.command);
        assert_eq!(output.status.signal(), None, "a signal ended {told}");
        assert_eq!(
            output.status.code(),
            Some(self.status),
            "wrong status of {told}"
        );
        for wanted in &self.says {
            assert!(text.contains(wanted), "{wanted:?} is not said by {told}");
        }
        for unwanted in &self.never_says {
            assert!(!text.contains(unwanted), "{unwanted:?} is said by {told}");
        }
    }
}

/// Runs one row.
pub(crate) fn run_case(name: &str, case: &Case) {
    let clock = case.steps.iter().any(|step| step.clock.is_some());
    let faketime = clock.then_some(Need::Program("faketime"));
    for need in case.needs.iter().copied().chain(faketime) {
        if !need.is_met() {
            not_run(name, &format!("wants {need:?}"));
            return;
        }
    }
    let scene = Scene::new();
    (case.input)(&scene);
    for step in &case.steps {
        step.judge(&scene.run(step));
    }
    (case.check)(&scene);
    assert!(case.report > 0, "{}: no number", case.title);
}

/// No check beyond what the steps say.
pub(crate) fn nothing_more(_: &Scene) {}

/// The rows of a file: a test each.
macro_rules! cases {
    ($($name:ident: $case:expr),+ $(,)?) => {
        $(#[test]
        fn $name() {
            $crate::case::run_case(stringify!($name), &$case);
        })+
    };
}
pub(crate) use cases;
