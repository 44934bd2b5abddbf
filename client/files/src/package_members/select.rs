//! Which members a restore file means.

use std::collections::HashSet;

use hashget_words::rel_path::RelPath;

use super::{Content, Member, MemberMetadata, RestoreMembers, below, path_in_tree, sum_of};

/// A member that belongs into the tree.
#[derive(Clone, Debug)]
pub struct Selected {
    /// Its path in the tree.
    pub path: RelPath,
    /// What it contains; of directories nothing.
    pub content: Option<Content>,
    /// What it is like in the tree.
    pub metadata: MemberMetadata,
}

/// The members that `wanted` means, sorted by path; or why these are not what was packed.
pub fn select(wanted: &RestoreMembers, members: &[Member]) -> Result<Vec<Selected>, String> {
    let except: HashSet<&RelPath> = wanted.except.iter().collect();
    let below_these: HashSet<&RelPath> = wanted.except_below.iter().collect();
    let is_below_these = |path: &RelPath| {
        let mut at = Some(path.clone());
        while let Some(path) = at {
            if below_these.contains(&path) {
                return true;
            }
            at = path.parent();
        }
        false
    };
    let mut selected = Vec::new();
    for member in members {
        let Some(rest) = below(&member.path, &wanted.from) else {
            continue;
        };
        if except.contains(&rest) || is_below_these(&rest) {
            continue;
        }
        let owner = wanted.owner.as_ref();
        let path = path_in_tree(&member.path, &wanted.from, &wanted.into);
        let metadata = member.metadata.in_tree(wanted.umask, owner);
        if let (Some(path), Some(metadata)) = (path, metadata) {
            selected.push(Selected {
                path,
                content: member.content,
                metadata,
            });
        }
    }
    let sum = sum_of(selected.iter().map(|selected| {
        let content = selected.content.as_ref().map(|content| &content.sha256);
        (&selected.path, content, selected.metadata.mode)
    }));
    if sum == wanted.sum {
        Ok(selected)
    } else {
        Err("its members are not those that were packed".to_owned())
    }
}
