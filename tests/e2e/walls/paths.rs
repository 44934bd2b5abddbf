//! The paths that a module's text names.

/// All paths in `use` items, braces opened, and those that begin with `crate`, `super` or `self` elsewhere.
pub(super) fn paths_of(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = String::new();
    for (number, part) in text.split(';').enumerate() {
        match use_of(part) {
            Some(tree) => found.extend(expanded(tree).into_iter().map(|(path, _)| path)),
            None => rest.push_str(part),
        }
        if number > 0 {
            rest.push(';');
        }
    }
    for root in ["crate::", "super::", "self::"] {
        for (start, _) in rest.match_indices(root) {
            let before = rest[..start].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let end = rest[start..]
                .find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':')
                .map_or(rest.len(), |length| start + length);
            found.push(segments(&rest[start..end]));
        }
    }
    found
}

/// The names that `pub use` items hand on, each with the path behind it.
pub(super) fn handed_on(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for part in text.split(';') {
        let Some(tree) = use_of(part) else { continue };
        let before = &part[..part.len() - tree.len()];
        if before.contains("pub") {
            let named = expanded(tree).into_iter();
            found.extend(
                named.filter_map(|(path, name)| Some((name.or(path.last().cloned())?, path))),
            );
        }
    }
    found
}

/// What stands behind the last `use ` of a statement that is one.
fn use_of(statement: &str) -> Option<&str> {
    let start = statement.rfind("use ")?;
    let before = statement[..start].trim_end();
    let begins =
        before.is_empty() || before.ends_with([';', '}', ']', ')', '{']) || before.ends_with("pub");
    let tree = &statement[start + "use ".len()..];
    // Sentences in strings have the word, too.
    let is_path = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_:{},*".contains(c);
    (begins && tree.chars().all(is_path) && tree.matches('{').count() == tree.matches('}').count())
        .then_some(tree)
}

fn segments(path: &str) -> Vec<String> {
    path.split("::")
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The paths of a `use` tree, each with the name that it gets by `as`.
fn expanded(tree: &str) -> Vec<(Vec<String>, Option<String>)> {
    let mut found = Vec::new();
    expand(tree, &[], &mut found);
    found
}

fn expand(tree: &str, before: &[String], found: &mut Vec<(Vec<String>, Option<String>)>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let (path, name) = match tree.split_once(" as ") {
            Some((path, name)) => (path, Some(name.trim().to_owned())),
            None => (tree, None),
        };
        if !path.is_empty() {
            found.push(([before, &segments(path)].concat(), name));
        }
        return;
    };
    let before = [before, &segments(&tree[..open])].concat();
    let inner = &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())];
    let (mut depth, mut start) = (0_usize, 0);
    for (position, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                expand(&inner[start..position], &before, found);
                start = position + 1;
            }
            _ => {}
        }
    }
    expand(&inner[start..], &before, found);
}

#[test]
fn braces_are_opened() {
    let paths = paths_of("use crate::{a, b::{C, d as e}};\nlet x = super::f::g();\n");
    let joined: Vec<String> = paths.iter().map(|path| path.join("::")).collect();
    assert_eq!(
        joined,
        ["crate::a", "crate::b::C", "crate::b::d", "super::f::g"]
    );
}

#[test]
fn what_is_handed_on_by_another_name_is_found_by_that() {
    let handed =
        handed_on("pub use a::B as C;\npub(super) use d::{self, E as F};\nuse g::H as I;\n");
    let names: Vec<String> = handed
        .iter()
        .map(|(name, path)| format!("{name}={}", path.join("::")))
        .collect();
    assert_eq!(names, ["C=a::B", "self=d::self", "F=d::E"]);
}
