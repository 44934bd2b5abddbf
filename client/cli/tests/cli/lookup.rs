//! Which packages hold a file.

use crate::bed::{Bed, noise};
use crate::web::Web;

#[test]
fn a_file_is_looked_up_by_itself_and_by_its_hash() {
    let bed = Bed::new();
    let file = bed.write("www/big.bin", noise(3, 200_000));
    bed.write("other", "in no package");
    let web = Web::serve(&bed.path("www"));
    let url = web.url("big.bin");
    bed.run(&format!("submit {url} -p x")).expect(0);

    let found = bed.run("lookup ~/www/big.bin").expect(0).stdout;
    let lines: Vec<&str> = found.lines().collect();
    assert!(
        lines[0].starts_with(&format!("{} (sha256:", file.display())),
        "{found}"
    );
    assert!(lines[0].ends_with("): in 1 package"), "{found}");
    assert_eq!(lines[1].trim(), format!("195.3K  {url} (x, own record)"));
    let hash = lines[0].split(['(', ')']).nth(1).unwrap();
    let same = bed.run(&format!("lookup {hash}")).expect(0).stdout;
    assert_eq!(same, format!("{hash}: in 1 package\n{}\n", lines[1]));

    let ran = bed.run("lookup --json ~/www/big.bin ~/other").expect(1);
    let events: Vec<serde_json::Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["event"], "lookup");
    assert_eq!(events[0]["packages"][0]["url"], url);
    assert_eq!(events[1]["packages"], serde_json::json!([]));
    ran.tells("in no package that is known: 1 of 2")
        .tells("hint: ");
}

#[test]
fn what_is_neither_file_nor_hash_is_refused() {
    let bed = Bed::new();
    bed.run("lookup ~/none")
        .expect(1)
        .tells("cannot read ")
        .tells("hint: ");
    bed.run("lookup sha256:12").expect(2);
    bed.run("lookup").expect(2).tells("<FILE|HASH>");
}
