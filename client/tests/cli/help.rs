//! The help of every command, as it is in `tests/help/`. `HASHGET_BLESS=1 cargo test -p hashget
//! --test cli help` writes these files anew.

use std::path::Path;

use crate::bed::{Bed, Ran};

/// A screen.
const MOST_LINES: usize = 42;
const MOST_COLUMNS: usize = 100;

#[test]
fn every_command_of_hashget_explains_itself_on_one_screen() {
    let bed = Bed::new();
    check("hashget", "", &|line| bed.run(line));
}

#[test]
fn every_command_of_the_admin_explains_itself_on_one_screen() {
    let bed = Bed::new();
    check("hashget-admin", "", &|line| bed.run_admin(line));
}

/// Compares the help of a command, and of those below it.
fn check(program: &str, command: &str, run: &dyn Fn(&str) -> Ran) {
    let help = run(&format!("{command} --help")).expect(0).stdout;
    let name = format!("{program} {command}").trim().replace(' ', "-");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/help/{name}.txt"));
    if std::env::var_os("HASHGET_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &help).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(help, expected, "{} (see help.rs)", path.display());
    let lines = help.lines().count();
    assert!(lines <= MOST_LINES, "{name}: {lines} lines");
    for line in help.lines() {
        assert!(line.chars().count() <= MOST_COLUMNS, "{name}: {line}");
    }
    for below in commands(&help) {
        check(program, format!("{command} {below}").trim(), run);
    }
}

/// The commands that a help lists.
fn commands(help: &str) -> Vec<&str> {
    let after = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = after
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").collect()
}

#[test]
fn the_whole_help_names_what_the_short_one_leaves_out() {
    let bed = Bed::new();
    let whole = bed.run("help pack").expect(0).stdout;
    for option in [
        "--anchsz",
        "--snapshot-url",
        "--hashdb-path",
        "--timeout",
        "--jobs",
    ] {
        assert!(whole.contains(option), "{option}");
    }
}
