//! `POST api/v1/lookup`.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;

use actix_web::{HttpRequest, HttpResponse, web};
use hashget_common::api::{LookupRequest, LookupResponse, MAX_PACKAGES_PER_DIGEST};
use hashget_common::expiry::Expiry;
use hashget_common::package_summary::{PackageId, PackageSummary};
use hashget_common::store::{PackageStore, StoreError};
use jiff::civil::Date;

use super::{address, check_batch};
use crate::auth::Reader;
use crate::body::{Body, parse_json};
use crate::error::ApiError;
use crate::health::Health;
use crate::preference::by_preference;
use crate::state::{State, blocking_json};

/// How many keys are looked up before what they found is cut down to the answer.
const CHUNK_KEYS: usize = 256;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.service(address("/api/v1/lookup", "POST").route(web::post().to(lookup)));
}

async fn lookup(
    _: Reader,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let limits = state.settings.limits;
    let body = Body::new(&request, payload, limits.query_bytes, limits)?
        .read()
        .await?;
    blocking_json(&state, move |state| {
        let question: LookupRequest = parse_json(&body)?;
        let keys = question.digests.len() + question.signatures.len();
        check_batch("digests and signatures", keys, limits.lookup_keys)?;
        Ok(find(state, &question)?)
    })
    .await
}

fn find(state: &State, question: &LookupRequest) -> Result<LookupResponse, StoreError> {
    let store = &*state.store;
    let mut finder = Finder::new(state, question.expires);
    let digests = finder.find(&question.digests, |keys| store.find_digests(keys))?;
    let signatures = finder.find(&question.signatures, |keys| store.find_signatures(keys))?;
    Ok(finder.answer(&digests, &signatures))
}

/// For each key that was found its place in the question and its packages, as places in
/// [`Finder::alive`], the best first.
pub(super) type Found = Vec<(u32, Vec<u32>)>;

pub(super) struct Finder<'a> {
    store: &'a dyn PackageStore,
    health: &'a Health,
    today: Date,
    needed: Option<Expiry>,
    /// Of every package met, where it is in `alive`; `None` for those that are of no use.
    seen: HashMap<PackageId, Option<u32>>,
    alive: Vec<PackageSummary>,
}

impl<'a> Finder<'a> {
    /// Knows no package yet.
    pub(super) fn new(state: &'a State, needed: Option<Expiry>) -> Self {
        Self {
            store: &*state.store,
            health: &state.health,
            today: (state.clock)(),
            needed,
            seen: HashMap::new(),
            alive: Vec::new(),
        }
    }

    /// The packages of use among those of each key, and for each key that has one its place and
    /// theirs, the best first.
    pub(super) fn resolve(
        &mut self,
        ids: &[Vec<PackageId>],
    ) -> Result<(Vec<PackageSummary>, Found), StoreError> {
        let mut found = Found::new();
        for (chunk, places) in ids.chunks(CHUNK_KEYS).zip((0..).step_by(CHUNK_KEYS)) {
            self.meet(chunk)?;
            for (ids, place) in chunk.iter().zip(places..) {
                let best = self.best(ids);
                if !best.is_empty() {
                    found.push((place, best));
                }
            }
        }
        let answer = self.answer(&found, &Found::new());
        Ok((answer.packages, answer.digests))
    }
    /// Looks up each distinct key once, so that repeating one costs nothing.
    fn find<K: Clone + Eq + Hash>(
        &mut self,
        keys: &[K],
        look_up: impl Fn(&[K]) -> Result<Vec<Vec<PackageId>>, StoreError>,
    ) -> Result<Found, StoreError> {
        let mut places: HashMap<&K, Vec<u32>> = HashMap::new();
        let mut distinct = Vec::new();
        for (place, key) in (0..).zip(keys) {
            let places = places.entry(key).or_default();
            if places.is_empty() {
                distinct.push(key.clone());
            }
            places.push(place);
        }
        let mut found = Found::new();
        for chunk in distinct.chunks(CHUNK_KEYS) {
            let ids = look_up(chunk)?;
            self.meet(&ids)?;
            for (key, ids) in chunk.iter().zip(&ids) {
                let best = self.best(ids);
                if !best.is_empty() {
                    found.extend(places[key].iter().map(|place| (*place, best.clone())));
                }
            }
        }
        found.sort_unstable_by_key(|(place, _)| *place);
        Ok(found)
    }

    /// Gets to know the packages that were not met before.
    fn meet(&mut self, ids: &[Vec<PackageId>]) -> Result<(), StoreError> {
        let mut new: Vec<PackageId> = ids.iter().flatten().copied().collect();
        new.sort_unstable();
        new.dedup();
        new.retain(|id| !self.seen.contains_key(id));
        let summaries = self.store.summaries(&new)?;
        for (id, summary) in new.into_iter().zip(summaries) {
            let useful = summary.filter(|package| self.is_useful(package.expires));
            let place = useful.and_then(|package| {
                let place = u32::try_from(self.alive.len()).ok();
                self.alive.push(package);
                place
            });
            self.seen.insert(id, place);
        }
        Ok(())
    }

    fn is_useful(&self, expires: Expiry) -> bool {
        let covers = self.needed.is_none_or(|needed| expires.covers(needed));
        covers && !expires.is_expired_at(self.today)
    }

    fn best(&self, ids: &[PackageId]) -> Vec<u32> {
        let known = |id| self.seen.get(id).copied().flatten();
        let mut places: Vec<u32> = ids.iter().filter_map(known).collect();
        places.sort_unstable_by(|a, b| self.prefer(*a, *b));
        places.truncate(MAX_PACKAGES_PER_DIGEST);
        places
    }

    /// What can be downloaded goes before what cannot.
    fn prefer(&self, a: u32, b: u32) -> Ordering {
        let (a, b) = (self.package(a), self.package(b));
        let is_dead = |package: &PackageSummary| self.health.is_dead(&package.url);
        is_dead(a)
            .cmp(&is_dead(b))
            .then_with(|| by_preference(a, b))
    }

    fn package(&self, place: u32) -> &PackageSummary {
        &self.alive[place as usize]
    }

    /// Only the packages that some key names are answered.
    fn answer(&self, digests: &Found, signatures: &Found) -> LookupResponse {
        let mut answer = LookupResponse::default();
        let mut named: HashMap<u32, u32> = HashMap::new();
        let mut name = |place: &u32| {
            *named.entry(*place).or_insert_with(|| {
                answer.packages.push(self.package(*place).clone());
                (0..)
                    .zip(&answer.packages)
                    .last()
                    .map_or(0, |(last, _)| last)
            })
        };
        let mut rename = |found: &Found| -> Found {
            let keys = found.iter();
            keys.map(|(key, places)| (*key, places.iter().map(&mut name).collect()))
                .collect()
        };
        answer.digests = rename(digests);
        answer.signatures = rename(signatures);
        answer
    }
}
