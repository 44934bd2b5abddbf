//! Records behind one face: the local ones, or a hashserver's.

use hashget_api::{
    ChangeRequest, FetchedPackage, ListQuery, MAX_BATCH_PACKAGES, PublishRequest, SpecQuery,
};
use hashget_words::hash_package::HashPackage;
use hashget_words::package_spec::PackageSpec;
use hashget_words::package_summary::{PackageId, PackageSummary};
use hashget_words::project::ProjectName;
use serde_json::{Map, Value};

use crate::cli::context::Context;
use crate::cli::error::CliError;
use hashget_sources::hash_server::HashServer;

/// A record and the project it is in.
pub(super) struct ProjectRecord {
    pub(super) id: PackageId,
    pub(super) project: ProjectName,
    pub(super) package: HashPackage,
}

/// The local records, or a hashserver's.
pub(super) enum Records<'a> {
    Local(&'a Context<'a>),
    Server(&'a HashServer),
}

impl<'a> Records<'a> {
    /// The server's records if one is named, else the local ones.
    pub(super) fn of(context: &'a Context<'a>, publishing: bool) -> Self {
        match context.servers.first() {
            Some(server) if !publishing => Self::Server(server),
            _ => Self::Local(context),
        }
    }

    pub(super) fn list(
        &self,
        spec: &PackageSpec,
        project: Option<&ProjectName>,
    ) -> Result<Vec<PackageSummary>, CliError> {
        match self {
            Self::Local(context) => {
                let today = context.today();
                Ok(context.db.list(spec, project, today, context.reporter)?)
            }
            Self::Server(server) => {
                let query = ListQuery {
                    spec: Some(spec.clone()),
                    project: project.cloned(),
                    ..ListQuery::default()
                };
                Ok(server.list(query).collect::<Result<_, _>>()?)
            }
        }
    }

    /// Hands the whole records of `packages` to `receive`, in batches so that few are in memory.
    pub(super) fn each(
        &self,
        packages: &[PackageSummary],
        mut receive: impl FnMut(ProjectRecord) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        for batch in packages.chunks(MAX_BATCH_PACKAGES) {
            let ids: Vec<PackageId> = batch.iter().map(|package| package.id).collect();
            for record in self.get(&ids)? {
                receive(record)?;
            }
        }
        Ok(())
    }

    fn get(&self, ids: &[PackageId]) -> Result<Vec<ProjectRecord>, CliError> {
        match self {
            Self::Local(context) => {
                let stored = context.db.get(ids, context.reporter)?;
                let record = stored.into_iter().map(|stored| ProjectRecord {
                    id: stored.id,
                    project: stored.project,
                    package: stored.package,
                });
                Ok(record.collect())
            }
            Self::Server(server) => {
                let mut records = Vec::with_capacity(ids.len());
                server.fetch_packages(ids, &mut |fetched: FetchedPackage| {
                    records.push(ProjectRecord {
                        id: fetched.id,
                        project: fetched.project,
                        package: fetched.package,
                    });
                })?;
                Ok(records)
            }
        }
    }

    /// Removes the packages that a spec names; how many.
    pub(super) fn remove_spec(
        &self,
        spec: &PackageSpec,
        project: Option<&ProjectName>,
    ) -> Result<u64, CliError> {
        match self {
            Self::Local(context) => {
                let _session = context.db.session(context.reporter)?;
                let packages = self.list(spec, project)?;
                let ids: Vec<PackageId> = packages.iter().map(|package| package.id).collect();
                Ok(context.db.remove(&ids, context.reporter)?)
            }
            Self::Server(server) => {
                let query = SpecQuery {
                    spec: spec.clone(),
                    project: project.cloned(),
                };
                Ok(server.remove(&query)?.removed_packages)
            }
        }
    }

    /// Removes these packages; how many were there.
    pub(super) fn remove(&self, packages: &[PackageSummary]) -> Result<u64, CliError> {
        match self {
            Self::Local(context) => {
                let ids: Vec<PackageId> = packages.iter().map(|package| package.id).collect();
                Ok(context.db.remove(&ids, context.reporter)?)
            }
            Self::Server(..) => {
                let one = |package: &PackageSummary| {
                    let spec = PackageSpec::Url(package.url.clone());
                    self.remove_spec(&spec, Some(&package.project))
                };
                packages.iter().map(one).sum()
            }
        }
    }

    /// Sets an attribute of every package that a spec names; how many.
    pub(super) fn set(
        &self,
        spec: &PackageSpec,
        project: Option<&ProjectName>,
        name: &str,
        value: &Value,
    ) -> Result<u64, CliError> {
        match self {
            Self::Local(context) => {
                let mut changed = 0;
                let _session = context.db.session(context.reporter)?;
                let packages = self.list(spec, project)?;
                self.each(&packages, |mut record| {
                    record
                        .package
                        .set_attribute(name, value)
                        .map_err(|error| CliError::new(&error).into_usage())?;
                    let (id, package) = (record.id, &record.package);
                    changed += u64::from(context.db.update(id, package, context.reporter)?);
                    Ok(())
                })?;
                Ok(changed)
            }
            Self::Server(server) => {
                let request = ChangeRequest {
                    spec: spec.clone(),
                    project: project.cloned(),
                    set: Map::from_iter([(name.to_owned(), value.clone())]),
                };
                Ok(server.change(&request)?.changed_packages)
            }
        }
    }

    /// Adds records to a project, which is made if it is new.
    pub(super) fn add(
        &self,
        project: &ProjectName,
        packages: Vec<HashPackage>,
    ) -> Result<(), CliError> {
        match self {
            Self::Local(context) => {
                context.db.save(project, &packages, context.reporter)?;
            }
            Self::Server(server) => {
                let project = project.clone();
                server.publish(&PublishRequest { project, packages })?;
            }
        }
        Ok(())
    }
}
