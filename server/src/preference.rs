//! Which of several packages is the better one to rely on.

use std::cmp::Ordering;

use hashget_words::package_summary::PackageSummary;

/// The order in which packages are named: lives longest, then smallest, then by package hash and
/// URL. What is unknown comes last.
pub(crate) fn by_preference(a: &PackageSummary, b: &PackageSummary) -> Ordering {
    let size = |package: &PackageSummary| package.size.unwrap_or(u64::MAX);
    let digest = |package: &PackageSummary| (package.sha256.is_none(), package.sha256);
    b.expires
        .cmp(&a.expires)
        .then_with(|| size(a).cmp(&size(b)))
        .then_with(|| digest(a).cmp(&digest(b)))
        .then_with(|| a.url.cmp(&b.url))
        .then_with(|| a.id.cmp(&b.id))
}

#[cfg(test)]
mod tests {
    use hashget_words::digest::Digest;
    use hashget_words::expiry::Expiry;
    use hashget_words::package_summary::PackageId;

    use super::*;

    fn package(id: u64, expires: &str, size: Option<u64>, url: &str) -> PackageSummary {
        PackageSummary {
            id: PackageId(id),
            project: "p".parse().unwrap(),
            url: url.to_owned(),
            sha256: (id > 0).then(|| Digest::from_bytes([7; 32])),
            size,
            expires: expires.parse::<Expiry>().unwrap(),
            files: 0,
            anchors: 0,
        }
    }

    #[test]
    fn longest_life_then_size_then_hash_then_url() {
        let mut packages = [
            package(1, "2030-01-01", Some(1), "a"),
            package(2, "never", None, "a"),
            package(0, "never", Some(5), "a"),
            package(4, "never", Some(5), "c"),
            package(5, "never", Some(5), "b"),
            package(6, "never", Some(4), "z"),
        ];
        packages.sort_by(by_preference);
        let order: Vec<u64> = packages.iter().map(|package| package.id.0).collect();
        assert_eq!(order, [6, 5, 4, 0, 2, 1]);
    }
}
