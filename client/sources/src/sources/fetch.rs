//! A package from whichever source has it.

use hashget_files::monitor::{Level, Monitor, Problem};
use hashget_words::digest::Digest;
use hashget_words::package_url::without_password;

use super::attempt::{FetchAttempt, FetchError};
use super::tries::Tries;
use super::{LocalPackage, Origin, PackageRef, PackageSources};

impl PackageSources {
    /// The package, whole and checked: from the pools, the cache, its URLs, other URLs that
    /// local records or hashservers know for its digest, or a hashserver's pool.
    ///
    /// Each source that failed before another one succeeded is reported to the monitor. One that failed
    /// for a passing reason is waited for only when no other has the package.
    pub fn fetch(
        &self,
        wanted: &PackageRef,
        monitor: &dyn Monitor,
    ) -> Result<LocalPackage, FetchError> {
        let mut tries = Tries::new(self, wanted.sha256.as_ref(), wanted.size, monitor);
        let found = tries.package(&wanted.urls);
        let what = || match (wanted.urls.first(), wanted.sha256) {
            (Some(url), _) => without_password(url).into_owned(),
            (None, Some(sha256)) => format!("sha256:{sha256}"),
            (None, None) => "without digest and URL".to_owned(),
        };
        self.finish(found, what, tries.failed, monitor)
    }

    /// One file (an anchor) from the pools, the cache or a hashserver's pool, checked.
    pub fn fetch_file(
        &self,
        digest: &Digest,
        monitor: &dyn Monitor,
    ) -> Result<LocalPackage, FetchError> {
        let mut tries = Tries::new(self, Some(digest), None, monitor);
        let found = tries.file(digest);
        self.finish(found, || format!("sha256:{digest}"), tries.failed, monitor)
    }

    fn finish(
        &self,
        found: Option<LocalPackage>,
        what: impl FnOnce() -> String,
        failed: Vec<FetchAttempt>,
        monitor: &dyn Monitor,
    ) -> Result<LocalPackage, FetchError> {
        let Some(mut package) = found else {
            return Err(FetchError {
                what: what(),
                attempts: failed,
            });
        };
        for attempt in failed {
            let text = format!("{}: {}", attempt.source, attempt.reason);
            monitor.message(Level::Warning, &text);
        }
        self.keep_in_pool(&mut package, monitor);
        Ok(package)
    }

    /// Copies a package that does not come from a directory into the first one.
    fn keep_in_pool(&self, package: &mut LocalPackage, monitor: &dyn Monitor) {
        let mut directories = self.pools.iter().filter(|pool| pool.is_directory());
        let Some(first) = directories.clone().next() else {
            return;
        };
        if directories.any(|pool| package.origin == Origin::Pool(pool.name())) {
            return;
        }
        match first.add(package) {
            Ok(false) => {}
            Ok(true) => {
                let sha256 = package.sha256;
                let text = format!("replaced the damaged sha256:{sha256} in {}", first.name());
                monitor.message(Level::Warning, &text);
            }
            Err(error) => monitor.problem(&Problem::new(first.name(), &error)),
        }
    }
}
