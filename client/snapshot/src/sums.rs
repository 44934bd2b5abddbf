//! Lists of digests that `sha256sum -c` takes.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use hashget_words::digest::Digest;

use super::builder::Built;
use super::destination::TEMP_PREFIX;
use super::error::SnapshotError;
use hashget_files::tree::{TreeEntry, TreeKind, is_mostly_hole};

/// Writes the digests of all files that were built to `path`, in place of what is there. Nothing is
/// forced to disk.
pub(super) fn write(
    path: &Path,
    entries: &[TreeEntry],
    built: &Built,
) -> Result<(), SnapshotError> {
    let failed = || SnapshotError::io("write", path);
    let directory = path.parent().unwrap_or(Path::new("."));
    let file = tempfile::Builder::new()
        .prefix(TEMP_PREFIX)
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .tempfile_in(directory)
        .map_err(failed())?;
    let mut out = BufWriter::new(file);
    for (entry, inode) in entries.iter().zip(&built.inodes) {
        let stored = inode.and_then(|(at, _)| built.index.get(at));
        if let Some(stored) = stored {
            if let TreeKind::File {
                size,
                allocated_bytes,
                ..
            } = entry.kind
                && is_mostly_hole(size, allocated_bytes)
            {
                // It is told by its data; `sha256sum` passes over what begins so.
                out.write_all(b"# nearly all hole, not summed: ")
                    .map_err(failed())?;
            }
            write_line(&mut out, &stored.digest, entry.path.as_bytes()).map_err(failed())?;
        }
    }
    let file = out
        .into_inner()
        .map_err(|error| failed()(error.into_error()))?;
    file.persist(path)
        .map_err(|error| failed()(io::Error::from(error)))?;
    Ok(())
}

/// One line as coreutils writes it: where a name holds a newline, carriage return or backslash, these
/// are escaped and the line begins with a backslash.
fn write_line(out: &mut dyn Write, digest: &Digest, name: &[u8]) -> io::Result<()> {
    let is_special = |byte: &u8| matches!(byte, b'\n' | b'\r' | b'\\');
    let escape: &[u8] = if name.iter().any(is_special) {
        b"\\"
    } else {
        b""
    };
    out.write_all(escape)?;
    write!(out, "{digest}  ")?;
    for byte in name {
        match byte {
            b'\n' => out.write_all(b"\\n")?,
            b'\r' => out.write_all(b"\\r")?,
            b'\\' => out.write_all(b"\\\\")?,
            _ => out.write_all(&[*byte])?,
        }
    }
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn coreutils_takes_every_name() {
        let temp = tempfile::tempdir().unwrap();
        let mut sums = Vec::new();
        for name in [
            &b"plain"[..],
            b"new\nline",
            b"car\rriage",
            b"end\r",
            b"back\\slash",
            b"\\n",
            b"caf\xe9",
            b" lead",
            b"*star",
            b"-c",
            b"trail ",
        ] {
            std::fs::write(temp.path().join(OsStr::from_bytes(name)), name).unwrap();
            write_line(&mut sums, &Digest::of(name), name).unwrap();
        }
        std::fs::write(temp.path().join("SUMS"), &sums).unwrap();
        let check = Command::new("sha256sum")
            .args(["--check", "--strict", "--quiet", "SUMS"])
            .current_dir(temp.path())
            .output()
            .unwrap();
        assert!(check.status.success(), "{check:?}");
    }
}
