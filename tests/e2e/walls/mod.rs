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

/// Circles that nobody has cut yet: the crate, the module around them, and the first of them by name. The list only gets shorter.
const UNCUT: &[(&str, &str, &str)] = &[("server", "", "auth")];

#[test]
fn no_modules_know_each_other_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for source in crates() {
        let crate_name = source.strip_prefix(&root).unwrap().parent().unwrap();
        for circle in circles::circles(&Modules::read(&source)) {
            found.push(format!("{} {circle}", crate_name.display()));
        }
    }
    let known = |circle: &String| {
        let is_it = |(name, parent, first): &&(&str, &str, &str)| {
            circle.starts_with(&format!("{name} {parent} [\"{first}\","))
        };
        UNCUT.iter().find(is_it).is_some()
    };
    let new: Vec<&String> = found.iter().filter(|circle| !known(circle)).collect();
    assert!(new.is_empty(), "cut these: {new:#?}");
    assert_eq!(
        found.len(),
        UNCUT.len(),
        "take what was cut from the list: {found:#?}"
    );
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
