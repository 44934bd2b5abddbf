//! Which projects answer for the signatures of an ecosystem, such as `deb`.

use std::sync::Arc;

use hashget_words::project::ProjectName;
use hashget_words::signature::Signature;

use super::{Scope, TokenRecord};

/// The projects whose records are answered to who asks for a package by its name and version.
///
/// Such a signature says what nobody can check before the package is there, so whoever publishes must have been given
/// the right by the operator: the scope `sign:KIND`. A project to which a token publishes that lacks it answers for none. Where
/// only tokens of scope `publish:*` or `admin` publish, the operator does so himself.
pub(crate) struct Signers(Arc<Vec<TokenRecord>>);

impl Signers {
    pub(crate) fn of(tokens: Arc<Vec<TokenRecord>>) -> Self {
        Self(tokens)
    }

    /// Whether the records of `project` answer for signatures of this kind.
    pub(crate) fn may_answer(&self, project: &ProjectName, signature: &Signature) -> bool {
        // Where a package is says its record itself.
        if signature.kind() == Signature::URL {
            return true;
        }
        let publish = Scope::Publish(project.clone());
        let sign = Scope::Sign(signature.kind().to_owned());
        let mut publishers = self
            .0
            .iter()
            .filter(|token| token.scopes.contains(&publish));
        publishers.all(|token| token.scopes.contains(&sign))
    }
}
