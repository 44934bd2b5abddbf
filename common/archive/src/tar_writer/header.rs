//! One ustar header block. What does not fit is left out here and said in a pax record.

use crate::EntryKind;

/// The largest number of 7 octal digits.
pub(super) const MAX_ID: u64 = 0o777_7777;
/// The largest number of 11 octal digits: 8 GiB less a byte, or a second in 2242.
pub(super) const MAX_LONG: u64 = 0o777_7777_7777;

/// The type of a member in its header.
#[derive(Clone, Copy)]
pub(super) struct TypeFlag(u8);

impl TypeFlag {
    /// A pax header for the next member.
    pub(super) const PAX: Self = Self(b'x');

    /// `None` for what has no type of its own here.
    pub(super) fn of(kind: &EntryKind) -> Option<Self> {
        Some(Self(match kind {
            EntryKind::File => b'0',
            EntryKind::HardLink { .. } => b'1',
            EntryKind::Symlink { .. } => b'2',
            EntryKind::CharDevice { .. } => b'3',
            EntryKind::BlockDevice { .. } => b'4',
            EntryKind::Directory => b'5',
            EntryKind::Fifo => b'6',
            EntryKind::Other(_) => return None,
        }))
    }
}

/// A header block under construction.
pub(super) struct Block([u8; 512]);

impl Block {
    pub(super) fn new(type_flag: TypeFlag) -> Self {
        let mut block = Self([0; 512]);
        block.0[156] = type_flag.0;
        block.0[257..265].copy_from_slice(b"ustar\x0000");
        block.octal(100, 8, 0o644);
        block.owner(0, 0);
        block.size(0);
        block.mtime(0);
        block.device(0, 0);
        block
    }

    /// The path; a longer one is cut, and a `path` record tells all of it.
    pub(super) fn path(&mut self, path: &[u8]) {
        self.text(0, 100, path);
    }

    pub(super) fn link_path(&mut self, target: &[u8]) {
        self.text(157, 100, target);
    }

    pub(super) fn mode(&mut self, mode: u32) {
        self.octal(100, 8, u64::from(mode));
    }

    pub(super) fn owner(&mut self, uid: u64, gid: u64) {
        self.octal(108, 8, if uid > MAX_ID { 0 } else { uid });
        self.octal(116, 8, if gid > MAX_ID { 0 } else { gid });
    }

    pub(super) fn size(&mut self, size: u64) {
        self.octal(124, 12, if size > MAX_LONG { 0 } else { size });
    }

    pub(super) fn mtime(&mut self, seconds: i64) {
        let seconds = u64::try_from(seconds)
            .ok()
            .filter(|&seconds| seconds <= MAX_LONG);
        self.octal(136, 12, seconds.unwrap_or(0));
    }

    pub(super) fn owner_names(&mut self, user: &[u8], group: &[u8]) {
        self.text(265, 31, user);
        self.text(297, 31, group);
    }

    pub(super) fn device(&mut self, major: u32, minor: u32) {
        self.device_number(329, major);
        self.device_number(337, minor);
    }

    /// The finished header, with its checksum.
    pub(super) fn finish(mut self) -> [u8; 512] {
        self.0[148..156].fill(b' ');
        let sum: u64 = self.0.iter().map(|&byte| u64::from(byte)).sum();
        self.octal(148, 7, sum);
        self.0
    }

    /// There is no pax record for these; base-256 is what all programs understand.
    fn device_number(&mut self, at: usize, number: u32) {
        if u64::from(number) <= MAX_ID {
            self.octal(at, 8, u64::from(number));
        } else {
            self.0[at..at + 8].copy_from_slice(&(u64::from(number) | 1 << 63).to_be_bytes());
        }
    }

    /// Bytes beyond ASCII stand here as they are, as GNU tar puts them; a record has them too.
    fn text(&mut self, at: usize, width: usize, text: &[u8]) {
        let count = text.len().min(width);
        self.0[at..at + count].copy_from_slice(&text[..count]);
    }

    fn octal(&mut self, at: usize, width: usize, number: u64) {
        let digits = format!("{number:0digits$o}\0", digits = width - 1);
        self.0[at..at + width].copy_from_slice(digits.as_bytes());
    }
}
