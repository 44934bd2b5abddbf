//! Why a look-up whose answers are checked failed.

use hashget_sources::hash_db::HashDbError;
use thiserror::Error;

/// Why a look-up whose answers are checked failed.
#[derive(Debug, Error)]
pub enum VouchError {
    /// The local records cannot be used.
    #[error(transparent)]
    HashDb(#[from] HashDbError),
    /// A record says of a package what is not so.
    #[error(
        "the record of {url} in {whose} is wrong: sha256:{digest}, which is to be left out, is not in the package; \
         {claims} such claims"
    )]
    Lie {
        /// The package's URL.
        url: String,
        /// The server and its project.
        whose: String,
        /// Content that the package lacks.
        digest: String,
        /// How much of what would be left out the package lacks.
        claims: usize,
    },
}
