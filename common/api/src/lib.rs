//! What a hashserver and its clients say to each other, one module per endpoint
//! (`docs/http-api.md`).

mod change;
mod error;
mod fetch;
mod filter;
mod health;
mod list;
mod lookup;
mod lookup_bytes;
mod lookup_json;
mod pool;
mod projects;
mod publish;
mod range;
mod sources;
mod status;
mod submit;

pub use change::{ChangeRequest, ChangeResponse, RemoveResponse, SpecQuery};
pub use error::{ErrorBody, ErrorCode};
pub use fetch::{FetchRequest, FetchedPackage};
pub use filter::{FilterPiece, FilterResponse, shard_of};
pub use health::ReadyResponse;
pub use list::{ListQuery, ListResponse};
pub use lookup::{LookupRequest, LookupResponse};
pub use lookup_bytes::{DIGESTS_TYPE, LookupBytesError, MATCHES_TYPE};
pub use pool::{PoolHaveRequest, PoolHaveResponse, PoolPutQuery, PoolRemoveQuery};
pub use projects::ProjectResponse;
pub use publish::{PublishRequest, PublishResponse};
pub use range::{MAX_RANGE_DIGESTS, RangeRequest, RangeResponse, prefix_of};
pub use sources::{
    DeadSource, DeadSourcesQuery, DeadSourcesResponse, PackageResponse, PackageSource, SourceState,
};
pub use status::{ProjectStatus, StatusResponse};
pub use submit::{Submission, SubmissionState, SubmitRequest};

/// The path of every JSON endpoint begins with this.
pub const API_PREFIX: &str = "api/v1";

/// The most digests and signatures one look-up may ask about.
pub const MAX_LOOKUP_KEYS: usize = 50_000;
/// The most packages one look-up names for a digest: the best by
/// [`Rank`](hashget_words::ranking::Rank).
pub const MAX_PACKAGES_PER_DIGEST: usize = 64;
/// The most records one fetch or publish may carry.
pub const MAX_BATCH_PACKAGES: usize = 1_000;
/// The most packages one page of a listing holds.
pub const MAX_LIST_PACKAGES: usize = 1_000;
