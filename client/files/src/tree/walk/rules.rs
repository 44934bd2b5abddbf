//! The ignore rules that hold in a directory.

use std::sync::Arc;

use crate::tree::ignored::IgnoreRules;

/// The ignore rules of a directory, and of those above it.
pub(super) struct Rules {
    pub(super) own: Vec<IgnoreRules>,
    pub(super) above: Option<Arc<Rules>>,
}

impl Rules {
    /// All of them, the outermost first.
    pub(super) fn chain(rules: Option<&Arc<Self>>) -> Vec<&IgnoreRules> {
        let mut levels = Vec::new();
        let mut at = rules;
        while let Some(rules) = at {
            levels.push(&rules.own);
            at = rules.above.as_ref();
        }
        levels.into_iter().rev().flatten().collect()
    }
}
