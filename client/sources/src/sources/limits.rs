//! How far packages are trusted.

use std::sync::OnceLock;

use hashget_archive::Limits;

use super::{LocalPackage, Origin};

static OF_PACKAGES: OnceLock<Limits> = OnceLock::new();

/// Sets the limits of packages from elsewhere for the whole process, as the number of its threads is
/// set. Only the first call has an effect.
pub fn set_package_limits(limits: Limits) {
    OF_PACKAGES.get_or_init(|| limits);
}

/// The limits of packages from elsewhere.
pub fn package_limits() -> Limits {
    OF_PACKAGES.get().cloned().unwrap_or_default()
}

impl LocalPackage {
    /// How far this package is trusted: an archive of the user's own series has no limits.
    pub fn limits(&self) -> Limits {
        match self.origin {
            Origin::Archive(_) => Limits::none(),
            Origin::Given | Origin::Pool(_) | Origin::Cache | Origin::Downloaded(_) => {
                package_limits()
            }
        }
    }
}
