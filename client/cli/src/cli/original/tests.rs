use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::CommandFactory;

use super::tables::{ADMIN, HASHGET, Table};
use crate::cli::admin::AdminArgs;
use crate::cli::commands::HashgetArgs;

/// What each option of the original becomes, one a line.
const HASHGET_LINES: &[(&str, &str)] = &[
    // Jobs.
    ("--pack D -f F", "pack --file F -- D"),
    ("--pack=D -f F", "pack --file F -- D"),
    ("-zf F --pack D", "pack -z --file F -- D"),
    ("-zfF --pack D", "pack -z --file F -- D"),
    ("--file=F -z --pack D", "pack --file F -z -- D"),
    ("--prepack D -X F", "prepack -X F -- D"),
    ("--prepack D --exclude-from F", "prepack -X F -- D"),
    ("-u D", "restore -- D"),
    ("-uD", "restore -- D"),
    ("-uf", "restore -- f"),
    ("--postunpack D", "restore -- D"),
    ("-C T -u A", "restore -- A T"),
    ("-u A --directory T", "restore -- A T"),
    ("--submit U -p P", "submit --project P -- U"),
    (
        "--submit U --project P --file F --expires D",
        "submit --project P --file F --expires D -- U",
    ),
    (
        "--submit U -p P --sig deb:a deb:b",
        "submit --project P --sig deb:a --sig deb:b -- U",
    ),
    ("--index D", "index -- D"),
    ("--index :debian", "index -- :debian"),
    ("--debsubmit F", "submit --deb -- F"),
    ("--get S -o D", "get --outdir D -- S"),
    ("--fetch S --outdir D", "fetch --outdir D -- S"),
    ("--info A", "info -- A"),
    ("--info A list", "info -- A list"),
    ("--info A summary --pool P", "info --pool P -- A summary"),
    (
        "--publish -p P --with-files all",
        "publish --project P --with-files all",
    ),
    // Indexing.
    (
        "--anchsz 1 --filesz 2 --index D",
        "index --anchsz 1 --filesz 2 -- D",
    ),
    (
        "--fanchor a b --index D",
        "index --fanchor a --fanchor b -- D",
    ),
    (
        "--heuristics debian hint --index D",
        "index --heuristics debian --heuristics hint -- D",
    ),
    ("--heuristics --index D", "index --no-heuristics -- D"),
    (
        "--index D --sleep 2 --recursive --pull",
        "index --sleep 2 --recursive --pull -- D",
    ),
    // Where records and packages are.
    (
        "-u D --hashserver A B",
        "restore --hashserver A --hashserver B -- D",
    ),
    ("-u D --hashserver", "restore --no-hashserver -- D"),
    ("--hashserver -u D", "restore --no-hashserver -- D"),
    (
        "-u D --hashserver --hashserver A",
        "restore --hashserver A -- D",
    ),
    ("--hashdb a b --pack D", "pack --hashdb a --hashdb b -- D"),
    ("--hashdb --pack D", "pack --no-hashdb -- D"),
    ("--hashdb_path P --pack D", "pack --hashdb-path P -- D"),
    ("--pool a b -u D", "restore --pool a --pool b -- D"),
    ("--pool -u D", "restore --no-pool -- D"),
    ("-u D --etag", "restore -- D"),
    // Choosing files.
    (
        "--pack D --exclude a b --skip c d",
        "pack --exclude a --exclude b --skip c --skip d -- D",
    ),
    (
        "--exclude a -X F --pack D --skip",
        "pack --exclude a -X F -- D",
    ),
    // Output.
    (
        "-v --logfile L -u D --user",
        "restore --verbose --logfile L --user -- D",
    ),
    ("-qu D", "restore --quiet -- D"),
    // What means nothing to a job was ignored.
    ("-u D --exclude x -z --anchsz 5 -p P", "restore -- D"),
    // What the original does not have is left in its place.
    (
        "--level 3 --pack D --compact --lookup range",
        "pack --level 3 --compact --lookup range -- D",
    ),
    ("--pack D --excldue x", "pack --excldue x -- D"),
    // A value may be called as a command is.
    ("--pack restore -f info", "pack --file info -- restore"),
];

const ADMIN_LINES: &[(&str, &str)] = &[
    ("--status -p P", "status --project P"),
    ("--list --hp all -v", "list --hp all --verbose"),
    ("--dump", "dump"),
    ("--get url size -p P", "get --project P -- url size"),
    ("--set expires D --hp H", "set --hp H -- expires D"),
    ("--purge --hp H", "purge --hp H"),
    ("--hp list --purge", "purge --hp list"),
    ("--verify", "verify"),
    ("--verify delete --hp all", "verify --hp all -- delete"),
    ("--addproject -p P", "add-project --project P"),
    (
        "--rmproject -p P --really",
        "remove-project --project P --really",
    ),
    ("--modify -p P --storage basename", "modify --project P"),
    ("--modify -p P --pkgtype x --full", "modify --project P"),
    ("--build W --pool P", "build --pool P -- W"),
    ("--build --webroot W", "build --webroot W"),
    ("--submitted D --expires E", "submitted --expires E -- D"),
    ("--clean all --path P", "clean --path P -- all"),
    (
        "--hashdb_path P --list --logfile L",
        "list --path P --logfile L",
    ),
    ("--export - -q", "export --quiet -- -"),
    ("--import F", "import -- F"),
    ("--publish --hashserver U", "publish --hashserver U"),
    // Nothing is dropped where records are changed.
    ("--clean all --hashserver U", "clean --hashserver U -- all"),
];

