//! Reads what is in a package.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::File;
use std::io::Read;

use hashget_common::archive::{
    ArchiveError, ArchiveOptions, Entry, EntryKind, Input, Origin, ReadError, read_archive,
};
use hashget_common::digest::Digest;
use hashget_common::hash_reader::Hasher;
use hashget_common::rel_path::RelPath;
use hashget_common::sha256_lanes::digest_many;

use super::{Content, Member, MemberMetadata};

/// Contents up to this size are hashed beside each other.
const SMALL_BYTES: u64 = 1 << 20;
/// How much of them is kept in memory.
const BATCH_BYTES: usize = 8 << 20;

/// The regular files and folders of a package, sorted by path. Left out is what has its path not
/// for itself, hard links, and what the package does not tell enough about.
pub(crate) fn read_members(package: File) -> Result<Vec<Member>, ArchiveError> {
    let mut reader = MemberReader::default();
    let mut visit = |entry: &Entry, content: &mut dyn Read| {
        reader.visit(entry, content);
        Ok::<(), Infallible>(())
    };
    match read_archive(Input::File(package), &ArchiveOptions::default(), &mut visit) {
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
    batch: Vec<(usize, Vec<u8>)>,
    batch_bytes: usize,
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
                let sha256 = if size <= SMALL_BYTES {
                    self.put_off(content, size)
                } else {
                    hash(content, size)
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
    fn put_off(&mut self, content: &mut dyn Read, size: u64) -> Option<Digest> {
        let mut bytes = Vec::new();
        content.take(size).read_to_end(&mut bytes).ok()?;
        if bytes.len() as u64 != size {
            return None;
        }
        if self.batch_bytes + bytes.len() > BATCH_BYTES {
            self.hash_batch();
        }
        self.batch_bytes += bytes.len();
        self.batch.push((self.members.len(), bytes));
        Some(Digest::from_bytes([0; Digest::BYTES]))
    }

    fn hash_batch(&mut self) {
        self.batch
            .sort_by_key(|(_, bytes)| std::cmp::Reverse(bytes.len()));
        let contents: Vec<&[u8]> = self.batch.iter().map(|(_, bytes)| &bytes[..]).collect();
        for ((place, _), sha256) in self.batch.iter().zip(digest_many(&contents)) {
            let member = self.members.get_mut(*place);
            if let Some(content) = member.and_then(|member| member.content.as_mut()) {
                content.sha256 = sha256;
            }
        }
        self.batch.clear();
        self.batch_bytes = 0;
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
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    (hasher.bytes() == size).then(|| hasher.finish())
}
