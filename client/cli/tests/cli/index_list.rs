//! `hashget index --from`: a list of packages, indexed by one process.

use std::fmt::Write as _;

use hashget_tests::fault_server::{FaultServer, Reply};
use hashget_tests::tar_builder::TarBuilder;
use hashget_words::digest::Digest;

use crate::bed::{Bed, noise, run};

fn package(number: u64) -> Vec<u8> {
    TarBuilder::new()
        .file(format!("file{number}"), noise(number, 5000))
        .build()
}

fn site() -> FaultServer {
    FaultServer::start(|request| {
        let name = request
            .path
            .trim_start_matches("/p")
            .trim_end_matches(".tar");
        match name.parse() {
            Ok(number) => Reply::new(200, package(number)),
            Err(_) => Reply::not_found(),
        }
    })
}

#[test]
fn what_a_list_names_is_indexed_and_left_out() {
    let bed = Bed::new();
    let site = site();
    let mut list = String::from("# packages\n");
    for number in 0..20 {
        let url = site.url(&format!("/p{number}.tar"));
        writeln!(list, "{url} sha256:{}", Digest::of(&package(number))).unwrap();
        bed.write(&format!("tree/{number}"), noise(number, 5000));
    }
    let local = bed.write("local.tar", package(20));
    bed.write("tree/20", noise(20, 5000));
    writeln!(
        list,
        "http://localhost:9/p20.tar file={} project=other",
        local.display()
    )
    .unwrap();
    bed.write("list", &list);
    let ran = bed
        .run("index --from ~/list -p mine --no-hashserver")
        .expect(0);
    assert!(
        ran.stderr.contains("Indexed 21 of 21 packages"),
        "{}",
        ran.stderr
    );
    let packed = bed.run("pack ~/tree -f ~/a.tar --no-hashserver").expect(0);
    assert!(
        packed.stdout.contains("saved: 21 files, 21 pkgs"),
        "{}",
        packed.stdout
    );
    assert!(packed.stdout.contains("own (mine)") && packed.stdout.contains("own (other)"));
}

#[test]
fn a_package_of_another_hash_is_not_indexed() {
    let bed = Bed::new();
    let site = site();
    let (good, bad) = (site.url("/p1.tar"), site.url("/p2.tar"));
    let other = Digest::of(b"other");
    let file = bed.write("p3.tar", package(3));
    let list = format!(
        "{good}\n{bad} sha256:{other}\nhttp://localhost:9/p3.tar file={} sha256:{other}\n",
        file.display()
    );
    bed.write("list", list);
    let ran = bed
        .run("index --from ~/list -p mine --no-hashserver")
        .expect(1);
    assert!(
        ran.stderr.contains("Indexed 1 of 3 packages"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains(&other.to_string()), "{}", ran.stderr);
    let ran = bed
        .run("index --from ~/none -p mine --no-hashserver")
        .expect(1);
    assert!(ran.stderr.contains("none"), "{}", ran.stderr);
    bed.write("wrong", "http://example.org/x md5:1\n");
    let ran = bed
        .run("index --from ~/wrong -p mine --no-hashserver")
        .expect(2);
    assert!(ran.stderr.contains("line 1 of the list"), "{}", ran.stderr);
    let ran = bed.run("index --from ~/list --no-hashserver").expect(2);
    assert!(ran.stderr.contains("--project"), "{}", ran.stderr);
    let ran = run(bed.hashget().args(["index"])).expect(2);
    assert!(ran.stderr.contains("DIR"), "{}", ran.stderr);
}
