use super::*;

fn owner(project: &str, token: &str) -> Owner {
    Owner {
        project: Some(project.parse().unwrap()),
        token: token.to_owned(),
    }
}

fn open(directory: &Path, of_project: u64, of_token: u64) -> Owners {
    let quotas = Quotas {
        of_project: Some(of_project),
        of_token: Some(of_token),
    };
    Owners::open(directory.join("owners.jsonl"), quotas).unwrap()
}

#[test]
fn a_file_goes_with_its_last_owner() {
    let directory = tempfile::tempdir().unwrap();
    let (a, b) = (owner("a", "1"), owner("b", "1"));
    let file = Digest::of(b"file");
    let is_of = |owners: &Owners, owner: &Owner| owners.has(&file, |known| known == owner);
    let owners = open(directory.path(), 10, 10);
    assert_eq!(is_of(&owners, &a), None);
    let unknown = owners.release(&file, None).unwrap();
    assert_eq!(unknown, Released::Unknown);
    for owner in [&a, &b, &a] {
        owners.claim(&file, 10, owner).unwrap().unwrap();
    }
    drop(owners);
    let owners = open(directory.path(), 10, 10);
    assert_eq!(
        (is_of(&owners, &a), is_of(&owners, &b)),
        (Some(true), Some(true))
    );
    let release = |project: &str| {
        let project = project.parse().unwrap();
        owners.release(&file, Some(&project)).unwrap()
    };
    assert_eq!(release("c"), Released::Foreign);
    assert_eq!(release("a"), Released::Shared);
    assert_eq!(release("a"), Released::Foreign);
    assert_eq!(is_of(&owners, &a), Some(false));
    assert_eq!(release("b"), Released::Unowned);
    assert_eq!(release("b"), Released::Unknown);
}

#[test]
fn quotas_count_each_file_once() {
    let directory = tempfile::tempdir().unwrap();
    let owners = open(directory.path(), 10, 15);
    let digest = |name: &str| Digest::of(name.as_bytes());
    let claim =
        |name: &str, bytes, owner: &Owner| owners.claim(&digest(name), bytes, owner).unwrap();
    let (a, b) = (owner("a", "1"), owner("b", "1"));
    claim("x", 8, &a).unwrap();
    claim("x", 8, &a).unwrap();
    claim("x", 8, &owner("a", "2")).unwrap();
    let over = claim("y", 3, &a).unwrap_err();
    assert_eq!(over.setting, "max_pool_bytes_per_project");
    claim("y", 7, &b).unwrap();
    let over = claim("z", 1, &b).unwrap_err();
    assert_eq!(over.setting, "max_pool_bytes_per_token");
    // What goes makes room.
    owners.release(&digest("x"), a.project.as_ref()).unwrap();
    claim("y", 3, &a).unwrap();
}

#[test]
fn a_journal_is_read_up_to_a_crash_and_written_anew_when_it_is_long() {
    let directory = tempfile::tempdir().unwrap();
    let owners = open(directory.path(), u64::MAX, u64::MAX);
    let a = owner("a", "1");
    owners.claim(&Digest::of(b"stays"), 1, &a).unwrap().unwrap();
    drop(owners);
    let path = directory.path().join("owners.jsonl");
    let whole = std::fs::read(&path).unwrap();
    let mut comes_and_goes = Vec::new();
    for gone in [false, true] {
        let digest = Digest::of(b"goes");
        let owner = a.clone();
        let line = Line {
            digest,
            bytes: 1,
            owner,
            gone,
        };
        comes_and_goes.extend(serde_json::to_vec(&line).unwrap());
        comes_and_goes.push(b'\n');
    }
    let mut long = whole.clone();
    long.extend(comes_and_goes.repeat(SPARE_LINES));
    long.extend(&whole[..whole.len() / 2]);
    std::fs::write(&path, &long).unwrap();
    let owners = open(directory.path(), 1, 1);
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    assert_eq!(owners.has(&Digest::of(b"stays"), |_| true), Some(true));
    assert_eq!(owners.has(&Digest::of(b"goes"), |_| true), None);
    owners
        .claim(&Digest::of(b"more"), 1, &owner("b", "2"))
        .unwrap()
        .unwrap();
    let lines = std::fs::read_to_string(&path).unwrap();
    assert_eq!(lines.lines().count(), 2);
}

#[test]
fn a_damaged_journal_is_refused_with_the_way_out() {
    let directory = tempfile::tempdir().unwrap();
    let owners = open(directory.path(), 10, 10);
    let file = Digest::of(b"file");
    owners.claim(&file, 1, &owner("a", "1")).unwrap().unwrap();
    drop(owners);
    let path = directory.path().join("owners.jsonl");
    let mut text = std::fs::read(&path).unwrap();
    text.extend(b"{}\n");
    std::fs::write(&path, text).unwrap();
    let Err(error) = Owners::open(path, Quotas::default()) else {
        panic!("it was read");
    };
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(
        source.contains("line 2") && source.contains("move it away"),
        "{source}"
    );
}
