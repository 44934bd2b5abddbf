//! Snapshots and clocks that go back, zones that a machine does not have, sources that are links.

use hashget_tests::programs::program;

use crate::case::{Case, Need, Scene, cases, nothing_more, run};

cases! {
    a_clock_set_back_does_not_cost_the_newest_snapshot: Case {
        report: 401,
        title: "`prune --keep-last 1` after the clock was set back deleted the newest snapshot",
        needs: &[],
        input: |scene| scene.write("source/a", "one"),
        steps: vec![
            run("hashget snapshot create source kept").at("2026-11-26 12:00:00"),
            run("hashget snapshot create source kept").at("2026-11-01 12:00:00"),
            run("hashget snapshot prune kept --keep-last 1").at("2026-11-01 12:01:00"),
        ],
        check: |scene| {
            // On a busy machine the program looks at the clock a second or more after it began.
            let rows = rows(scene, "source");
            assert!(rows.len() == 1 && rows[0].starts_with("2026-11-01-1200"), "{rows:?}");
        },
    },
    a_zone_is_known_by_its_name: Case {
        report: 402,
        title: "`TZ=Europe/Rome` was taken for UTC",
        needs: &[],
        input: |scene| scene.write("source/a", "one"),
        steps: vec![
            run("hashget snapshot create source kept").with("TZ", "Asia/Kathmandu"),
            run("hashget snapshot create source kept").with("TZ", "UTC"),
        ],
        check: |scene| {
            let mut hours = rows(scene, "source");
            hours.sort();
            let minutes = |name: &str| -> u32 {
                let (hour, minute) = (&name[11..13], &name[13..15]);
                hour.parse::<u32>().unwrap() * 60 + minute.parse::<u32>().unwrap()
            };
            // Kathmandu is 5:45 ahead; the second run began up to some minutes later.
            let apart = (minutes(&hours[1]) + 24 * 60 - minutes(&hours[0])) % (24 * 60);
            assert!((330..=345).contains(&apart), "{hours:?}");
        },
    },
    a_zone_that_nobody_knows_is_reported: Case {
        report: 403,
        title: "a misspelt TZ was silently UTC",
        needs: &[],
        input: |scene| scene.write("source/a", "one"),
        steps: vec![
            run("hashget snapshot create source kept")
                .with("TZ", "Europe/Rmoe")
                .ends(3)
                .says("TZ=Europe/Rmoe"),
        ],
        check: nothing_more,
    },
    a_machine_without_a_zone_has_utc: Case {
        report: 405,
        title: "in a container without /etc/localtime every command ended with a problem",
        needs: &[Need::Mounts],
        input: |scene| {
            scene.write("source/a", "one");
            let hashget = program("hashget");
            let script = format!(
                "mkdir etc && cp -a /etc/ssl etc && mount --bind etc /etc\n'{}' snapshot create source kept\n",
                hashget.display()
            );
            scene.write("run.sh", script);
        },
        steps: vec![run("unshare -m sh run.sh").never_says("problem")],
        check: |scene| assert_eq!(rows(scene, "source").len(), 1),
    },
    a_linked_source_keeps_the_name_of_the_link: Case {
        report: 404,
        title: "`snapshot create LINK DEST` took the name of what LINK leads to",
        needs: &[],
        input: |scene| {
            scene.write("real/a", "one");
            std::os::unix::fs::symlink("real", scene.path("link")).unwrap();
        },
        steps: vec![run("hashget snapshot create link kept")],
        check: |scene| assert_eq!(rows(scene, "link").len(), 1),
    },
}

/// The snapshots of a row.
fn rows(scene: &Scene, name: &str) -> Vec<String> {
    let entries = std::fs::read_dir(scene.path("kept").join(name)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("20")).collect()
}
