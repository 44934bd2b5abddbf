//! Extended attributes, of things that may be open for their path only.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

use hashget_words::rel_path::display_bytes;
use hashget_words::restore_file::Xattr;
use rustix::fs::{
    XattrFlags, fgetxattr, flistxattr, fremovexattr, fsetxattr, getxattr, listxattr, removexattr,
    setxattr,
};
use rustix::io::Errno;

use super::{Applied, Thing};

/// What the kernel takes at most for a list of names, or for a value.
const MAX_XATTR: usize = 64 * 1024;

/// Whether what is made in a directory gets attributes of ours from it; if that cannot be seen, it may.
pub(in crate::place) fn lends_attributes(directory: BorrowedFd<'_>) -> bool {
    let mut value = [0; 1];
    let found = fgetxattr(directory, "system.posix_acl_default", &mut value);
    !matches!(found, Err(Errno::NODATA | Errno::OPNOTSUPP))
}

/// Takes away the extended attributes of the thing behind `fd` that `is_surplus` names.
pub fn remove_xattrs(fd: BorrowedFd<'_>, is_surplus: impl Fn(&[u8]) -> bool) -> Applied {
    let mut applied = Applied::default();
    let names = Thing::of(fd).and_then(|thing| thing.xattrs().map(|xattrs| (thing, xattrs)));
    match names {
        Ok((thing, xattrs)) => {
            for name in xattrs.keys().filter(|name| is_surplus(name)) {
                let what = format!("extended attributes (remove {})", display_bytes(name));
                applied.check(&what, thing.remove_xattr(name));
            }
        }
        Err(Errno::OPNOTSUPP) => {}
        Err(error) => applied.check("extended attributes", Err(error)),
    }
    applied
}

impl Thing<'_> {
    /// Whether any was to be changed.
    pub(super) fn set_xattrs(&self, wanted: &[Xattr], applied: &mut Applied) -> bool {
        let existing = match self.xattrs() {
            Ok(existing) => existing,
            Err(Errno::OPNOTSUPP) => BTreeMap::new(),
            Err(error) => {
                applied.check("extended attributes", Err(error));
                return true;
            }
        };
        let mut touched = false;
        for name in existing.keys() {
            if is_ours(name) && !wanted.iter().any(|xattr| xattr.name == *name) {
                let what = format!("extended attributes (remove {})", display_bytes(name));
                applied.check(&what, self.remove_xattr(name));
                touched = true;
            }
        }
        for Xattr { name, value } in wanted {
            if existing.get(name) != Some(value) {
                let what = format!("the extended attribute {}", display_bytes(name));
                applied.check(&what, self.set_xattr(name, value));
                touched = true;
            }
        }
        touched
    }

    /// The names of all attributes, each with a zero behind it.
    fn xattr_names(&self, names: &mut [u8]) -> Result<usize, Errno> {
        match &self.proc_path {
            None => flistxattr(self.fd, names),
            Some(path) => listxattr(path, names),
        }
    }

    fn xattrs(&self) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Errno> {
        // Most files have none or few, and there are many files.
        let mut few = [0; 256];
        let mut many = Vec::new();
        let names = match self.xattr_names(&mut few) {
            Err(Errno::RANGE) => {
                many.resize(MAX_XATTR, 0);
                let length = self.xattr_names(&mut many)?;
                &many[..length]
            }
            length => &few[..length?],
        };
        let mut found = BTreeMap::new();
        for name in names.split(|byte| *byte == 0) {
            if name.is_empty() {
                continue;
            }
            let mut value = vec![0; MAX_XATTR];
            let got = match &self.proc_path {
                None => fgetxattr(self.fd, name, &mut value[..]),
                Some(path) => getxattr(path, name, &mut value[..]),
            };
            // One that may be listed but not read differs from whatever is wanted.
            if let Ok(length) = got {
                value.truncate(length);
                found.insert(name.to_vec(), value);
            }
        }
        Ok(found)
    }

    fn set_xattr(&self, name: &[u8], value: &[u8]) -> Result<(), Errno> {
        match &self.proc_path {
            None => fsetxattr(self.fd, name, value, XattrFlags::empty()),
            Some(path) => setxattr(path, name, value, XattrFlags::empty()),
        }
    }

    fn remove_xattr(&self, name: &[u8]) -> Result<(), Errno> {
        match &self.proc_path {
            None => fremovexattr(self.fd, name),
            Some(path) => removexattr(path, name),
        }
    }
}

/// Whether an attribute is content of the file, rather than a label that the system puts on it.
fn is_ours(name: &[u8]) -> bool {
    name.starts_with(b"user.")
        || matches!(
            name,
            b"system.posix_acl_access" | b"system.posix_acl_default" | b"security.capability"
        )
}
