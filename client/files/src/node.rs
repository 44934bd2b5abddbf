//! What has no content and is no directory: symbolic links, FIFOs and device nodes, the same in trees, indexes and archives.

use hashget_archive::EntryKind;

/// Something in a directory that has no content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A symbolic link, with its target.
    Symlink(Vec<u8>),
    /// A named pipe.
    Fifo,
    /// A character device, by its major and minor numbers.
    CharDevice(u32, u32),
    /// A block device, by its major and minor numbers.
    BlockDevice(u32, u32),
}

impl Node {
    /// The node that a member of an archive is, if it is one.
    pub fn of_member(kind: &EntryKind) -> Option<Self> {
        Some(match kind {
            EntryKind::Symlink { target } => Self::Symlink(target.clone()),
            EntryKind::Fifo => Self::Fifo,
            EntryKind::CharDevice { major, minor } => Self::CharDevice(*major, *minor),
            EntryKind::BlockDevice { major, minor } => Self::BlockDevice(*major, *minor),
            EntryKind::File
            | EntryKind::Directory
            | EntryKind::HardLink { .. }
            | EntryKind::Other(_) => return None,
        })
    }
}

impl From<Node> for EntryKind {
    fn from(node: Node) -> Self {
        match node {
            Node::Symlink(target) => Self::Symlink { target },
            Node::Fifo => Self::Fifo,
            Node::CharDevice(major, minor) => Self::CharDevice { major, minor },
            Node::BlockDevice(major, minor) => Self::BlockDevice { major, minor },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_the_same_as_a_member() {
        let nodes = [
            Node::Symlink(b"a/\xff".to_vec()),
            Node::Fifo,
            Node::CharDevice(1, 3),
            Node::BlockDevice(8, 0),
        ];
        for node in nodes {
            let kind = EntryKind::from(node.clone());
            assert_eq!(Node::of_member(&kind), Some(node));
        }
        assert_eq!(Node::of_member(&EntryKind::File), None);
    }
}
