//! The help of every command, as it is in `tests/help/`. `HASHGET_BLESS=1 cargo test -p hashget
//! --test cli help` writes these files anew.

use std::path::Path;

use crate::bed::{Bed, Ran};

const MOST_LINES: usize = 42;
const MOST_COLUMNS: usize = 100;

#[test]
fn every_command_of_hashget_explains_itself_on_one_screen() {
    let bed = Bed::new();
    let mut faults = Vec::new();
    check("hashget", "", &|line| bed.run(line), &mut faults);
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_command_of_the_admin_explains_itself_on_one_screen() {
    let bed = Bed::new();
    let mut faults = Vec::new();
    check(
        "hashget-admin",
        "",
        &|line| bed.run_admin(line),
        &mut faults,
    );
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Compares the help of a command, and of those below it.
fn check(program: &str, command: &str, run: &dyn Fn(&str) -> Ran, faults: &mut Vec<String>) {
    let help = run(&format!("{command} --help")).expect(0).stdout;
    let name = format!("{program} {command}").trim().replace(' ', "-");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/help/{name}.txt"));
    if std::env::var_os("HASHGET_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &help).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if help != expected {
        faults.push(format!("{name}: not as in {}, but\n{help}", path.display()));
    }
    if help.lines().count() > MOST_LINES {
        faults.push(format!("{name}: {} lines", help.lines().count()));
    }
    let wide = help
        .lines()
        .filter(|line| line.chars().count() > MOST_COLUMNS);
    faults.extend(wide.map(|line| format!("{name}: {line}")));
    for below in commands(&help) {
        check(program, format!("{command} {below}").trim(), run, faults);
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
