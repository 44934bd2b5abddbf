//! What Cargo cannot forbid: circles between the modules of a crate, and libraries that print.
//!
//! Who may know whom among the crates is what their manifests say (`docs/architecture.md`); here the source text is read whole, tests
//! left out.

mod circles;
mod paths;
mod source;

use std::path::{Path, PathBuf};

use self::source::Modules;

/// The `src` directories of our crates.
fn crates() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = vec![root.join("server/src")];
    for group in ["common", "client"] {
        for entry in std::fs::read_dir(root.join(group)).unwrap() {
            found.push(entry.unwrap().path().join("src"));
        }
    }
    found.retain(|path| path.is_dir());
    found.sort();
    assert!(found.len() > 8, "{found:?}");
    found
}

#[test]
fn no_modules_know_each_other_in_a_circle() {
    let mut faults = Vec::new();
    for source in crates() {
        let modules = Modules::read(&source);
        for circle in circles::circles(&modules) {
            faults.push(format!("{}: {circle}", source.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn only_the_programs_print_and_exit() {
    let mut faults = Vec::new();
    for source in crates() {
        if source.ends_with("client/cli/src") || source.ends_with("server/src") {
            continue;
        }
        for (module, text) in Modules::read(&source).texts() {
            for word in ["println!", "print!", "process::exit", "use clap"] {
                if text.contains(word) {
                    faults.push(format!("{}: {module} has {word}", source.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
