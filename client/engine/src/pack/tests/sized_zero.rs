//! Files whose size says 0 and that have content all the same, as in /proc.

use std::fs;

use super::*;

#[test]
fn a_file_of_proc_is_packed_to_its_end() {
    let proc = Path::new("/proc/sys/kernel/random");
    let Ok(boot) = fs::read(proc.join("boot_id")) else {
        eprintln!("not run: there is no {}", proc.display());
        return;
    };
    assert_eq!(fs::metadata(proc.join("boot_id")).unwrap().len(), 0);
    assert!(boot.len() > 1);
    let case = Case::new();
    let output = Output::File(case.archive());
    let stats = pack(proc, output, &gzip(), &FakeLookup::default(), &case.told).unwrap();
    assert!(stats.archived_bytes >= boot.len() as u64);
    let (unpacked, _) = case.unpack();
    assert_eq!(fs::read(unpacked.join("boot_id")).unwrap(), boot);
}
