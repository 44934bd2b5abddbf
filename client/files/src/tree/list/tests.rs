use std::sync::Arc;

use hashget_archive::Timestamp;
use hashget_words::restore_file::Xattr;

use super::*;
use crate::monitor::Silent;
use crate::node::Node;
use crate::tree::{Metadata, TreeKind, TreeRoot, WalkOptions, walk, walk_knowing};

fn entry(path: &str, kind: TreeKind, seconds: i64) -> TreeEntry {
    let time = |seconds, nanoseconds| Timestamp {
        seconds,
        nanoseconds,
    };
    TreeEntry {
        path: RelPath::new(path.as_bytes()).unwrap(),
        kind,
        metadata: Metadata {
            mode: 0o4755,
            uid: 7,
            gid: 8,
            user: Some("me".to_owned()),
            group: None,
            atime: time(seconds, 1),
            mtime: time(-seconds, 999_999_999),
            ctime: time(i64::MAX, 0),
            xattrs: Vec::new(),
        },
    }
}

fn put(directory: &mut Directory, entry: &TreeEntry) {
    let metadata = &entry.metadata;
    let common = Arc::new(Common {
        device: match entry.kind {
            TreeKind::File { id, .. } => id.device,
            _ => 3,
        },
        mode: metadata.mode,
        uid: metadata.uid,
        gid: metadata.gid,
        user: metadata.user.clone(),
        group: metadata.group.clone(),
        xattrs: metadata.xattrs.clone(),
    });
    directory.push(NewEntry {
        name: entry.path.file_name().unwrap_or_default(),
        kind: &entry.kind,
        common,
        atime: metadata.atime,
        mtime: metadata.mtime,
        ctime: metadata.ctime,
    });
}

#[test]
fn every_kind_of_entry_comes_out_as_it_went_in() {
    let file = TreeKind::File {
        size: u64::MAX,
        id: FileId {
            device: 1,
            inode: u64::MAX,
        },
        links: 65000,
        allocated_bytes: 512,
    };
    let (major, minor) = (u32::MAX, 5);
    let target = b"../where \xff ever".to_vec();
    let mut attributed = entry("with", file.clone(), 9);
    attributed.metadata.xattrs = vec![Xattr {
        name: b"user.a".to_vec(),
        value: vec![0, 255],
    }];
    let entries = [
        entry("", TreeKind::Directory, 1),
        entry("block", TreeKind::Node(Node::BlockDevice(major, minor)), 2),
        entry("char", TreeKind::Node(Node::CharDevice(major, minor)), 3),
        entry("fifo", TreeKind::Node(Node::Fifo), 4),
        entry("file", file, -5),
        entry("link", TreeKind::Node(Node::Symlink(target)), 6),
        entry("none", TreeKind::Node(Node::Symlink(vec![])), 7),
        entry("socket", TreeKind::Socket, 8),
        attributed,
    ];
    let mut top = Directory::new(RelPath::root());
    put(&mut top, &entries[0]);
    let mut inner = Directory::new(RelPath::root());
    for entry in &entries[1..] {
        put(&mut inner, entry);
    }
    let list = TreeList::new(vec![top, inner], &[vec![(0, 1)], vec![]]);
    assert_eq!(list.iter().collect::<Vec<_>>(), entries);
    assert_eq!(list.parent(EntryIndex(0)), None);
    for (index, entry) in list.indexes().zip(&entries).skip(1) {
        assert_eq!(list.path(index), entry.path);
        assert_eq!(list.parent(index), Some(EntryIndex(0)));
        let stamp = list.file(index).map(|file| file.stamp);
        assert_eq!(stamp, entry.stamp());
    }
    assert_eq!(list.into_entries(), entries);
}

#[test]
fn entries_are_found_by_their_path_and_know_their_directory() {
    let temp = tempfile::tempdir().unwrap();
    for name in ["a.b", "a/z", "a/b/c", "a-b/x", "b", "a/b/d/e", "z/y"] {
        let path = temp.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, name).unwrap();
    }
    let root = TreeRoot::open(temp.path()).unwrap();
    let options = WalkOptions::default();
    let mut list = walk_knowing(&root, &options, &|_| false, &Silent);
    let check = |list: &TreeList| {
        for (index, entry) in list.indexes().zip(list.iter()) {
            assert_eq!(list.find(&entry.path), Some(index), "{}", entry.path);
            let parent = list.parent(index).map(|parent| list.path(parent));
            assert_eq!(parent, entry.path.parent());
            assert_eq!(list.is_directory(index), entry.kind == TreeKind::Directory);
        }
        for name in ["a/", "a/b/cc", "c", "a/b/d/e/f", "0"] {
            let path = RelPath::new(name.as_bytes()).unwrap();
            assert_eq!(list.find(&path).is_some(), name == "a/");
        }
    };
    assert_eq!(list.len(), 13);
    check(&list);
    let gone = RelPath::new(b"a/b/c").unwrap();
    list.remove(list.find(&gone).unwrap());
    assert_eq!((list.len(), list.find(&gone)), (12, None));
    check(&list);
    let all = walk(&root, &options, &Silent);
    let left: Vec<_> = all.into_iter().filter(|it| it.path != gone).collect();
    assert_eq!(list.into_entries(), left);
}
