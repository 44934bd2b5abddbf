//! Dependencies run one way (`docs/architecture.md`): checked on the source text.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers of a crate, lowest first: a module may name modules of its own layer's
/// `peers` and of every lower layer.
struct Layer {
    modules: &'static [&'static str],
    /// Pairs (who, whom) that may know each other inside the layer.
    peers: &'static [(&'static str, &'static str)],
}

const COMMON: &[Layer] = &[
    Layer {
        modules: &["surrogate_escape", "digest"],
        peers: &[],
    },
    Layer {
        modules: &[
            "expiry",
            "filter",
            "hash_reader",
            "project",
            "rel_path",
            "sha256_lanes",
            "signature",
        ],
        peers: &[],
    },
    Layer {
        modules: &["content_batch", "deb822", "hash_package"],
        peers: &[],
    },
    Layer {
        modules: &[
            "content_coding",
            "package_spec",
            "package_summary",
            "restore_file",
        ],
        peers: &[],
    },
    Layer {
        modules: &["archive", "store", "api"],
        peers: &[],
    },
    Layer {
        modules: &["record_package"],
        peers: &[],
    },
];

const CLIENT: &[Layer] = &[
    Layer {
        modules: &["file_lock", "monitor", "temp_name"],
        peers: &[],
    },
    Layer {
        modules: &["http", "settings", "state", "tree"],
        peers: &[],
    },
    Layer {
        modules: &["atomic_file", "place"],
        peers: &[],
    },
    Layer {
        modules: &["hash_cache", "package_members"],
        peers: &[],
    },
    Layer {
        modules: &["hash_server"],
        peers: &[],
    },
    Layer {
        modules: &["hash_db", "sources"],
        peers: &[("sources", "hash_db")],
    },
    Layer {
        modules: &["heuristics"],
        peers: &[],
    },
    Layer {
        modules: &[
            "delta", "get", "index", "info", "pack", "publish", "restore", "snapshot", "submit",
            "verify",
        ],
        peers: &[
            ("pack", "index"),
            ("submit", "index"),
            ("get", "index"),
            ("info", "restore"),
            ("verify", "restore"),
            // For the services as a restore asks for them.
            ("snapshot", "restore"),
        ],
    },
    Layer {
        modules: &["series"],
        peers: &[],
    },
    Layer {
        modules: &["cli"],
        peers: &[],
    },
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // Tests may know everything, and print.
            if path.file_name().is_none_or(|name| name != "tests") {
                found.extend(sources(&path));
            }
        } else if path.file_name().is_some_and(|name| name == "tests.rs") {
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The modules of the crate that a text names after `crate::`, tests and comments left out.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or(text);
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let mut names = BTreeSet::new();
    for line in lines {
        for (place, _) in line.match_indices("crate::") {
            let rest = &line[place + "crate::".len()..];
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            if rest[..end].starts_with(char::is_lowercase) {
                names.insert(rest[..end].to_owned());
            }
        }
    }
    names
}

fn check(crate_name: &str, layers: &[Layer]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(crate_name)
        .join("src");
    let level = |module: &str| {
        layers
            .iter()
            .position(|layer| layer.modules.contains(&module))
    };
    let mut faults = Vec::new();
    for path in sources(&root) {
        let relative = path.strip_prefix(&root).unwrap();
        let first = relative.iter().next().unwrap().to_str().unwrap();
        let module = first.strip_suffix(".rs").unwrap_or(first);
        if ["lib", "main", "bin"].contains(&module) {
            continue;
        }
        let Some(own) = level(module) else {
            faults.push(format!("{module} has no place among the layers"));
            continue;
        };
        for import in imports(&fs::read_to_string(&path).unwrap()) {
            let peer = layers[own].peers.contains(&(module, import.as_str()));
            let sound = import == module || peer || level(&import).is_some_and(|other| other < own);
            if !sound {
                faults.push(format!(
                    "{} may not name crate::{import}",
                    relative.display()
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{crate_name}:\n{}", faults.join("\n"));
}

#[test]
fn modules_of_common_know_only_lower_ones() {
    check("common", COMMON);
}

#[test]
fn modules_of_client_know_only_lower_ones() {
    check("client", CLIENT);
}

#[test]
fn only_the_command_line_prints_and_exits() {
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("../client/src");
    let common = Path::new(env!("CARGO_MANIFEST_DIR")).join("../common/src");
    let library = sources(&client).into_iter().chain(sources(&common));
    let mut faults = Vec::new();
    for path in library.filter(|path| !path.starts_with(client.join("cli"))) {
        if path.starts_with(client.join("bin")) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in [
            "println!",
            "print!",
            "eprintln!",
            "eprint!",
            "process::exit",
            "use clap",
        ] {
            if code.contains(word) {
                faults.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_forbidden_import_is_seen() {
    assert!(imports("use crate::cli::args;\n").contains("cli"));
    assert!(imports("let x = crate::pack::plan();").contains("pack"));
    assert!(!imports("// crate::pack\n#[cfg(test)]\nuse crate::cli;").contains("cli"));
}
