//! Lists snapshots.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::destination::Destination;
use super::error::SnapshotError;
use super::name::{SnapshotId, SnapshotName};
use super::order::in_order_with_times;
use hashget_files::monitor::Monitor;
use hashget_files::tree::{FileId, TreeKind, TreeRoot, WalkOptions, walk};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedSnapshot {
    /// Which one it is.
    pub id: SnapshotId,
    /// When it was begun, in UTC: the time in its name is local, and some local times come twice. Unknown of snapshots of
    /// earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub begun: Option<Timestamp>,
    /// What is in it, if that was asked.
    #[serde(flatten)]
    pub sizes: Option<SnapshotSizes>,
}

#[expect(clippy::ref_option, reason = "serde asks for a reference")]
fn as_text<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time.unwrap_or_default())
}

/// What is in a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SnapshotSizes {
    /// Names of regular files.
    pub files: u64,
    /// Their sizes, each file once.
    pub bytes: u64,
    /// Files that are in no other snapshot.
    pub own_files: u64,
    /// How much disk they take: what deleting the snapshot frees.
    pub own_bytes: u64,
}

/// Lists the snapshots of a destination, by name and in the order in which they were made. With `sizes`, looks at everything in
/// them.
pub fn list(
    destination: &Destination,
    name: Option<&SnapshotName>,
    sizes: bool,
    monitor: &dyn Monitor,
) -> Result<Vec<ListedSnapshot>, SnapshotError> {
    let ids = in_order_with_times(destination, destination.snapshots(name)?)?;
    let listed = ids.into_iter().map(|(id, begun)| {
        let sizes = sizes
            .then(|| sizes_of(destination, &id, monitor))
            .transpose()?;
        Ok(ListedSnapshot { id, begun, sizes })
    });
    listed.collect()
}

fn sizes_of(
    destination: &Destination,
    id: &SnapshotId,
    monitor: &dyn Monitor,
) -> Result<SnapshotSizes, SnapshotError> {
    let root = TreeRoot::open(&destination.path_of(id))?;
    let mut sizes = SnapshotSizes::default();
    let mut names: HashMap<FileId, u64> = HashMap::new();
    for entry in walk(&root, &WalkOptions::default(), monitor) {
        let TreeKind::File {
            size,
            id,
            links,
            allocated_bytes,
        } = entry.kind
        else {
            continue;
        };
        sizes.files += 1;
        let seen = names.entry(id).or_default();
        *seen += 1;
        if *seen == 1 {
            sizes.bytes += size;
        }
        if *seen == links {
            sizes.own_files += 1;
            sizes.own_bytes += allocated_bytes;
        }
    }
    Ok(sizes)
}
