//! Random trees with every kind of file and oddity that a file system allows.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags, chmodat,
    chownat, lsetxattr, makedev, mkdirat, mknodat, openat, utimensat,
};

use crate::random::Random;

/// Makes a random tree, and remembers which contents a package could hold.
pub struct RandomTree<'a> {
    random: &'a mut Random,
    is_root: bool,
    extremes: bool,
    root: PathBuf,
    directories: Vec<PathBuf>,
    files: Vec<PathBuf>,
    contents: Vec<Vec<u8>>,
}

impl<'a> RandomTree<'a> {
    /// Grows a tree of about `size` entries in the empty directory `root`; the distinct contents
    /// of its files.
    ///
    /// As root also owners, devices, capabilities and trusted attributes; else without.
    pub fn grow(root: &Path, size: u64, random: &'a mut Random) -> io::Result<Vec<Vec<u8>>> {
        Self::new(root, false, random).grown(size)
    }

    /// [`RandomTree::grow`] with what takes long or cannot be kept, too: files of more than 8 GiB (nearly
    /// all holes), paths longer than any system call takes, sockets.
    pub fn grow_with_extremes(
        root: &Path,
        size: u64,
        random: &'a mut Random,
    ) -> io::Result<Vec<Vec<u8>>> {
        Self::new(root, true, random).grown(size)
    }

    fn new(root: &Path, extremes: bool, random: &'a mut Random) -> Self {
        Self {
            random,
            is_root: rustix::process::geteuid().is_root(),
            extremes,
            root: root.to_owned(),
            directories: vec![root.to_owned()],
            files: Vec::new(),
            contents: Vec::new(),
        }
    }

    fn grown(self, size: u64) -> io::Result<Vec<Vec<u8>>> {
        let mut tree = self;
        let root = tree.root.clone();
        let mut made = HashSet::new();
        for _ in 0..=tree.random.below(size) {
            let path = tree.new_name();
            // At the root it would be taken for a list of files to restore.
            if path == root.join(".hashget-restore.json") {
                continue;
            }
            if made.insert(path.clone()) && fs::symlink_metadata(&path).is_err() {
                tree.make(&path)?;
            }
        }
        // Names first, times last, deepest first: making an entry changes its directory's times.
        let mut all: Vec<PathBuf> = made
            .into_iter()
            .filter(|path| fs::symlink_metadata(path).is_ok())
            .collect();
        all.sort();
        all.insert(0, root);
        for path in all.iter().rev() {
            tree.decorate(path)?;
        }
        Ok(tree.contents)
    }

    fn new_name(&mut self) -> PathBuf {
        const ODD: &[&[u8]] = &[
            b".hashget-tmp-0123456789abcdef",
            b".hashget-restore.json",
            b"new\nline",
            b"*",
            b"[a-z]",
            b"?",
            b"-rf",
            b"--help",
            b" lead",
            b"trail ",
            b"back\\slash",
            b"\"quote'",
            b"caf\xe9",
            b"\xff\xfe",
            b"\x01\x1b[0m",
            "\u{fc}ml\u{e4}ut".as_bytes(),
            "\u{1f600}".as_bytes(),
            b"~",
            b"a:b",
            b"$(x)",
            b".hidden",
            b"...",
            b"%41",
            b"#",
            b"{x}",
            b"e\xcc\x81",
            b"\xed\xb2\x80",
        ];
        let directory = self.random.pick(&self.directories).clone();
        let name = match self.random.below(10) {
            0..=2 => self.random.pick(ODD).to_vec(),
            // 85 characters of three bytes are 255 bytes, too.
            3 if self.random.one_in(2) => "\u{20ac}".repeat(85).into_bytes(),
            3 => vec![b'a' + u8::try_from(self.random.below(26)).unwrap_or(0); 255],
            4 => {
                let length = usize::try_from(1 + self.random.below(12)).unwrap_or(1);
                let mut name = self.random.bytes(length);
                name.iter_mut()
                    .filter(|byte| matches!(byte, 0 | b'/'))
                    .for_each(|byte| *byte = b'_');
                name
            }
            _ => format!("f{}", self.random.below(1000)).into_bytes(),
        };
        directory.join(OsStr::from_bytes(&name))
    }

