//! Mount points that are left empty because of what is mounted there.

use std::sync::{Mutex, PoisonError};

use hashget_words::rel_path::{RelPath, display_bytes};

use crate::monitor::{Level, Monitor};
use crate::tree::pseudo::is_pseudo;
use crate::tree::root::TreeRoot;

/// The mount points that a walk has left empty.
#[derive(Default)]
pub(super) struct PseudoMounts(Mutex<Vec<RelPath>>);

impl PseudoMounts {
    /// Whether the directory at `mount_point` is one to leave empty; it is remembered then.
    pub(super) fn holds(&self, root: &TreeRoot, mount_point: &RelPath) -> bool {
        // What cannot be opened is told when it is entered.
        let is_pseudo = is_pseudo(root, mount_point).unwrap_or(false);
        if is_pseudo {
            let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            found.push(mount_point.clone());
        }
        is_pseudo
    }

    /// Tells them in one line.
    pub(super) fn tell(&self, root: &TreeRoot, monitor: &dyn Monitor) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.is_empty() {
            return;
        }
        found.sort();
        let paths = found.iter().map(|path| path.under(root.path()));
        let names: Vec<String> = paths
            .map(|path| display_bytes(path.as_os_str().as_encoded_bytes()).into_owned())
            .collect();
        let text = format!(
            "left empty, because they show the kernel's state: {} (--all-file-systems has them)",
            names.join(", ")
        );
        monitor.message(Level::Info, &text);
    }
}
