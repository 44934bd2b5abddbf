//! Full and differential backups, command by command.

use crate::bed::{Bed, files_of, noise};
use crate::web::Web;

#[test]
fn a_full_backup_makes_the_next_one_small_and_both_come_back() {
    let bed = Bed::new();
    bed.write("test/1M", noise(7, 1 << 20));
    std::fs::create_dir(bed.path("www")).unwrap();
    let web = Web::serve(&bed.path("www"));
    let pack = |name: &str| {
        bed.run(&format!("-zf ~/{name} --pack ~/test --hashserver"))
            .expect(0)
    };

    let full = pack("full-1.tar.gz");
    assert!(
        full.stderr
            .contains("STEP 1/3 Indexing...\nIndexing done in 0."),
        "{}",
        full.stderr
    );
    assert!(
        full.stderr
            .contains("STEP 2/3 prepare exclude list for packing...\n")
    );
    assert!(full.stderr.contains("STEP 3/3 tarring...\n"));
    let (saved, packed) = full.stdout.split_once('\n').unwrap();
    assert_eq!(saved, "saved: 0 files, 0 pkgs, size: 0. Download: 0");
    let test = bed.path("test").display().to_string();
    let expected = format!(
        "{test} (1.0M) packed into {} (1.0M)\n",
        bed.path("full-1.tar.gz").display()
    );
    assert_eq!(packed, expected);

    std::fs::copy(bed.path("full-1.tar.gz"), bed.path("www/full-1.tar.gz")).unwrap();
    let url = web.url("full-1.tar.gz");
    let submitted = bed
        .run(&format!("--submit {url} -p my_incremental --hashserver"))
        .expect(0);
    assert_eq!(submitted.stdout, "");
    assert_eq!(
        submitted.stderr,
        format!("indexed {url}: 2 files, 1 anchor\n")
    );
    assert_eq!(
        bed.run_admin("--list").expect(0).stdout,
        "full-1.tar.gz (1/2)\n"
    );

    bed.write("test/date", "Fri\n");
    let diff = pack("diff.tar.gz");
    assert!(
        diff.stdout
            .starts_with("saved: 1 files, 1 pkgs, size: 1.0M. Download: 1.0M\n"),
        "{}",
        diff.stdout
    );
    assert!(std::fs::metadata(bed.path("diff.tar.gz")).unwrap().len() < 1024);

    let restored = bed
        .run("-u ~/diff.tar.gz -C ~/restored --hashserver")
        .expect(0);
    assert!(
        restored.stdout.contains("Recovered 1/1 files 1.0M bytes ("),
        "{}",
        restored.stdout
    );
    assert_eq!(files_of(&bed.path("restored")), files_of(&bed.path("test")));

    let purged = bed.run_admin("--purge --hp full-1.tar.gz").expect(0).stdout;
    assert_eq!(purged, "Purge full-1.tar.gz (1/2)\nPurged 1 packages\n");
    let full = pack("full-2.tar.gz").stdout;
    assert!(
        full.starts_with("saved: 0 files, 0 pkgs, size: 0. Download: 0\n"),
        "{full}"
    );
}

#[test]
fn what_would_be_done_is_told_the_same_way_every_time() {
    let bed = Bed::new();
    bed.write("test/big", noise(3, 200_000));
    bed.write("www/big", noise(3, 200_000));
    let web = Web::serve(&bed.path("www"));
    bed.run(&format!("--submit {} -p x --hashserver", web.url("big")))
        .expect(0);
    let plan = || {
        bed.run("-zf ~/a.tar.gz --pack ~/test --hashserver --dry-run")
            .expect(0)
            .stdout
    };
    let first = plan();
    let value: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!(value["packages"][0]["url"], web.url("big"));
    assert_eq!(plan(), first);
    assert!(!bed.path("a.tar.gz").exists());
}

#[test]
fn a_backup_that_cannot_come_back_is_told_by_verify() {
    let bed = Bed::new();
    bed.write("test/big", noise(3, 200_000));
    bed.write("www/big", noise(3, 200_000));
    let web = Web::serve(&bed.path("www"));
    bed.run(&format!("--submit {} -p x --hashserver", web.url("big")))
        .expect(0);
    bed.run("-zf ~/a.tar.gz --pack ~/test --hashserver")
        .expect(0);
    let info = bed
        .run("--info ~/a.tar.gz list --hashserver")
        .expect(0)
        .stdout;
    assert!(
        info.is_empty() || info == format!("{}\n", web.url("big")),
        "{info}"
    );
    bed.run("verify ~/a.tar.gz --hashserver").expect(0);
    bed.run("verify ~/a.tar.gz --deep --hashserver").expect(0);

    bed.run("cache clean").expect(0);
    std::fs::remove_file(bed.path("www/big")).unwrap();
    let ran = bed.run("verify ~/a.tar.gz --hashserver").expect(1);
    assert!(ran.stdout.contains("DEAD "), "{}", ran.stdout);
    ran.tells("cannot be restored").tells("hint: ");
    let ran = bed
        .run("-u ~/a.tar.gz -C ~/restored --hashserver")
        .expect(1);
    assert!(ran.stdout.contains("Recovered 0/1 files"), "{}", ran.stdout);
    ran.tells("1 files could not be restored").tells("hint: ");
}

#[test]
fn a_compact_archive_names_the_package_and_comes_back() {
    let bed = Bed::new();
    bed.write("made/src/large", noise(5, 200_000));
    for number in 0..30 {
        bed.write(&format!("made/src/sub/small{number}"), format!("{number}"));
    }
    let tar = |args: &[&str]| {
        let mut command = std::process::Command::new("tar");
        let done = command.current_dir(bed.path("")).args(args).status();
        assert!(done.unwrap().success());
    };
    std::fs::create_dir(bed.path("www")).unwrap();
    std::fs::create_dir(bed.path("test")).unwrap();
    tar(&["-cf", "www/src.tar", "-C", "made", "src"]);
    tar(&["-xpf", "www/src.tar", "-C", "test", "--strip-components=1"]);
    let web = Web::serve(&bed.path("www"));
    bed.run(&format!("--submit {} -p x", web.url("src.tar")))
        .expect(0);
    let packed = bed
        .run("-zf ~/a.tar.gz --pack ~/test --compact --no-cache")
        .expect(0);
    assert!(
        packed.stdout.starts_with("saved: 31 files, 1 pkgs"),
        "{}",
        packed.stdout
    );
    let info = bed.run("--info ~/a.tar.gz").expect(0).stdout;
    assert!(info.starts_with("Files: 31 ("), "{info}");
    bed.run("verify ~/a.tar.gz --deep").expect(0);
    bed.run("-u ~/a.tar.gz -C ~/restored").expect(0);
    assert_eq!(files_of(&bed.path("restored")), files_of(&bed.path("test")));
}

#[test]
fn digests_of_new_files_are_not_remembered_yet() {
    let bed = Bed::new();
    bed.write("test/large", noise(5, 200_000));
    bed.run("-zf ~/a.tar.gz --pack ~/test").expect(0);
    let stat = bed.run("cache stat").expect(0).stdout;
    assert!(
        stat.ends_with("digests of 0 packed directories (0)\n"),
        "{stat}"
    );
    bed.run("cache clean").expect(0);
}
