//! Series of backups: clocks, files that cannot be read, sources and destinations that are gone.

use std::fs;

use hashget_tests::programs::program;

use crate::case::{Case, Need, Scene, cases, run};

cases! {
    a_run_with_the_clock_set_back_removes_nothing: Case {
        report: 201,
        title: "the backup that a run has just made was removed, since the clock was behind",
        needs: &[],
        input: |scene| series(scene, "mode = 'full'\nmax_series = 9\nmax_series_length = 1\nkeep = { daily = 3 }"),
        steps: vec![
            run("hashget series run --force").at("2026-11-24 12:00:00"),
            run("hashget series run --force").at("2026-11-25 12:00:00"),
            run("hashget series run --force").at("2026-11-26 12:00:00"),
            run("hashget series run --force")
                .at("2026-11-01 12:00:00")
                .ends(3)
                .says("is the clock right?")
                .never_says("removed"),
            run("hashget series list").says("4 backups"),
            run("hashget series restore 004 out"),
            run("hashget series run --force").at("2026-11-27 12:00:00").says("removed 001"),
            run("hashget series restore 005 again"),
        ],
        check: |scene| assert_eq!(fs::read(scene.path("out/a")).unwrap(), b"one"),
    },
    a_file_that_cannot_be_read_is_told_each_time: Case {
        report: 301,
        title: "a file with a read error was told by the first run only, and listed as there",
        needs: &[Need::Mounts],
        input: |scene| {
            series(scene, "max_series = 2\nmax_series_length = 3");
            scene.write("source/bad", "bad");
            let hashget = program("hashget");
            let script = format!(
                "mount --bind /proc/$$/mem source/bad\n'{}' series run\n",
                hashget.display()
            );
            scene.write("run.sh", script);
        },
        steps: vec![
            run("unshare -m sh run.sh").ends(3).says("bad"),
            run("unshare -m sh run.sh").ends(3).says("bad: not packed"),
            run("hashget series list").says("1 unreadable"),
            run("hashget series show 001").says("UNREADABLE"),
            run("hashget series find bad").says("could not be read"),
            run("hashget series verify").says("PARTIAL 001: 1 files").says("0 of 2 backups are whole"),
            run("hashget series cat 001 bad").ends(1).says("could not be read"),
            run("hashget series restore 001 out").ends(3).says("could not be read"),
        ],
        check: |scene| {
            assert_eq!(fs::read(scene.path("out/a")).unwrap(), b"one");
            assert!(!scene.path("out/bad").exists());
        },
    },
    excludes_that_match_nothing_are_named: Case {
        report: 707,
        title: "an exclude of a section that matched nothing was silent",
        needs: &[],
        input: |scene| series(scene, "max_series = 2\nmax_series_length = 3\nexclude = ['*.nosuch', 'a']"),
        steps: vec![
            run("hashget series run").says("exclude *.nosuch matches nothing in").never_says("exclude a "),
        ],
        check: |scene| assert!(scene.path("source").exists()),
    },
    an_emptied_source_removes_nothing: Case {
        report: 1601,
        title: "rotation removed the good backups of a source that was not mounted",
        needs: &[],
        input: |scene| series(scene, "mode = 'full'\nmax_series = 1\nmax_series_length = 1"),
        steps: vec![
            run("hashget series run"),
            run("rm source/a"),
            run("hashget series run").ends(3).says("nothing is removed"),
            run("hashget series run").ends(3).says("nothing is removed"),
            run("hashget series list").says("2 backups"),
            run("hashget series restore 001 out"),
            run("hashget series run --allow-empty").says("removed 001"),
        ],
        check: |scene| assert_eq!(fs::read(scene.path("out/a")).unwrap(), b"one"),
    },
    what_is_nowhere_is_an_error: Case {
        report: 701,
        title: "a path or a name that no backup has ended with 0",
        needs: &[],
        input: |scene| series(scene, "max_series = 2\nmax_series_length = 3"),
        steps: vec![
            run("hashget series run"),
            run("hashget series restore 001 out --path nosuch").ends(1).says("hint"),
            run("hashget series find nosuch").ends(1).says("nosuch"),
            run("hashget series cat 001 nosuch").ends(1).says("nosuch"),
        ],
        check: |scene| assert!(!scene.path("out/a").exists()),
    },
    a_replica_stands_in_for_a_destination_that_is_gone: Case {
        report: 1602,
        title: "of a destination that was gone it was said that there is no backup 001",
        needs: &[],
        input: |scene| {
            let replica = scene.path("replica");
            fs::create_dir(&replica).unwrap();
            let replica = replica.display();
            let limits = "max_series = 1\nmax_series_length = 2";
            series(scene, &format!("{limits}\nreplicate_to = ['{replica}']"));
        },
        steps: vec![
            run("hashget series run"),
            run("rm -r destination"),
            run("hashget series list").says("going on from the replica").says("1 backups"),
            run("hashget series cat 001 a").says("one"),
            run("hashget series restore 001 out"),
            run("hashget series run").ends(1).says("--new-destination"),
        ],
        check: |scene| assert_eq!(fs::read(scene.path("out/a")).unwrap(), b"one"),
    },
    an_archive_of_a_series_leaves_nothing_of_its_own: Case {
        report: 1603,
        title: ".hashget-changes.json was left in the tree by a restore of an archive of a series",
        needs: &[],
        input: |scene| {
            series(scene, "max_series = 2\nmax_series_length = 3");
            scene.write("tree/.hashget-changes.json", "the tree's own");
        },
        steps: vec![
            run("hashget series run"),
            run("hashget -u destination/(Home)Docs_001.tar -C out --hashserver"),
            run("hashget restore destination/(Home)Docs_001.tar again --no-hashserver"),
            run("hashget series export 001 -f one.tar"),
            run("hashget -u one.tar -C exported --hashserver"),
            run("hashget -zf tree.tgz --pack tree --hashserver --heuristics"),
            run("hashget -u tree.tgz -C own --hashserver"),
        ],
        check: |scene| {
            for name in ["out", "again", "exported"] {
                let names = fs::read_dir(scene.path(name)).unwrap();
                let names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
                assert_eq!(names, ["a"], "{name}");
            }
            let own = fs::read(scene.path("own/.hashget-changes.json")).unwrap();
            assert_eq!(own, b"the tree's own");
        },
    },
}

/// A source with one file, and a series file that backs it up, where `hashget` looks for it.
fn series(scene: &Scene, options: &str) {
    scene.write("source/a", "one");
    let root = scene.path("");
    let root = root.display();
    let text = format!(
        "[profile.Home.Docs]\nsource = '{root}/source'\ndestination = '{root}/destination'\n\
         name = '({{profile}}){{section}}_{{series}}[{{point}}].tar'\nself_sufficient = true\n\
         {options}\n"
    );
    scene.write(".config/hashget/series.toml", text);
}
