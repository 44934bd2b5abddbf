//! `POST api/v1/lookup`.

mod distinct;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use hashget_api::{
    DIGESTS_TYPE, LookupRequest, LookupResponse, MATCHES_TYPE, MAX_PACKAGES_PER_DIGEST,
};
use hashget_store::{PackageStore, StoreError};
use hashget_words::digest::Digest;
use hashget_words::expiry::Expiry;
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::ranking::{Need, Rank, keep_best};
use hashget_words::signature::Signature;
use serde::Deserialize;

use self::distinct::{Distinct, have_repeats};
use super::{address, bad_request, check_batch};
use crate::auth::Reader;
use crate::auth::Signers;
use crate::body::{Body, parse_json};
use crate::error::ApiError;
use crate::health::Health;
use crate::state::State;
use crate::view::{View, blocking};

/// What a key of a question takes while it is looked up; what was found is counted when it is known.
const BYTES_PER_KEY: u64 = 64;
/// How many keys are looked up before what they found is cut down to the answer.
const CHUNK_KEYS: usize = 256;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.service(address("/api/v1/lookup", "POST").route(web::post().to(lookup)));
}

/// What a question in the compact form says beside its digests.
#[derive(Deserialize)]
struct CompactQuery {
    expires: Option<Expiry>,
}

async fn lookup(
    reader: Reader,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let limits = state.settings.limits;
    let compact_query = if names(&request, &CONTENT_TYPE, DIGESTS_TYPE) {
        let query = web::Query::<CompactQuery>::from_query(request.query_string());
        Some(query.map_err(|error| bad_request(&error))?.into_inner())
    } else {
        None
    };
    let is_compact = names(&request, &ACCEPT, MATCHES_TYPE);
    let body = Body::new(&request, payload, limits.query_bytes, limits)?
        .read()
        .await?;
    let answer = blocking(&state, reader, move |state| {
        let question = match compact_query {
            Some(CompactQuery { expires }) => LookupRequest {
                digests: LookupRequest::digests_from_bytes(&body)
                    .map_err(|error| bad_request(&error))?,
                signatures: Vec::new(),
                expires,
            },
            None => parse_json(&body)?,
        };
        let keys = question.digests.len() + question.signatures.len();
        check_batch("digests and signatures", keys, limits.lookup_keys)?;
        let _share = state.hold(keys as u64 * BYTES_PER_KEY)?;
        let found = find(state, &question)?;
        let _share = state.hold(found.bytes())?;
        if is_compact && question.signatures.is_empty() {
            let packages = found.packages.iter().map(|package| &**package);
            return Ok((
                MATCHES_TYPE,
                LookupResponse::to_bytes(packages, &found.digests),
            ));
        }
        Ok(("application/json", found.to_json()))
    });
    let (content_type, body) = answer.await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type(content_type)
        .body(body))
}

/// Whether a header names a content type.
fn names(request: &HttpRequest, header: &HeaderName, content_type: &str) -> bool {
    let values = request.headers().get_all(header);
    let mut types = values.flat_map(|value| value.to_str().unwrap_or_default().split(','));
    types.any(|named| {
        let named = named.split(';').next().unwrap_or_default();
        named.trim().eq_ignore_ascii_case(content_type)
    })
}

/// A [`LookupResponse`] whose packages are the store's own.
struct Answer {
    packages: Vec<Arc<PackageSummary>>,
    digests: Found,
    signatures: Found,
}

impl Answer {
    /// About how many bytes it takes when it is written.
    fn bytes(&self) -> u64 {
        let keys = self.digests.iter().chain(&self.signatures);
        let places: usize = keys.map(|(_, places)| 8 + places.len() * 6).sum();
        let packages = self.packages.iter().map(|package| 300 + package.url.len());
        (places + packages.sum::<usize>()) as u64
    }

    fn to_json(&self) -> Vec<u8> {
        let packages = self.packages.iter().map(|package| &**package);
        LookupResponse::to_json(packages, &self.digests, &self.signatures)
    }
}

fn find(state: &View<'_>, question: &LookupRequest) -> Result<Answer, ApiError> {
    let mut finder = Finder::new(state, question.expires);
    let digests = finder.find_digests(&question.digests)?;
    let signatures = finder.find_signatures(&question.signatures, &state.signers()?)?;
    Ok(finder.answer(digests, signatures))
}

/// For each key that was found its place in the question and its packages, as places in
/// [`Finder::alive`], the best first.
pub(super) type Found = Vec<(u32, Vec<u32>)>;

/// A hash of package numbers, which the store gives in order and nobody can choose.
#[derive(Clone, Copy, Default)]
struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio spreads successive numbers over all bits.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

pub(super) struct Finder<'a> {
    store: &'a dyn PackageStore,
    health: &'a Health,
    need: Need,
    /// Of every package met, where it is in `alive`; `None` for those that are of no use.
    seen: HashMap<PackageId, Option<u32>, BuildHasherDefault<NumberHasher>>,
    alive: Vec<Arc<PackageSummary>>,
}

