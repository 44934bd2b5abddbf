//! Which projects answer for the signatures of an ecosystem, such as `deb`.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashget_words::project::ProjectName;
use hashget_words::signature::Signature;

use super::{Scope, TokenError, TokenFile, TokenRecord};

/// The projects whose records are answered to who asks for a package by its name and version.
///
/// Such a signature says what nobody can check before the package is there, so whoever publishes must have been given
/// the right by the operator: the scope `sign:KIND`. A project to which a token publishes, or published before it was
/// revoked, that lacks it answers for none. Where only tokens of scope `publish:*` or `admin` published, the operator did so
/// himself. What strangers submit without a token is nobody's word, unless the operator made a
/// token for that project that may sign.
pub(crate) struct Signers {
    tokens: Arc<Vec<TokenRecord>>,
    unsigned: Arc<BTreeSet<ProjectName>>,
    /// The project of submissions, if strangers may submit.
    strangers: Option<ProjectName>,
}

impl Signers {
    pub(crate) fn of(
        tokens: &TokenFile,
        strangers: Option<ProjectName>,
    ) -> Result<Self, TokenError> {
        let (tokens, unsigned) = tokens.with_unsigned()?;
        Ok(Self {
            tokens,
            unsigned,
            strangers,
        })
    }

    /// Whether the records of `project` answer for signatures of this kind.
    pub(crate) fn may_answer(&self, project: &ProjectName, signature: &Signature) -> bool {
        // Where a package is says its record itself.
        if signature.kind() == Signature::URL {
            return true;
        }
        let publish = Scope::Publish(project.clone());
        let sign = Scope::Sign(signature.kind().to_owned());
        let tokens = self.tokens.iter();
        let mut publishers = tokens
            .filter(|token| token.scopes.contains(&publish))
            .peekable();
        if publishers.peek().is_none() {
            let is_strangers = self.strangers.as_ref() == Some(project);
            return !is_strangers && !self.unsigned.contains(project);
        }
        publishers.all(|token| token.scopes.contains(&sign))
    }
}
