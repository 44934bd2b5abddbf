//! What hint files may say something of: the files below their own directories.

use std::collections::HashMap;

use hashget_words::rel_path::RelPath;

/// The directories of the hints that were obeyed, by the URL that they name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HintScopes {
    directories: HashMap<String, Vec<RelPath>>,
}

impl HintScopes {
    /// Adds the hint in `directory`, which counts from the root of the tree.
    pub(crate) fn add(&mut self, url: String, directory: RelPath) {
        self.directories.entry(url).or_default().push(directory);
    }

    /// Whether `file` may be left out because of a package at `url` that only hints name.
    pub(crate) fn cover(&self, url: &str, file: &RelPath) -> bool {
        let mut directories = self.directories.get(url).into_iter().flatten();
        directories.any(|directory| file.starts_with(directory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_covers_what_is_below_its_directory() {
        let path = |text: &str| RelPath::new(text.as_bytes()).unwrap();
        let mut scopes = HintScopes::default();
        scopes.add("u".to_owned(), path("home/a"));
        scopes.add("u".to_owned(), path("srv"));
        for (url, file, covered) in [
            ("u", "home/a/x", true),
            ("u", "srv/x/y", true),
            ("u", "home/ab", false),
            ("u", "etc/shadow", false),
            ("v", "home/a/x", false),
        ] {
            assert_eq!(scopes.cover(url, &path(file)), covered, "{url} {file}");
        }
    }
}
