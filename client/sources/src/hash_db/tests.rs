//! Local records: kept, found, imported, trusted.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use hashget_store::{SledStore, StoreError, StoreOptions};
use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::hash_package::{Attributes, HashPackage};
use hashget_words::package_spec::PackageSpec;
use hashget_words::project::ProjectName;
use jiff::civil::{Date, date};
use tempfile::TempDir;

use super::{CombinedLookup, LocalHashDb, PackageLookup, ProjectFilter, Trust};
use hashget_files::monitor::{Level, Monitor, Problem, Silent, Task};

const TODAY: Date = date(2020, 6, 1);

fn project(name: &str) -> ProjectName {
    name.parse().unwrap()
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

/// A record of the package `name` with these files.
fn record(name: &str, files: &[&str], expires: &str) -> HashPackage {
    HashPackage {
        url: format!("http://example.org/{name}"),
        files: files.iter().map(|file| digest(file)).collect(),
        signatures: [("deb".to_owned(), format!("{name}_1_all"))].into(),
        hashes: vec![digest(name).into()],
        expires: expires.parse().unwrap(),
        ..HashPackage::default()
    }
}

fn db(dir: &TempDir) -> LocalHashDb {
    LocalHashDb::new(dir.path().join("db"), ProjectFilter::All)
}

fn lookup(db: &LocalHashDb, trust: Trust) -> CombinedLookup<'_> {
    CombinedLookup {
        db,
        named: &crate::hash_db::NOBODY,
        servers: &[],
        trust,
        today: TODAY,
        monitor: &Silent,
    }
}

#[derive(Default)]
struct Listener {
    problems: Mutex<Vec<Problem>>,
    messages: Mutex<Vec<String>>,
}

impl Monitor for Listener {
    fn message(&self, _: Level, text: &str) {
        self.messages.lock().unwrap().push(text.to_owned());
    }
    fn problem(&self, problem: &Problem) {
        self.problems.lock().unwrap().push(problem.clone());
    }
    fn task_started(&self, _: &Task) {}
    fn task_advanced(&self, _: &Task, _: u64) {}
    fn task_finished(&self, _: &Task, _: u64) {}
}

#[test]
fn records_are_kept_found_changed_and_removed() {
    let dir = TempDir::new().unwrap();
    let db = db(&dir);
    db.save(&project("a"), &[record("x", &["f"], "never")], &Silent)
        .unwrap();
    db.save(&project("b"), &[record("y", &["f", "g"], "never")], &Silent)
        .unwrap();
    assert!(db.add_project(&project("c"), &Silent).unwrap());
    assert_eq!(db.projects(&Silent).unwrap(), ["a", "b", "c"].map(project));
    let found = db
        .find_digests(&[digest("g"), digest("f"), digest("z")], &Silent)
        .unwrap();
    assert_eq!(found.matches, vec![vec![1], vec![0, 1], vec![]].into());
    let spec: PackageSpec = "name:y".parse().unwrap();
    let listed = db.list(&spec, None, TODAY, &Silent).unwrap();
    assert_eq!(listed.len(), 1);
    let mut package = db.get(&[listed[0].id], &Silent).unwrap().remove(0).package;
    package
        .set_attribute("expires", &"2020-01-01".into())
        .unwrap();
    assert!(db.update(listed[0].id, &package, &Silent).unwrap());
    let expired = db
        .list(&PackageSpec::Expired(None), None, TODAY, &Silent)
        .unwrap();
    assert_eq!(expired.len(), 1);
    assert_eq!(db.remove(&[expired[0].id], &Silent).unwrap(), 1);
    assert!(db.remove_project(&project("c"), &Silent).unwrap());
    let only = LocalHashDb::new(
        dir.path().join("db"),
        ProjectFilter::Only(vec![project("b")]),
    );
    assert_eq!(only.projects(&Silent).unwrap(), [project("b")]);
    assert_eq!(
        only.find_digests(&[digest("f")], &Silent).unwrap().matches,
        vec![Vec::new()].into()
    );
    assert_eq!(only.stats(&Silent).unwrap().packages, 0);
    assert_eq!(db.stats(&Silent).unwrap().packages, 1);
}

