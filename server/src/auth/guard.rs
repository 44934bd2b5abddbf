//! What a route asks for before it does anything.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hashget_words::project::ProjectName;

use super::scope::Scope;
use crate::client_address::counted_client;
use crate::error::ApiError;
use crate::state::State;

/// The id of the token that a request came with; among the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct TokenId(pub(crate) String);

/// The request may read.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    /// `None`: every project.
    projects: Option<Arc<BTreeSet<ProjectName>>>,
    /// Whose memory its answer takes.
    client: IpAddr,
}

/// The request may publish to some project.
pub(crate) struct Publisher(Vec<Scope>);

/// The request may submit packages.
pub(crate) struct Submitter;

/// The request may do everything.
pub(crate) struct Admin;

impl Reader {
    /// Reads every project.
    pub(crate) fn of_all(client: IpAddr) -> Self {
        let projects = None;
        Self { projects, client }
    }

    /// Reads what any of these scopes allows.
    fn of(scopes: &[Scope], client: IpAddr) -> Self {
        let projects: Option<BTreeSet<_>> = scopes
            .iter()
            .filter(|scope| scope.may_read())
            .map(|scope| scope.read_project().cloned())
            .collect();
        Self {
            projects: projects.map(Arc::new),
            client,
        }
    }

    /// The address that the request counts for.
    pub(crate) fn client(&self) -> IpAddr {
        self.client
    }

    /// The projects that may be read; `None`: every one.
    pub(crate) fn projects(&self) -> Option<&Arc<BTreeSet<ProjectName>>> {
        self.projects.as_ref()
    }

    /// Whether a project may be read.
    pub(crate) fn may_read(&self, project: &ProjectName) -> bool {
        let projects = self.projects.as_ref();
        projects.is_none_or(|projects| projects.contains(project))
    }

    /// Refuses what is made of all projects to who may not read all.
    pub(crate) fn check_whole(&self) -> Result<(), ApiError> {
        match self.projects {
            None => Ok(()),
            Some(_) => Err(forbidden("read")),
        }
    }
}

impl Publisher {
    /// Refuses what touches every project, unless the token is an administrator's; what touches one,
    /// unless the token names it.
    pub(crate) fn check_range(&self, project: Option<&ProjectName>) -> Result<(), ApiError> {
        match project {
            Some(project) => self.check(project),
            None if self.0.contains(&Scope::Admin) => Ok(()),
            None => Err(forbidden("admin; or name a project that it may publish to")),
        }
    }

    /// The project that something is put for: the one that is named, or the only one of the token.
    pub(crate) fn project(
        &self,
        named: Option<ProjectName>,
    ) -> Result<Option<ProjectName>, ApiError> {
        if let Some(project) = named {
            self.check(&project)?;
            return Ok(Some(project));
        }
        let publishing = self.0.iter().filter(|scope| scope.may_publish());
        let mut own = publishing.map(|scope| scope.read_project());
        match (own.next(), own.next()) {
            (Some(project), None) => Ok(project.cloned()),
            _ => Ok(None),
        }
    }

    /// Refuses a project that the token does not name.
    pub(crate) fn check(&self, project: &ProjectName) -> Result<(), ApiError> {
        if self.0.iter().any(|scope| scope.may_publish_to(project)) {
            return Ok(());
        }
        Err(ApiError::Forbidden(format!(
            "this token may not publish to {project}: it needs the scope publish:{project}"
        )))
    }
}

impl FromRequest for Reader {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(reader(request))
    }
}

impl FromRequest for Publisher {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let allowed = |scopes: Vec<Scope>| {
            if scopes.iter().any(Scope::may_publish) {
                Ok(Self(scopes))
            } else {
                Err(forbidden("publish:PROJECT"))
            }
        };
        ready(required(request).and_then(allowed))
    }
}

impl FromRequest for Submitter {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(submitter(request))
    }
}

