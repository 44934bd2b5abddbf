//! What the system refused to do with a file or directory.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// An act on a path failed.
#[derive(Debug, Error)]
#[error("cannot {act} {}", path.display())]
pub struct PathError {
    /// What was tried, as in "cannot read x".
    pub act: &'static str,
    pub path: PathBuf,
    pub source: io::Error,
}

impl PathError {
    /// For `map_err`: the error of a failed `act` with `path`.
    pub fn on<E: Into<io::Error>>(
        act: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |source| Self {
            act,
            path,
            source: source.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn it_names_act_and_path_and_leaves_the_reason_to_its_source() {
        let error = PathError::on("read", "/some/file")(io::Error::other("why"));
        assert_eq!(error.to_string(), "cannot read /some/file");
        assert_eq!(error.source().unwrap().to_string(), "why");
    }
}
