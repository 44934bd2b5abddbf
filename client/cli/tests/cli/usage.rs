//! Wrong command lines, help and completions.

use crate::bed::Bed;

#[test]
fn wrong_command_lines_end_with_status_2_and_say_what_to_do() {
    let bed = Bed::new();
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
fn misspelt_commands_and_options_get_the_nearest_name() {
    let bed = Bed::new();
    bed.run("pakc ~/x").expect(2).tells("'pack'");
    bed.run("pack ~/x --exlude y")
        .expect(2)
        .tells("'--exclude'");
    bed.run("--pack ~/x --exlude y")
        .expect(2)
        .tells("'--exclude'");
    bed.run("--pak ~/x -f ~/y").expect(2).tells("'--pack'");
    bed.run_admin("--purg --hp x").expect(2).tells("'--purge'");
    bed.run("series lsit").expect(2).tells("'list'");
    bed.run_admin("prune").expect(2).tells("purge");
    // What takes one value swallows no command and no operand.
    bed.run("restore --hashserver http://localhost:1/ ~/none ~/x")
        .expect(1)
        .tells("cannot find");
}

#[test]
fn a_bare_hashget_shows_a_newcomer_the_way() {
    let bed = Bed::new();
    let ran = bed.run("").expect(2);
    assert_eq!(ran.stdout, "");
    assert!(
        (8..16).contains(&ran.stderr.lines().count()),
        "{}",
        ran.stderr
    );
    ran.tells("hashget pack DIR -f backup.tar.gz")
        .tells("hashget --help");
}

#[test]
fn the_version_tells_commit_and_date() {
    let bed = Bed::new();
    for version in [bed.run("--version"), bed.run_admin("-V")] {
        let text = version.expect(0).stdout;
        let (name, version) = text.trim_end().split_once(' ').unwrap();
        assert!(name.starts_with("hashget"), "{text}");
        // Outside a repository there is no commit.
        let (number, build) = version.split_once(" (").unwrap_or((version, ")"));
        assert!(
            number.split('.').all(|part| part.parse::<u32>().is_ok()),
            "{text}"
        );
        assert!(build.ends_with(')'), "{text}");
    }
}

#[test]
fn man_pages_are_made_for_every_command() {
    let bed = Bed::new();
    std::fs::create_dir(bed.path("man")).unwrap();
    bed.run("man ~/man").expect(0);
    for name in [
        "hashget",
        "hashget-pack",
        "hashget-series-run",
        "hashget-admin-purge",
    ] {
        let page = std::fs::read_to_string(bed.path(&format!("man/{name}.1"))).unwrap();
        assert!(
            page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"),
            "{name}"
        );
    }
    bed.run("man ~/none")
        .expect(1)
        .tells("cannot write man pages");
}

#[test]
fn completions_are_of_both_programs() {
    let bed = Bed::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = bed.run(&format!("completions {shell}")).expect(0).stdout;
        assert!(
            script.contains("hashdb-path") && script.contains("hashget-admin"),
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
