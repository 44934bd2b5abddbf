//! `hashget-admin` over local records.

use std::thread;

use crate::bed::{Bed, noise, run};
use crate::web::Web;

fn bed_with_package() -> (Bed, Web) {
    let bed = Bed::new();
    bed.write("www/big.bin", noise(3, 200_000));
    let web = Web::serve(&bed.path("www"));
    bed.run(&format!(
        "--submit {} -p x --hashserver",
        web.url("big.bin")
    ))
    .expect(0);
    (bed, web)
}

#[test]
fn records_are_shown_changed_and_exchanged() {
    let (bed, web) = bed_with_package();
    let admin = |line: &str| bed.run_admin(line).expect(0).stdout;
    assert!(admin("--list").starts_with("big.bin ("));
    let got = admin("--get url size expires");
    assert_eq!(got, format!("{} 200000 None\n", web.url("big.bin")));
    admin("--set expires 2999-01-01 --hp big.bin");
    admin("--set origin here --hp all");
    assert_eq!(admin("--get expires origin"), "2999-01-01 here\n");
    let dump: serde_json::Value = serde_json::from_str(&admin("--dump --hp big.bin")).unwrap();
    assert_eq!(dump["attrs"]["size"], 200_000);

    admin("--export ~/records.jsonl");
    admin("--purge --hp all");
    assert_eq!(admin("--list"), "");
    assert_eq!(admin("--import ~/records.jsonl"), "Imported 1 packages\n");
    assert_eq!(admin("--get expires origin -p x"), "2999-01-01 here\n");

    admin("--addproject -p empty");
    assert!(admin("--status").contains("\nempty\n  packages: 0\n"));
    admin("--rmproject -p empty --really");
    assert!(!admin("--status").contains("empty"));
    bed.run_admin("--modify -p x --storage basename")
        .expect(0)
        .tells("changes nothing");
    admin("--clean all");
    assert_eq!(admin("--list"), "");
}

#[test]
fn verifying_deletes_only_what_is_surely_gone() {
    let (bed, _web) = bed_with_package();
    let ran = bed.run_admin("--verify").expect(0);
    assert!(
        ran.stdout.starts_with("VERIFIED big.bin ("),
        "{}",
        ran.stdout
    );
    std::fs::write(bed.path("www/big.bin"), "other").unwrap();
    let ran = bed.run_admin("--verify report").expect(3);
    assert!(
        ran.stdout.starts_with("FAILED VERIFICATION big.bin ("),
        "{}",
        ran.stdout
    );
    assert_eq!(bed.run_admin("--list").expect(0).stdout.lines().count(), 1);
    bed.run_admin("--verify delete").expect(3);
    assert_eq!(bed.run_admin("--list").expect(0).stdout, "");
}

#[test]
fn a_static_hashserver_is_built_from_the_records() {
    let (bed, _web) = bed_with_package();
    let built = bed.run_admin("--build ~/webroot").expect(0).stdout;
    assert!(built.contains("1 packages"), "{built}");
    let again = bed.run_admin("--build ~/webroot").expect(0).stdout;
    assert_eq!(again, built);
    bed.run_admin("--build ~/webroot --pool ~/www").expect(0);
    let dump: serde_json::Value =
        serde_json::from_str(&bed.run_admin("--dump").expect(0).stdout).unwrap();
    let hash = dump["hashes"][0]
        .as_str()
        .unwrap()
        .strip_prefix("sha256:")
        .unwrap();
    let sharded = format!(
        "{}/{}/{}/{}",
        &hash[..2],
        &hash[2..4],
        &hash[4..6],
        &hash[6..]
    );
    let record = std::fs::read(bed.path(&format!("webroot/a/{sharded}"))).unwrap();
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&record).unwrap(),
        dump
    );
    let package = std::fs::read(bed.path(&format!("webroot/pool/sha256/{sharded}"))).unwrap();
    assert_eq!(package, noise(3, 200_000));
}

#[test]
fn two_clients_at_once_share_the_local_records() {
    let bed = Bed::new();
    for number in 0..4 {
        bed.write(&format!("www/{number}.bin"), noise(number, 50_000));
    }
    let web = Web::serve(&bed.path("www"));
    thread::scope(|scope| {
        for number in 0..4 {
            let line = format!(
                "--submit {} -p x --hashserver",
                web.url(&format!("{number}.bin"))
            );
            let bed = &bed;
            scope.spawn(move || run(bed.hashget().args(bed.words(&line))).expect(0));
        }
    });
    assert_eq!(bed.run_admin("--list").expect(0).stdout.lines().count(), 4);
}
