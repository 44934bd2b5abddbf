pub(crate) mod bench;

use std::os::unix::fs::symlink;

use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use jiff::civil::date;

use self::bench::{Bench, TODAY, content_of, deb, index_options, record, record_options};
use super::*;
use hashget_sources::hash_db::Trust;

/// Local, pulled, new, skipped, failed.
fn counts(stats: &IndexStats) -> [u64; 5] {
    [
        stats.local_packages,
        stats.pulled_packages,
        stats.new_packages,
        stats.skipped_packages,
        stats.failed_packages,
    ]
}

fn index_with(bench: &Bench, options: &IndexOptions) -> [u64; 5] {
    let stats = bench.run(|services| index(&bench.root(), options, services));
    counts(&stats.unwrap())
}

fn run(bench: &Bench) -> [u64; 5] {
    index_with(bench, &index_options())
}

#[test]
fn a_debian_root_is_indexed_by_its_status() {
    let bench = Bench::new();
    bench.write_status(&[("a", "1:1.0"), ("b", "2"), ("gone", "3"), ("broken", "4")]);
    let a = bench
        .site
        .put_snapshot("a", "1:1.0", "all", &deb("a", "1:1.0"));
    let b = bench.site.put_snapshot("b", "2", "all", &deb("b", "2"));
    let broken = deb("broken", "4");
    bench
        .site
        .put_snapshot("broken", "4", "all", &broken[..broken.len() / 2]);
    assert_eq!(run(&bench), [0, 0, 2, 1, 1]);
    let project: ProjectName = "debsnap".parse().unwrap();
    assert_eq!(bench.saved(), [(a, project.clone()), (b, project)]);
    let problems = bench.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].subject, "broken 4 all");

    // What is known is not asked for again.
    let asked = bench.site.requests().len();
    bench.write_status(&[("a", "1:1.0"), ("b", "2")]);
    assert_eq!(run(&bench), [2, 0, 0, 0, 0]);
    assert_eq!(bench.site.requests().len(), asked);
}

#[test]
fn records_of_a_run_are_found_by_their_files() {
    let bench = Bench::new();
    bench.write_status(&[("a", "1")]);
    let url = bench.site.put_snapshot("a", "1", "all", &deb("a", "1"));
    assert_eq!(run(&bench), [0, 0, 1, 0, 0]);
    let digests = [Digest::of(&content_of("a"))];
    let found = bench.db.find_digests(&digests, &bench.heard).unwrap();
    assert_eq!(found.packages.len(), 1);
    assert_eq!(found.packages[0].url, url);
}

#[test]
fn one_failure_among_many_stops_nothing() {
    let bench = Bench::new();
    let names: Vec<String> = (0..30).map(|n| format!("p{n}")).collect();
    let status: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    bench.write_status(&status);
    for (n, name) in names.iter().enumerate() {
        match n % 3 {
            // A page in the place of a package.
            0 => drop(
                bench
                    .site
                    .put_snapshot(name, "1", "all", format!("<html>{n}").as_bytes()),
            ),
            1 => drop(bench.site.put_snapshot(name, "1", "all", &deb(name, "1"))),
            _ => {
                let url = bench.site.put_snapshot(name, "1", "all", &deb(name, "1"));
                let path = url.strip_prefix(&bench.site.url("")).unwrap();
                bench.site.put_status(path, 404, "");
            }
        }
    }
    assert_eq!(run(&bench), [0, 0, 10, 0, 20]);
    assert_eq!(bench.problems().len(), 20);
    assert_eq!(bench.saved().len(), 10);
}

