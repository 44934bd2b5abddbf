//! The pages for people.

use std::fs;
use std::sync::Arc;

use hashget_store::{SledStore, StoreOptions};
use hashget_words::hash_package::HashPackage;
use reqwest::blocking::Response;
use serde_json::json;

use crate::support::{TestServer, digest, expiring, header, package};

fn page(answer: Response, status: u16) -> String {
    assert_eq!(answer.status(), status);
    assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
    let policy = header(&answer, "content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self'"),
        "{policy}"
    );
    assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    let text = answer.text().unwrap();
    assert!(!text.contains("<script") && !text.contains("style=\"") && !text.contains("onclick"));
    assert!(text.contains("<html lang=\"en\">") && text.contains("<main id=\"main\""));
    assert!(text.contains("<label for=\"q\">"));
    text
}

#[test]
fn the_first_page_tells_what_is_there() {
    let server = TestServer::with("name = 'Index <1>'\nmotd = 'Hello & welcome'");
    server.publish("debsnap", &[package("a"), package("b")]);
    let text = page(server.get(""), 200);
    assert!(text.contains("Index &#60;1&#62;") && text.contains("Hello &#38; welcome"));
    assert!(text.contains("href=\"/web/projects/debsnap\""));
    let style = server.get("web/style.css");
    assert_eq!(header(&style, "content-type"), "text/css; charset=utf-8");
    assert!(style.text().unwrap().contains("prefers-color-scheme: dark"));
}

#[test]
fn everything_is_found_by_what_one_would_type() {
    let server = TestServer::start();
    let ids = server.publish("p", &[package("vim.deb"), package("a:b.deb")]);
    let link = |query: &str| {
        let id = ids[usize::from(query.starts_with("a:"))];
        format!("href=\"/web/packages/{}\"", id.0)
    };
    for query in [
        digest("vim.deb file").to_string(),
        format!("sha256:{}", digest("vim.deb")),
        "deb:vim.deb_1.0%2Bb~1_amd64".to_owned(),
        "sig:deb:vim.deb_1.0%2Bb~1_amd64".to_owned(),
        "http://example.org/vim.deb".to_owned(),
        "vim.deb".to_owned(),
        "%20vim.deb%20".to_owned(),
        "a:b.deb".to_owned(),
    ] {
        let text = page(server.get(&format!("?q={query}")), 200);
        assert!(
            text.contains(&link(&query)) && text.contains("1 package."),
            "{query}"
        );
    }
    for query in [
        "emacs.deb",
        &digest("x").to_string(),
        "http://example.org/",
        "a:b",
        "::",
    ] {
        let text = page(server.get(&format!("?q={query}")), 200);
        assert!(text.contains("Nothing was found."), "{query}");
        assert!(text.contains("all 64 digits of its SHA-256"), "{query}");
    }
}

#[test]
fn a_package_is_shown_with_its_files() {
    let server = TestServer::start();
    let ids = server.publish(
        "p",
        &[
            expiring("vim.deb", "2031-01-02"),
            expiring("old", "2030-01-01"),
        ],
    );
    let text = page(server.get(&format!("web/packages/{}", ids[0].0)), 200);
    for part in [
        "<dd>2031-01-02</dd>",
        "<dd>100 B</dd>",
        "2 files are known by their SHA-256, 1 of them are anchors",
        &digest("vim.deb anchor").to_string(),
        "href=\"http://example.org/vim.deb\"",
        "deb:vim.deb_1.0+b~1_amd64",
    ] {
        assert!(text.contains(part), "{part}");
    }
    for gone in [ids[1].0.to_string(), "999999".to_owned(), "x".to_owned()] {
        page(server.get(&format!("web/packages/{gone}")), 404);
    }
    page(server.get("web/projects/none"), 404);
}

#[test]
fn what_others_published_cannot_become_markup() {
    let server = TestServer::start();
    let evil = HashPackage {
        url: "javascript:alert(1)//<script>\"'".to_owned(),
        ..package("x")
    };
    let ids = server.publish("p", &[evil]);
    let text = page(server.get(&format!("web/packages/{}", ids[0].0)), 200);
    assert!(!text.contains("href=\"javascript:"));
    page(server.get("web/projects/p"), 200);
    page(server.get("?q=%3Cscript%3E%22%27"), 200);
}

#[test]
fn a_long_project_has_pages() {
    let server = TestServer::start();
    let many: Vec<_> = (0..120).map(|n| package(&format!("n{n}"))).collect();
    server.publish("p", &many);
    let mut path = "web/projects/p".to_owned();
    let mut found = 0;
    for _ in 0..10 {
        let text = page(server.get(&path), 200);
        found += text.matches("href=\"/web/packages/").count();
        let Some((_, rest)) = text.split_once("<a rel=\"next\" href=\"/") else {
            break;
        };
        rest.split('"').next().unwrap().clone_into(&mut path);
    }
    assert_eq!(found, 120);
}

