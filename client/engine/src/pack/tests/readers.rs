//! Other programs than GNU tar read the archives, as far as they can.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;

use super::*;

#[test]
fn python_and_bsdtar_read_the_archive_too() {
    let case = Case::new();
    case.write("directory/caf\u{e9}", &big(2));
    fs::write(case.root().join(OsStr::from_bytes(b"\xff\n")), big(3)).unwrap();
    fs::hard_link(
        case.root().join("directory/caf\u{e9}"),
        case.root().join("zlink"),
    )
    .unwrap();
    let sparse = File::create(case.root().join("sparse")).unwrap();
    sparse.write_all_at(&big(4), 1 << 20).unwrap();
    case.pack(&FakeLookup::default());
    let script = "import sys, tarfile\n\
        with tarfile.open(sys.argv[1]) as tar:\n\
        \x20   tar.extractall(sys.argv[2], **({'filter': 'tar'} if hasattr(tarfile, 'tar_filter') else {}))\n";
    let mut readers = vec![("python3", vec!["-c", script])];
    // Not on every machine; the others still test the same archive.
    if Command::new("bsdtar").arg("--version").output().is_ok() {
        readers.push(("bsdtar", vec![]));
    }
    for (program, arguments) in readers {
        let target = case.directory.path().join(program);
        fs::create_dir(&target).unwrap();
        let mut command = Command::new(program);
        command.args(arguments);
        if program == "bsdtar" {
            command
                .arg("-xpf")
                .arg(case.archive())
                .arg("-C")
                .arg(&target);
        } else {
            command.arg(case.archive()).arg(&target);
        }
        run(&mut command);
        let mut before = tree::look(&case.root());
        // bsdtar does not set the times of the directory that it unpacks into.
        before.remove(OsStr::new(""));
        let after = tree::look(&target);
        for (name, seen) in before {
            let other = &after[&name];
            assert_eq!(
                (seen.kind, &seen.content, &seen.first_name),
                (other.kind, &other.content, &other.first_name),
                "{program} {name:?}"
            );
            assert_eq!(seen.mtime.0, other.mtime.0, "{program} {name:?}");
        }
    }
}

/// Both forms of an ACL are in the archive: the attribute, and the text that these programs read.
#[test]
fn acls_are_read_by_those_who_know_them_as_text() {
    // user::rw- user:1234:r-- group::r-- mask::r-- other::---, as the kernel keeps it.
    const ACL: &[u8] = b"\x02\0\0\0\
        \x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\xd2\x04\0\0\x04\0\x04\0\xff\xff\xff\xff\
        \x10\0\x04\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff";
    let case = Case::new();
    let path = case.write("file", &big(1));
    let set = |path: &Path, name: &str| {
        rustix::fs::setxattr(path, name, ACL, rustix::fs::XattrFlags::empty())
    };
    if set(&path, "system.posix_acl_access") == Err(rustix::io::Errno::OPNOTSUPP) {
        eprintln!("skipped: the file system of the temporary directory has no ACLs");
        return;
    }
    fs::create_dir(case.root().join("directory")).unwrap();
    set(&case.root().join("directory"), "system.posix_acl_default").unwrap();
    case.pack(&FakeLookup::default());
    for (program, arguments) in [("tar", &["--acls", "-xpf"][..]), ("bsdtar", &["-xpf"])] {
        if Command::new(program).arg("--version").output().is_err() {
            continue;
        }
        let target = case.directory.path().join(program);
        fs::create_dir(&target).unwrap();
        let mut command = Command::new(program);
        command.args(arguments).arg(case.archive());
        run(command.arg("-C").arg(&target));
        for name in ["file", "directory"] {
            let before = tree::xattrs(&case.root().join(name));
            assert_eq!(tree::xattrs(&target.join(name)), before, "{program} {name}");
        }
    }
}
