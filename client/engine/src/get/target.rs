//! The file that is made: checked, then named, all at once.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hashget_files::private::share;
use hashget_words::digest::Digest;
use hashget_words::hash_reader::{HashReader, Hasher};
use tempfile::NamedTempFile;

use super::{GetError, GetOptions, GotFile};
use hashget_files::path_error::PathError;

/// Where a file of known content is to be.
pub(super) struct Target<'a> {
    directory: &'a Path,
    path: PathBuf,
    sha256: Digest,
    overwrite: bool,
}

/// The file is in its place.
pub(super) struct Placed {
    path: PathBuf,
    sha256: Digest,
    size: u64,
    unchanged: bool,
}

impl Placed {
    pub(super) fn into_got(self, url: Option<&str>) -> GotFile {
        GotFile {
            path: self.path,
            sha256: self.sha256,
            size: self.size,
            url: url.map(str::to_owned),
            unchanged: self.unchanged,
        }
    }
}

impl<'a> Target<'a> {
    pub(super) fn new(options: &'a GetOptions, name: OsString, sha256: Digest) -> Self {
        let directory = if options.out_dir.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &options.out_dir
        };
        Self {
            directory,
            path: directory.join(name),
            sha256,
            overwrite: options.overwrite,
        }
    }

    /// Writes `content` beside its place, checks its digest and gives it its name.
    pub(super) fn put(&self, content: &mut dyn Read) -> Result<Placed, GetError> {
        if let Some(size) = self.present()? {
            return Ok(self.placed(size, true));
        }
        let mut file = tempfile::Builder::new()
            .prefix(".hashget-get-")
            .tempfile_in(self.directory)
            .map_err(|source| write_error("write into", self.directory, source))?;
        let size = self.fill(&mut file, content)?;
        share(file.as_file()).map_err(|source| write_error("write", &self.path, source))?;
        let named = if self.overwrite {
            file.persist(&self.path)
        } else {
            file.persist_noclobber(&self.path)
        };
        named.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => self.exists(),
            _ => write_error("write", &self.path, error.error),
        })?;
        File::open(self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(|source| write_error("sync", self.directory, source))?;
        Ok(self.placed(size, false))
    }

    /// The size of the file if it is there with the right content. Another file is an error,
    /// unless it is to be replaced.
    fn present(&self) -> Result<Option<u64>, GetError> {
        let metadata = match self.path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(write_error("look at", &self.path, source)),
        };
        if metadata.is_file() {
            let mut hasher = Hasher::new();
            File::open(&self.path)
                .and_then(|mut file| io::copy(&mut file, &mut hasher))
                .map_err(|source| write_error("read", &self.path, source))?;
            let size = hasher.bytes();
            if hasher.finish() == self.sha256 {
                return Ok(Some(size));
            }
        }
        if self.overwrite && !metadata.is_dir() {
            Ok(None)
        } else {
            Err(self.exists())
        }
    }

    fn fill(&self, file: &mut NamedTempFile, content: &mut dyn Read) -> Result<u64, GetError> {
        let mut content = HashReader::new(content);
        io::copy(&mut content, file)
            .and_then(|_| file.flush())
            .and_then(|()| file.as_file().sync_all())
            .map_err(|source| write_error("write", &self.path, source))?;
        let size = content.read_bytes();
        if content.into_hasher().finish() == self.sha256 {
            return Ok(size);
        }
        let source = io::Error::new(io::ErrorKind::InvalidData, "the content changed on its way");
        Err(write_error("write", &self.path, source))
    }

    fn placed(&self, size: u64, unchanged: bool) -> Placed {
        Placed {
            path: self.path.clone(),
            sha256: self.sha256,
            size,
            unchanged,
        }
    }

    fn exists(&self) -> GetError {
        GetError::Exists {
            path: self.path.clone(),
        }
    }
}

fn write_error(action: &'static str, path: &Path, source: io::Error) -> GetError {
    PathError::on(action, path)(source).into()
}

/// The last part of a path as the name of a file; the digest where that is none.
///
/// The path is whatever an archive or a URL says.
pub(super) fn file_name(path: &[u8], digest: &Digest) -> OsString {
    const MAX_NAME_BYTES: usize = 255;
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let sound = !matches!(name, b"" | b"." | b"..")
        && name.len() <= MAX_NAME_BYTES
        && !name.iter().any(u8::is_ascii_control);
    if sound {
        OsStr::from_bytes(name).to_owned()
    } else {
        digest.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn options(directory: &Path, overwrite: bool) -> GetOptions {
        GetOptions {
            out_dir: directory.to_owned(),
            recursive: false,
            overwrite,
            limits: hashget_archive::Limits::default(),
        }
    }

    fn put(directory: &Path, overwrite: bool, content: &[u8]) -> Result<Placed, GetError> {
        let options = options(directory, overwrite);
        Target::new(&options, "f".into(), Digest::of(content)).put(&mut &content[..])
    }

    #[test]
    fn another_file_is_replaced_only_when_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        assert!(!put(directory.path(), false, b"one").unwrap().unchanged);
        assert!(put(directory.path(), false, b"one").unwrap().unchanged);
        assert!(matches!(
            put(directory.path(), false, b"two"),
            Err(GetError::Exists { .. })
        ));
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert!(!put(directory.path(), true, b"two").unwrap().unchanged);
        assert_eq!(fs::read(&path).unwrap(), b"two");
    }

    #[test]
    fn a_link_in_the_files_place_is_not_written_through() {
        let directory = tempfile::tempdir().unwrap();
        let victim = directory.path().join("victim");
        fs::write(&victim, "safe").unwrap();
        std::os::unix::fs::symlink(&victim, directory.path().join("f")).unwrap();
        assert!(put(directory.path(), false, b"x").is_err());
        assert!(put(directory.path(), true, b"x").is_ok());
        assert_eq!(fs::read(&victim).unwrap(), b"safe");
        assert_eq!(fs::read(directory.path().join("f")).unwrap(), b"x");
    }

    #[test]
    fn wrong_content_gets_no_name_and_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let options = options(directory.path(), true);
        let target = Target::new(&options, "f".into(), Digest::of(b"right"));
        assert!(target.put(&mut &b"wrong"[..]).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn names_are_the_last_part_of_the_path() {
        let digest = Digest::of(b"");
        let hex = digest.to_string();
        for (path, expected) in [
            (&b"usr/bin/vim"[..], "vim"),
            (b"./-rf", "-rf"),
            (b"a/..", &hex),
            (b"", &hex),
            (b"a/", &hex),
            (b"a\nb", &hex),
            (&[b'x'; 256], &hex),
        ] {
            assert_eq!(file_name(path, &digest), expected);
        }
    }

    proptest! {
        #[test]
        fn no_name_leaves_the_directory(path: Vec<u8>) {
            let name = file_name(&path, &Digest::of(b""));
            let joined = Path::new("x").join(&name);
            prop_assert_eq!(joined.parent(), Some(Path::new("x")));
            prop_assert_eq!(Path::new(&name).file_name(), Some(name.as_os_str()));
        }
    }
}
