//! Random trees, some of whose files are in packages.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use proptest::prelude::*;

use super::tree::assert_same_tree;
use super::*;

#[derive(Clone, Debug)]
enum Node {
    File {
        content: u8,
        size: usize,
        known: bool,
    },
    Link(Vec<u8>),
    HardLink(usize),
    Directory,
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[ab*\\[\\n\\\\ -]{1,3}".prop_map(String::into_bytes),
        prop::collection::vec(1_u8..=255, 1..4),
    ]
    .prop_map(|mut name| {
        name.iter_mut()
            .filter(|b| **b == b'/')
            .for_each(|b| *b = b'_');
        if name == b"." || name == b".." {
            b"dots".to_vec()
        } else {
            name
        }
    })
}

fn node() -> impl Strategy<Value = Node> {
    prop_oneof![
        4 => (0_u8..4, prop_oneof![Just(0_usize), 1000_usize..1050, Just(70_000)], any::<bool>())
            .prop_map(|(content, size, known)| Node::File { content, size, known }),
        1 => name().prop_map(Node::Link),
        2 => (0_usize..10).prop_map(Node::HardLink),
        1 => Just(Node::Directory),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn every_name_is_in_the_archive_or_in_the_list_as_it_was(
        nodes in prop::collection::vec((prop::collection::vec(name(), 1..4), node(), 0_u32..0o10000), 0..14),
    ) {
        let case = Case::new();
        let mut known: Vec<Vec<u8>> = Vec::new();
        let mut files: Vec<PathBuf> = Vec::new();
        for (components, node, mode) in nodes {
            let mut path = case.root();
            path.extend(components.iter().map(|c| OsStr::from_bytes(c)));
            // Where a file is in the way of a directory, there is no such path.
            if fs::create_dir_all(path.parent().unwrap()).is_err() || exists(&path) {
                continue;
            }
            match node {
                Node::File { content, size, known: is_known } => {
                    let content = vec![content; size];
                    fs::write(&path, &content).unwrap();
                    // Readable, so that the test works for an ordinary user too.
                    fs::set_permissions(&path, Permissions::from_mode(mode | 0o400)).unwrap();
                    files.push(path);
                    if is_known {
                        known.push(content);
                    }
                }
                Node::Link(target) => symlink(OsStr::from_bytes(&target), &path).unwrap(),
                Node::HardLink(number) => {
                    if let Some(first) = files.get(number) {
                        fs::hard_link(first, &path).unwrap();
                    }
                }
                Node::Directory => fs::create_dir(&path).unwrap(),
            }
        }
        let mut lookup = FakeLookup::default();
        let contents: Vec<&[u8]> = known.iter().map(Vec::as_slice).collect();
        for (number, held) in contents.chunks(2).enumerate() {
            lookup.add(&format!("http://example.org/{number}"), held);
        }
        let stats = case.pack(&lookup);
        let (unpacked, list) = case.unpack();
        assert_same_tree(&case.root(), &unpacked, &list);
        prop_assert_eq!(stats.problems, 0);
        prop_assert_eq!(stats.deduplicated_files, list.files.len() as u64);
        prop_assert_eq!(stats.tree_files, stats.deduplicated_files + stats.archived_files);
        prop_assert_eq!(stats.tree_bytes, stats.deduplicated_bytes + stats.archived_bytes);
        for entry in &list.files {
            let size = entry.size.unwrap();
            prop_assert!(size > 1024);
        }
    }
}
