//! How much a look-up reveals to the server: the digests themselves, only those that it probably
//! knows, or only their first bits.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hashget_api::{
    FilterPiece, FilterResponse, LookupRequest, LookupResponse, RangeRequest, RangeResponse,
    prefix_of, shard_of,
};
use hashget_words::digest::Digest;
use hashget_words::filter::Filter;

use super::{HashServer, HashServerError, MAX_ANSWER_BYTES, MAX_SMALL_BYTES};
use crate::http::HttpError;
use hashget_files::atomic_file::write_cached;

/// How much a look-up reveals to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LookupMode {
    #[default]
    Digest,
    /// Only the digests that its filter lets through; all of them if it offers no filter, or one
    /// that is too large to be worth it.
    Auto,
    /// Only the digests that its filter lets through; their first bits if it offers no filter.
    Filter,
    /// The first bits of every digest.
    Range,
}

/// What makes a look-up tell less.
#[derive(Debug, Default)]
pub(super) struct Discretion {
    pub(super) mode: LookupMode,
    /// Where pieces of filters are kept.
    directory: Option<PathBuf>,
    manifest: OnceLock<Option<FilterResponse>>,
    filters: Mutex<HashMap<Digest, Filter>>,
}

/// A larger filter is not fetched unless it is asked for.
const MAX_AUTO_BYTES: u64 = 64 << 20;
const MAX_PIECE_BYTES: u64 = 64 << 20;
/// About how many digests of the server share the bits that are sent.
const CROWD: u64 = 8;
/// So many prefixes go into one question: the answer has about [`CROWD`] digests for each.
const RANGE_PREFIXES: usize = 16_000;

impl HashServer {
    /// Looks up in this way, and keeps pieces of filters in a directory.
    #[must_use]
    pub fn with_lookup(mut self, mode: LookupMode, directory: &Path) -> Self {
        let own = Digest::of(self.url().as_bytes()).to_string();
        self.discretion = Arc::new(Discretion {
            mode,
            directory: Some(directory.join(own)),
            ..Discretion::default()
        });
        self
    }

    /// Looks up as its mode says.
    pub(super) fn lookup_discreetly(
        &self,
        request: &LookupRequest,
    ) -> Result<LookupResponse, HashServerError> {
        let mode = self.discretion.mode;
        if mode == LookupMode::Digest || request.digests.is_empty() {
            return self.lookup_plainly(request);
        }
        if mode != LookupMode::Range
            && let Some(probable) = self.probable(&request.digests)?
        {
            return self.lookup_some(request, &probable);
        }
        match mode {
            LookupMode::Digest | LookupMode::Auto => self.lookup_plainly(request),
            LookupMode::Filter | LookupMode::Range => self.lookup_range(request),
        }
    }

    /// Asks about the digests at some places only.
    fn lookup_some(
        &self,
        request: &LookupRequest,
        places: &[u32],
    ) -> Result<LookupResponse, HashServerError> {
        if places.is_empty() && request.signatures.is_empty() {
            return Ok(LookupResponse::default());
        }
        let digest = |place: &u32| request.digests.get(*place as usize).copied();
        let mut answer = self.lookup_plainly(&LookupRequest {
            digests: places.iter().filter_map(digest).collect(),
            ..request.clone()
        })?;
        for (place, _) in &mut answer.digests {
            *place = places.get(*place as usize).copied().unwrap_or(*place);
        }
        Ok(answer)
    }

    /// The places of the digests that the server's filter lets through; `None` if there is no
    /// filter to use.
    fn probable(&self, digests: &[Digest]) -> Result<Option<Vec<u32>>, HashServerError> {
        let Some(manifest) = self.manifest()? else {
            return Ok(None);
        };
        let mut places = Vec::new();
        for (place, digest) in (0..).zip(digests) {
            let shard = manifest.shards.get(shard_of(digest, manifest.prefix_bits));
            for piece in shard.into_iter().chain(&manifest.recent) {
                match self.lets_through(piece, digest)? {
                    None => return Ok(None),
                    Some(true) => {
                        places.push(place);
                        break;
                    }
                    Some(false) => {}
                }
            }
        }
        Ok(Some(places))
    }

    /// Whether a piece lets a digest through; `None` if the piece cannot be fetched.
    fn lets_through(
        &self,
        piece: &FilterPiece,
        digest: &Digest,
    ) -> Result<Option<bool>, HashServerError> {
        let filters = &self.discretion.filters;
        let mut filters = filters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(filter) = filters.get(&piece.sha256) {
            return Ok(Some(filter.contains(digest)));
        }
        let bytes = match self.kept_piece(piece) {
            Some(bytes) => bytes,
            None => match self.fetch_piece(piece)? {
                Some(bytes) => bytes,
                None => return Ok(None),
            },
        };
        let Ok(filter) = Filter::decode(&bytes) else {
            return Err(self.nonsense("a piece of its filter is none"));
        };
        let found = filter.contains(digest);
        filters.insert(piece.sha256, filter);
        Ok(Some(found))
    }

