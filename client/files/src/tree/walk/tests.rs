use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::monitor::{Level as MessageLevel, Silent, Task};
use crate::temp_name::TempNames;
use crate::tree::{PatternSet, TreeKind};

fn names(root: &Path, options: &WalkOptions) -> Vec<String> {
    let root = TreeRoot::open(root).unwrap();
    let entries = walk(&root, options, &Silent);
    entries.iter().map(|entry| entry.path.to_string()).collect()
}

fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    directory
}

#[derive(Default)]
struct Problems(Mutex<Vec<Problem>>);

impl Monitor for Problems {
    fn message(&self, _: MessageLevel, _: &str) {}
    fn problem(&self, problem: &Problem) {
        self.0.lock().unwrap().push(problem.clone());
    }
    fn task_started(&self, _: &Task) {}
    fn task_advanced(&self, _: &Task, _: u64) {}
    fn task_finished(&self, _: &Task, _: u64) {}
}

#[test]
fn a_directory_comes_right_before_what_is_in_it() {
    let directory = tree(&[
        ("a.b", ""),
        ("a/z", ""),
        ("a/b/c", ""),
        ("a-b/x", ""),
        ("b", ""),
    ]);
    assert_eq!(
        names(directory.path(), &WalkOptions::default()),
        [".", "a", "a/b", "a/b/c", "a/z", "a-b", "a-b/x", "a.b", "b"]
    );
}

#[test]
fn excluding_is_anchored_and_takes_what_is_below() {
    let directory = tree(&[
        ("tmp/x", ""),
        ("a/tmp/y", ""),
        ("a/tmp/z/q", ""),
        ("only", ""),
    ]);
    let excluding = |patterns: &[&str]| WalkOptions {
        exclude: PatternSet::new(patterns).unwrap(),
        ..WalkOptions::default()
    };
    let with = |patterns: &[&str]| names(directory.path(), &excluding(patterns));
    let all_of_a = ["a", "a/tmp", "a/tmp/y", "a/tmp/z", "a/tmp/z/q"];
    assert_eq!(with(&["/tmp"]), [&["."][..], &all_of_a, &["only"]].concat());
    assert_eq!(with(&["tmp"]), [".", "a", "only"]);
    assert_eq!(with(&["**/tmp/", "only/"]), [".", "a", "only"]);
    assert_eq!(with(&["a/*", "tmp/**"]), [".", "a", "only", "tmp"]);
}

/// Keeps the names of messages.
#[derive(Default)]
struct Messages(Mutex<Vec<String>>);

impl Monitor for Messages {
    fn message(&self, _: MessageLevel, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
    fn problem(&self, _: &Problem) {}
    fn task_started(&self, _: &Task) {}
    fn task_advanced(&self, _: &Task, _: u64) {}
    fn task_finished(&self, _: &Task, _: u64) {}
}

#[test]
fn mount_points_of_the_kernel_are_left_empty_and_told_in_one_line() {
    let root = TreeRoot::open(Path::new("/")).unwrap();
    let only_proc = |pseudo_file_systems| WalkOptions {
        exclude: PatternSet::new(["/*", "!/proc", "/proc/*", "!/proc/version"]).unwrap(),
        pseudo_file_systems,
        ..WalkOptions::default()
    };
    let seen = |options: &WalkOptions| {
        let told = Messages::default();
        let entries = walk(&root, options, &told);
        let names: Vec<String> = entries.iter().map(|it| it.path.to_string()).collect();
        (names, told.0.into_inner().unwrap())
    };
    let (names, told) = seen(&only_proc(false));
    assert_eq!(names, [".", "proc"]);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("/proc") && told[0].contains("--all-file-systems"));
    let (names, told) = seen(&only_proc(true));
    assert_eq!(names, [".", "proc", "proc/version"]);
    assert!(told.is_empty(), "{told:?}");
    // Who names such a tree wants it.
    let root = TreeRoot::open(Path::new("/proc")).unwrap();
    let options = WalkOptions {
        exclude: PatternSet::new(["/*", "!/version"]).unwrap(),
        ..WalkOptions::default()
    };
    assert_eq!(walk(&root, &options, &Silent).len(), 2);
}

#[test]
fn cache_directories_keep_only_their_tag() {
    const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# more";
    let directory = tree(&[
        ("cache/CACHEDIR.TAG", TAG),
        ("cache/a", ""),
        ("cache/b/c", ""),
        ("fake/CACHEDIR.TAG", "Signature: none"),
        ("fake/a", ""),
    ]);
    let options = WalkOptions {
        exclude_caches: true,
        ..WalkOptions::default()
    };
    let kept = [
        ".",
        "cache",
        "cache/CACHEDIR.TAG",
        "fake",
        "fake/CACHEDIR.TAG",
        "fake/a",
    ];
    assert_eq!(names(directory.path(), &options), kept);
}

