//! Wrong command lines, help and completions.

use crate::bed::Bed;

#[test]
fn wrong_command_lines_end_with_status_2_and_say_what_to_do() {
    let bed = Bed::new();
    bed.run("").expect(2).tells("hint: name an operation");
    bed.run("--nonsense").expect(2).tells("--nonsense");
    bed.run("--pack ~/x").expect(2).tells("needs -f FILE");
    bed.run("--pack ~/x --index ~/y")
        .expect(2)
        .tells("cannot be used with");
    bed.run("--submit http://localhost/x")
        .expect(2)
        .tells("--project");
    bed.run("--pack ~/x -f ~/y --exclude [oops")
        .expect(2)
        .tells("[oops");
    bed.run("--pack ~/x -f ~/y --expires 2020-01-01")
        .expect(2)
        .tells("has passed");
    bed.run("--pack ~/x -f ~/y --expires tomorrow")
        .expect(2)
        .tells("YYYY-MM-DD");
    bed.run("--pack ~/x -f ~/y --heuristics nonsense")
        .expect(2)
        .tells("debian");
    bed.run("--pack ~/x -zf ~/y --level 12")
        .expect(2)
        .tells("levels 0 to 9");
    bed.run("--pack ~/x -f - --json")
        .expect(2)
        .tells("standard output");
    bed.run("--publish")
        .expect(2)
        .tells("hint: name one with --hashserver");
    bed.run("--index ~/x --hashserver ftp://localhost/")
        .expect(2)
        .tells("ftp://localhost/");
    bed.run("--info ~/x everything")
        .expect(2)
        .tells("`summary` or `list`");
    bed.run("verify ~/x --sample 0%")
        .expect(2)
        .tells("1 to 100");
}

#[test]
fn wrong_lines_of_the_admin_end_with_status_2_and_say_what_to_do() {
    let bed = Bed::new();
    bed.run_admin("").expect(2);
    bed.run_admin("--purge").expect(2).tells("--hp all");
    bed.run_admin("--set expires never")
        .expect(2)
        .tells("--hp all");
    bed.run_admin("--set url x --hp all")
        .expect(2)
        .tells("cannot be set");
    bed.run_admin("--rmproject -p x")
        .expect(2)
        .tells("--really");
    bed.run_admin("--addproject").expect(2).tells("-p PROJECT");
    bed.run_admin("--build").expect(2).tells("HASHGET_WEBROOT");
    bed.run_admin("--clean everything")
        .expect(2)
        .tells("cacheget");
    bed.run_admin("--list --hp expired:soon")
        .expect(2)
        .tells("YYYY-MM-DD");
}

#[test]
fn help_is_short_and_names_every_option_of_the_original() {
    let bed = Bed::new();
    let help = bed.run("--help").expect(0).stdout;
    for option in [
        "--pack",
        "--prepack",
        "--postunpack",
        "-u",
        "--submit",
        "--index",
        "--debsubmit",
        "--get",
        "--fetch",
        "-o",
        "--outdir",
        "--info",
        "--anchsz",
        "--filesz",
        "--fanchor",
        "--expires",
        "--project",
        "-p",
        "--heuristics",
        "--hashserver",
        "--hashdb",
        "--hashdb_path",
        "--pool",
        "--exclude",
        "--skip",
        "-X",
        "--exclude-from",
        "--pull",
        "--recursive",
        "--user",
        "--etag",
        "--sleep",
        "-v",
        "-q",
        "--logfile",
        "--version",
        "--sig",
        "-z",
        "--file",
        "-f",
    ] {
        assert!(help.contains(option), "{option}");
    }
    assert!(help.lines().count() < 140, "{} lines", help.lines().count());
    let help = bed.run_admin("--help").expect(0).stdout;
    for option in [
        "--status",
        "--list",
        "--dump",
        "--get",
        "--set",
        "--purge",
        "--verify",
        "--addproject",
        "--rmproject",
        "--really",
        "--modify",
        "--build",
        "--pool",
        "--submitted",
        "--clean",
        "-p",
        "--hp",
        "--webroot",
        "--path",
        "--logfile",
        "-v",
        "--export",
        "--import",
        "--publish",
    ] {
        assert!(help.contains(option), "{option}");
    }
    assert!(
        bed.run("--version")
            .expect(0)
            .stdout
            .starts_with("hashget ")
    );
}

#[test]
fn completions_are_of_both_programs() {
    let bed = Bed::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = bed.run(&format!("completions {shell}")).expect(0).stdout;
        assert!(
            script.contains("hashdb_path") && script.contains("hashget-admin"),
            "{shell}"
        );
    }
}

#[test]
fn failures_have_a_cause_and_a_hint() {
    let bed = Bed::new();
    let ran = bed
        .run("-u ~/none -C ~/x")
        .expect(1)
        .tells("error: cannot find ");
    ran.tells("caused by: No such file")
        .tells("hint: check the path");
    let ran = bed.run_admin("--purge --hp none.deb").expect(1);
    ran.tells("nothing found for hpspec: name:none.deb")
        .tells("hint: ");
    let ran = bed
        .run_admin("--status --hashserver http://127.0.0.1:9/ --timeout 1")
        .expect(1);
    ran.tells("http://127.0.0.1:9/")
        .tells("hint: is the server running");
}
