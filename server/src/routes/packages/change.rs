//! `DELETE` and `PATCH api/v1/packages`.

use actix_web::web::{self, Query};
use actix_web::{HttpRequest, HttpResponse};
use hashget_api::{ChangeRequest, ChangeResponse, RemoveResponse, SpecQuery};
use hashget_store::StoreQuery;
use hashget_words::hash_package::HashPackage;
use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::PackageId;
use hashget_words::project::ProjectName;
use serde_json::{Map, Value};

use crate::auth::{Admin, Publisher};
use crate::body::{Body, parse_json};
use crate::error::ApiError;
use crate::state::{State, blocking_json};

/// How many records are changed between two looks at the list.
const PAGE_PACKAGES: usize = 100;
/// More than the store writes for changing that many.
const PAGE_WRITTEN_BYTES: u64 = 16 * 1024 * 1024;

pub(super) async fn remove(
    publisher: Publisher,
    query: Query<SpecQuery>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let SpecQuery { spec, project } = query.into_inner();
    // Who may replace the records of a project with empty ones may as well remove them.
    publisher.check_range(project.as_ref())?;
    blocking_json(&state, move |state| {
        let mut removed_packages = 0;
        for_each_page(state, &spec, project.as_ref(), |ids| {
            state.disk.require_for_removing()?;
            removed_packages += state.store.remove(ids)?;
            Ok(())
        })?;
        tracing::info!(%spec, removed_packages, "removed");
        Ok(RemoveResponse { removed_packages })
    })
    .await
}

pub(super) async fn change(
    _: Admin,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let limits = state.settings.limits;
    let body = Body::new(&request, payload, limits.query_bytes, limits)?
        .read()
        .await?;
    blocking_json(&state, move |state| {
        let ChangeRequest { spec, project, set } = parse_json(&body)?;
        set_attributes(&mut HashPackage::default(), &set)?;
        let mut changed_packages = 0;
        for_each_page(state, &spec, project.as_ref(), |ids| {
            let _space = state.disk.reserve(PAGE_WRITTEN_BYTES)?;
            for id in ids {
                changed_packages += u64::from(change_one(state, *id, &set)?);
            }
            Ok(())
        })?;
        tracing::info!(%spec, changed_packages, "changed");
        Ok(ChangeResponse { changed_packages })
    })
    .await
}

fn change_one(state: &State, id: PackageId, set: &Map<String, Value>) -> Result<bool, ApiError> {
    let Some(mut stored) = state.store.get(&[id])?.into_iter().flatten().next() else {
        return Ok(false);
    };
    set_attributes(&mut stored.package, set)?;
    Ok(state.store.update(id, &stored.package)?)
}

fn set_attributes(package: &mut HashPackage, set: &Map<String, Value>) -> Result<(), ApiError> {
    for (name, value) in set {
        package.set_attribute(name, value).map_err(|error| {
            ApiError::BadRequest(format!("{name:?} cannot be set to {value}: {error}"))
        })?;
    }
    Ok(())
}

fn for_each_page(
    state: &State,
    spec: &PackageSpec,
    project: Option<&ProjectName>,
    mut act: impl FnMut(&[PackageId]) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let mut after = None;
    loop {
        let page = state.store.list(&StoreQuery {
            spec: spec.clone(),
            project: project.cloned(),
            after,
            limit: PAGE_PACKAGES,
            today: (state.clock)(),
        })?;
        let ids: Vec<PackageId> = page.packages.iter().map(|package| package.id).collect();
        act(&ids)?;
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
