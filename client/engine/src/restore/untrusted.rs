//! What is not restored from an archive that a stranger made.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use hashget_archive::{ArchiveOptions, EntryKind};
use hashget_words::rel_path::{RelPath, display_bytes};
use hashget_words::restore_file::RestoreFile;

use super::options::Trust;
use hashget_files::monitor::{Level, Monitor, Problem};
use hashget_files::place::Wanted;
use hashget_sources::sources::package_limits;

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
        let is_trusted = trusts(trust, owner);
        let stranger = owner.filter(|_| !is_trusted && trust == Trust::ByOwner);
        if let Some(owner) = stranger {
            let name = display_bytes(archive.as_os_str().as_encoded_bytes());
            let text = format!(
                "{name} belongs to another user (number {owner}): devices, setuid and setgid bits, \
                 capabilities and the metadata of the root directory are not restored from it, and no private \
                 address is asked for it"
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

/// What a restore file of a stranger may take of memory, in bytes, unless the user says otherwise.
pub const STRANGERS_MEMORY: u64 = 512 << 20;

/// Whether what `path` says, an archive or a directory with a restore file, is trusted.
pub fn is_trusted(trust: Trust, path: &Path) -> bool {
    let list = path.join(RestoreFile::NAME);
    let said_in = if path.is_dir() { &list } else { path };
    trusts(trust, owner_of(said_in))
}

/// How the archive of `owner` is read: a stranger's within the limits of packages from elsewhere.
pub(super) fn archive_options(trust: Trust, owner: Option<u32>) -> ArchiveOptions {
    let own = ArchiveOptions::own();
    if trusts(trust, owner) {
        return own;
    }
    ArchiveOptions {
        limits: package_limits(),
        ..own
    }
}

fn trusts(trust: Trust, owner: Option<u32>) -> bool {
    let me = rustix::process::geteuid().as_raw();
    match (trust, owner) {
        (Trust::Always, _) | (Trust::ByOwner, None) => true,
        (Trust::ByOwner, Some(owner)) => owner == 0 || owner == me,
        (Trust::Never, _) => false,
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
