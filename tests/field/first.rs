//! The main job on the smallest tree, so that the suite itself is seen to work.

use std::os::unix::fs::MetadataExt;

use crate::case::{Case, Need, Scene, cases, run};

cases! {
    a_small_tree_comes_back: Case {
        report: 1,
        title: "a tree of one file is packed and restored",
        needs: &[],
        input: |scene| scene.write("tree/a", "one"),
        steps: vec![
            run("hashget -zf a.tgz --pack tree --hashserver --heuristics").says("packed into"),
            run("hashget -u a.tgz -C out --hashserver"),
        ],
        check: came_back,
    },
    the_clock_of_a_step_is_the_programs: Case {
        report: 2,
        title: "a row may set the clock",
        needs: &[],
        input: |_| {},
        steps: vec![run("date +%Y-%m-%d").at("2024-02-29 12:00:00").says("2024-02-29")],
        check: crate::case::nothing_more,
    },
    an_archive_that_is_not_there_is_an_error: Case {
        report: 3,
        title: "a missing archive ends with a sentence, in every zone",
        needs: &[],
        input: |_| {},
        steps: vec![
            run("hashget -u none.tgz -C out --hashserver")
                .with("TZ", "Asia/Kathmandu")
                .ends(1)
                .says("none.tgz")
                .never_says("panicked"),
        ],
        check: crate::case::nothing_more,
    },
    owners_come_back: Case {
        report: 4,
        title: "root's restore brings the owners back",
        needs: &[Need::Root],
        input: |scene| {
            scene.write("tree/a", "one");
            std::os::unix::fs::chown(scene.path("tree/a"), Some(1234), Some(4321)).unwrap();
        },
        steps: vec![
            run("hashget -zf a.tgz --pack tree --hashserver --heuristics"),
            run("hashget -u a.tgz -C out --hashserver"),
        ],
        check: |scene| {
            let found = std::fs::metadata(scene.path("out/a")).unwrap();
            assert_eq!((found.uid(), found.gid()), (1234, 4321));
        },
    },
}

fn came_back(scene: &Scene) {
    assert_eq!(std::fs::read(scene.path("out/a")).unwrap(), b"one");
}
