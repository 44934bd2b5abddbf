//! What every request needs: settings, store, pool, tokens and the clock.

use std::cell::Cell;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::{HttpResponse, web};
use hashget_store::PackageStore;
use hashget_words::expiry::Expiry;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::access_log::AccessLog;
use crate::answers::{Answers, Moment};
use crate::auth::{TokenFile, TokenUses};
use crate::connections::Connections;
use crate::disk::Disk;
use crate::error::ApiError;
use crate::fetch::Fetcher;
use crate::filters::Filters;
use crate::growth::Growth;
use crate::health::Health;
use crate::memory_budget::MemoryBudget;
use crate::metrics::Metrics;
use crate::pool::{Owners, Pool};
use crate::rate_limit::RateLimit;
use crate::settings::Settings;
use crate::submissions::Submissions;

/// What day it is. The only clock that decides about expiry, so that tests can turn it.
pub type Clock = Arc<dyn Fn() -> Date + Send + Sync>;

/// The system's local date.
pub fn system_clock() -> Clock {
    thread_local! {
        /// A second, and the date in it: it is asked far more often than a second.
        static LAST: Cell<(i64, Date)> = const { Cell::new((i64::MIN, Date::ZERO)) };
    }
    Arc::new(|| {
        let now = Timestamp::now();
        let (second, date) = LAST.get();
        if second == now.as_second() {
            return date;
        }
        let date = now.to_zoned(TimeZone::system()).date();
        LAST.set((now.as_second(), date));
        date
    })
}

/// What every request needs.
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) store: Arc<dyn PackageStore>,
    pub(crate) pool: Pool,
    pub(crate) owners: Owners,
    pub(crate) disk: Disk,
    pub(crate) tokens: TokenFile,
    pub(crate) token_uses: TokenUses,
    pub(crate) client_rate: RateLimit<IpAddr>,
    pub(crate) token_rate: RateLimit<String>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) body_memory: Arc<MemoryBudget>,
    /// What answers take, from their making until they are sent.
    pub(crate) sending_memory: Arc<MemoryBudget>,
    pub(crate) metrics: Metrics,
    pub(crate) access_log: AccessLog,
    pub(crate) submissions: Submissions,
    pub(crate) fetcher: Fetcher,
    pub(crate) filters: Filters,
    pub(crate) answers: Answers,
    pub(crate) health: Health,
    pub(crate) growth: Growth,
    pub(crate) clock: Clock,
    pub(crate) started: Instant,
}

impl State {
    /// Now, for an answer that is kept. To be taken before the look-up that it stands for.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            changes: self.store.changes(),
            health: self.health.version(),
            today: (self.clock)(),
        }
    }

    /// Whether something has expired today.
    pub(crate) fn is_expired(&self, expires: Expiry) -> bool {
        expires.is_expired_at((self.clock)())
    }

    /// `Cache-Control` of what anybody, or only who has a token, may read.
    pub(crate) fn cache_control(&self, rest: &str) -> String {
        let who = if self.settings.open_reading {
            "public"
        } else {
            "private"
        };
        format!("{who}, {rest}")
    }
}

/// Does what waits for a disk on the pool of blocking threads.
pub(crate) async fn blocking<T: Send + 'static>(
    state: &web::Data<State>,
    work: impl FnOnce(&State) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let state = state.clone();
    web::block(move || work(&state))
        .await
        .map_err(|error| ApiError::Internal(format!("a blocking task failed: {error}")))?
}

/// Answers with the JSON of what was done on the pool of blocking threads. An answer may be
/// long, so it is written there too.
pub(crate) async fn blocking_json<T: Serialize>(
    state: &web::Data<State>,
    work: impl FnOnce(&State) -> Result<T, ApiError> + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    let json = blocking(state, move |state| json(&work(state)?));
    Ok(json_answer(json.await?))
}

/// An answer as JSON.
pub(crate) fn json(answer: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(answer)
        .map_err(|error| ApiError::Internal(format!("an answer cannot be written: {error}")))
}

/// A success whose body is this JSON.
pub(crate) fn json_answer(json: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type(ContentType::json())
        .body(json)
}
