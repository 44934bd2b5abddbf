//! The founding transcript: full, submit, differential, purge, full again, command by command.

use std::fs;
use std::path::Path;

use hashget_tests::assert_same_tree;

use hashget_tests::programs::{Client, WebServer};

fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

fn random_bytes(count: usize) -> Vec<u8> {
    // A xorshift: gzip finds nothing in it.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..count).map(next).collect()
}

#[test]
fn full_differential_purge_full() {
    let temp = tempfile::tempdir().unwrap();
    let (test, www) = (temp.path().join("test"), temp.path().join("www"));
    fs::create_dir_all(www.join("hg")).unwrap();
    fs::create_dir(&test).unwrap();
    fs::write(test.join("1M"), random_bytes(1 << 20)).unwrap();
    let web = WebServer::start(&www);
    let client = Client::new(temp.path().join("home"));
    let pack = |archive: &Path| {
        let arguments = [
            "-zf",
            archive.to_str().unwrap(),
            "--pack",
            test.to_str().unwrap(),
        ];
        client.hashget(arguments.into_iter().chain(["--hashserver"]))
    };

    let full = temp.path().join("full-1.tar.gz");
    let told = pack(&full);
    for line in [
        "STEP 1/3 Indexing...",
        "0 local + 0 pulled + 0 new",
        "STEP 2/3 prepare exclude list for packing...",
        "saved: 0 files, 0 pkgs, size: 0. Download: 0",
        "STEP 3/3 tarring...",
        "(1.0M) packed into",
    ] {
        assert!(told.contains(line), "{line:?} is not in:\n{told}");
    }
    assert!(
        (1_000_000..1_100_000).contains(&size(&full)),
        "{}",
        size(&full)
    );

    fs::copy(&full, www.join("hg/full-1.tar.gz")).unwrap();
    let url = web.url("hg/full-1.tar.gz");
    client.hashget(["--submit", &url, "-p", "my_incremental", "--hashserver"]);

    fs::write(test.join("date"), "Fri Nov 20 12:00:00 UTC 2026\n").unwrap();
    let diff = temp.path().join("diff.tar.gz");
    let told = pack(&diff);
    assert!(
        told.contains("saved: 1 files, 1 pkgs, size: 1.0M. Download: 1.0M"),
        "{told}"
    );
    assert!(size(&diff) < 1024, "{}", size(&diff));

    let restored = temp.path().join("restored");
    let stranger = Client::new(temp.path().join("elsewhere"));
    let arguments = [
        "-u",
        diff.to_str().unwrap(),
        "-C",
        restored.to_str().unwrap(),
        "--hashserver",
    ];
    let told = stranger.hashget(arguments);
    assert!(told.contains("Recovered 1/1 files"), "{told}");
    assert_same_tree(&test, &restored);

    client.admin(["--purge", "--hp", "full-1.tar.gz"]);
    let full = temp.path().join("full-2.tar.gz");
    let told = pack(&full);
    assert!(told.contains("saved: 0 files, 0 pkgs"), "{told}");
    assert!(
        (1_000_000..1_100_000).contains(&size(&full)),
        "{}",
        size(&full)
    );
}
