//! What is left out, what is asked for, what is chosen.

use std::fs;

use super::*;
use hashget_files::tree::PatternSet;

fn excluding(patterns: &[&str]) -> PackOptions {
    let mut options = gzip();
    options.walk.exclude = PatternSet::new(patterns).unwrap();
    options
}

#[test]
fn what_is_excluded_is_in_neither_list_and_nothing_else_goes() {
    // In the original `--exclude tmp` took every tmp from the archive, and the files that packages
    // hold below them stayed in the list.
    let case = Case::new();
    for name in ["tmp/known", "a/tmp/known", "a/tmp/own", "tmp/own"] {
        case.write(name, &big(u8::from(name.ends_with("known"))));
    }
    case.pack_with(&FakeLookup::holding(&[&big(1)]), &excluding(&["/tmp"]))
        .unwrap();
    let (_, list) = case.unpack();
    assert_eq!(
        listed(&list).into_keys().collect::<Vec<_>>(),
        ["a/tmp/known"]
    );
    let names = [
        "./",
        "./.hashget-restore.json",
        "./a/",
        "./a/tmp/",
        "./a/tmp/own",
    ];
    assert_eq!(case.names(), names);
}

#[test]
fn without_a_slash_every_depth_is_excluded_from_archive_and_list() {
    let case = Case::new();
    for name in ["tmp/known", "a/tmp/known", "a/known", "tmp/own", "a/own"] {
        case.write(name, &big(u8::from(name.ends_with("known"))));
    }
    case.pack_with(&FakeLookup::holding(&[&big(1)]), &excluding(&["tmp"]))
        .unwrap();
    let (_, list) = case.unpack();
    assert_eq!(listed(&list).into_keys().collect::<Vec<_>>(), ["a/known"]);
    let names = ["./", "./.hashget-restore.json", "./a/", "./a/own"];
    assert_eq!(case.names(), names);
}

#[test]
fn small_files_are_not_asked_for() {
    let case = Case::new();
    case.write("small", &[1; 1024]);
    case.write("big", &[1; 1025]);
    let scan = case.scan(&gzip());
    let wanted = scan.wanted();
    assert_eq!(wanted.len(), 1);
    assert_eq!(wanted[0].sha256, Digest::of(&[1; 1025]));
    let options = PackOptions {
        filesz: 0,
        ..gzip()
    };
    assert_eq!(case.scan(&options).wanted().len(), 2);
}

#[test]
fn equal_files_and_names_of_one_file_weigh_as_they_should() {
    let case = Case::new();
    case.write("a", &big(1));
    case.write("b", &big(1));
    fs::hard_link(case.root().join("a"), case.root().join("c")).unwrap();
    let scan = case.scan(&gzip());
    assert_eq!(
        scan.wanted()[0].saved_bytes,
        10_000,
        "two files, one of them with two names"
    );
}

#[test]
fn the_archive_itself_is_not_packed() {
    let case = Case::new();
    case.write("x", b"x");
    let output = || Output::File(case.root().join("sub/../backup.tar"));
    fs::create_dir(case.root().join("sub")).unwrap();
    for _ in 0..2 {
        pack(
            &case.root(),
            output(),
            &PackOptions::default(),
            &FakeLookup::default(),
            &case.told,
        )
        .unwrap();
        let names = run(Command::new("tar")
            .arg("-tf")
            .arg(case.root().join("backup.tar")));
        assert_eq!(names, "./\n./.hashget-restore.json\n./sub/\n./x\n");
    }
}

