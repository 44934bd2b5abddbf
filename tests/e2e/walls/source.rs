//! The text of a crate's modules, without comments and tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A module's path below the crate; empty for the crate itself.
pub(super) type ModulePath = Vec<String>;

/// The modules of one crate.
pub(super) struct Modules(BTreeMap<ModulePath, String>);

impl Modules {
    /// Reads the modules below a `src` directory.
    pub(super) fn read(source: &Path) -> Self {
        let mut modules = BTreeMap::new();
        collect(source, &Vec::new(), &mut modules);
        Self(modules)
    }

    /// Modules of these texts, by their paths (`a::b`).
    #[cfg(test)]
    pub(super) fn of(texts: &[(&str, &str)]) -> Self {
        let path = |name: &str| match name {
            "" => Vec::new(),
            name => name.split("::").map(str::to_owned).collect(),
        };
        Self(
            texts
                .iter()
                .map(|(name, text)| (path(name), code_of(text)))
                .collect(),
        )
    }

    pub(super) fn contains(&self, path: &[String]) -> bool {
        self.0.contains_key(path)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&ModulePath, &String)> {
        self.0.iter()
    }

    /// Names and texts.
    pub(super) fn texts(&self) -> impl Iterator<Item = (String, &String)> {
        self.0.iter().map(|(path, text)| (path.join("::"), text))
    }
}

fn collect(directory: &Path, path: &ModulePath, modules: &mut BTreeMap<ModulePath, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        // Tests may know everything, and programs are not the library.
        if name == "tests" || name.ends_with("_tests") || name == "bin" || name == "main" {
            continue;
        }
        let mut inner = path.clone();
        if name != "mod" && name != "lib" {
            inner.push(name);
        }
        if file.is_dir() {
            collect(&file, &inner, modules);
        } else if file.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&file).unwrap();
            modules.insert(inner, code_of(&text));
        }
    }
}

/// The text without comments and without what is there for tests only.
fn code_of(text: &str) -> String {
    let mut rest: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    while let Some(start) = rest.find("#[cfg(test)]") {
        let end = start + end_of_item(&rest[start..]);
        rest.replace_range(start..end, "");
    }
    rest
}

/// Where an item ends: at its `;`, or at the `}` that closes its first `{`.
fn end_of_item(text: &str) -> usize {
    let mut depth = 0_usize;
    for (position, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth <= 1 => return position + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return position + 1,
            _ => {}
        }
    }
    text.len()
}

#[test]
fn what_stands_behind_tests_is_read() {
    let text = "use a;\n#[cfg(test)]\nmod tests { use b; }\nuse c; // use d;\n";
    assert_eq!(code_of(text), "use a;\n\nuse c; ");
}
