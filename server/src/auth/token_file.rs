//! The file of tokens: `tokens.json`, written by `hashserver token`, read by the server.
//!
//! Only the SHA-256 of a token is kept; tokens are 256 random bits, so no slow hash is needed.
//! The server reads the file again when it has changed, so tokens come and go while it runs.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hashget_words::digest::Digest;
use hashget_words::project::ProjectName;
use hashget_words::signature::Signature;
use serde::{Deserialize, Serialize};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use thiserror::Error;

use super::lock_file::open_lock;
use super::scope::Scope;

const VERSION: u32 = 2;
/// Of this version every token could read every project.
const VERSION_THAT_READ_ALL: u32 = 1;
const PREFIX: &str = "hgt_";

/// What is kept of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRecord {
    /// Its name for people and for revoking: 12 hexadecimal digits.
    pub id: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// The day it was made, `YYYY-MM-DD`.
    pub created: String,
    /// The SHA-256 of the token.
    pub sha256: Digest,
}

/// A token just made; the only time that its text is known.
pub struct NewToken {
    /// The text that clients send.
    pub secret: String,
    /// What was kept of it.
    pub record: TokenRecord,
}

/// What can go wrong with the token file.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file of the tokens, or its directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file makes no sense.
    #[error("the token file {} is damaged", path.display())]
    Damaged {
        /// The file of the tokens.
        path: PathBuf,
        /// Where it makes no sense.
        #[source]
        source: serde_json::Error,
    },
    /// The file was written by a later version.
    #[error("the token file {} has version {found}, this program reads version {VERSION}", path.display())]
    Version {
        /// The file of the tokens.
        path: PathBuf,
        /// The version that the file names.
        found: u32,
    },
    /// The system gives no random bytes.
    #[error("cannot make a random token: {0}")]
    Random(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u32,
    tokens: Vec<TokenRecord>,
    /// Projects to which a token published that may not sign, also of tokens that are gone: what they published
    /// may still be there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    unsigned: BTreeSet<ProjectName>,
}

/// When a file was last replaced: it is always renamed into place, so the inode tells.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

#[derive(Default)]
struct Loaded {
    stamp: Option<Stamp>,
    tokens: Arc<Vec<TokenRecord>>,
    unsigned: Arc<BTreeSet<ProjectName>>,
}

/// The file of tokens, and what was last read of it.
pub struct TokenFile {
    path: PathBuf,
    loaded: Mutex<Loaded>,
}

