//! Archives beyond what packages of others may be, and files that are nearly all hole.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};

use crate::case::{Case, Scene, cases, run};

const GIANT: u64 = 1100 << 30;

cases! {
    a_giant_hole_comes_back: Case {
        report: 111,
        title: "a lastlog of 1100 GiB is packed, verified and restored",
        needs: &[],
        input: giant,
        steps: vec![
            run("hashget -zf a.tgz --pack tree --hashserver --heuristics"),
            run("hashget verify a.tgz --hashserver").never_says("max_total_bytes"),
            run("hashget -u a.tgz -C out --hashserver"),
            run("hashget -u a.tgz -C out --hashserver"),
        ],
        check: |scene| giant_is_at(scene, "out/lastlog"),
    },
    a_giant_hole_in_snapshots: Case {
        report: 112,
        title: "a snapshot of a giant hole takes no longer than one of its data",
        needs: &[],
        input: giant,
        steps: vec![
            run("hashget snapshot create tree snapshots"),
            run("hashget delta index tree -o tree.index"),
        ],
        check: |scene| {
            let row = std::fs::read_dir(scene.path("snapshots/tree")).unwrap();
            let only = row.map(|entry| entry.unwrap().file_name()).next().unwrap();
            let only = format!("snapshots/tree/{}/lastlog", only.display());
            giant_is_at(scene, &only);
        },
    },
    zeros_in_zstd_come_back: Case {
        report: 113,
        title: "an archive that decompresses to 30,000 times its size is its user's own",
        needs: &[],
        input: |scene| scene.write("tree/zeros", vec![0; 64 << 20]),
        steps: vec![
            run("hashget -f a.tar.zst --pack tree --hashserver --heuristics")
                .with("HASHGET_PACKAGE_LIMITS", "ratio_free_bytes=1000 max_ratio=2"),
            run("hashget -u a.tar.zst -C out --hashserver")
                .with("HASHGET_PACKAGE_LIMITS", "ratio_free_bytes=1000 max_ratio=2 max_entries=1"),
        ],
        check: |scene| {
            let found = std::fs::metadata(scene.path("out/zeros")).unwrap();
            assert_eq!(found.len(), 64 << 20);
        },
    },
}

fn giant(scene: &Scene) {
    scene.write("tree/lastlog", "begin");
    let file = File::options().write(true).open(scene.path("tree/lastlog"));
    let file = file.unwrap();
    file.set_len(GIANT).unwrap();
    file.write_all_at(b"end", GIANT - 3).unwrap();
}

fn giant_is_at(scene: &Scene, name: &str) {
    let file = File::open(scene.path(name)).unwrap();
    let found = file.metadata().unwrap();
    assert_eq!(found.len(), GIANT);
    assert!(found.blocks() < 1000);
    let mut end = [0; 3];
    file.read_exact_at(&mut end, GIANT - 3).unwrap();
    assert_eq!(&end, b"end");
}