#[test]
fn several_users_of_one_hashdb_wait_for_each_other() {
    let dir = TempDir::new().unwrap();
    let db = db(&dir);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let db = &db;
            scope.spawn(move || {
                for n in 0..5 {
                    let package = record(&format!("{writer}-{n}"), &["f"], "never");
                    db.save(&project("p"), &[package], &Silent).unwrap();
                }
            });
        }
    });
    assert_eq!(db.stats(&Silent).unwrap().packages, 20);
}

#[test]
fn a_hashdb_that_cannot_be_made_is_an_error() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("file"), b"").unwrap();
    let db = LocalHashDb::new(dir.path().join("file/db"), ProjectFilter::All);
    let error = db.projects(&Silent).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot create the HashDB "),
        "{error}"
    );
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn the_originals_records_are_taken_over_once() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("db");
    let json = |name: &str| serde_json::to_string(&record(name, &["f"], "never")).unwrap();
    write(&path.join("a/.options.json"), "{\"storage\": \"basename\"}");
    write(&path.join("a/p/x.json"), &json("x"));
    write(&path.join("a/p/cut.json"), &json("cut")[..50]);
    write(&path.join("_cached/p/12/34/56/789"), &json("y"));
    write(&path.join("empty/.options.json"), "{}");
    write(&path.join("not a project/p/z"), &json("z"));
    write(&path.join("other/file"), "");
    let db = db(&dir);
    let listener = Listener::default();
    assert_eq!(
        db.projects(&listener).unwrap(),
        ["_cached", "a", "empty"].map(project)
    );
    let problems = std::mem::take(&mut *listener.problems.lock().unwrap());
    let subjects: Vec<_> = problems.iter().map(|problem| &problem.subject).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        subjects
            .iter()
            .any(|subject| subject.ends_with("a/p/cut.json"))
    );
    assert!(
        subjects
            .iter()
            .any(|subject| subject.ends_with("not a project"))
    );
    assert_eq!(
        *listener.messages.lock().unwrap(),
        ["took over 2 records of the Python hashget"]
    );
    write(&path.join("a/p/late.json"), &json("late"));
    assert_eq!(db.stats(&listener).unwrap().packages, 2);
    assert!(listener.problems.lock().unwrap().is_empty());
    assert!(path.join("a/p/x.json").exists());
    let found = lookup(&db, Trust::Own)
        .find(&[digest("f")], Expiry::Never)
        .unwrap();
    let urls: Vec<_> = found
        .packages
        .iter()
        .map(|package| package.url.as_str())
        .collect();
    assert_eq!(urls, ["http://example.org/x"]);
}

#[test]
fn only_records_that_live_long_enough_and_are_trusted_are_found() {
    let dir = TempDir::new().unwrap();
    let db = db(&dir);
    let records = [
        record("never", &["f"], "never"),
        record("long", &["f"], "2021-01-01"),
        record("short", &["f"], "2020-07-01"),
        record("gone", &["f"], "2020-06-01"),
    ];
    db.save(&project("p"), &records, &Silent).unwrap();
    let told = record("told", &["f", "g"], "never");
    db.save(&project(ProjectName::CACHED), &[told], &Silent)
        .unwrap();
    let names = |trust, needed: &str| {
        let needed = needed.parse().unwrap();
        let found = lookup(&db, trust)
            .find(&[digest("f"), digest("g")], needed)
            .unwrap();
        let mut names: Vec<_> = found
            .packages
            .iter()
            .map(|package| package.url.rsplit('/').next().unwrap().to_owned())
            .collect();
        names.sort();
        (names.join(" "), found.matches[1].len())
    };
    assert_eq!(names(Trust::Servers, "never"), ("never told".to_owned(), 1));
    assert_eq!(names(Trust::Own, "never"), ("never".to_owned(), 0));
    assert_eq!(
        names(Trust::Own, "2020-12-31"),
        ("long never".to_owned(), 0)
    );
    assert_eq!(
        names(Trust::Own, "2020-07-01"),
        ("long never short".to_owned(), 0)
    );
    let signature = |name: &str| format!("deb:{name}_1_all").parse().unwrap();
    let own = lookup(&db, Trust::Own);
    let found = own
        .find_signatures(&["short", "gone", "told"].map(signature))
        .unwrap();
    assert_eq!(
        found.iter().map(Option::is_some).collect::<Vec<_>>(),
        [true, false, false]
    );
    assert!(
        lookup(&db, Trust::Servers)
            .find_signature(&signature("told"))
            .unwrap()
            .is_some()
    );
    let any = own.find_anywhere(&[digest("f")]).unwrap();
    assert_eq!(any.matches[0].len(), 5);
}