#[test]
fn hints_are_indexed_once_each_into_the_project_of_hints() {
    let bench = Bench::new();
    let one = bench.site.put("/one.deb", deb("one", "1"));
    let two = bench.site.put("/two.deb", deb("two", "1"));
    let hint = format!(r#"{{"url": "{one}"}}"#);
    bench.write("x/hashget-hint.json", &hint);
    bench.write("y/.hashget-hint.json", &hint);
    bench.write(
        "z/hashget-hint.json",
        format!(r#"{{"url": "{two}", "project": "mine"}}"#),
    );
    bench.write("broken/hashget-hint.json", "{");
    assert_eq!(run(&bench), [0, 0, 2, 0, 0]);
    assert_eq!(bench.problems().len(), 1);
    let projects = ["_hints", "_hints"].map(|name| name.parse::<ProjectName>().unwrap());
    assert_eq!(
        bench.saved(),
        [one, two].into_iter().zip(projects).collect::<Vec<_>>()
    );
    assert_eq!(run(&bench), [2, 0, 0, 0, 0]);
}

#[test]
fn a_project_named_by_the_user_goes_first() {
    let bench = Bench::new();
    let url = bench.site.put("/one.deb", deb("one", "1"));
    bench.write("hashget-hint.json", format!(r#"{{"url": "{url}"}}"#));
    let options = IndexOptions {
        hint_project: Some("chosen".parse().unwrap()),
        ..index_options()
    };
    assert_eq!(index_with(&bench, &options), [0, 0, 1, 0, 0]);
    assert_eq!(bench.saved(), [(url, "chosen".parse().unwrap())]);
}

#[test]
fn records_of_hints_stay_in_their_project_unless_the_user_takes_them_over() {
    let bench = Bench::new();
    let url = bench.site.put("/one.deb", deb("one", "1"));
    bench.write("hashget-hint.json", format!(r#"{{"url": "{url}"}}"#));
    let options = IndexOptions {
        project: Some("chosen".parse().unwrap()),
        ..index_options()
    };
    assert_eq!(index_with(&bench, &options), [0, 0, 1, 0, 0]);
    assert_eq!(bench.saved(), [(url, "_hints".parse().unwrap())]);
}

#[test]
fn without_heuristics_nothing_is_indexed() {
    let bench = Bench::new();
    bench.write("hashget-hint.json", "{");
    let settings = crate::heuristics::HeuristicSettings::new("").unwrap();
    let options = IndexOptions {
        heuristics: HeuristicSet::new::<&str>(&[], &settings).unwrap(),
        ..index_options()
    };
    assert_eq!(index_with(&bench, &options), [0; 5]);
    assert!(bench.problems().is_empty());
}

#[test]
fn links_and_pipes_are_not_followed() {
    let bench = Bench::new();
    bench.write("real/hashget-hint.json", "{");
    let root = bench.root();
    symlink(&root, root.join("loop")).unwrap();
    symlink("real", root.join("again")).unwrap();
    symlink("real/hashget-hint.json", root.join("hashget-hint.json")).unwrap();
    let pipe = root.join(".hashget-hint.json");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    assert_eq!(run(&bench), [0; 5]);
    assert_eq!(bench.problems().len(), 1);
}

#[test]
fn directories_deeper_than_the_kernel_takes_a_path_are_no_trouble() {
    let bench = Bench::new();
    let name = "d".repeat(250);
    let mut directory = std::fs::File::open(bench.root())
        .map(std::os::fd::OwnedFd::from)
        .unwrap();
    for _ in 0..18 {
        rustix::fs::mkdirat(&directory, &name, 0o755.into()).unwrap();
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY;
        directory = rustix::fs::openat(&directory, &name, flags, 0.into()).unwrap();
    }
    bench.write("hashget-hint.json", "{");
    assert_eq!(run(&bench), [0; 5]);
    let problems = bench.problems();
    assert!(
        matches!(&problems[..], [only] if only.subject.ends_with("hint.json")),
        "{problems:?}"
    );
}

#[test]
fn a_status_is_found_from_inside_its_directory_and_by_itself() {
    let bench = Bench::new();
    bench.write_status(&[("a", "1")]);
    bench.site.put_snapshot("a", "1", "all", &deb("a", "1"));
    for (path, expected) in [
        ("var/lib/dpkg", [0, 0, 1, 0, 0]),
        ("var/lib/dpkg/status", [1, 0, 0, 0, 0]),
    ] {
        let root = bench.root().join(path);
        let stats = bench.run(|services| index(&root, &index_options(), services));
        assert_eq!(counts(&stats.unwrap()), expected);
    }
    let missing = bench.root().join("missing");
    let result = bench.run(|services| index(&missing, &index_options(), services));
    assert!(matches!(result, Err(IndexError::Root { .. })));
    assert_eq!(index_root(Path::new(":debian")), Path::new("/var/lib/dpkg"));
}

/// A record of package `a` with its signature.
fn record_of_a(url: &str) -> hashget_words::hash_package::HashPackage {
    let mut record = record(url, &deb("a", "1"), &content_of("a"));
    record
        .signatures
        .insert("deb".to_owned(), "a_1_all".to_owned());
    record
}

#[test]
fn records_are_pulled_from_a_hashserver_by_signature() {
    let bench = Bench::new().with_server();
    bench.write_status(&[("a", "1"), ("b", "1")]);
    let theirs = record_of_a("http://example.org/a_1_all.deb");
    bench.site.put(
        "/sig/deb/a/a/a_1_all",
        serde_json::to_string(&theirs).unwrap(),
    );
    bench.site.put_snapshot("b", "1", "all", &deb("b", "1"));
    assert_eq!(run(&bench), [0, 1, 1, 0, 0]);
    assert!(
        bench
            .saved()
            .contains(&(theirs.url, "_cached".parse().unwrap()))
    );
    assert_eq!(run(&bench), [2, 0, 0, 0, 0]);
}

#[test]
fn who_trusts_only_themselves_index_what_a_server_told() {
    let mut bench = Bench::new().with_server();
    bench.write_status(&[("a", "1")]);
    bench.save("_cached", &record_of_a("http://example.org/a_1_all.deb"));
    bench.site.put_snapshot("a", "1", "all", &deb("a", "1"));
    assert_eq!(run(&bench), [1, 0, 0, 0, 0]);
    bench.trust = Trust::Own;
    assert_eq!(run(&bench), [0, 0, 1, 0, 0]);
    assert_eq!(run(&bench), [1, 0, 0, 0, 0]);
}

#[test]
fn an_expired_record_is_indexed_anew() {
    let bench = Bench::new();
    bench.write_status(&[("a", "1")]);
    let url = bench.site.put_snapshot("a", "1", "all", &deb("a", "1"));
    bench.save(
        "debsnap",
        &hashget_words::hash_package::HashPackage {
            expires: Expiry::On(TODAY),
            ..record_of_a(&url)
        },
    );
    let options = IndexOptions {
        record: RecordOptions {
            expires: Expiry::On(date(2031, 1, 1)),
            ..record_options()
        },
        ..index_options()
    };
    assert_eq!(index_with(&bench, &options), [0, 0, 1, 0, 0]);
    assert_eq!(run(&bench), [1, 0, 0, 0, 0]);
    assert_eq!(bench.saved().len(), 1);
}

#[test]
fn a_dead_hashserver_does_not_stop_indexing() {
    let bench = Bench::new().with_server();
    bench.write_status(&[("a", "1")]);
    bench.site.put_snapshot("a", "1", "all", &deb("a", "1"));
    bench.site.fail(&[503, 503]);
    assert_eq!(run(&bench), [0, 0, 1, 0, 0]);
}

#[test]
fn anchors_of_the_directory_are_pulled_when_asked_for() {
    let bench = Bench::new().with_server();
    let content = content_of("a");
    bench.write("somewhere/large", &content);
    bench.write("somewhere/same", &content);
    bench.write("somewhere/small", "x");
    let theirs = record_of_a("http://example.org/a_1_all.deb");
    let path = format!("/a/{}", Digest::of(&content).sharded_path());
    bench
        .site
        .put(&path, serde_json::to_string(&theirs).unwrap());
    let options = IndexOptions {
        pull: true,
        ..index_options()
    };
    let stats = bench
        .run(|services| index(&bench.root(), &options, services))
        .unwrap();
    assert_eq!((stats.anchor_packages, stats.seen_files), (1, 3));
    assert_eq!(counts(&stats), [0; 5]);
    assert_eq!(bench.saved(), [(theirs.url, "_cached".parse().unwrap())]);
}

#[test]
fn a_hashdb_that_cannot_be_written_is_an_error() {
    let bench = Bench::new();
    bench.write_status(&[("a", "1")]);
    bench.site.put_snapshot("a", "1", "all", &deb("a", "1"));
    std::fs::write(bench.directory.path().join("db"), "no directory").unwrap();
    let result = bench.run(|services| index(&bench.root(), &index_options(), services));
    assert!(matches!(result, Err(IndexError::HashDb(_))));
}
