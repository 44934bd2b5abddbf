//! Hosts that are wrong, dead, behind proxies or want secrets.

use std::fmt::Write as _;

use hashget_tests::fault_server::{FaultServer, Reply};

use crate::case::{Case, Scene, cases, nothing_more, run};

/// A web server that has nothing, named as the hashserver in the user's settings.
fn wrong_hashserver(scene: &Scene) {
    scene.write("tree/a", "one");
    let server = FaultServer::start(|_| Reply::not_found());
    let settings = format!("hashserver = [\"{}\"]\n", server.url("/hashget/"));
    scene.write("settings.toml", settings);
    // It serves until the test ends.
    std::mem::forget(server);
}

fn large_system(scene: &Scene) {
    let status = (0..919).fold(String::new(), |mut status, number| {
        write!(
            status,
            "Package: p{number}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"
        )
        .unwrap();
        status
    });
    scene.write("tree/var/lib/dpkg/status", status);
}

cases! {
    a_wrong_hashserver_url_is_told: Case {
        report: 106,
        title: "a hashserver's URL with a mistake in it saved nothing, status 0",
        needs: &[],
        input: wrong_hashserver,
        steps: vec![
            run("hashget -zf a.tgz --pack tree --heuristics")
                .with("HASHGET_CONFIG", "settings.toml")
                .ends(3)
                .says("it is no hashserver: status 404"),
        ],
        check: |scene| assert!(scene.path("a.tgz").exists()),
    },
    proxies_are_named_and_can_be_excepted: Case {
        report: 110,
        title: "an error did not say by which proxy, and NO_PROXY=* was not enough",
        needs: &[],
        input: |_| {},
        steps: vec![
            run("hashget --submit http://127.0.0.1:1/p -p x --hashserver")
                .with("http_proxy", "http://me:s3cret@127.0.0.1:9")
                .ends(1)
                .says("connection refused by the proxy http://127.0.0.1:9")
                .never_says("s3cret"),
            run("hashget --submit http://127.0.0.1:1/p -p x --hashserver")
                .with("http_proxy", "http://127.0.0.1:9")
                .with("NO_PROXY", "*")
                .ends(1)
                .never_says("proxy"),
            run("hashget --submit http://127.0.0.1:1/p -p x --hashserver")
                .with("ALL_PROXY", "socks5://127.0.0.1:9")
                .ends(1)
                .says("cannot use the proxy of ALL_PROXY"),
        ],
        check: nothing_more,
    },
    an_error_names_a_url_once: Case {
        report: 118,
        title: "an error said the same URL four times",
        needs: &[],
        input: |_| {},
        steps: vec![
            run("hashget --submit http://127.0.0.1:1/p -p x --hashserver")
                .ends(1)
                .says("problem: http://127.0.0.1:1/p: cannot get it: connection refused\n"),
        ],
        check: nothing_more,
    },
    a_password_never_gets_into_a_record: Case {
        report: 307,
        title: "a password in a package's URL was published",
        needs: &[],
        input: |_| {},
        steps: vec![
            run("hashget --submit http://u:s3cret@127.0.0.1:1/p -p x --hashserver")
                .ends(1)
                .says("names a user or a password")
                .says("[credentials.")
                .never_says("s3cret"),
            run("hashget-admin --list").never_says("127.0.0.1"),
        ],
        check: nothing_more,
    },
    a_token_does_not_go_to_every_server: Case {
        report: 308,
        title: "HASHGET_TOKEN went to every named server",
        needs: &[],
        input: |scene| scene.write("tree/a", "one"),
        steps: vec![
            run("hashget -zf a.tgz --pack tree --hashserver http://127.0.0.1:1/ http://127.0.0.1:2/")
                .with("HASHGET_TOKEN", "hgt_x")
                .ends(2)
                .says("[tokens]"),
        ],
        check: nothing_more,
    },
    a_dead_snapshot_service_costs_one_line: Case {
        report: 501,
        title: "919 packages of a service that does not answer took 7 minutes and 919 lines",
        needs: &[],
        input: large_system,
        steps: vec![
            run("hashget -zf m.tgz --pack tree --hashserver --snapshot-url http://127.0.0.1:1/")
                .ends(3)
                .says("problem: http://127.0.0.1:1: connection refused: 919 packages")
                .never_says("p7 1 amd64"),
        ],
        check: |scene| assert!(scene.path("m.tgz").exists()),
    },
}