#[test]
fn a_session_keeps_the_store_open_for_all_clones() {
    let dir = TempDir::new().unwrap();
    let db = db(&dir);
    let other = db.clone();
    let is_free = || match SledStore::open(&db.path().join(".store"), StoreOptions::default()) {
        Ok(_) => true,
        Err(StoreError::Locked { .. }) => false,
        Err(error) => panic!("{error}"),
    };
    let session = db.session(&Silent).unwrap();
    assert!(!is_free());
    db.save(&project("p"), &[record("x", &["f"], "never")], &Silent)
        .unwrap();
    assert!(!is_free());
    let found = lookup(&other, Trust::Own)
        .find(&[digest("f")], Expiry::Never)
        .unwrap();
    assert_eq!(found.packages.len(), 1);
    assert!(!is_free());
    drop(session);
    assert!(is_free());
    assert_eq!(other.stats(&Silent).unwrap().packages, 1);
    assert!(is_free());
}

#[test]
fn a_signature_leads_to_the_best_record_by_the_order_of_hashservers() {
    let dir = TempDir::new().unwrap();
    let db = db(&dir);
    let named = |url: &str, size: u64, sha256: Option<Digest>| HashPackage {
        url: url.to_owned(),
        hashes: sha256.map(Into::into).into_iter().collect(),
        attrs: Attributes {
            size: Some(size),
            ..Attributes::default()
        },
        ..record("x", &["f"], "never")
    };
    let told = named("http://example.org/told", 1, Some(digest("told")));
    db.save(&project(ProjectName::CACHED), &[told], &Silent)
        .unwrap();
    let records = [
        named("http://example.org/a", 5, None),
        named("a-name", 5, Some(digest("x"))),
        named("http://example.org/b", 5, Some(digest("x"))),
        named("http://example.org/c", 9, Some(digest("small"))),
    ];
    db.save(&project("p"), &records, &Silent).unwrap();
    let found = lookup(&db, Trust::Servers)
        .find_signature(&"deb:x_1_all".parse().unwrap())
        .unwrap();
    // Own before told, small before large, a known hash before none, a URL before a mere name.
    assert_eq!(found.unwrap().package.url, "http://example.org/b");
}

#[test]
fn of_a_package_that_this_machine_has_read_no_server_says_more() {
    let dir = TempDir::new().unwrap();
    let db = db(&dir);
    let mut own = record("x", &["f"], "never");
    own.attrs.size = Some(7);
    db.save(&project("p"), &[own], &Silent).unwrap();
    let told = record("x", &["f", "g"], "2030-01-01");
    db.save(&project(ProjectName::CACHED), &[told], &Silent)
        .unwrap();
    let needed = "2025-01-01".parse().unwrap();
    let found = lookup(&db, Trust::Servers)
        .find(&[digest("f"), digest("g")], needed)
        .unwrap();
    assert_eq!(found.matches, vec![vec![0], vec![]].into());
    // Also where nothing else leads to the package.
    let claimed = lookup(&db, Trust::Servers)
        .find(&[digest("g")], needed)
        .unwrap();
    assert_eq!(claimed.matches, vec![vec![]].into());
    let package = &found.packages[0];
    assert_eq!((package.size, package.project.as_str()), (Some(7), "p"));
    assert_eq!(package.expires, Expiry::Never);
    assert!(package.is_derived());
}

#[test]
fn a_key_leads_to_the_best_packages_only() {
    let dir = TempDir::new().unwrap();
    let db = db(&dir);
    let records: Vec<_> = (0..70)
        .map(|n| {
            let mut record = record(&format!("{n}"), &["f"], "never");
            record.attrs.size = Some(1000 - n);
            record
        })
        .collect();
    db.save(&project("p"), &records, &Silent).unwrap();
    let found = lookup(&db, Trust::Own)
        .find(&[digest("f")], Expiry::Never)
        .unwrap();
    assert_eq!(found.matches[0], (0..64).collect::<Vec<_>>()[..]);
    assert!(
        found
            .packages
            .iter()
            .all(|package| package.size < Some(1000 - 5))
    );
    assert!(found.packages.is_sorted_by_key(|package| package.sha256));
}