#[test]
fn growth_is_told_by_day_and_month() {
    let data = tempfile::tempdir().unwrap();
    let noted = |packages: u64| json!({"packages": packages, "digests": 9, "packages_bytes": 3 << 20, "store_bytes": 1 << 20});
    // A day to come is of a clock that was wrong.
    let days = json!({"2030-04-30": noted(3), "2030-05-15": noted(7), "2030-05-31": noted(5), "2031-01-01": noted(99)});
    fs::write(data.path().join("growth.json"), days.to_string()).unwrap();
    let store = SledStore::open(&data.path().join("store"), StoreOptions::default()).unwrap();
    let server = TestServer::on(data, Arc::new(store), "");
    let names = ["a", "b", "c", "d", "e", "f"];
    server.publish("p", &names.map(package));
    let text = page(server.get(""), 200);
    assert!(
        text.contains("1 package fewer than on 2030-05-15"),
        "{text}"
    );
    let text = page(server.get("web/growth"), 200);
    let row = |day: &str, packages: u64, change: &str| {
        format!(
            "<th scope=\"row\" class=\"day\">{day}</th><td class=\"number\">{packages}</td>\
             <td class=\"number\">{change}</td>"
        )
    };
    for (row, times) in [
        (row("2030-06-15", 6, "+1"), 2),
        (row("2030-05-31", 5, "+2"), 1),
        (row("2030-05-31", 5, "\u{2212}2"), 1),
        (row("2030-05-15", 7, "+4"), 1),
        (row("2030-04-30", 3, ""), 2),
    ] {
        assert_eq!(text.matches(&row).count(), times, "{row}\n{text}");
    }
    assert!(!text.contains("2031-01-01"));
    assert_eq!(text.matches("<rect ").count(), 3);
    // What was there at the end is noted.
    let TestServer { server, data, .. } = server;
    server.stop();
    let kept = fs::read(data.path().join("growth.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
    assert_eq!(kept["2030-06-15"]["packages"], 6);
    assert_eq!(kept["2030-05-15"]["packages"], 7);
}

#[test]
fn a_server_without_a_past_says_no_more_than_it_knows() {
    let server = TestServer::start();
    server.publish("p", &[package("a")]);
    let text = page(server.get(""), 200);
    assert!(!text.contains("than on"), "{text}");
    let text = page(server.get("web/growth"), 200);
    assert!(!text.contains("<svg"), "{text}");
    let text = page(server.get("web/sources"), 200);
    assert!(
        text.contains("This server does not check its sources. No source is known to be dead.")
    );
}

#[test]
fn dead_sources_are_told_page_by_page() {
    let data = tempfile::tempdir().unwrap();
    let death = json!({"since": "2030-06-01", "checked": "2030-06-14", "reason": "<status> 404"});
    let dead: serde_json::Map<_, _> = (0..120)
        .map(|n| (format!("http://example.org/n{n:03}"), death.clone()))
        .collect();
    let known = json!({"cursor": null, "dead": dead, "last": {"began": "2030-06-14", "to": 120}});
    fs::write(data.path().join("health.json"), known.to_string()).unwrap();
    let store = SledStore::open(&data.path().join("store"), StoreOptions::default()).unwrap();
    let server = TestServer::on(data, Arc::new(store), "");
    let ids = server.publish("p", &[package("n007"), package("alive")]);
    let text = page(server.get("web/sources"), 200);
    assert!(text.contains("120 sources are dead."), "{text}");
    assert!(text.contains("began on 2030-06-14") && text.contains("&#60;status&#62; 404"));
    assert!(text.contains("http://example.org/n099") && !text.contains("http://example.org/n100"));
    let (_, rest) = text.split_once("<a rel=\"next\" href=\"/").unwrap();
    let text = page(server.get(rest.split('"').next().unwrap()), 200);
    assert_eq!(text.matches("http://example.org/n1").count(), 20);
    assert!(!text.contains("rel=\"next\""));
    // Where packages are listed it is told, too.
    let text = page(server.get("web/projects/p"), 200);
    assert_eq!(text.matches("could not be downloaded").count(), 1, "{text}");
    let text = page(server.get(&format!("web/packages/{}", ids[0].0)), 200);
    assert!(
        text.contains("<td>dead: &#60;status&#62; 404</td>"),
        "{text}"
    );
}

#[test]
fn a_browser_may_read_with_a_token_as_password_and_nothing_more() {
    let server = TestServer::with("open_reading = false");
    let closed = server.get("");
    assert!(header(&closed, "www-authenticate").starts_with("Basic"));
    page(closed, 401);
    let ask = |method, path| {
        let request = server.request(method, path);
        let request = request.basic_auth("me", Some(&server.admin));
        request
            .body("{\"project\": \"p\", \"packages\": []}")
            .send()
            .unwrap()
    };
    page(ask("GET", ""), 200);
    assert_eq!(ask("POST", "api/v1/packages").status(), 401);
    assert_eq!(ask("GET", "api/v1/export").status(), 401);
}

/// A name with U+202E looked like another one.
#[test]
fn characters_that_hide_or_turn_text_are_escaped() {
    let server = TestServer::start();
    let url = "http://example.org/photo\u{202e}gpj.exe\u{200b}";
    let record = HashPackage {
        url: url.to_owned(),
        signatures: [("deb".to_owned(), "a\u{2066}b_1_all".to_owned())].into(),
        ..package("x")
    };
    let ids = server.publish("p", &[record]);
    let typed = "?q=photo%E2%80%AEgpj.exe%E2%80%8B".to_owned();
    let one = format!("web/packages/{}", ids[0].0);
    for path in [typed, one, "web/projects/p".to_owned()] {
        let text = page(server.get(&path), 200);
        assert!(text.contains("photo\\u{202e}gpj.exe\\u{200b}"), "{text}");
        // What is asked with, or linked to, is the URL itself.
        let shown = text
            .split(" href=\"")
            .map(|part| part.split_once('"').map_or(part, |(_, rest)| rest));
        let shown: String = shown.collect();
        let shown = shown.replace("value=\"photo\u{202e}gpj.exe\u{200b}\"", "");
        assert!(
            !shown.contains(['\u{202e}', '\u{200b}', '\u{2066}']),
            "{path}: {shown}"
        );
    }
}