#[test]
fn ignore_rules_nest_as_in_git() {
    let directory = tree(&[
        (".gitignore", "*.o\n/build/\ndoc/*.txt\n"),
        ("x.o", ""),
        ("build/keep", ""),
        ("sub/build/keep", ""),
        ("sub/.gitignore", "!special.o\nlocal\n"),
        ("sub/special.o", ""),
        ("sub/other.o", ""),
        ("sub/deep/local", ""),
        ("local", ""),
        ("doc/a.txt", ""),
        ("sub/doc/a.txt", ""),
    ]);
    let options = WalkOptions {
        exclude_ignored: true,
        ..WalkOptions::default()
    };
    assert_eq!(
        names(directory.path(), &options),
        [
            ".",
            ".gitignore",
            "doc",
            "local",
            "sub",
            "sub/.gitignore",
            "sub/build",
            "sub/build/keep",
            "sub/deep",
            "sub/doc",
            "sub/doc/a.txt",
            "sub/special.o"
        ]
    );
}

#[test]
fn symbolic_links_are_listed_and_not_followed() {
    let directory = tree(&[("real/x", "")]);
    symlink("real", directory.path().join("link")).unwrap();
    symlink("nowhere", directory.path().join("broken")).unwrap();
    let root = TreeRoot::open(directory.path()).unwrap();
    let entries = walk(&root, &WalkOptions::default(), &Silent);
    let link = entries
        .iter()
        .find(|e| e.path.to_string() == "link")
        .unwrap();
    let target = b"real".to_vec();
    assert_eq!(
        link.kind,
        TreeKind::Node(crate::node::Node::Symlink(target))
    );
    assert_eq!(entries.len(), 5);
}

#[test]
fn paths_longer_than_the_system_takes_are_listed_and_opened() {
    let directory = tempfile::tempdir().unwrap();
    let name = "n".repeat(250);
    let mut open = fs::File::open(directory.path()).map(OwnedFd::from).unwrap();
    for _ in 0..20 {
        rustix::fs::mkdirat(&open, &name, 0o755.into()).unwrap();
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY;
        open = rustix::fs::openat(&open, &name, flags, 0.into()).unwrap();
    }
    let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CREATE;
    rustix::fs::openat(&open, "file", flags, 0o644.into()).unwrap();

    let root = TreeRoot::open(directory.path()).unwrap();
    let entries = walk(&root, &WalkOptions::default(), &Silent);
    let last = entries.last().unwrap();
    assert_eq!(entries.len(), 22);
    assert_eq!(last.path.as_bytes().len(), 20 * 251 + 4);
    assert_eq!(
        root.open_file(&last.path)
            .unwrap()
            .metadata()
            .unwrap()
            .len(),
        0
    );
    assert_eq!(root.status(&last.path).unwrap().stx_size, 0);
}

#[test]
fn omitted_names_are_not_seen() {
    let directory = tree(&[
        ("out/a.tar", ""),
        ("out/.hashget-tmp-0123456789abcdef", ""),
        ("out/b", ""),
        ("a.tar", ""),
    ]);
    let root = TreeRoot::open(&directory.path().join("out")).unwrap();
    let status = root.status(&RelPath::root()).unwrap();
    let temporary = TempNames::of_inode(status.stx_ino).fresh();
    fs::write(directory.path().join("out").join(temporary), "").unwrap();
    let options = WalkOptions {
        omitted: Some(OmittedNames {
            directory: file_id(&status),
            name: b"a.tar".to_vec(),
        }),
        ..WalkOptions::default()
    };
    assert_eq!(
        names(directory.path(), &options),
        [
            ".",
            "a.tar",
            "out",
            "out/.hashget-tmp-0123456789abcdef",
            "out/b"
        ]
    );
}

#[test]
fn a_bad_rules_file_is_told_and_the_walk_goes_on() {
    let directory = tree(&[("x", "")]);
    fs::write(directory.path().join(".gitignore"), b"\xff\nx\n").unwrap();
    let problems = Problems::default();
    let options = WalkOptions {
        exclude_ignored: true,
        ..WalkOptions::default()
    };
    let root = TreeRoot::open(directory.path()).unwrap();
    assert_eq!(walk(&root, &options, &problems).len(), 2);
    let problems = problems.0.into_inner().unwrap();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].what.contains("line 1"), "{problems:?}");
}
