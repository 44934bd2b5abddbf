//! Lists the members of a package.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};

use hashget_archive::{
    ArchiveError, ArchiveOptions, Entry, EntryKind, Input, Limits, Origin, ReadError, read_archive,
};
use hashget_words::content_batch::ContentBatch;
use hashget_words::digest::Digest;
use hashget_words::hash_reader::Hasher;
use hashget_words::rel_path::RelPath;

use super::{Content, Member, MemberMetadata};

/// The regular files and directories of a package, sorted by path. Left out is what has its path not
/// for itself, hard links, and what the package does not tell enough about.
pub fn read_members(
    limits: Limits,
    package: File,
    threads: u32,
) -> Result<Vec<Member>, ArchiveError> {
    let mut reader = MemberReader::default();
    let mut visit = |entry: &Entry, content: &mut dyn Read| {
        reader.visit(entry, content);
        Ok::<(), Infallible>(())
    };
    let options = ArchiveOptions {
        threads,
        limits,
        ..ArchiveOptions::default()
    };
    match read_archive(Input::File(package), &options, &mut visit) {
        Ok(_) => Ok(reader.finish()),
        Err(ReadError::Archive(error)) => Err(error),
        Err(ReadError::Visit(never)) => match never {},
    }
}

#[derive(Default)]
struct MemberReader {
    members: Vec<Member>,
    /// How often each path was seen, as anything.
    seen: HashMap<RelPath, u32>,
    /// Contents that are not hashed yet, and whose they are.
    batch: ContentBatch<usize>,
}

impl MemberReader {
    /// An error of `content` is the archive's, which tells it itself.
    fn visit(&mut self, entry: &Entry, content: &mut dyn Read) {
        let Ok(path) = RelPath::new(&entry.path) else {
            return;
        };
        if entry.origin != Origin::Member || path.is_root() {
            return;
        }
        *self.seen.entry(path.clone()).or_default() += 1;
        let Some(metadata) = MemberMetadata::of(&entry.metadata) else {
            return;
        };
        let content = match (&entry.kind, entry.size) {
            (EntryKind::Directory, _) => None,
            (EntryKind::File, Some(size)) => {
                let sha256 = match usize::try_from(size) {
                    Ok(size) if size <= ContentBatch::<usize>::MAX_CONTENT_BYTES => {
                        self.put_off(content, size)
                    }
                    _ => hash(content, size),
                };
                let Some(sha256) = sha256 else { return };
                Some(Content { sha256, size })
            }
            _ => return,
        };
        self.members.push(Member {
            path,
            content,
            metadata,
        });
    }

    /// Keeps a content for hashing it with others; gives what stands for its digest until then.
    fn put_off(&mut self, content: &mut dyn Read, size: usize) -> Option<Digest> {
        if self.batch.is_full() {
            self.hash_batch();
        }
        let is_whole = self.batch.take(content, size, self.members.len()).ok()?;
        is_whole.then_some(Digest::from_bytes([0; Digest::BYTES]))
    }

    fn hash_batch(&mut self) {
        let members = &mut self.members;
        let done = self.batch.drain(|place, sha256, bytes| {
            let content = members[place].content.as_mut();
            if let Some(content) = content.filter(|it| it.size == bytes.len() as u64) {
                content.sha256 = sha256;
            }
            Ok::<(), Infallible>(())
        });
        match done {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }

    fn finish(mut self) -> Vec<Member> {
        self.hash_batch();
        let seen = self.seen;
        self.members
            .retain(|member| seen.get(&member.path) == Some(&1));
        self.members.sort_by(|a, b| a.path.cmp(&b.path));
        self.members
    }
}

fn hash(content: &mut dyn Read, size: u64) -> Option<Digest> {
    let mut hasher = Hasher::new();
    io::copy(content, &mut hasher).ok()?;
    (hasher.bytes() == size).then(|| hasher.finish())
}