    fn make(&mut self, path: &Path) -> io::Result<()> {
        match self.random.below(20) {
            0..=4 => {
                fs::create_dir(path)?;
                self.directories.push(path.to_owned());
            }
            5 => self.make_symlink(path)?,
            6 => mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?,
            7 if self.is_root => {
                let kind = *self
                    .random
                    .pick(&[FileType::CharacterDevice, FileType::BlockDevice]);
                let minor = u32::try_from(self.random.below(1 << 18)).unwrap_or(0);
                mknodat(
                    CWD,
                    path,
                    kind,
                    Mode::from_raw_mode(0o600),
                    makedev(7, minor),
                )?;
            }
            8 | 9 if !self.files.is_empty() => {
                let first = self.random.pick(&self.files).clone();
                fs::hard_link(first, path)?;
            }
            10 => self.make_sparse(path)?,
            11 if self.extremes => {
                mknodat(CWD, path, FileType::Socket, Mode::from_raw_mode(0o600), 0)?;
            }
            12 if self.extremes && self.random.one_in(12) => self.make_deep(path)?,
            13 if self.extremes && self.random.one_in(20) => self.make_huge(path)?,
            _ => {
                let content = self.content();
                fs::write(path, content)?;
                self.files.push(path.to_owned());
            }
        }
        Ok(())
    }

    fn make_symlink(&mut self, path: &Path) -> io::Result<()> {
        let long = "x/".repeat(2000);
        let targets: [&[u8]; 7] = [
            b"f1",
            b"../..",
            b"/etc/passwd",
            b"nowhere",
            b"caf\xe9\n",
            b".",
            long.as_bytes(),
        ];
        match symlink(OsStr::from_bytes(self.random.pick::<&[u8]>(&targets)), path) {
            // XFS takes 1023 bytes only.
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => {
                symlink("nowhere", path)
            }
            done => done,
        }
    }

    /// A chain of directories whose path is longer than any system call takes, with a file at its end.
    fn make_deep(&mut self, path: &Path) -> io::Result<()> {
        const DEPTH: usize = 17;
        fs::create_dir(path)?;
        let name = "d".repeat(250);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut chain = vec![openat(CWD, path, flags, Mode::empty())?];
        for depth in 0..DEPTH {
            mkdirat(&chain[depth], &name, Mode::RWXU)?;
            chain.push(openat(&chain[depth], &name, flags, Mode::empty())?);
        }
        let through =
            |directory: &OwnedFd| PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
        let file = through(&chain[DEPTH]).join("f1");
        let content = self.content();
        fs::write(&file, content)?;
        self.decorate(&file)?;
        for directory in chain[..DEPTH].iter().rev() {
            self.decorate(&through(directory).join(&name))?;
        }
        Ok(())
    }

    /// A file that is larger than the size field of a tar header can say, nearly all of it a hole.
    fn make_huge(&mut self, path: &Path) -> io::Result<()> {
        let file = File::create(path)?;
        let end = (8 << 30) + self.random.below(1 << 31);
        file.set_len(end)?;
        let length = usize::try_from(self.random.below(9000)).unwrap_or(0);
        let data = self.random.bytes(length);
        file.write_all_at(&data, self.random.below(end - 9000))?;
        Ok(())
    }

    fn make_sparse(&mut self, path: &Path) -> io::Result<()> {
        let file = File::create(path)?;
        let mut end = 0;
        for _ in 0..self.random.below(4) {
            let length = usize::try_from(1 + self.random.below(9000)).unwrap_or(1);
            let data = self.random.bytes(length);
            let offset = end + self.random.below(40) * 4096;
            file.write_all_at(&data, offset)?;
            end = offset + data.len() as u64;
        }
        file.set_len(end + self.random.below(3) * 65_536)?;
        self.files.push(path.to_owned());
        self.contents.push(fs::read(path)?);
        Ok(())
    }

