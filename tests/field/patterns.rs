//! What is packed and restored, said by patterns, paths and the names of archives.

use std::path::Path;
use std::process::Command;

use crate::case::{Case, Need, Scene, cases, nothing_more, run};

fn tree(scene: &Scene) {
    for name in [
        "x.tmp",
        "a/x.tmp",
        "a/keep.tmp",
        "a/é",
        "a/ab",
        "tmp/x",
        "b/tmp/x",
        "b/c",
    ] {
        scene.write(&format!("tree/{name}"), name);
    }
}

/// What of the tree came back in `out`.
fn came_back(scene: &Scene, names: &[(&str, bool)]) {
    for (name, wanted) in names {
        let path = scene.path("out").join(name);
        assert_eq!(path.exists(), *wanted, "{name}");
    }
}

fn starts_with(path: &Path, magic: &[u8]) {
    let content = std::fs::read(path).unwrap();
    assert!(content.starts_with(magic), "{}", path.display());
}

cases! {
    a_pattern_without_a_slash_matches_at_any_depth: Case {
        report: 700,
        title: "--exclude '*.tmp' kept a/x.tmp, and said nothing",
        needs: &[],
        input: tree,
        steps: vec![
            run("hashget -f a.tar --pack tree --exclude *.tmp tmp !keep.tmp --hashserver --heuristics"),
            run("hashget -u a.tar -C out --hashserver"),
        ],
        check: |scene| came_back(scene, &[
            ("x.tmp", false), ("a/x.tmp", false), ("a/keep.tmp", true),
            ("tmp", false), ("b/tmp", false), ("b/c", true),
        ]),
    },
    a_leading_slash_is_the_packed_directory: Case {
        report: 701,
        title: "absolute paths below the tree matched nothing",
        needs: &[],
        input: tree,
        steps: vec![
            run("hashget -f a.tar --pack tree --exclude /tmp {root}/tree/b/c {root}/tree/*.tmp --hashserver --heuristics"),
            run("hashget -u a.tar -C out --hashserver"),
        ],
        check: |scene| came_back(scene, &[
            ("x.tmp", false), ("a/x.tmp", true), ("tmp", false), ("b/tmp/x", true), ("b/c", false),
        ]),
    },
    patterns_that_match_nothing_are_told: Case {
        report: 702,
        title: "patterns that match nothing ended with 0",
        needs: &[],
        input: |scene| {
            tree(scene);
            scene.write("list", "\u{feff}*.nosuch\r\n# a comment\r\n\r\n*.tmp\r\n");
        },
        steps: vec![
            run("hashget -f a.tar --pack tree --exclude *.o --hashserver --heuristics")
                .ends(3).says("--exclude *.o").says("matches nothing"),
            run("hashget -f a.tar --pack tree --exclude /elsewhere/x --hashserver --heuristics")
                .ends(3).says("/elsewhere/x"),
            run("hashget -f a.tar --pack tree --skip nosuch --hashserver --heuristics")
                .ends(3).says("--skip nosuch"),
            run("hashget -f a.tar --pack tree -X list --hashserver --heuristics")
                .ends(3).says("*.nosuch").never_says("comment").never_says("exclude *.tmp"),
            run("hashget -f a.tar --pack tree --exclude tmp tmp/x --hashserver --heuristics")
                .never_says("matches nothing"),
            run("hashget --prepack tree -X out.list --exclude nosuch --hashserver --heuristics")
                .ends(3).says("--exclude nosuch"),
            run("hashget delta index tree -o tree.index --exclude nosuch --exclude *.tmp").ends(3).says("--exclude nosuch").never_says("exclude *.tmp"),
            run("hashget snapshot create tree snaps --exclude nosuch").ends(3).says("--exclude nosuch"),
        ],
        check: nothing_more,
    },
    a_question_mark_is_a_character: Case {
        report: 703,
        title: "? matched one byte of a letter of two",
        needs: &[],
        input: tree,
        steps: vec![
            run("hashget -f a.tar --pack tree --exclude a/? --hashserver --heuristics"),
            run("hashget -u a.tar -C out --hashserver"),
        ],
        check: |scene| came_back(scene, &[("a/é", false), ("a/ab", true)]),
    },
    a_selection_that_finds_nothing_is_an_error: Case {
        report: 704,
        title: "restore --path nosuch ended with 0",
        needs: &[],
        input: tree,
        steps: vec![
            run("hashget -f a.tar --pack tree --hashserver --heuristics"),
            run("hashget -u a.tar -C out --path nosuch --hashserver").ends(1).says("nosuch"),
            run("hashget -u a.tar -C out --include nosuch/** --hashserver").ends(1).says("nosuch/**"),
            run("hashget -u a.tar -C out --path nosuch --path /a/ab --hashserver").ends(3).says("nosuch"),
            run("hashget -u a.tar -C out --include c --hashserver"),
            run("hashget restore a.tar --dry-run --path nosuch --no-hashserver").ends(1).says("nosuch"),
            run("hashget restore a.tar --dry-run --include nosuch/** --path /a/ab --no-hashserver")
                .ends(3).says("nosuch/**").never_says("a/ab"),
            run("hashget restore a.tar --dry-run --include c --no-hashserver"),
        ],
        check: |scene| came_back(scene, &[("a/ab", true), ("a/é", false), ("b/c", true)]),
    },
    the_ending_decides_the_compression: Case {
        report: 705,
        title: "a.tar.gz was a plain tar without -z",
        needs: &[],
        input: tree,
        steps: vec![
            run("hashget -f a.tar.gz --pack tree --hashserver --heuristics"),
            run("hashget -f a.tzst --pack tree --hashserver --heuristics"),
            run("hashget -f a.tar.xz --pack tree --hashserver --heuristics"),
            run("hashget -f a.tar.bz2 --pack tree --hashserver --heuristics"),
            run("hashget -u a.tar.xz -C xz --hashserver"),
            run("hashget -u a.tar.bz2 -C bz2 --hashserver"),
            run("hashget verify a.tar.xz --hashserver"),
        ],
        check: |scene| {
            starts_with(&scene.path("a.tar.gz"), b"\x1f\x8b");
            starts_with(&scene.path("a.tzst"), b"\x28\xb5\x2f\xfd");
            starts_with(&scene.path("a.tar.xz"), b"\xfd7zXZ");
            starts_with(&scene.path("a.tar.bz2"), b"BZh9");
            for directory in ["xz", "bz2"] {
                assert_eq!(std::fs::read(scene.path(directory).join("b/c")).unwrap(), b"b/c");
            }
        },
    },
    a_contradiction_is_refused: Case {
        report: 706,
        title: "-zf a.tar.zst wrote gzip",
        needs: &[],
        input: tree,
        steps: vec![
            run("hashget -zf a.tar.zst --pack tree --hashserver --heuristics")
                .ends(2).says("a.tar.zst").says("leave out -z"),
            run("hashget -f a.zip --pack tree --hashserver --heuristics").ends(2).says(".tar.gz"),
            run("hashget -f a.tar.bz2 --level 0 --pack tree --hashserver --heuristics")
                .ends(2).says("bzip2 has the levels 1 to 9"),
        ],
        check: |scene| assert!(!scene.path("a.tar.zst").exists() && !scene.path("a.zip").exists()),
    },
    scripts_of_the_original_get_what_they_asked_for: Case {
        report: 707,
        title: "-zf x.tar.gz, -f x.tar and unknown endings are as before",
        needs: &[],
        input: tree,
        steps: vec![
            run("hashget -zf x.tar.gz --pack tree --hashserver --heuristics"),
            run("hashget -zf x --pack tree --hashserver --heuristics"),
            run("hashget -f x.tar --pack tree --hashserver --heuristics"),
            run("hashget -f x.2026 --pack tree --hashserver --heuristics"),
        ],
        check: |scene| {
            starts_with(&scene.path("x.tar.gz"), b"\x1f\x8b");
            starts_with(&scene.path("x"), b"\x1f\x8b");
            for plain in ["x.tar", "x.2026"] {
                let content = std::fs::read(scene.path(plain)).unwrap();
                assert_eq!(&content[257..262], b"ustar", "{plain}");
            }
        },
    },
    an_archive_comes_from_standard_input: Case {
        report: 708,
        title: "-u - did not read standard input",
        needs: &[Need::Program("sh"), Need::Program("cat")],
        input: |scene| {
            tree(scene);
            scene.write("restore.sh", "cat a.tgz | \"$1\" -u - -C out --path b --hashserver\n");
            scene.write("file.sh", "\"$1\" -u - -C file --hashserver < a.tgz\n");
            scene.write("verify.sh", "cat a.tgz | \"$1\" verify - --hashserver\n");
            scene.write("info.sh", "cat a.tgz | \"$1\" --info - --hashserver\n");
        },
        steps: vec![run("hashget -f a.tgz --pack tree --hashserver --heuristics")],
        check: |scene| {
            for script in ["restore.sh", "file.sh", "verify.sh", "info.sh"] {
                assert_eq!(shell(scene, script), Some(0), "{script}");
            }
            came_back(scene, &[("b/c", true), ("a", false)]);
            assert!(scene.path("file/a/ab").exists());
        },
    },
    a_closed_standard_output_is_an_error: Case {
        report: 709,
        title: "-zf - >&- ended with 0",
        needs: &[Need::Program("sh")],
        input: |scene| {
            tree(scene);
            scene.write("closed.sh", "\"$1\" -zf - --pack tree --hashserver --heuristics >&-\n");
            scene.write("null.sh", "\"$1\" -zf - --pack tree --hashserver --heuristics >/dev/null\n");
        },
        steps: vec![],
        check: |scene| {
            assert_eq!(shell(scene, "closed.sh"), Some(1));
            assert_eq!(shell(scene, "null.sh"), Some(0));
        },
    },
    the_kernels_file_systems_are_left_out: Case {
        report: 710,
        title: "packing / packed /proc and /sys",
        needs: &[Need::Program("tar")],
        input: |_| {},
        steps: vec![
            run("hashget -f a.tar --pack / --exclude /* !/proc --hashserver --heuristics --no-cache")
                .says("/proc").says("--all-file-systems"),
            run("tar -tf a.tar").says("./proc/").never_says("./proc/self"),
            run("hashget -f b.tar --pack / --exclude /* !/proc /proc/* !/proc/self --all-file-systems --hashserver --heuristics --no-cache")
                .never_says("left empty"),
            run("tar -tf b.tar").says("./proc/self"),
            // Who names it gets it.
            run("hashget -f c.tar --pack /proc --exclude /* !/self --hashserver --heuristics --no-cache"),
            run("tar -tf c.tar").says("./self"),
        ],
        check: nothing_more,
    },
    publishing_nothing_is_an_error: Case {
        report: 711,
        title: "--publish -p nosuch said 'Published 0 packages' and ended with 0",
        needs: &[],
        input: |_| {},
        steps: vec![
            run("hashget --publish -p nosuch --hashserver http://127.0.0.1:9/").ends(1).says("project nosuch"),
        ],
        check: nothing_more,
    },
}

fn shell(scene: &Scene, script: &str) -> Option<i32> {
    let client = hashget_tests::programs::Client::new(scene.path(".").as_path());
    let ours = client.command("hashget");
    let mut shell = Command::new("sh");
    shell.arg(script).arg(ours.get_program());
    shell.env_clear().current_dir(scene.path("."));
    for (name, value) in ours.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell.env("PATH", std::env::var_os("PATH").unwrap());
    shell.output().unwrap().status.code()
}
