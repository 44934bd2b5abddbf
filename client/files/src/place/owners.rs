//! Which numbers this machine knows owners by.

use std::collections::HashMap;

use super::options::Owners;

/// The numbers that files are given to.
#[derive(Debug, Default)]
pub struct OwnerNames {
    policy: Owners,
    users: HashMap<Vec<u8>, u32>,
    groups: HashMap<Vec<u8>, u32>,
}

impl OwnerNames {
    /// Reads the system's names, if they matter.
    pub fn read(policy: Owners) -> Self {
        let read = |path| {
            // A system without the file knows no names, and then the numbers count.
            let text = std::fs::read(path).unwrap_or_default();
            numbers_by_name(&text)
        };
        match policy {
            Owners::ByName => Self {
                policy,
                users: read("/etc/passwd"),
                groups: read("/etc/group"),
            },
            Owners::Numeric | Owners::Mine => Self {
                policy,
                ..Self::default()
            },
        }
    }

    /// The user that a file is given to, if it is given away.
    pub fn user(&self, number: Option<u32>, name: Option<&[u8]>) -> Option<u32> {
        self.resolve(&self.users, number, name)
    }

    /// The group that a file is given to, if it is given away.
    pub fn group(&self, number: Option<u32>, name: Option<&[u8]>) -> Option<u32> {
        self.resolve(&self.groups, number, name)
    }

    fn resolve(
        &self,
        known: &HashMap<Vec<u8>, u32>,
        number: Option<u32>,
        name: Option<&[u8]>,
    ) -> Option<u32> {
        let named = || name.and_then(|name| known.get(name)).copied();
        // The highest number means "unchanged" to the system and belongs to nobody.
        let number = number.filter(|number| *number != u32::MAX);
        match self.policy {
            Owners::Mine => None,
            Owners::Numeric => number,
            Owners::ByName => named().or(number),
        }
    }
}

/// The third field by the first, of lines such as `root:x:0:0:...`.
fn numbers_by_name(text: &[u8]) -> HashMap<Vec<u8>, u32> {
    let mut numbers = HashMap::new();
    for line in text.split(|byte| *byte == b'\n') {
        let mut fields = line.split(|byte| *byte == b':');
        let (Some(name), Some(number)) = (fields.next(), fields.nth(1)) else {
            continue;
        };
        let number = std::str::from_utf8(number)
            .ok()
            .and_then(|n| n.parse().ok());
        if let (false, Some(number)) = (name.is_empty(), number) {
            numbers.entry(name.to_vec()).or_insert(number);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_win_over_numbers_unless_told_otherwise() {
        let users =
            numbers_by_name(b"root:x:0:0:root:/:/bin/sh\nbob:x:1234:5::/:\nbad\n:x:7:\nbob:x:9:\n");
        let mut owners = OwnerNames {
            policy: Owners::ByName,
            users,
            groups: HashMap::new(),
        };
        assert_eq!(owners.user(Some(7), Some(b"bob")), Some(1234));
        assert_eq!(owners.user(Some(7), Some(b"eve")), Some(7));
        assert_eq!(owners.user(None, Some(b"eve")), None);
        assert_eq!(owners.user(Some(u32::MAX), None), None);
        assert_eq!(owners.group(Some(7), Some(b"bob")), Some(7));
        owners.policy = Owners::Numeric;
        assert_eq!(owners.user(Some(7), Some(b"bob")), Some(7));
        owners.policy = Owners::Mine;
        assert_eq!(owners.user(Some(7), Some(b"bob")), None);
    }
}
