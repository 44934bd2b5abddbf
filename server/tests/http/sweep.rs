//! Expired records go from the disk by themselves.

use std::thread::sleep;
use std::time::{Duration, Instant};

use hashget_api::StatusResponse;

use crate::support::{TestServer, expiring, ok, package};

#[test]
fn the_sweeper_deletes_what_expired() {
    let server = TestServer::with("sweep_interval_seconds = 1");
    let mut packages: Vec<_> = (0..250)
        .map(|n| expiring(&format!("p{n}"), "2030-06-16"))
        .collect();
    packages.push(package("stays"));
    server.publish("p", &packages);
    *server.today.lock().unwrap() = "2030-06-16".parse().unwrap();
    let began = Instant::now();
    while ok::<StatusResponse>(server.get("api/v1/status")).packages > 1 {
        assert!(began.elapsed() < Duration::from_secs(30));
        sleep(Duration::from_millis(50));
    }
}
