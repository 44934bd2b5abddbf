//! Circles between the modules that lie beside each other.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{handed_on, paths_of};
use super::source::{ModulePath, Modules};

/// For the modules directly below one module: who names whom.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// All circles, each as a line.
pub(super) fn circles(modules: &Modules) -> Vec<String> {
    let mut found = Vec::new();
    for (parent, graph) in graphs(modules) {
        for name in graph.keys() {
            let reached = reached_from(name, &graph);
            let circle: Vec<&String> = reached
                .iter()
                .filter(|other| reached_from(other, &graph).contains(name))
                .collect();
            // Told once, by its first name.
            if circle.first() == Some(&name) && circle.len() > 1 {
                found.push(format!("{} {circle:?}", parent.join("::")));
            }
        }
    }
    found
}

fn reached_from(name: &str, graph: &Graph) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![name.to_owned()];
    while let Some(next) = open.pop() {
        for other in graph.get(&next).into_iter().flatten() {
            if reached.insert(other.clone()) {
                open.push(other.clone());
            }
        }
    }
    reached
}

fn graphs(modules: &Modules) -> BTreeMap<ModulePath, Graph> {
    let names = Names::of(modules);
    let mut graphs: BTreeMap<ModulePath, Graph> = BTreeMap::new();
    for (path, text) in modules.iter() {
        for used in paths_of(text) {
            let Some(target) = names.resolve(path, &used, 4) else {
                continue;
            };
            let shared = path.iter().zip(&target).take_while(|(a, b)| a == b).count();
            if let (Some(from), Some(to)) = (path.get(shared), target.get(shared)) {
                let graph = graphs.entry(path[..shared].to_vec()).or_default();
                graph.entry(from.clone()).or_default().insert(to.clone());
            }
        }
    }
    graphs
}

/// Which module a path leads to.
struct Names<'m> {
    modules: &'m Modules,
    handed_on: BTreeMap<(&'m ModulePath, String), Vec<String>>,
}

impl<'m> Names<'m> {
    fn of(modules: &'m Modules) -> Self {
        let mut names = BTreeMap::new();
        for (path, text) in modules.iter() {
            for (name, behind) in handed_on(text) {
                names.insert((path, name), behind);
            }
        }
        Self {
            modules,
            handed_on: names,
        }
    }

    /// The module in which a path's item is defined; `None` for paths out of the crate. Follows `pub use` so many times.
    fn resolve(&self, from: &ModulePath, path: &[String], follow: u8) -> Option<ModulePath> {
        let mut rest = path;
        let mut here = from.clone();
        match rest.first()?.as_str() {
            "crate" => here.clear(),
            "self" | "super" => {}
            first => {
                here.push(first.to_owned());
                if !self.modules.contains(&here) {
                    return None;
                }
                here.pop();
            }
        }
        if ["crate", "self"].contains(&rest[0].as_str()) {
            rest = &rest[1..];
        }
        while rest.first().is_some_and(|part| part == "super") {
            here.pop();
            rest = &rest[1..];
        }
        while let Some(next) = rest.first() {
            here.push(next.clone());
            if !self.modules.contains(&here) {
                here.pop();
                break;
            }
            rest = &rest[1..];
        }
        let key = self
            .modules
            .iter()
            .map(|(path, _)| path)
            .find(|path| **path == here)?;
        let behind = rest
            .first()
            .and_then(|name| self.handed_on.get(&(key, name.clone())));
        match behind {
            Some(behind) if follow > 0 && behind != path => self
                .resolve(&here, &[behind.as_slice(), &rest[1..]].concat(), follow - 1)
                .or(Some(here)),
            _ => Some(here),
        }
    }
}

#[test]
fn a_circle_is_seen_through_what_is_handed_on() {
    let modules = Modules::of(&[
        ("", "mod a; mod b; pub use b::B;"),
        ("a", "use crate::B; pub struct A;"),
        ("b", "use super::a::A; pub struct B;"),
    ]);
    assert_eq!(circles(&modules), [r#" ["a", "b"]"#]);
    let straight = Modules::of(&[
        ("", "mod a; mod b; pub use b::B;"),
        (
            "a",
            "use crate::B; #[cfg(test)] mod tests { use super::A; }",
        ),
        (
            "b",
            "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }",
        ),
    ]);
    assert!(circles(&straight).is_empty());
}

#[test]
fn a_circle_is_seen_through_another_name() {
    let modules = Modules::of(&[
        ("", "mod a; mod b; pub use b::B as C;"),
        ("a", "use crate::C; pub struct A;"),
        ("b", "use super::a::A; pub struct B;"),
    ]);
    assert_eq!(circles(&modules), [r#" ["a", "b"]"#]);
}
