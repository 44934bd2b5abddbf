//! `POST api/v1/lookup`: which packages hold these digests or carry these signatures?

use serde::{Deserialize, Serialize};

use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::package_summary::PackageSummary;
use hashget_words::signature::Signature;

/// The question; at most [`super::MAX_LOOKUP_KEYS`] digests and signatures together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LookupRequest {
    /// Digests of files, anchors or packages.
    #[serde(default)]
    pub digests: Vec<Digest>,
    /// Signatures of packages, such as `deb:vim_9.0_amd64`.
    #[serde(default)]
    pub signatures: Vec<Signature>,
    /// Only packages that live at least this long; absent: every package that has not expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expiry>,
}

/// The answer: each package once, and which of the keys are in which.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LookupResponse {
    /// The packages found.
    pub packages: Vec<PackageSummary>,
    /// `[place of the digest in the question, [places in packages]]`; digests that are in no
    /// package are left out.
    pub digests: Vec<(u32, Vec<u32>)>,
    /// The same for the signatures.
    pub signatures: Vec<(u32, Vec<u32>)>,
}
