//! What the README and the pages under `docs/` point at exists, and what they tell to type is understood.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hashget_tests::programs::program;

/// The subcommands that have subcommands of their own.
const GROUPS: [&str; 5] = ["series", "delta", "snapshot", "cache", "token"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("deploy/README.md")];
    let mut open = vec![root().join("docs")];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages
}

/// The targets of the links of a page, outside of code.
fn links(text: &str) -> Vec<&str> {
    let mut links = Vec::new();
    for (number, part) in text.split("```").enumerate() {
        if number % 2 == 1 {
            continue;
        }
        for after in part.split("](").skip(1) {
            links.extend(after.split_once(')').map(|(link, _)| link));
        }
    }
    links
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        for link in links(&fs::read_to_string(&page).unwrap()) {
            let file = link.split('#').next().unwrap();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            if !page.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Commands in blocks of shell, and in single backquotes.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (number, part) in text.split("```").enumerate() {
        let pieces: Vec<&str> = match number % 2 {
            1 if part.starts_with("sh\n") => part.lines().collect(),
            1 => continue,
            _ => part.split('`').skip(1).step_by(2).collect(),
        };
        for piece in pieces {
            // A command that another one begins with is looked at too.
            let piece = piece.split_once("$(").map_or(piece, |(_, inner)| inner);
            let words = piece.split(['#', '|', '>', ')', '&']).next().unwrap();
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            let first = words.first().map(String::as_str);
            if matches!(first, Some("hashget" | "hashget-admin" | "hashserver")) {
                found.push(words);
            }
        }
    }
    found
}

/// The words of a command that name it, without arguments.
fn name_of(words: &[String]) -> &[String] {
    let is_word = |word: &String| {
        let mut letters = word.chars();
        letters.all(|letter| letter.is_ascii_lowercase() || letter == '-') && !word.starts_with('-')
    };
    let Some(command) = words.get(1).filter(|word| is_word(word)) else {
        return &words[..1];
    };
    let grouped = GROUPS.contains(&command.as_str()) && words.get(2).is_some_and(is_word);
    &words[..if grouped { 3 } else { 2 }]
}

#[test]
fn the_readme_s_commands_and_their_options_exist() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let commands = commands(&text);
    assert!(commands.len() > 15, "only {} commands", commands.len());
    for words in commands {
        let name = name_of(&words);
        let output = Command::new(program(&name[0]))
            .args(&name[1..])
            .arg("--help")
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?} is no command");
        let help = String::from_utf8(output.stdout).unwrap();
        let known = |option: &str| {
            help.split(|letter: char| letter.is_whitespace() || ",=[".contains(letter))
                .any(|word| word == option)
        };
        for option in words.iter().filter(|word| word.starts_with('-')) {
            let option = option.split('=').next().unwrap();
            // `hashget -u` and the like are the original's spelling, which no help tells.
            if option.len() > 1 && name.len() > 1 && option != "--help" {
                assert!(known(option), "{option} in {words:?} is no option");
            }
        }
    }
}
