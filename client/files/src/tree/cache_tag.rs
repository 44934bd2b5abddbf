//! Cache directories, tagged as <https://bford.info/cachedir/> describes.

use std::io::{self, Read};

use hashget_words::rel_path::RelPath;

use super::root::TreeRoot;

/// The name of the tag.
pub(super) const NAME: &[u8] = b"CACHEDIR.TAG";
const SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// Whether the regular file at `tag` begins with the signature.
pub(super) fn is_valid(root: &TreeRoot, tag: &RelPath) -> io::Result<bool> {
    let mut start = Vec::with_capacity(SIGNATURE.len());
    root.open_file(tag)?
        .take(SIGNATURE.len() as u64)
        .read_to_end(&mut start)?;
    Ok(start == SIGNATURE)
}