    fn content(&mut self) -> Vec<u8> {
        if self.random.one_in(3) && !self.contents.is_empty() {
            return self.random.pick(&self.contents).clone();
        }
        let length = match self.random.below(10) {
            0 => 0,
            1..=2 => self.random.below(1024),
            3 => 1024 + self.random.below(2),
            4..=7 => 1024 + self.random.below(9000),
            _ => 100_000 + self.random.below(100_000),
        };
        let length = usize::try_from(length).unwrap_or(0);
        let content = if self.random.one_in(8) {
            vec![0; length]
        } else {
            self.random.bytes(length)
        };
        self.contents.push(content.clone());
        content
    }

    /// Owner, then mode, then attributes, then times: each disturbs the ones before.
    fn decorate(&mut self, path: &Path) -> io::Result<()> {
        let metadata = fs::symlink_metadata(path)?;
        if self.is_root && self.random.one_in(3) {
            let id = |random: &mut Random| u32::try_from(random.below(70_000)).unwrap_or(0);
            let (uid, gid) = (
                Uid::from_raw(id(self.random)),
                Gid::from_raw(id(self.random)),
            );
            chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        if !metadata.is_symlink() {
            let modes = [
                0o644, 0o755, 0o4755, 0o2750, 0o1777, 0o600, 0o444, 0o555, 0o7777, 0o000,
            ];
            let mode = *self.random.pick(&modes);
            // Without root's powers what cannot be read cannot be packed.
            let mode = if self.is_root {
                mode
            } else if metadata.is_dir() && path != self.root {
                mode | 0o500
            } else {
                mode | if metadata.is_dir() { 0o700 } else { 0o400 }
            };
            chmodat(CWD, path, Mode::from_raw_mode(mode), AtFlags::empty())?;
        }
        if (metadata.is_file() || metadata.is_dir()) && self.random.one_in(4) {
            self.set_attributes(path, metadata.is_dir())?;
        }
        let random = &mut *self.random;
        let mut time = || Timespec {
            tv_sec: match random.below(20) {
                // The ends of what usual file systems keep.
                0 => *random.pick(&[-(1 << 31), -1, 0, (1 << 32) + 1, (1 << 33) + 1]),
                _ => i64::try_from(random.below(3_000_000_000)).unwrap_or(0) - 500_000_000,
            },
            tv_nsec: match random.below(4) {
                0 => 0,
                _ => i64::try_from(random.below(1_000_000_000)).unwrap_or(0),
            },
        };
        let times = Timestamps {
            last_access: time(),
            last_modification: time(),
        };
        utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(())
    }

    fn set_attributes(&mut self, path: &Path, is_directory: bool) -> io::Result<()> {
        // user::rw- user:1234:r-- group::r-- mask::r-- other::---, as the kernel keeps an ACL.
        const ACL: &[u8] = b"\x02\0\0\0\
            \x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\xd2\x04\0\0\x04\0\x04\0\xff\xff\xff\xff\
            \x10\0\x04\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff";
        // cap_net_bind_service, effective and permitted, revision 2.
        const CAPABILITY: &[u8] = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let set = |name: &[u8], value: &[u8]| {
            lsetxattr(path, OsStr::from_bytes(name), value, XattrFlags::empty())
        };
        let length = usize::try_from(self.random.below(300)).unwrap_or(0);
        let value = self.random.bytes(length);
        let name = *self.random.pick(&[
            &b"user.plain"[..],
            b"user.caf\xe9",
            b"user.new\nline",
            b"user.a=b%3D%25%",
        ]);
        // As another user a file that may not be written cannot have attributes set.
        if let Err(error) = set(name, &value)
            && self.is_root
        {
            return Err(error.into());
        }
        if self.is_root {
            match self.random.below(4) {
                0 => set(b"system.posix_acl_access", ACL)?,
                1 if is_directory => set(b"system.posix_acl_default", ACL)?,
                1 => set(b"security.capability", CAPABILITY)?,
                2 => set(b"trusted.note", b"7=SCHILY.xattr.\n=\0")?,
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree_listing;

    #[test]
    fn the_same_seed_grows_the_same_tree() {
        let grow = |seed| {
            let temp = tempfile::tempdir().unwrap();
            RandomTree::grow(temp.path(), 60, &mut Random::new(seed)).unwrap();
            tree_listing(temp.path())
        };
        for seed in 0..20 {
            assert_eq!(grow(seed), grow(seed), "seed {seed}");
        }
        assert_ne!(grow(1), grow(2));
    }
}