impl<'a> Finder<'a> {
    /// Knows no package yet.
    pub(super) fn new(state: &'a View<'_>, needed: Option<Expiry>) -> Self {
        Self {
            store: &*state.store,
            health: &state.health,
            need: Need::today((state.clock)()).until(needed),
            seen: HashMap::default(),
            alive: Vec::new(),
        }
    }

    /// The packages of use among those of each key, and for each key that has one its place and
    /// theirs, the best first.
    pub(super) fn resolve(
        mut self,
        ids: &[Vec<PackageId>],
    ) -> Result<(Vec<PackageSummary>, Found), StoreError> {
        let mut found = Found::new();
        for (chunk, first) in ids.chunks(CHUNK_KEYS).zip((0..).step_by(CHUNK_KEYS)) {
            self.meet(chunk)?;
            for (place, ids) in (first..).zip(chunk) {
                self.note(&mut found, place, ids);
            }
        }
        let answer = self.answer(found, Found::new());
        let packages = answer.packages.into_iter().map(Arc::unwrap_or_clone);
        Ok((packages.collect(), answer.digests))
    }

    fn find_digests(&mut self, digests: &[Digest]) -> Result<Found, StoreError> {
        let keys = if have_repeats(digests) {
            Distinct::of(digests)
        } else {
            Distinct::all(digests)
        };
        let mut found = Found::new();
        let store = self.store;
        store.match_digests(&keys.distinct, &mut |place, rows| {
            let places = rows.iter().filter_map(|row| self.place_of(row)).collect();
            let best = self.best_first(places);
            if !best.is_empty() {
                found.extend(u32::try_from(place).ok().map(|place| (place, best)));
            }
        })?;
        Ok(keys.spread(found))
    }

    /// Those of projects that may answer for them.
    fn find_signatures(
        &mut self,
        signatures: &[Signature],
        signers: &Signers,
    ) -> Result<Found, StoreError> {
        let keys = Distinct::of(signatures);
        let mut found = Found::new();
        let chunks = keys.distinct.chunks(CHUNK_KEYS);
        for (chunk, first) in chunks.zip((0..).step_by(CHUNK_KEYS)) {
            let mut ids = self.store.find_signatures(chunk)?;
            self.meet(&ids)?;
            for (signature, ids) in chunk.iter().zip(&mut ids) {
                ids.retain(|id| {
                    let place = self.seen.get(id).copied().flatten();
                    let summary = place.and_then(|place| self.alive.get(place as usize));
                    summary.is_some_and(|it| signers.may_answer(&it.project, signature))
                });
            }
            for (place, ids) in (first..).zip(&ids) {
                self.note(&mut found, place, ids);
            }
        }
        Ok(keys.spread(found))
    }

    /// Gets to know the packages that were not met before.
    fn meet(&mut self, ids: &[Vec<PackageId>]) -> Result<(), StoreError> {
        let mut new: Vec<PackageId> = ids.iter().flatten().copied().collect();
        new.sort_unstable();
        new.dedup();
        new.retain(|id| !self.seen.contains_key(id));
        let summaries = self.store.summaries(&new)?;
        for (id, summary) in new.into_iter().zip(summaries) {
            match summary {
                Some(summary) => drop(self.place_of(&summary)),
                None => drop(self.seen.insert(id, None)),
            }
        }
        Ok(())
    }

    /// Where a package is in `alive`; `None` if it is of no use.
    fn place_of(&mut self, package: &Arc<PackageSummary>) -> Option<u32> {
        let Entry::Vacant(entry) = self.seen.entry(package.id) else {
            return self.seen.get(&package.id).copied().flatten();
        };
        let is_useful = self.need.admits(package.expires);
        let place = u32::try_from(self.alive.len()).ok().filter(|_| is_useful);
        entry.insert(place);
        if is_useful {
            self.alive.push(Arc::clone(package));
        }
        place
    }

    fn note(&self, found: &mut Found, place: u32, ids: &[PackageId]) {
        let known = |id| self.seen.get(id).copied().flatten();
        let best = self.best_first(ids.iter().filter_map(known).collect());
        if !best.is_empty() {
            found.push((place, best));
        }
    }

    fn best_first(&self, mut places: Vec<u32>) -> Vec<u32> {
        keep_best(&mut places, MAX_PACKAGES_PER_DIGEST, |place| {
            let package = &self.alive[place as usize];
            Rank {
                is_dead: self.health.is_dead(&package.url),
                ..Rank::from(&**package)
            }
        });
        places
    }

    /// Only the packages that some key names are answered.
    fn answer(self, mut digests: Found, mut signatures: Found) -> Answer {
        let mut packages = Vec::new();
        let mut named = vec![None; self.alive.len()];
        let keys = digests.iter_mut().chain(&mut signatures);
        for place in keys.flat_map(|(_, places)| places) {
            let alive = *place as usize;
            *place = *named[alive].get_or_insert_with(|| {
                packages.push(Arc::clone(&self.alive[alive]));
                u32::try_from(packages.len() - 1).unwrap_or(u32::MAX)
            });
        }
        Answer {
            packages,
            digests,
            signatures,
        }
    }
}
