//! Restores by somebody who is not root.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use super::doubles::{Log, TestSources};
use super::fixture::{archive_of, assert_same, is_root, list_of, path, set_times, snapshot, walk};
use crate::restore::{RestoreOptions, extract, restore};

const CHILD: &str = "HASHGET_TEST_USER_CHILD";
const NOBODY: u32 = 65534;

/// What the ordinary user does; does nothing when run as a test.
#[test]
fn child() {
    if let Some(work) = std::env::var_os(CHILD) {
        as_ordinary_user(Path::new(&work));
    }
}

#[test]
fn read_only_directories_devices_and_foreign_owners() {
    let work = tempfile::tempdir().unwrap();
    if !is_root() {
        return as_ordinary_user(work.path());
    }
    let exe = std::env::current_exe().unwrap();
    chown(work.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let run = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&exe)
        .args([
            "--exact",
            "restore::tests::ordinary_user::child",
            "--nocapture",
        ])
        .env(CHILD, work.path())
        .current_dir("/")
        .output();
    match run {
        Ok(output) if output.status.success() => {}
        Ok(output) if output.stderr.starts_with(b"setpriv:") => {
            eprintln!("skipped: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => eprintln!("skipped: cannot run setpriv: {error}"),
    }
}

fn as_ordinary_user(work: &Path) {
    let original = work.join("original");
    fs::create_dir_all(original.join("closed/inner")).unwrap();
    fs::create_dir_all(original.join("dark")).unwrap();
    for name in ["closed/f", "closed/inner/g", "dark/h", "own"] {
        fs::write(original.join(name), name.repeat(400)).unwrap();
    }
    fs::set_permissions(original.join("own"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::set_permissions(original.join("closed/f"), fs::Permissions::from_mode(0o444)).unwrap();
    let names = ["closed/f", "closed/inner/g", "dark/h", "own"].map(path);
    let mut sources = TestSources::default();
    let contents: Vec<_> = names
        .iter()
        .map(|n| fs::read(n.under(&original)).unwrap())
        .collect();
    let package = sources.add(&contents.iter().map(Vec::as_slice).collect::<Vec<_>>());
    for (number, directory) in walk(&original).iter().enumerate().rev() {
        if directory.under(&original).is_dir() {
            set_times(
                &directory.under(&original),
                1_000_000 + i64::try_from(number).unwrap(),
                1,
            );
        }
    }
    let close = |root: &Path| {
        for (name, mode) in [("closed/inner", 0o555), ("closed", 0o555), ("dark", 0o300)] {
            fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    let open = |root: &Path| {
        for name in ["dark", "closed", "closed/inner"] {
            fs::set_permissions(root.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
    };
    let mut list = list_of(&original, &names, vec![package]);
    let expected = snapshot(&original);
    for keeps_times in [true, false] {
        if !keeps_times {
            list.directories.clear();
        }
        let root = work.join(format!("root{keeps_times}"));
        fs::write(
            work.join("archive.tar"),
            archive_of(&original, &names, Some(&list)),
        )
        .unwrap();
        // What a tar of somebody else leaves, closed directories included.
        let nothing = TestSources::default();
        let options = RestoreOptions::default();
        extract(
            &work.join("archive.tar"),
            &root,
            &options,
            &nothing,
            &Log::default(),
        )
        .unwrap();
        close(&root);
        let log = Log::default();
        let stats = restore(&root, &options, &sources, &log).unwrap();
        assert_eq!(stats.missing, []);
        assert_eq!(log.problems(), Vec::<String>::new());
        for (name, mode) in [("closed", 0o555), ("closed/inner", 0o555), ("dark", 0o300)] {
            let stat = fs::metadata(root.join(name)).unwrap();
            assert_eq!(stat.mode() & 0o7777, mode, "{name}");
        }
        open(&root);
        assert_same(&expected, &snapshot(&root));
    }
    closed_in_the_archive(work, &original, &sources, close, open);
    foreign(work, &mut sources);
}

/// The archive itself has the directories closed.
fn closed_in_the_archive(
    work: &Path,
    original: &Path,
    sources: &TestSources,
    close: impl Fn(&Path),
    open: impl Fn(&Path),
) {
    let names = ["closed/f", "closed/inner/g", "own"].map(path);
    fs::set_permissions(original.join("dark"), fs::Permissions::from_mode(0o755)).unwrap();
    let packages = sources.packages.iter().map(|(digest, bytes)| {
        hashget_words::restore_file::RestorePackage {
            hash: (*digest).into(),
            url: "http://example.org/".to_owned(),
            urls: Vec::new(),
            size: Some(bytes.len() as u64),
        }
    });
    let list = list_of(original, &names, packages.collect());
    let expected = snapshot(original);
    close(original);
    fs::set_permissions(original.join("dark"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(
        work.join("closed.tar"),
        archive_of(original, &names, Some(&list)),
    )
    .unwrap();
    let root = work.join("closed-root");
    let log = Log::default();
    let options = RestoreOptions::default();
    let stats = extract(&work.join("closed.tar"), &root, &options, sources, &log).unwrap();
    assert_eq!(log.problems(), Vec::<String>::new());
    assert!(stats.is_complete());
    assert_eq!(
        fs::metadata(root.join("closed/inner")).unwrap().mode() & 0o777,
        0o555
    );
    open(original);
    open(&root);
    assert_same(&expected, &snapshot(&root));
}

/// Owners that cannot be set are counted, lent rights left out, devices named.
fn foreign(work: &Path, sources: &mut TestSources) {
    use hashget_archive::{EntryKind, EntryMetadata, TarHeader, TarWriter};
    let tree = work.join("foreign");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("f"), "rights").unwrap();
    let package = sources.add(&[b"rights"]);
    let mut list = list_of(&tree, &[path("f")], vec![package]);
    list.files[0].uid = Some(0);
    list.files[0].mode_bits = Some(0o4755);
    let json = list.to_json().unwrap();
    let mut tar = TarWriter::new(Vec::new());
    for (name, kind, content) in [
        (
            "null",
            EntryKind::CharDevice { major: 1, minor: 3 },
            &b""[..],
        ),
        (".hashget-restore.json", EntryKind::File, &json),
    ] {
        let header = TarHeader {
            path: name.as_bytes().to_vec(),
            kind,
            size: content.len() as u64,
            metadata: EntryMetadata::default(),
        };
        tar.append(&header, &mut &*content).unwrap();
    }
    fs::write(work.join("foreign.tar"), tar.finish().unwrap()).unwrap();
    let log = Log::default();
    let root = work.join("foreign-root");
    let options = RestoreOptions::default();
    let stats = extract(&work.join("foreign.tar"), &root, &options, sources, &log).unwrap();
    assert_eq!(stats.failed_members, 1);
    assert!(stats.unset_owner_files >= 1);
    assert_eq!(stats.unset_metadata_files, 1);
    assert_eq!(fs::metadata(root.join("f")).unwrap().mode() & 0o7777, 0o755);
    let problems = log.problems();
    let owners = problems.iter().filter(|p| p.contains("owners"));
    assert_eq!(owners.count(), 1, "{problems:?}");
    assert!(
        problems.iter().any(|p| p.starts_with("null: ")),
        "{problems:?}"
    );
    assert!(
        problems.iter().any(|p| p.starts_with("f: setuid")),
        "{problems:?}"
    );
}
