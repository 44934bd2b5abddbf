//! Names of users and groups.
//!
//! They are read from `/etc/passwd` and `/etc/group`, once. Names that only a directory service
//! knows are not found: such owners are kept by number.

use std::collections::HashMap;
use std::path::Path;

/// The names that the system knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Owners {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Owners {
    /// Reads the system's names; none where the files cannot be read.
    pub(super) fn of_system() -> Self {
        Self {
            users: read_names(Path::new("/etc/passwd")),
            groups: read_names(Path::new("/etc/group")),
        }
    }

    /// The name of user number `uid`.
    pub(super) fn user(&self, uid: u32) -> Option<String> {
        self.users.get(&uid).cloned()
    }

    /// The name of group number `gid`.
    pub(super) fn group(&self, gid: u32) -> Option<String> {
        self.groups.get(&gid).cloned()
    }
}

fn read_names(path: &Path) -> HashMap<u32, String> {
    // Names are an addition: without the file there are only numbers, as in a small container.
    let text = std::fs::read(path).unwrap_or_default();
    parse_names(&text)
}

/// Reads lines `name:password:number:...`; the first line for a number counts.
fn parse_names(text: &[u8]) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in text.split(|byte| *byte == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else {
            continue;
        };
        let mut fields = line.split(':');
        if let (Some(name), Some(_), Some(number)) = (fields.next(), fields.next(), fields.next())
            && let Ok(number) = number.parse()
            && !name.is_empty()
        {
            names.entry(number).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_number() {
        let names = parse_names(
            b"root:x:0:0:root:/root:/bin/sh\ntoor:x:0:\n\nodd\nme:x:1000:\n:x:5:\nb:x:-1:",
        );
        assert_eq!(names.len(), 2);
        assert_eq!(names[&0], "root");
        assert_eq!(names[&1000], "me");
    }

    #[test]
    fn the_system_knows_root() {
        assert_eq!(Owners::of_system().user(0).as_deref(), Some("root"));
    }
}
