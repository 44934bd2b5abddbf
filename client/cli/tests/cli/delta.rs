//! Deltas, command by command.

use crate::bed::{Bed, noise};

#[test]
fn a_delta_brings_a_copy_to_the_new_state_and_back() {
    let bed = Bed::new();
    bed.write("d/big", noise(7, 200_000));
    bed.write("d/gone", "g");
    bed.write("d/moved", noise(8, 5000));
    let copy = |from: &str, to: &str| {
        let status = std::process::Command::new("cp")
            .arg("-a")
            .args([bed.path(from), bed.path(to)])
            .status();
        assert!(status.unwrap().success());
    };
    copy("d", "old");
    copy("d", "copy");
    let indexed = bed.run("delta index ~/d -o ~/d.index").expect(0);
    assert!(
        indexed
            .stdout
            .contains(": 4 entries (200.2K), 2 signatures, index size"),
        "{}",
        indexed.stdout
    );

    let mut big = noise(7, 200_000);
    big[100_000] ^= 1;
    bed.write("d/big", big.clone());
    std::fs::remove_file(bed.path("d/gone")).unwrap();
    std::fs::rename(bed.path("d/moved"), bed.path("d/here")).unwrap();
    bed.write("d/new", "n");
    let made = bed.run("delta diff ~/d.index ~/d -o ~/d.tgz").expect(0);
    assert!(
        made.stdout
            .starts_with("1 whole (1.0), 1 patched (195.3K by "),
        "{}",
        made.stdout
    );
    assert!(
        made.stdout.contains("1 renamed or copied (4.9K)"),
        "{}",
        made.stdout
    );

    let shown = bed.run("delta show ~/d.tgz").expect(0).stdout;
    let changes: Vec<&str> = shown.lines().skip(2).collect();
    assert_eq!(
        changes,
        [
            "metadata .",
            "updated  big (195.3K, patch)",
            "deleted  gone",
            "renamed  here from moved (4.9K, old file)",
            "deleted  moved",
            "new      new (1.0, whole)",
        ]
    );

    let applied = bed.run("delta apply ~/copy ~/d.tgz").expect(0);
    assert_eq!(
        applied.stdout,
        "3 placed, 3 removed or replaced, 195.3K written\n"
    );
    assert_eq!(std::fs::read(bed.path("copy/big")).unwrap(), big);
    let again = bed.run("delta apply ~/copy ~/d.tgz").expect(0);
    assert_eq!(again.stdout, "The directory is in the new state already\n");

    bed.run("delta invert ~/d.tgz --old ~/old --new ~/d -o ~/back.tgz")
        .expect(0);
    bed.run("delta apply ~/copy ~/back.tgz").expect(0);
    assert_eq!(
        std::fs::read(bed.path("copy/big")).unwrap(),
        noise(7, 200_000)
    );
    assert!(bed.path("copy/gone").exists() && !bed.path("copy/new").exists());
}

#[test]
fn another_state_is_refused_with_a_list() {
    let bed = Bed::new();
    bed.write("d/a", "a");
    bed.run("delta index ~/d -o ~/d.index").expect(0);
    bed.write("d/a", "b");
    bed.run("delta diff ~/d.index ~/d -o ~/d.tgz").expect(0);
    bed.write("d/a", "c");
    let refused = bed.run("delta apply ~/d ~/d.tgz").expect(1);
    assert!(
        refused.stdout.contains("differs a: its content"),
        "{}",
        refused.stdout
    );
    assert!(
        refused.stderr.contains("hint: nothing was changed"),
        "{}",
        refused.stderr
    );
    assert_eq!(std::fs::read(bed.path("d/a")).unwrap(), b"c");
    let nothing = bed.run("delta recover ~/d").expect(0);
    assert_eq!(nothing.stdout, "Nothing was interrupted here\n");
    bed.run("delta show ~/d/a").expect(1);
}
