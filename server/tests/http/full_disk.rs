//! A full disk stops writing, not reading.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use hashget_api::{ErrorCode, ReadyResponse};
use hashget_store::{PackageStore, StoreError, StorePage, StoreQuery, StoreStats, StoredPackage};
use hashget_words::digest::Digest;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::project::ProjectName;
use hashget_words::signature::Signature;
use jiff::civil::Date;
use serde_json::json;

use crate::support::{TestServer, digest, error, ok, package};

#[test]
fn writing_stops_before_the_disk_is_full() {
    let server = TestServer::with(&format!("min_free_bytes = {}", 1_u64 << 60));
    let body = json!({"project": "p", "packages": [package("a")]});
    let answer = server.post("api/v1/packages", &body);
    error(answer, 507, ErrorCode::InsufficientStorage);
    let answer = server.put(&digest("x"), b"x");
    error(answer, 507, ErrorCode::InsufficientStorage);
    assert_eq!(server.get("api/v1/status").status(), 200);
}

#[test]
fn a_store_on_a_full_disk_is_told_apart() {
    for engine in [false, true] {
        let data = tempfile::tempdir().unwrap();
        let server = TestServer::on(data, Arc::new(FullStore { engine }), "");
        let body = json!({"project": "p", "packages": [package("a")]});
        let answer = server.post("api/v1/packages", &body);
        error(answer, 507, ErrorCode::InsufficientStorage);
        assert_eq!(server.get("api/v1/status").status(), 200);
    }
}

#[test]
fn what_the_store_says_stays_in_the_log() {
    let data = tempfile::tempdir().unwrap();
    let server = TestServer::on(data, Arc::new(FullStore { engine: false }), "");
    let message = error(server.get("api/v1/packages"), 500, ErrorCode::Internal);
    assert!(!message.contains("secret"), "{message}");
}

#[test]
fn a_server_is_ready_before_its_index_is_in_memory() {
    let data = tempfile::tempdir().unwrap();
    let server = TestServer::on(data, Arc::new(FullStore { engine: false }), "");
    let ready: ReadyResponse = ok(server.get("readyz"));
    assert!(ready.ready);
    let metrics = server.get("metrics").text().unwrap();
    let mut lines = metrics.lines();
    assert!(lines.any(|line| line == "hashserver_index_memory_bytes 0"));
}

/// A store whose disk is full, and whose index is never read to its end.
struct FullStore {
    engine: bool,
}

impl PackageStore for FullStore {
    fn publish(&self, _: &ProjectName, _: &[HashPackage]) -> Result<Vec<PackageId>, StoreError> {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let (action, path) = ("write", PathBuf::from("db"));
        Err(if self.engine {
            StoreError::Engine {
                action,
                path,
                source: Box::new(full),
            }
        } else {
            StoreError::Io {
                action,
                path,
                source: full,
            }
        })
    }

    fn get(&self, ids: &[PackageId]) -> Result<Vec<Option<StoredPackage>>, StoreError> {
        Ok(vec![None; ids.len()])
    }

    fn summaries(&self, ids: &[PackageId]) -> Result<Vec<Option<Arc<PackageSummary>>>, StoreError> {
        Ok(vec![None; ids.len()])
    }

    fn find_digests(&self, digests: &[Digest]) -> Result<Vec<Vec<PackageId>>, StoreError> {
        Ok(vec![Vec::new(); digests.len()])
    }

    fn visit_digests(
        &self,
        _: &Digest,
        _: &Digest,
        _: &mut dyn FnMut(&Digest, PackageId) -> bool,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    fn changes(&self) -> u64 {
        0
    }

    fn load(&self, stop: &dyn Fn() -> bool) -> Result<bool, StoreError> {
        while !stop() {
            std::thread::yield_now();
        }
        Ok(false)
    }

    fn find_signatures(&self, keys: &[Signature]) -> Result<Vec<Vec<PackageId>>, StoreError> {
        Ok(vec![Vec::new(); keys.len()])
    }

    fn list(&self, _: &StoreQuery) -> Result<StorePage, StoreError> {
        let (path, what) = (PathBuf::from("secret"), "secret".to_owned());
        Err(StoreError::Damaged { path, what })
    }

    fn expired(&self, _: Date, _: usize) -> Result<Vec<PackageId>, StoreError> {
        Ok(Vec::new())
    }

    fn update(&self, _: PackageId, _: &HashPackage) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn remove(&self, _: &[PackageId]) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn add_project(&self, _: &ProjectName) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn remove_project(&self, _: &ProjectName) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn projects(&self) -> Result<Vec<ProjectName>, StoreError> {
        Ok(Vec::new())
    }

    fn stats(&self) -> Result<StoreStats, StoreError> {
        Ok(StoreStats::default())
    }
}
