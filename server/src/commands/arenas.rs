//! Keeps the memory of a server that runs for years flat.
//!
//! glibc gives threads arenas of their own, up to eight for each processor, and what was freed in one
//! is of no use to another. Requests are answered by whichever thread is idle, so that each arena
//! grows in time to what the largest requests need. And what is large comes from the system, and goes back to it,
//! only at first: after each the bound for that is raised, up to 32 MiB, and from then on it stays in the
//! arenas. Both can be set before the program begins and not later; so it begins once more, as the
//! same process. (Other allocators were measured: `docs/server-performance.md`.)

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// How many arenas there are: the second one is for those who find the first one locked.
const ARENAS: &str = "2";
/// The variable that glibc reads the number from. A value that is set already stays.
const VARIABLE: &str = "MALLOC_ARENA_MAX";
/// From how many bytes on memory comes from the system and goes back to it: less than a large answer,
/// more than the pieces that are used all the time.
const SYSTEM_BYTES: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "524288");
/// The other way to set it.
const TUNABLES: &str = "GLIBC_TUNABLES";

/// Begins the program anew with few arenas, unless their number is set. To be called before
/// anything else is done. Comes back where nothing is to be done, or cannot be: then the server only
/// takes more memory.
pub(super) fn bound() -> Option<io::Error> {
    let tunables = env::var_os(TUNABLES);
    if env::var_os(VARIABLE).is_some() || tunables.is_some_and(|all| is_set_in(&all)) {
        return None;
    }
    let mut arguments = env::args_os();
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(error) => return Some(error),
    };
    let mut again = Command::new(&program);
    again
        .arg0(arguments.next().unwrap_or_else(|| program.into()))
        .args(arguments)
        .env(VARIABLE, ARENAS);
    if env::var_os(SYSTEM_BYTES.0).is_none() {
        again.env(SYSTEM_BYTES.0, SYSTEM_BYTES.1);
    }
    Some(again.exec())
}

fn is_set_in(tunables: &OsStr) -> bool {
    tunables.to_string_lossy().contains("malloc.arena_max")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunables_of_others_are_no_number_of_arenas() {
        assert!(is_set_in(OsStr::new(
            "glibc.malloc.check=1:glibc.malloc.arena_max=8"
        )));
        assert!(!is_set_in(OsStr::new("glibc.malloc.check=1")));
    }
}