    /// What the server offers, if it is whole; asked once a run.
    fn manifest(&self) -> Result<Option<&FilterResponse>, HashServerError> {
        if let Some(manifest) = self.discretion.manifest.get() {
            return Ok(manifest.as_ref());
        }
        let told: Option<FilterResponse> = match self.get_json("filter", MAX_SMALL_BYTES) {
            Ok(manifest) => Some(manifest),
            Err(HashServerError::Http(HttpError::Status {
                status: 400..=499, ..
            })) => None,
            Err(error) => return Err(error),
        };
        let is_auto = self.discretion.mode == LookupMode::Auto;
        let usable = told.filter(|manifest| {
            let pieces = manifest.shards.iter().chain(&manifest.recent);
            let bytes = pieces.fold(0_u64, |sum, piece| sum.saturating_add(piece.bytes));
            let is_sound =
                manifest.prefix_bits <= 16 && manifest.shards.len() == 1 << manifest.prefix_bits;
            manifest.complete && is_sound && (!is_auto || bytes <= MAX_AUTO_BYTES)
        });
        if let Some(manifest) = &usable {
            self.forget_old_pieces(manifest);
        }
        Ok(self.discretion.manifest.get_or_init(|| usable).as_ref())
    }

    fn piece_path(&self, sha256: &Digest) -> Option<PathBuf> {
        let directory = self.discretion.directory.as_ref()?;
        Some(directory.join(sha256.to_string()))
    }

    /// A piece that was fetched before; one that was damaged since is none.
    fn kept_piece(&self, piece: &FilterPiece) -> Option<Vec<u8>> {
        let bytes = fs::read(self.piece_path(&piece.sha256)?).ok()?;
        (Digest::of(&bytes) == piece.sha256).then_some(bytes)
    }

    /// Fetches a piece; `None` if it went out of use meanwhile.
    fn fetch_piece(&self, piece: &FilterPiece) -> Result<Option<Vec<u8>>, HashServerError> {
        let endpoint = format!("filter/{}", piece.sha256);
        let bytes = match self.get_bytes(&endpoint, piece.bytes.min(MAX_PIECE_BYTES)) {
            Ok(bytes) => bytes,
            Err(HashServerError::Http(error)) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        if Digest::of(&bytes) != piece.sha256 {
            return Err(self.nonsense("a piece of its filter has another hash than it said"));
        }
        if let Some(path) = self.piece_path(&piece.sha256) {
            // It is fetched again where it cannot be kept.
            drop(write_cached(&path, &bytes));
        }
        Ok(Some(bytes))
    }

    fn forget_old_pieces(&self, manifest: &FilterResponse) {
        let Some(directory) = &self.discretion.directory else {
            return;
        };
        let pieces = manifest.shards.iter().chain(&manifest.recent);
        let names: Vec<String> = pieces.map(|piece| piece.sha256.to_string()).collect();
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let is_used = names.iter().any(|name| entry.file_name() == name.as_str());
            if !is_used {
                // Litter in a cache does no harm.
                drop(fs::remove_file(entry.path()));
            }
        }
    }

    /// Tells the server only the first bits, so many that about [`CROWD`] of its digests share
    /// them.
    fn lookup_range(&self, request: &LookupRequest) -> Result<LookupResponse, HashServerError> {
        let known = self.status()?.digests;
        let bits = (known / CROWD).checked_ilog2().unwrap_or(0).clamp(8, 32);
        let mut wanted: HashMap<Digest, Vec<u32>> = HashMap::new();
        for (place, digest) in (0..).zip(&request.digests) {
            wanted.entry(*digest).or_default().push(place);
        }
        let mut prefixes: Vec<u32> = wanted.keys().map(|key| prefix_of(key, bits)).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        let mut answer = LookupResponse::default();
        if !request.signatures.is_empty() {
            answer = self.lookup_plainly(&LookupRequest {
                digests: Vec::new(),
                ..request.clone()
            })?;
        }
        for prefixes in prefixes.chunks(RANGE_PREFIXES) {
            let question = RangeRequest {
                bits,
                prefixes: prefixes.to_vec(),
                expires: request.expires,
            };
            let told: RangeResponse = self.post_json("range", &question, MAX_ANSWER_BYTES)?;
            self.add_range(&mut answer, told, &wanted)?;
        }
        answer.digests.sort_unstable();
        Ok(answer)
    }

    /// Adds what a range says about the digests that are wanted.
    fn add_range(
        &self,
        answer: &mut LookupResponse,
        told: RangeResponse,
        wanted: &HashMap<Digest, Vec<u32>>,
    ) -> Result<(), HashServerError> {
        let mut named: HashMap<u32, u32> = HashMap::new();
        for (digest, packages) in told.digests {
            let Some(places) = wanted.get(&digest) else {
                continue;
            };
            let mut here = Vec::new();
            for package in packages {
                let Some(summary) = told.packages.get(package as usize) else {
                    return Err(self.nonsense("a range names a place that does not exist"));
                };
                let next = u32::try_from(answer.packages.len()).unwrap_or(u32::MAX);
                here.push(*named.entry(package).or_insert_with(|| {
                    answer.packages.push(summary.clone());
                    next
                }));
            }
            answer
                .digests
                .extend(places.iter().map(|place| (*place, here.clone())));
        }
        Ok(())
    }
}
