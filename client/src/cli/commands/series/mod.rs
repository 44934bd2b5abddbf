//! `hashget series`: one file for each group of actions.

mod export;
mod file;
mod restore;
mod run;
mod upkeep;
mod view;

use hashget_common::digest::Digest;

use crate::cli::args::HashgetArgs;
use crate::cli::args_series::{SeriesAction, SeriesArgs};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::series::{Section, SeriesFile, readable};

/// Does what `hashget series` is asked to.
pub(super) fn run(
    args: &SeriesArgs,
    hashget: &HashgetArgs,
    context: &Context,
) -> Result<(), CliError> {
    let path = file::path(args)?;
    if let SeriesAction::Init = args.action {
        return file::init(&path, context);
    }
    let mut file = SeriesFile::read(&path)?;
    for section in &mut file.sections {
        connect(section, context)?;
    }
    let name = args.section.as_deref();
    if is_reading(&args.action) {
        file.sections = file
            .sections
            .iter()
            .map(|section| readable(section, context.reporter).unwrap_or_else(|_| section.clone()))
            .collect();
    }
    let one = || one_section(&file, name);
    match &args.action {
        SeriesAction::Init => Ok(()),
        SeriesAction::Run(run) => {
            let sections = file.select(run.name.as_deref().or(name))?;
            run::run(&sections, run, hashget, context)
        }
        SeriesAction::List => view::list(&file.select(name)?, context),
        SeriesAction::Show { backup, all } => view::show(one()?, *backup, *all, context),
        SeriesAction::Diff { old, new } => view::diff(one()?, *old, *new, context),
        SeriesAction::Find { name: wanted } => view::find(&file.select(name)?, wanted, context),
        SeriesAction::Restore(restore) => restore::restore(one()?, restore, context),
        SeriesAction::Undo { folder } => restore::undo(one()?, folder, context),
        SeriesAction::Cat { backup, path } => export::cat(one()?, *backup, path, context),
        SeriesAction::Export {
            backup,
            file,
            self_sufficient,
        } => export::export(one()?, *backup, file, *self_sufficient, context),
        SeriesAction::Keep { backup } => export::keep(one()?, *backup, context),
        SeriesAction::Import { file } => export::import(one()?, file, context),
        SeriesAction::Verify => upkeep::verify(&file.select(name)?, context),
        SeriesAction::Prune { dry_run } => upkeep::prune(&file.select(name)?, *dry_run, context),
        SeriesAction::Convert => upkeep::convert(one()?, context),
        SeriesAction::Timer { calendar } => {
            // Fails if the name is wrong.
            file.select(name)?;
            file::timer(&path, name, calendar, context)
        }
    }
}

/// Whether the action only reads, so that a replica may stand in for the destination.
fn is_reading(action: &SeriesAction) -> bool {
    matches!(
        action,
        SeriesAction::List
            | SeriesAction::Show { .. }
            | SeriesAction::Diff { .. }
            | SeriesAction::Find { .. }
            | SeriesAction::Restore(_)
            | SeriesAction::Cat { .. }
            | SeriesAction::Export { .. }
    )
}

/// Makes the hashserver that a section names its destination. Nothing is asked of it yet.
fn connect(section: &mut Section, context: &Context) -> Result<(), CliError> {
    let Some(place) = section.server.clone() else {
        return Ok(());
    };
    let server = context.server_at(&place.url)?;
    let name = format!("{} {} {}", server.url(), place.project, section.full_name());
    let folder = context.cache().join("series");
    let folder = folder.join(Digest::of(name.as_bytes()).to_string());
    section.connect(server, place.project, folder);
    Ok(())
}

fn one_section<'f>(file: &'f SeriesFile, name: Option<&str>) -> Result<&'f Section, CliError> {
    let sections = file.select(name)?;
    if let [section] = sections[..] {
        return Ok(section);
    }
    let names: Vec<String> = sections.iter().map(|section| section.full_name()).collect();
    Err(CliError::usage("several sections could be meant")
        .hint(format!("name one with --section: {}", names.join(", "))))
}
