//! Random edits of a tree.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hashget_tests::Random;

/// Edits what is in `root`, `count` times.
pub(super) fn edit(root: &Path, random: &mut Random, count: u64) {
    for number in 0..count {
        let mut all = Vec::new();
        collect(root, &mut all);
        let fresh = root.join(format!("edit{number}"));
        if all.is_empty() {
            fs::write(fresh, "first").unwrap();
            continue;
        }
        let path = random.pick(&all).clone();
        let is_file = fs::symlink_metadata(&path).unwrap().is_file();
        let is_directory = fs::symlink_metadata(&path).unwrap().is_dir();
        match random.below(10) {
            0 => remove(&path),
            1 | 2 => {
                // A directory cannot be moved into itself.
                fs::rename(&path, &fresh).unwrap();
            }
            3 | 4 if is_file => change_content(&path, random),
            5 if is_file => fs::hard_link(&path, &fresh).unwrap(),
            6 if is_file && fs::metadata(&path).unwrap().len() < 1 << 21 => {
                fs::write(&fresh, fs::read(&path).unwrap()).unwrap();
            }
            7 if is_file || is_directory => {
                let mode = *random.pick(&[0o600, 0o755, 0o4711, 0o1777]);
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
            8 => {
                remove(&path);
                if random.one_in(2) {
                    symlink("elsewhere", &path).unwrap();
                } else {
                    fs::create_dir(&path).unwrap();
                    fs::write(path.join("inside"), random.bytes(3000)).unwrap();
                }
            }
            _ => fs::write(&fresh, random.bytes(9000)).unwrap(),
        }
    }
    settle_times(root);
}

fn change_content(path: &Path, random: &mut Random) {
    let file = File::options().write(true).open(path).unwrap();
    let size = file.metadata().unwrap().size();
    for _ in 0..=random.below(3) {
        let data = random.bytes(20);
        file.write_all_at(&data, random.below(size + 1)).unwrap();
    }
}

fn remove(path: &Path) {
    if fs::symlink_metadata(path).unwrap().is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else {
        fs::remove_file(path).unwrap();
    }
}

/// The same edits give the same tree: what was edited just now gets a time that does not depend on
/// when the test runs.
fn settle_times(root: &Path) {
    let mut all = vec![root.to_owned()];
    collect(root, &mut all);
    let recent = SystemTime::now() - Duration::from_secs(3600);
    for path in all.iter().rev() {
        let metadata = fs::symlink_metadata(path).unwrap();
        let modified = metadata.modified().unwrap();
        let now = recent..SystemTime::now() + Duration::from_secs(60);
        if now.contains(&modified) {
            let time = rustix::fs::Timespec {
                tv_sec: 1_600_000_000,
                tv_nsec: 123_456_789,
            };
            let times = rustix::fs::Timestamps {
                last_access: time,
                last_modification: time,
            };
            let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
            rustix::fs::utimensat(rustix::fs::CWD, path, &times, flags).unwrap();
        }
    }
}

/// Everything below `directory`, sorted.
fn collect(directory: &Path, all: &mut Vec<PathBuf>) {
    let mut children: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    children.sort();
    for child in children {
        let is_directory = fs::symlink_metadata(&child).unwrap().is_dir();
        all.push(child.clone());
        if is_directory {
            collect(&child, all);
        }
    }
}
