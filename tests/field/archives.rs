//! Packages of odd shapes, and what is no package at all.

use std::path::Path;

use hashget_tests::zip_builder::ZipBuilder;

use crate::case::{Case, Scene, cases, nothing_more, run};

cases! {
    a_zip_behind_a_program_is_read: Case {
        report: 801,
        title: "a self-extracting zip is taken for no archive",
        needs: &[],
        input: |scene| odd(scene, "sfx.zip"),
        steps: vec![
            run("hashget --submit http://example.org/sfx.zip -p odd --file sfx.zip --hashserver")
                .says("indexed http://example.org/sfx.zip: 1 file, 0 anchors"),
        ],
        check: nothing_more,
    },
    an_encrypted_member_does_not_cost_the_others: Case {
        report: 802,
        title: "one member of a zip is encrypted, and none is read",
        needs: &[],
        input: |scene| odd(scene, "enc.zip"),
        steps: vec![
            run("hashget --submit http://example.org/enc.zip -p odd --file enc.zip --hashserver")
                .says("left out: `a.txt` is encrypted")
                .says("1 file,"),
        ],
        check: nothing_more,
    },
    garbage_after_gzip_is_a_warning: Case {
        report: 803,
        title: "garbage after the gzip data, which gzip ignores, costs the package",
        needs: &[],
        input: |scene| odd(scene, "gzgarbage.tar.gz"),
        steps: vec![
            run("hashget --submit http://example.org/g.tar.gz -p odd --file gzgarbage.tar.gz --hashserver")
                .says("garbage after the gzip data")
                .says("1 file,"),
        ],
        check: nothing_more,
    },
    ones_own_archive_with_garbage_behind_it_comes_back: Case {
        report: 809,
        title: "a backup with garbage behind its gzip data is not restored, which tar does",
        needs: &[],
        input: |scene| scene.write("tree/a", "one"),
        steps: vec![
            run("hashget -zf a.tgz --pack tree --hashserver --heuristics"),
            run("cp a.tgz b.tgz"),
            run("dd if={root}/tree/a of=b.tgz oflag=append conv=notrunc status=none"),
            run("hashget -u b.tgz -C out --hashserver").says("garbage after the gzip data"),
        ],
        check: |scene| assert_eq!(std::fs::read(scene.path("out/a")).unwrap(), b"one"),
    },
    a_deb_without_data_is_named_so: Case {
        report: 804,
        title: "a .deb without data is said to be cut short in the middle of nothing",
        needs: &[],
        input: |scene| odd(scene, "nodata_1.0_all.deb"),
        steps: vec![
            run("hashget --submit http://example.org/n.deb -p odd --file nodata_1.0_all.deb --hashserver")
                .ends(1)
                .says("no data.tar member"),
        ],
        check: nothing_more,
    },
    a_hole_of_nine_exabytes_is_refused_at_once: Case {
        report: 805,
        title: "227 bytes claim a hole of 2^63 bytes, which is filled for hours",
        needs: &[],
        input: |scene| odd(scene, "sparse-giant.tar.gz"),
        steps: vec![
            run("hashget --submit http://example.org/s.tar.gz -p odd --file sparse-giant.tar.gz --hashserver")
                .ends(1)
                .says("max_hole_bytes"),
        ],
        check: nothing_more,
    },
    a_page_is_no_package: Case {
        report: 806,
        title: "a page with status 200 in the place of a package is indexed",
        needs: &[],
        input: |scene| scene.write("page", "<!DOCTYPE html><title>Sign in</title>"),
        steps: vec![
            run("hashget --submit http://example.org/a.tar.gz -p odd --file page --hashserver")
                .ends(1)
                .says("an HTML page and no archive")
                .never_says("indexed http"),
        ],
        check: nothing_more,
    },
    an_endless_file_is_refused: Case {
        report: 807,
        title: "`--file /dev/zero` goes on for ever",
        needs: &[],
        input: |_| {},
        steps: vec![
            run("hashget --submit http://example.org/a.tar -p odd --file /dev/zero --hashserver")
                .ends(1)
                .says("it is no regular file"),
            run("hashget --debsubmit /dev/zero --hashserver")
                .ends(1)
                .says("it is no regular file"),
        ],
        check: nothing_more,
    },
    what_an_odd_package_holds_comes_back_from_it: Case {
        report: 808,
        title: "a file left out for a zip with junk around it must come back from there",
        needs: &[],
        input: |scene| {
            let zip = ZipBuilder::new().stored("data", noise()).build();
            let app = [&b"#!/usr/bin/python3\n"[..], &zip, &[7; 2000]].concat();
            scene.write("app.pyz", app);
            scene.write("tree/data", noise());
            std::fs::create_dir(scene.path("pool")).unwrap();
        },
        steps: vec![
            run("hashget --submit http://example.org/app.pyz -p odd --file app.pyz --pool {root}/pool --hashserver"),
            run("hashget -zf a.tgz --pack tree --hashserver --heuristics").says("saved: 1 files, 1 pkgs"),
            run("hashget -u a.tgz -C out --pool {root}/pool --hashserver"),
        ],
        check: |scene| assert_eq!(std::fs::read(scene.path("out/data")).unwrap(), noise()),
    },
}

/// Takes one of the odd packages of crate `common` to the scene.
fn odd(scene: &Scene, name: &str) {
    let odd = Path::new(env!("CARGO_MANIFEST_DIR")).join("../common/record/testdata/odd-packages");
    scene.write(name, std::fs::read(odd.join(name)).unwrap());
}

/// 200 kB that do not repeat.
fn noise() -> Vec<u8> {
    let numbers = (1..25_000_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    numbers.flat_map(u64::to_le_bytes).collect()
}