impl FromRequest for Admin {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let allowed = |scopes: Vec<Scope>| {
            if scopes.contains(&Scope::Admin) {
                Ok(Self)
            } else {
                Err(forbidden("admin"))
            }
        };
        ready(required(request).and_then(allowed))
    }
}

/// A token that is given must be known even where none is needed: its owner wants to hear that
/// it was revoked.
fn reader(request: &HttpRequest) -> Result<Reader, ApiError> {
    let state = state(request)?;
    let client = counted_client(request, &state.settings.trusted_proxies);
    match given(request, state, true)? {
        Some(scopes) if scopes.is_empty() => Err(forbidden("read")),
        // Where anybody may read, a token takes nothing away.
        _ if state.settings.open_reading => Ok(Reader::of_all(client)),
        Some(scopes) => Ok(Reader::of(&scopes, client)),
        None => Err(missing()),
    }
}

/// Where submitting is open, no token is needed; the clients of the original have none.
fn submitter(request: &HttpRequest) -> Result<Submitter, ApiError> {
    let state = state(request)?;
    let project = &state.settings.submit.project;
    match given(request, state, false)? {
        Some(scopes) if scopes.iter().any(|scope| scope.may_publish_to(project)) => Ok(Submitter),
        Some(_) | None if state.settings.submit.open => Ok(Submitter),
        Some(_) => Err(forbidden(&format!("publish:{project}"))),
        None => Err(missing()),
    }
}

fn required(request: &HttpRequest) -> Result<Vec<Scope>, ApiError> {
    given(request, state(request)?, false)?.ok_or_else(missing)
}

/// The scopes of the token that was sent. For reading it may also come as the password that a
/// browser asks for; for nothing else, since a browser sends that along whoever made it ask.
fn given(
    request: &HttpRequest,
    state: &State,
    may_be_password: bool,
) -> Result<Option<Vec<Scope>>, ApiError> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let secret = match text.split_once(' ') {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => {
            Cow::Borrowed(secret.trim())
        }
        Some((scheme, pair)) if may_be_password && scheme.eq_ignore_ascii_case("basic") => {
            Cow::Owned(password(pair.trim()))
        }
        _ => {
            return Err(ApiError::Unauthorized(
                "the Authorization header must read: Bearer TOKEN".to_owned(),
            ));
        }
    };
    let unknown = || ApiError::Unauthorized("this token is not known here, or was revoked".into());
    let token = state.tokens.find(&secret)?.ok_or_else(unknown)?;
    state.token_uses.note(&token.id);
    let id = TokenId(token.id.clone());
    request.extensions_mut().insert(id);
    let client = counted_client(request, &state.settings.trusted_proxies);
    if !state.settings.token_rate.applies_to(client) {
        return Ok(Some(token.scopes));
    }
    let passed = state.token_rate.check(token.id, Instant::now());
    passed.map_err(|wait| {
        state.metrics.refuse();
        ApiError::TooManyRequests { wait }
    })?;
    Ok(Some(token.scopes))
}

/// The password of `base64(USER:PASSWORD)`; what is none is a wrong one.
fn password(pair: &str) -> String {
    let decoded = STANDARD.decode(pair).unwrap_or_default();
    let text = String::from_utf8(decoded).unwrap_or_default();
    let password = text.split_once(':').map(|(_, password)| password);
    password.unwrap_or_default().to_owned()
}

fn state(request: &HttpRequest) -> Result<&State, ApiError> {
    let state = request.app_data::<web::Data<State>>();
    state
        .map(|state| &***state)
        .ok_or_else(|| ApiError::Internal("the application has no state".to_owned()))
}

fn missing() -> ApiError {
    ApiError::Unauthorized("a token is needed: send Authorization: Bearer TOKEN".to_owned())
}

fn forbidden(scope: &str) -> ApiError {
    ApiError::Forbidden(format!(
        "this token's scope does not cover this: it needs {scope}"
    ))
}
