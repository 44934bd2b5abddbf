//! Many packages of hosts that do not answer: a quick end, few lines, and the archive all the same.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use hashget_tests::fault_server::{Fault, FaultServer, Reply, dead_url};

use crate::bed::{Bed, Ran, noise, run};

/// The packages of a large system.
const PACKAGES: usize = 919;
/// What a user waits for at most.
const PATIENCE: Duration = Duration::from_secs(20);

fn system(bed: &Bed) {
    let mut status = String::new();
    for number in 0..PACKAGES {
        write!(
            status,
            "Package: p{number}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"
        )
        .unwrap();
    }
    bed.write("tree/var/lib/dpkg/status", status);
    bed.write("tree/x", noise(1, 5000));
}

fn problems(ran: &Ran) -> Vec<&str> {
    let lines = ran.stderr.lines();
    lines.filter(|line| line.starts_with("problem: ")).collect()
}

fn pack(bed: &Bed, service: &str, more: &str) -> Ran {
    let line = format!("{more} -zf ~/m.tar.gz --pack ~/tree --hashserver --snapshot-url {service}");
    let seconds = [
        ("HASHGET_CONNECT_TIMEOUT", "1"),
        ("HASHGET_QUESTION_TIMEOUT", "1"),
    ];
    let begun = Instant::now();
    let ran = run(bed.hashget().args(bed.words(&line)).envs(seconds)).expect(3);
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    assert!(bed.path("m.tar.gz").exists());
    ran
}

#[test]
fn a_snapshot_service_that_does_not_answer_costs_one_line() {
    let failing = FaultServer::start(|_| Reply::new(500, "sorry"));
    let silent = FaultServer::start(|_| Reply::new(200, "").failing(Fault::Silence));
    // Nobody takes connections here: what fits into the queue is silent, the rest has none.
    let full = TcpListener::bind("127.0.0.1:0").unwrap();
    let full = format!("http://{}/", full.local_addr().unwrap());
    let services = [
        (dead_url("/"), "connection refused"),
        (failing.url("/"), "status 500"),
        (silent.url("/"), "no answer in time"),
        (full, "no answer in time"),
    ];
    for (service, why) in services {
        let bed = Bed::new();
        system(&bed);
        let ran = pack(&bed, &service, "");
        let told = problems(&ran);
        assert_eq!(told.len(), 1, "{told:?}");
        let host = service.trim_end_matches('/');
        assert!(
            told[0].starts_with(&format!("problem: {host}: {why}")),
            "{told:?}"
        );
        assert!(told[0].contains(": 919 packages"), "{told:?}");
        assert!(told[0].contains("--hashserver"), "{told:?}");
    }
}

#[test]
fn single_packages_are_told_to_programs_and_on_request() {
    let bed = Bed::new();
    system(&bed);
    let service = dead_url("/");
    let quiet = pack(&bed, &service, "-q");
    assert_eq!(quiet.stderr.lines().count(), 1, "{}", quiet.stderr);
    let all = pack(&bed, &service, "-v");
    assert!(all.stderr.contains("p7 1 amd64: "), "{}", all.stderr);
    let json = pack(&bed, &service, "--json").stdout;
    let events = json.lines().filter(|line| line.contains("\"problem\""));
    assert_eq!(events.count(), PACKAGES + 1);
}

#[test]
fn verify_and_restore_tell_a_dead_mirror_in_one_line() {
    let bed = Bed::new();
    let count = 217;
    let content = |path: &str| {
        let number = path
            .trim_start_matches("/p")
            .trim_end_matches(".bin")
            .parse();
        number.ok().map(|number| noise(number, 5000))
    };
    let site = FaultServer::start(move |request| match content(&request.path) {
        Some(content) => Reply::new(200, content),
        None => Reply::not_found(),
    });
    let mut hints = Vec::new();
    for number in 0..count {
        let url = site.url(&format!("/p{number}.bin"));
        hints.push(url.clone());
        bed.write(
            &format!("hints/{number}/hashget-hint.json"),
            format!("{{\"url\": \"{url}\"}}"),
        );
        bed.write(&format!("tree/{number}"), noise(number, 5000));
    }
    bed.run("--index ~/hints -p all --private-hints --hashserver")
        .expect(0);
    bed.run("-zf ~/m.tar.gz --pack ~/tree --hashserver")
        .expect(0);
    bed.run("cache clean").expect(0);
    drop(site);
    let begun = Instant::now();
    let ran = bed.run("verify ~/m.tar.gz --hashserver").expect(1);
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    let told = problems(&ran);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("connection refused: 217 packages"),
        "{told:?}"
    );
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    assert!(
        ran.stdout.contains("DEAD 217 packages at "),
        "{}",
        ran.stdout
    );

    let begun = Instant::now();
    let ran = bed.run("-u ~/m.tar.gz -C ~/out --hashserver").expect(1);
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    assert_eq!(problems(&ran).len(), 1, "{}", ran.stderr);
    let missing = ran
        .stdout
        .lines()
        .filter(|line| line.starts_with("MISSING"));
    assert_eq!(missing.count(), 1, "{}", ran.stdout);
    let each = bed.run("-v -u ~/m.tar.gz -C ~/out --hashserver").expect(1);
    assert!(
        each.stderr.contains("MISSING 7 (sha256:"),
        "{}",
        each.stderr
    );
}
