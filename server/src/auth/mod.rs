//! Who may do what: tokens, their scopes, and the guards that routes begin with.
//!
//! A guard is the first argument of its route, so that it decides before anything of the request
//! is looked at: an answer to a wrong token is the same whether a thing exists or not.

mod guard;
mod lock_file;
mod scope;
mod signers;
mod token_file;
mod token_uses;

pub(crate) use guard::{Admin, Publisher, Reader, Submitter, TokenId};
pub use scope::{ParseScopeError, Scope};
pub(crate) use signers::Signers;
pub use token_file::{NewToken, TokenError, TokenFile, TokenRecord};
pub use token_uses::TokenUses;