fn words(line: &str) -> Vec<OsString> {
    let line = format!("program {line}");
    line.split_whitespace().map(OsString::from).collect()
}

fn hashget(line: &str) -> Vec<OsString> {
    super::hashget(words(line), &HashgetArgs::command()).unwrap()
}

#[test]
fn every_option_of_the_original_has_a_spelling_today() {
    for (old, new) in HASHGET_LINES {
        assert_eq!(hashget(old), words(new), "{old}");
    }
    for (old, new) in ADMIN_LINES {
        let translated = super::admin(words(old), &AdminArgs::command()).unwrap();
        assert_eq!(translated, words(new), "{old}");
    }
}

#[test]
fn no_option_of_the_tables_is_untested() {
    let untested = |table: &Table, lines: &[(&str, &str)]| {
        let tested: BTreeSet<&str> = lines
            .iter()
            .flat_map(|(old, _)| old.split([' ', '=']))
            .collect();
        let names = table.options.iter().map(|old| old.names[0]);
        names
            .filter(|name| name.starts_with("--") && !tested.contains(name))
            .count()
    };
    let longs = |table: &Table| table.options.len();
    assert!(longs(&HASHGET) > 30 && longs(&ADMIN) > 25);
    // Tested by their short names or their other spelling.
    assert_eq!(untested(&HASHGET, HASHGET_LINES), 2, "--verbose, --quiet");
    assert_eq!(
        untested(&ADMIN, ADMIN_LINES),
        3,
        "--project, --verbose, --quiet"
    );
}

#[test]
fn the_page_for_people_names_every_option() {
    let page = include_str!("../../../../../docs/compatibility.md");
    for old in HASHGET.options.iter().chain(ADMIN.options) {
        let is_named =
            |name: &str| page.contains(&format!("`{name}")) || page.contains(&format!(" {name}"));
        // `--full` is of old versions of the original, and was without meaning there, too.
        assert!(
            old.names == ["--full"] || old.names.iter().any(|name| is_named(name)),
            "{:?}",
            old.names
        );
    }
}

#[test]
fn lines_of_today_stay_but_for_options_without_value() {
    for line in [
        "pack D -f F --hashserver U",
        "--json pack D -f F",
        "-v series run --full",
        "verify A --pool P",
        "completions bash",
        "help pack",
        "nonsense",
        "--help",
        "restore -- --hashserver",
    ] {
        assert_eq!(hashget(line), words(line), "{line}");
    }
    assert_eq!(
        hashget("verify A --hashserver"),
        words("verify A --no-hashserver")
    );
    assert_eq!(
        hashget("series run --pool --hashserver --json"),
        words("series run --no-pool --no-hashserver --json")
    );
    assert_eq!(hashget(""), words(""));
}

#[test]
fn the_programs_own_options_are_not_taken_for_misspelt_jobs() {
    for line in [
        "--version",
        "--verbose list",
        "--json list",
        "--logfile=x list",
        "--help",
    ] {
        let translated = super::admin(words(line), &AdminArgs::command()).unwrap();
        assert_eq!(translated, words(line), "{line}");
        assert_eq!(hashget(line), words(line), "{line}");
    }
    assert!(super::admin(words("--purg --hp x"), &AdminArgs::command()).is_err());
}

#[test]
fn two_jobs_are_refused() {
    let error = super::hashget(words("--pack D --index D"), &HashgetArgs::command()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("'--pack' cannot be used with '--index'"),
        "{error}"
    );
}

#[test]
fn names_that_are_no_text_are_kept() {
    let name = OsString::from_vec(b"\xff\xfe".to_vec());
    let mut attached = b"-f".to_vec();
    attached.extend(b"\xff");
    let args = [
        "hashget".into(),
        "--pack".into(),
        name.clone(),
        OsString::from_vec(attached),
    ];
    let translated = super::hashget(args.into(), &HashgetArgs::command()).unwrap();
    assert_eq!(translated[3], OsString::from_vec(b"\xff".to_vec()));
    assert_eq!(translated.last(), Some(&name));
}

#[test]
fn definitions_are_sound() {
    HashgetArgs::command().debug_assert();
    AdminArgs::command().debug_assert();
}