#[test]
fn an_archive_can_go_to_a_stream() {
    #[derive(Clone, Default)]
    struct Shared(std::sync::Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Shared {
        fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(data)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let case = Case::new();
    case.write("x", b"x");
    let shared = Shared::default();
    let output = Output::Stream(Box::new(shared.clone()));
    let stats = pack(
        &case.root(),
        output,
        &gzip(),
        &FakeLookup::default(),
        &case.told,
    )
    .unwrap();
    case.pack(&FakeLookup::default());
    let streamed = shared.0.lock().unwrap();
    assert_eq!(stats.archive_bytes, streamed.len() as u64);
    assert!(*streamed == fs::read(case.archive()).unwrap());
}

#[test]
fn prepack_lists_only_what_tar_will_leave_out_exactly() {
    let case = Case::new();
    for name in [
        "bin/known",
        "known [1]",
        "$HOME",
        "back\\slash",
        "new\nline",
        "star*",
        "space ",
        "deep/bin/other",
        "bin/other",
        "linked",
    ] {
        case.write(name, &big(1));
    }
    fs::hard_link(case.root().join("linked"), case.root().join("linked?")).unwrap();
    let exclude_file = case.directory.path().join("exclude");
    let before = fs::metadata(case.root()).unwrap().modified().unwrap();
    let known = FakeLookup::holding(&[&big(1)]);
    for _ in 0..2 {
        let stats = prepack(
            &case.root(),
            Some(&exclude_file),
            &gzip(),
            &known,
            &case.told,
        )
        .unwrap();
        assert_eq!((stats.deduplicated_files, stats.archived_files), (2, 9));
        let list = fs::read_to_string(&exclude_file).unwrap();
        assert_eq!(list, "./bin/known\n./deep/bin/other\n");
    }
    assert_eq!(
        fs::metadata(case.root()).unwrap().modified().unwrap(),
        before
    );
    let tarred = run(Command::new("tar")
        .current_dir(case.root())
        .arg("-X")
        .arg(&exclude_file)
        .args(["--quoting-style=literal", "-cvf", "../plain.tar", "."]));
    let json = fs::read(case.root().join(RestoreFile::NAME)).unwrap();
    let list = RestoreFile::parse(&json).unwrap();
    assert_eq!(
        listed(&list).into_keys().collect::<Vec<_>>(),
        ["bin/known", "deep/bin/other"]
    );
    for name in [
        "bin/other",
        "known [1]",
        "$HOME",
        "linked",
        RestoreFile::NAME,
    ] {
        assert!(tarred.contains(&format!("./{name}\n")), "{name}: {tarred}");
    }
    assert!(!tarred.contains("./bin/known") && !tarred.contains("deep/bin/other"));
}

#[test]
fn prepack_never_names_a_directory_above_the_packed_one() {
    let case = Case::new();
    case.write("tree", &big(1));
    case.write("fine", &big(1));
    let known = FakeLookup::holding(&[&big(1)]);
    let exclude_file = case.directory.path().join("exclude");
    prepack(
        &case.root(),
        Some(&exclude_file),
        &gzip(),
        &known,
        &case.told,
    )
    .unwrap();
    assert_eq!(fs::read_to_string(&exclude_file).unwrap(), "./fine\n");
}

#[test]
fn small_files_are_left_out_only_along_with_others() {
    let case = Case::new();
    case.write("large", &big(1));
    case.write("small", &[2; 100]);
    case.write("tiny", &[3; 31]);
    case.write("alone", &[4; 100]);
    let mut lookup = FakeLookup::holding(&[&big(1), &[2; 100], &[3; 31]]);
    lookup.add("http://example.org/q.deb", &[&[4; 100]]);
    let left_out = |options: &PackOptions| {
        case.pack_with(&lookup, options).unwrap();
        let (_, list) = case.unpack();
        assert_eq!(list.packages.len(), 1);
        listed(&list).into_keys().collect::<Vec<_>>()
    };
    assert_eq!(left_out(&gzip()), ["large"]);
    let small = PackOptions {
        small_files: true,
        ..gzip()
    };
    assert_eq!(left_out(&small), ["large", "small"]);
    // Without compression even the header takes more than a word on the file.
    let plain = PackOptions {
        compression: Compression::None,
        ..small
    };
    assert_eq!(left_out(&plain), ["large", "small", "tiny"]);
}
