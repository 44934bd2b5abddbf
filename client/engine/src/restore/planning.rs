//! Makes the plan of a restore: looks at the target, and asks what can be had. Changes nothing.

use hashget_words::restore_file::RestoreFile;
use jiff::Zoned;

use super::availability;
use super::options::RestoreOptions;
use super::plan::RestorePlan;
use super::sources::RestoreSources;
use super::survey::{survey, survey_nothing};
use hashget_files::monitor::Monitor;
use hashget_files::place::Target;

/// What a plan is made with.
pub(super) struct Planning<'a> {
    pub(super) options: &'a RestoreOptions,
    pub(super) sources: &'a dyn RestoreSources,
    /// True if network pools are asked what they hold: useful for `--dry-run`, but slower than
    /// fetching at once.
    pub(super) network: bool,
    pub(super) monitor: &'a dyn Monitor,
}

impl Planning<'_> {
    /// Plans a restore of `list` in `target`; without a target, no file counts as in place.
    pub(super) fn plan(&self, list: &RestoreFile, target: Option<&Target>) -> RestorePlan {
        let found = match target {
            Some(target) => survey(list, target, self.options, self.monitor),
            None => survey_nothing(list, self.options),
        };
        let missing = found.missing_contents(list);
        let availability = availability::gather(
            list,
            &missing,
            found.is_partial(),
            self.sources,
            self.network,
            self.monitor,
        );
        RestorePlan::new(list, found, &availability, Zoned::now().date())
    }
}
