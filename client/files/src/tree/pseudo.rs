//! File systems that show the state of the kernel instead of holding files.

use std::io;

use hashget_words::rel_path::RelPath;

use super::root::{TreeRoot, statx_at};

/// The numbers that statfs(2) gives, from the kernel's `magic.h`, `fs.h` and `hugetlbfs.h`.
const PSEUDO: [i64; 21] = [
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x1cd1,      // devpts
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0x6165_676c, // pstore
    0xde5e_81e4, // efivarfs
    0xcafe_4a11, // bpf
    0x6265_6570, // configfs
    0x1980_0202, // mqueue
    0x9584_58f6, // hugetlbfs
    0x4249_4e4d, // binfmt_misc
    0x6573_5543, // fusectl
    0xf97c_ff8c, // selinuxfs
    0x4341_5d53, // smackfs
    0x6e73_6673, // nsfs
    0x6759_6969, // rpc_pipefs
    0x0765_5821, // resctrl
];
const TMPFS: i64 = 0x0102_1994;

/// Whether `mount_point` shows a file system of the kernel, or the devices: devtmpfs, which statfs
/// does not tell from tmpfs, or the tmpfs that containers have in its place.
pub(super) fn is_pseudo(root: &TreeRoot, mount_point: &RelPath) -> io::Result<bool> {
    let kind = root.file_system(mount_point)?;
    Ok(is_pseudo_kind(kind) || kind == TMPFS && holds_devices(root, mount_point)?)
}

/// Whether `kind`, the number that statfs(2) gives, is that of a file system of the kernel.
pub fn is_pseudo_kind(kind: i64) -> bool {
    // Some machines give 32 bits with a sign.
    PSEUDO.contains(&(kind & 0xffff_ffff))
}

fn holds_devices(root: &TreeRoot, mount_point: &RelPath) -> io::Result<bool> {
    const NULL_DEVICE: (u32, u32) = (1, 3);
    const CHARACTER_DEVICE: u16 = 0o020_000;
    let directory = root.open_directory(mount_point)?;
    match statx_at(std::os::fd::AsFd::as_fd(&directory), b"null") {
        Ok(status) => Ok(status.stx_mode & 0o170_000 == CHARACTER_DEVICE
            && (status.stx_rdev_major, status.stx_rdev_minor) == NULL_DEVICE),
        Err(rustix::io::Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
