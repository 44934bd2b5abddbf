//! The first page, and that of one package.

use std::collections::HashSet;

use hashget_api::SourceState;
use hashget_words::hash_package::is_http;
use hashget_words::package_summary::PackageId;

use super::views::{
    FileRow, Frame, Home, OnePackage, ProjectRow, SourceRow, bytes, expiry, name, number,
};
use super::{growth, sources};
use crate::error::ApiError;
use crate::routes::record;
use crate::view::View;

/// Files that are listed of a package.
const MAX_FILES: usize = 1000;

pub(super) fn home(state: &View<'_>, frame: Frame) -> Result<Home, ApiError> {
    let holds = state.store.stats()?;
    let motd = state.settings.motd.trim();
    Ok(Home {
        frame,
        motd: (!motd.is_empty()).then(|| motd.to_owned()),
        count_packages: number(holds.packages),
        count_digests: number(holds.digests),
        store_size: bytes(holds.store_bytes),
        gained: state
            .is_whole()
            .then(|| growth::gained(state, &holds))
            .flatten(),
        count_dead: number(state.dead_count()?),
        rounds: sources::rounds(state),
        projects: holds
            .projects
            .into_iter()
            .map(|project| ProjectRow {
                name: project.name.to_string(),
                packages: number(project.packages),
                files: number(project.files),
                size: bytes(project.packages_bytes),
            })
            .collect(),
    })
}

pub(super) fn package(state: &View<'_>, frame: Frame, id: &str) -> Result<OnePackage, ApiError> {
    let none = || ApiError::NotFound(format!("There is no package {id}."));
    let id = PackageId(id.parse().map_err(|_| none())?);
    let found = state.record(id)?;
    let found = found.filter(|found| !state.is_expired(found.value.package.expires));
    let (stored, _share) = found.ok_or_else(none)?.into_parts();
    let sources = record::sources(state, &stored)?
        .into_iter()
        .map(|source| SourceRow {
            state: match source.state {
                SourceState::Alive => "could be downloaded",
                SourceState::Dead => "dead",
                SourceState::Unclear => "did not answer clearly",
                SourceState::Unchecked => "not checked",
            },
            checked: source.checked.unwrap_or_default(),
            reason: source.reason.unwrap_or_default(),
            url: source.url,
        });
    let sources = sources.collect();
    let package = stored.package;
    let anchors: HashSet<_> = package.anchors.iter().collect();
    let files = package.files.iter().take(MAX_FILES);
    let size = package.attrs.size;
    Ok(OnePackage {
        frame,
        sources,
        name: name(package.name()),
        is_link: is_http(&package.url),
        project: stored.project.to_string(),
        size: size.map_or_else(|| "unknown".to_owned(), bytes),
        expires: expiry(package.expires),
        hashes: package.hashes.iter().map(ToString::to_string).collect(),
        signatures: package.signatures().map(|one| one.to_string()).collect(),
        count_files: package.files.len(),
        count_anchors: package.anchors.len(),
        files: files
            .map(|file| FileRow {
                digest: file.to_string(),
                is_anchor: anchors.contains(file),
            })
            .collect(),
        url: package.url,
    })
}
