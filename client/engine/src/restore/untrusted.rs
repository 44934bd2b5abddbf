//! What is not restored from an archive that a stranger made.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use hashget_archive::EntryKind;
use hashget_words::rel_path::{RelPath, display_bytes};

use super::options::Trust;
use hashget_files::monitor::{Level, Monitor, Problem};
use hashget_files::place::Wanted;

const SETUID_OR_SETGID: u32 = 0o6000;

/// Takes out what would lend rights, where an archive is not trusted; counts and names it.
pub(super) struct Screen<'a> {
    is_trusted: bool,
    stranger: Option<u32>,
    refused: AtomicU64,
    monitor: &'a dyn Monitor,
}

impl<'a> Screen<'a> {
    /// The screen for what `archive`, which belongs to the user `owner`, says.
    pub(super) fn new(
        trust: Trust,
        archive: &Path,
        owner: Option<u32>,
        monitor: &'a dyn Monitor,
    ) -> Self {
        let me = rustix::process::geteuid().as_raw();
        let is_trusted = match (trust, owner) {
            (Trust::Always, _) | (Trust::ByOwner, None) => true,
            (Trust::ByOwner, Some(owner)) => owner == 0 || owner == me,
            (Trust::Never, _) => false,
        };
        let stranger = owner.filter(|_| !is_trusted && trust == Trust::ByOwner);
        if let Some(owner) = stranger {
            let name = display_bytes(archive.as_os_str().as_encoded_bytes());
            let text = format!(
                "{name} belongs to another user (number {owner}): devices, setuid and setgid bits, \
                 capabilities and the metadata of the root directory are not restored from it"
            );
            monitor.message(Level::Warning, &text);
        }
        Self {
            is_trusted,
            stranger,
            refused: AtomicU64::new(0),
            monitor,
        }
    }

    /// The owner who is not trusted. The restore file that is extracted stays his, so that a later run
    /// in the directory does not trust it either.
    pub(super) fn stranger(&self) -> Option<u32> {
        self.stranger
    }

    /// How many things were left out; each was named.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// What of `wanted` the thing at `path` gets.
    pub(super) fn pass(&self, path: &RelPath, mut wanted: Wanted) -> Wanted {
        if self.is_trusted {
            return wanted;
        }
        if path.is_root() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            let text = "the root directory keeps its own metadata: the archive is not trusted";
            self.monitor.message(Level::Info, text);
            return Wanted::default();
        }
        if let Some(mode) = &mut wanted.mode
            && *mode & SETUID_OR_SETGID != 0
        {
            *mode &= !SETUID_OR_SETGID;
            self.refuse(path, "setuid and setgid bits are");
        }
        if let Some(xattrs) = &mut wanted.xattrs {
            xattrs.retain(|xattr| {
                let is_refused = lends_rights(&xattr.name);
                if is_refused {
                    let name = display_bytes(&xattr.name);
                    self.refuse(path, &format!("the extended attribute {name} is"));
                }
                !is_refused
            });
        }
        wanted
    }

    /// True if the times of a directory may be set.
    pub(super) fn passes_times(&self, directory: &RelPath) -> bool {
        self.is_trusted || !directory.is_root()
    }

    /// True if a thing of this kind is made.
    pub(super) fn passes_kind(&self, path: &RelPath, kind: &EntryKind) -> bool {
        let is_device = matches!(
            kind,
            EntryKind::CharDevice { .. } | EntryKind::BlockDevice { .. }
        );
        if is_device && !self.is_trusted {
            self.refuse(path, "a device is");
            return false;
        }
        true
    }

    fn refuse(&self, path: &RelPath, what: &str) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let text = format!("{what} left out: the archive is not trusted");
        self.monitor.problem(&Problem::text(path.to_string(), text));
    }
}

/// The owner of the file at `path`, or of the file that a link there leads to, whose content counts.
pub(super) fn owner_of(path: &Path) -> Option<u32> {
    std::fs::metadata(path).ok().map(|metadata| metadata.uid())
}

/// Capabilities, labels of security modules, and what only the system itself may set.
fn lends_rights(xattr: &[u8]) -> bool {
    xattr.starts_with(b"security.") || xattr.starts_with(b"trusted.")
}
