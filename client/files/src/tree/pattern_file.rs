//! Files of patterns, one a line.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a file of patterns cannot be used.
#[derive(Debug, Error)]
pub enum PatternFileError {
    /// It cannot be read.
    #[error("cannot read patterns from {path}")]
    Read { path: PathBuf, source: io::Error },
    /// It begins with the byte order mark of UTF-16.
    #[error("the patterns in {path} are in UTF-16: save the file as UTF-8")]
    Utf16 { path: PathBuf },
}

/// Reads the patterns in a file.
///
/// Lines are bytes and end in LF or CR LF; a UTF-8 byte order mark is passed over, and so are empty
/// lines and those that begin with `#`.
pub fn read_pattern_file(path: &Path) -> Result<Vec<Vec<u8>>, PatternFileError> {
    let text = std::fs::read(path).map_err(|source| PatternFileError::Read {
        path: path.to_owned(),
        source,
    })?;
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        let path = path.to_owned();
        return Err(PatternFileError::Utf16 { path });
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    Ok(text
        .split(|byte| *byte == b'\n')
        .map(without_return)
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
        .map(<[u8]>::to_vec)
        .collect())
}

/// The line without the CR at its end, unless a backslash says that it is a part of the name.
fn without_return(line: &[u8]) -> &[u8] {
    match line.strip_suffix(b"\r") {
        Some(rest) if !rest.ends_with(b"\\") => rest,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8]) -> Result<Vec<Vec<u8>>, PatternFileError> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("patterns");
        std::fs::write(&file, content).unwrap();
        read_pattern_file(&file)
    }

    #[test]
    fn lines_are_bytes() {
        let lines = read(b"# a comment\n\n \xff \n\\#name\nlast").unwrap();
        assert_eq!(lines, [&b" \xff "[..], b"\\#name", b"last"]);
        let missing = read_pattern_file(Path::new("/nowhere/none")).unwrap_err();
        assert!(missing.to_string().contains("none"));
    }

    #[test]
    fn files_from_windows_are_understood() {
        let lines = read(b"\xef\xbb\xbf*.tmp\r\n\r\n# no\r\ncr\\\r\nb").unwrap();
        assert_eq!(lines, [&b"*.tmp"[..], b"cr\\\r", b"b"]);
        let error = read(b"\xff\xfea\0").unwrap_err();
        assert!(error.to_string().contains("UTF-16"), "{error}");
    }
}
