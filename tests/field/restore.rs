//! Restores over existing trees, of strangers' archives, and what `verify` says of them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::case::{Case, Need, Scene, cases, nothing_more, run};

cases! {
    always_replaces_what_is_of_another_kind: Case {
        report: 1301,
        title: "a link where a directory belongs, an empty directory where a file belongs",
        needs: &[],
        input: |scene| {
            two_files(scene);
            scene.write("elsewhere/kept", "kept");
            fs::create_dir_all(scene.path("out/file")).unwrap();
            symlink(scene.path("elsewhere"), scene.path("out/dir")).unwrap();
        },
        steps: vec![
            run("hashget -zf a.tgz --pack tree --hashserver --heuristics"),
            run("hashget -u a.tgz -C out --hashserver").ends(1).says("--overwrite always replaces it"),
            run("hashget -u a.tgz -C out --hashserver --overwrite always"),
        ],
        check: |scene| {
            assert_eq!(fs::read(scene.path("out/dir/a")).unwrap(), b"in a directory");
            assert_eq!(fs::read(scene.path("out/file")).unwrap(), b"a file");
            assert_eq!(fs::read_dir(scene.path("elsewhere")).unwrap().count(), 1);
        },
    },
    a_full_directory_is_kept_and_named: Case {
        report: 1302,
        title: "a directory that is not empty where a file belongs",
        needs: &[],
        input: |scene| {
            two_files(scene);
            scene.write("out/file/mine", "mine");
        },
        steps: vec![
            run("hashget -zf a.tgz --pack tree --hashserver --heuristics"),
            run("hashget -u a.tgz -C out --hashserver --overwrite always")
                .ends(1)
                .says("file: cannot replace it: a directory that is not empty has its name")
                .says("hint: directories that are not empty are never replaced"),
        ],
        check: |scene| {
            assert_eq!(fs::read(scene.path("out/file/mine")).unwrap(), b"mine");
            assert_eq!(fs::read(scene.path("out/dir/a")).unwrap(), b"in a directory");
        },
    },
    a_file_without_a_package_fails_verification: Case {
        report: 1303,
        title: "verify said \"Verified 0/0 packages\" of a file that no package has",
        needs: &[],
        input: |scene| {
            let digest = "0".repeat(64);
            let json = format!(r#"{{"files": [{{"file": "alone", "sha256": "{digest}", "size": 5}}], "packages": []}}"#);
            scene.write("dir/.hashget-restore.json", json);
        },
        steps: vec![
            run("hashget verify dir --hashserver").ends(1).says("LOST alone"),
            run("hashget verify dir --deep --hashserver").ends(1).says("LOST alone"),
        ],
        check: nothing_more,
    },
    a_strangers_archive_lends_no_rights: Case {
        report: 1304,
        title: "setuid programs from an archive of somebody else",
        needs: &[Need::Root],
        input: |scene| {
            two_files(scene);
            let mode = fs::Permissions::from_mode(0o4755);
            fs::set_permissions(scene.path("tree/file"), mode).unwrap();
        },
        steps: vec![
            run("hashget -zf a.tgz --pack tree --hashserver --heuristics"),
            run("hashget -u a.tgz -C own --hashserver"),
            run("chown 4321 a.tgz"),
            run("hashget -u a.tgz -C out --hashserver").ends(3).says("file: setuid and setgid bits are left out"),
            run("hashget -u a.tgz -C all --hashserver --trusted"),
        ],
        check: |scene| {
            for (name, mode) in [("own", 0o4755), ("out", 0o755), ("all", 0o4755)] {
                let found = fs::metadata(scene.path(name).join("file")).unwrap();
                assert_eq!(found.permissions().mode() & 0o7777, mode, "{name}");
            }
        },
    },
}

fn two_files(scene: &Scene) {
    scene.write("tree/dir/a", "in a directory");
    scene.write("tree/file", "a file");
}