impl TokenFile {
    /// The token file at `path`, which need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            loaded: Mutex::default(),
        }
    }

    /// Every token. A file that cannot be understood is an error, never "no tokens".
    pub fn tokens(&self) -> Result<Arc<Vec<TokenRecord>>, TokenError> {
        Ok(self.with_unsigned()?.0)
    }

    /// Every token, and the projects to which a token published that may not sign, whether or not it is still there.
    #[expect(clippy::type_complexity, reason = "two things of one file, shared")]
    pub(crate) fn with_unsigned(
        &self,
    ) -> Result<(Arc<Vec<TokenRecord>>, Arc<BTreeSet<ProjectName>>), TokenError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = match std::fs::metadata(&self.path) {
            Ok(metadata) => Some(Stamp {
                inode: metadata.ino(),
                bytes: metadata.len(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(self.io("read", source)),
        };
        if stamp != loaded.stamp {
            let (tokens, unsigned) = match stamp {
                Some(_) => self.read()?,
                None => Default::default(),
            };
            loaded.tokens = Arc::new(tokens);
            loaded.unsigned = Arc::new(unsigned);
            loaded.stamp = stamp;
        }
        Ok((Arc::clone(&loaded.tokens), Arc::clone(&loaded.unsigned)))
    }

    /// The token whose text is `secret`, if it is known. Every token is compared, in constant
    /// time.
    pub fn find(&self, secret: &str) -> Result<Option<TokenRecord>, TokenError> {
        let tokens = self.tokens()?;
        let given = Digest::of(secret.as_bytes());
        let mut found = u64::MAX;
        for (place, token) in (0_u64..).zip(tokens.iter()) {
            let same: Choice = token.sha256.as_bytes().ct_eq(given.as_bytes());
            found.conditional_assign(&place, same);
        }
        let place = usize::try_from(found).ok();
        Ok(place.and_then(|place| tokens.get(place)).cloned())
    }

    /// Makes a token.
    pub fn add(
        &self,
        scopes: Vec<Scope>,
        name: Option<String>,
        created: String,
    ) -> Result<NewToken, TokenError> {
        let mut bytes = [0; Digest::BYTES];
        getrandom::fill(&mut bytes).map_err(|error| TokenError::Random(error.to_string()))?;
        let secret = format!("{PREFIX}{}", Digest::from_bytes(bytes));
        let sha256 = Digest::of(secret.as_bytes());
        let record = TokenRecord {
            id: sha256.to_string()[..12].to_owned(),
            name,
            scopes,
            created,
            sha256,
        };
        let _lock = self.lock()?;
        let mut tokens = self.tokens()?.to_vec();
        tokens.push(record.clone());
        self.write(tokens)?;
        Ok(NewToken { secret, record })
    }

    /// Takes away the tokens of this id or name; which ones.
    pub fn revoke(&self, id_or_name: &str) -> Result<Vec<TokenRecord>, TokenError> {
        let _lock = self.lock()?;
        let meant = |token: &TokenRecord| {
            token.id == id_or_name || token.name.as_deref() == Some(id_or_name)
        };
        let (gone, kept): (Vec<_>, Vec<_>) = self.tokens()?.iter().cloned().partition(meant);
        if !gone.is_empty() {
            self.write(kept)?;
        }
        Ok(gone)
    }

    fn read(&self) -> Result<(Vec<TokenRecord>, BTreeSet<ProjectName>), TokenError> {
        let text = std::fs::read(&self.path).map_err(|source| self.io("read", source))?;
        let contents: Contents =
            serde_json::from_slice(&text).map_err(|source| TokenError::Damaged {
                path: self.path.clone(),
                source,
            })?;
        if contents.version == VERSION_THAT_READ_ALL {
            let tokens = contents.tokens.into_iter().map(with_former_rights);
            return Ok((tokens.collect(), contents.unsigned));
        }
        if contents.version != VERSION {
            return Err(TokenError::Version {
                path: self.path.clone(),
                found: contents.version,
            });
        }
        Ok((contents.tokens, contents.unsigned))
    }

    /// Only one process changes the file at a time; the lock goes with the handle.
    fn lock(&self) -> Result<File, TokenError> {
        let path = self.path.with_extension("lock");
        let locked = || -> io::Result<File> {
            let file = open_lock(&path)?;
            give_to_owner_of(self.directory(), &file)?;
            rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
            Ok(file)
        };
        locked().map_err(|source| TokenError::Io {
            action: "lock",
            path: path.clone(),
            source,
        })
    }

    fn write(&self, tokens: Vec<TokenRecord>) -> Result<(), TokenError> {
        let directory = self.directory();
        let mut unsigned = self.with_unsigned()?.1.as_ref().clone();
        unsigned.extend(tokens.iter().flat_map(published_unsigned));
        let contents = Contents {
            version: VERSION,
            tokens,
            unsigned,
        };
        let write = || -> io::Result<()> {
            let mut temp = tempfile::NamedTempFile::new_in(directory)?;
            serde_json::to_writer_pretty(&mut temp, &contents)?;
            temp.write_all(b"\n")?;
            give_to_owner_of(directory, temp.as_file())?;
            temp.as_file().sync_all()?;
            temp.persist(&self.path)?;
            File::open(directory)?.sync_all()
        };
        write().map_err(|source| self.io("write", source))
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    fn io(&self, action: &'static str, source: io::Error) -> TokenError {
        TokenError::Io {
            action,
            path: self.path.clone(),
            source,
        }
    }
}

/// The projects that a token publishes to, if it may not sign.
fn published_unsigned(token: &TokenRecord) -> Vec<ProjectName> {
    let signs = |scope: &Scope| matches!(scope, Scope::Sign(_));
    if token.scopes.iter().any(signs) {
        return Vec::new();
    }
    let project = |scope: &Scope| match scope {
        Scope::Publish(project) => Some(project.clone()),
        _ => None,
    };
    token.scopes.iter().filter_map(project).collect()
}

/// A token that allows what it allowed when it was made.
fn with_former_rights(mut token: TokenRecord) -> TokenRecord {
    if token
        .scopes
        .iter()
        .all(|scope| scope.read_project().is_some())
    {
        token.scopes.push(Scope::Read);
    }
    if token.scopes.iter().any(Scope::may_publish) {
        token.scopes.push(Scope::Sign(Signature::DEB.to_owned()));
    }
    token
}

/// Root makes tokens for a server that runs as another user, who must be able to read them.
fn give_to_owner_of(directory: &Path, file: &File) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let (directory, had) = (directory.metadata()?, file.metadata()?);
    if (directory.uid(), directory.gid()) == (had.uid(), had.gid()) {
        return Ok(());
    }
    let (user, group) = (
        rustix::fs::Uid::from_raw(directory.uid()),
        rustix::fs::Gid::from_raw(directory.gid()),
    );
    Ok(rustix::fs::fchown(file, Some(user), Some(group))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, TokenFile) {
        let directory = tempfile::tempdir().unwrap();
        let file = TokenFile::new(directory.path().join("tokens.json"));
        (directory, file)
    }

    fn scopes(file: &TokenFile, secret: &str) -> Option<Vec<Scope>> {
        file.find(secret).unwrap().map(|token| token.scopes)
    }

    #[test]
    fn tokens_come_and_go_while_another_handle_reads() {
        let (directory, server) = file();
        assert_eq!(scopes(&server, "hgt_x"), None);
        let tool = TokenFile::new(directory.path().join("tokens.json"));
        let first = tool
            .add(vec![Scope::Read], None, "2026-01-01".to_owned())
            .unwrap();
        let named = Some("ci".to_owned());
        let second = tool
            .add(vec![Scope::Admin], named, "2026-01-01".to_owned())
            .unwrap();
        assert_eq!(scopes(&server, &first.secret), Some(vec![Scope::Read]));
        assert_eq!(scopes(&server, &second.secret), Some(vec![Scope::Admin]));
        assert_eq!(tool.revoke("ci").unwrap().len(), 1);
        assert_eq!(scopes(&server, &second.secret), None);
        assert_eq!(scopes(&server, &first.secret), Some(vec![Scope::Read]));
        assert!(tool.revoke("ci").unwrap().is_empty());
    }

    #[test]
    fn the_file_holds_no_secret_and_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let (directory, file) = file();
        let token = file
            .add(vec![Scope::Read], None, "2026-01-01".to_owned())
            .unwrap();
        let path = directory.path().join("tokens.json");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&token.secret) && !text.contains(&token.secret[4..]));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(token.secret.len(), 4 + 64);
    }

    /// A server that cannot read its tokens lets nobody in. Shows something where root runs it.
    #[test]
    fn the_file_belongs_to_the_owner_of_the_directory() {
        let (directory, file) = file();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(directory.path(), Some(65532), Some(65532)).unwrap();
        }
        file.add(vec![Scope::Read], None, "2026-01-01".to_owned())
            .unwrap();
        let owner = directory.path().metadata().unwrap().uid();
        for name in ["tokens.json", "tokens.lock"] {
            let path = directory.path().join(name);
            assert_eq!(path.metadata().unwrap().uid(), owner, "{name}");
        }
    }

    /// Clients that were set up before tokens were bound to projects go on.
    #[test]
    fn tokens_of_the_first_version_read_every_project() {
        let (directory, file) = file();
        let own = Scope::Publish("own".parse().unwrap());
        let token = file.add(vec![own.clone()], None, "2026-01-01".to_owned());
        let secret = token.unwrap().secret;
        assert_eq!(scopes(&file, &secret), Some(vec![own.clone()]));
        let path = directory.path().join("tokens.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let older = text.replace("\"version\": 2", "\"version\": 1");
        assert_ne!(older, text);
        std::fs::write(&path, older).unwrap();
        let old = TokenFile::new(path);
        let both = Some(vec![own, Scope::Read, Scope::Sign("deb".to_owned())]);
        assert_eq!(scopes(&old, &secret), both);
        // The next change writes down what they may.
        old.add(vec![Scope::Admin], None, "2026-01-01".to_owned())
            .unwrap();
        assert_eq!(scopes(&file, &secret), both);
    }

    #[test]
    fn a_damaged_file_lets_nobody_in() {
        let (directory, file) = file();
        let token = file
            .add(vec![Scope::Read], None, "2026-01-01".to_owned())
            .unwrap();
        std::fs::write(directory.path().join("tokens.json"), "{").unwrap();
        assert!(matches!(
            file.find(&token.secret),
            Err(TokenError::Damaged { .. })
        ));
        assert!(
            file.add(vec![Scope::Read], None, "2026-01-01".to_owned())
                .is_err()
        );
    }
}
