//! Puts version, commit and date into `HASHGET_VERSION`.
//!
//! The commit is the last that touched the sources of the programs, `+` after it says that they were
//! changed since. It is looked up only when they are built anyway, so that commits of other files
//! cause no rebuild. Without git, or outside the repository, the version stands alone.

use std::env;
use std::process::Command;

/// What the programs are made of, relative to this package.
const SOURCES: [&str; 4] = ["..", "../../common", "../../Cargo.toml", "../../Cargo.lock"];

fn main() {
    for source in [
        "build.rs",
        "..",
        "../../common",
        "../../Cargo.toml",
        "../../Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={source}");
    }
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let known: Vec<String> = commit().into_iter().chain(date()).collect();
    let version = match known.as_slice() {
        [] => version,
        known => format!("{version} ({})", known.join(" ")),
    };
    println!("cargo::rustc-env=HASHGET_VERSION={version}");
}

fn commit() -> Option<String> {
    let commit =
        git(&["log", "-1", "--abbrev=10", "--format=%h"]).filter(|text| !text.is_empty())?;
    let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
    let sign = if changes.is_empty() { "" } else { "+" };
    Some(format!("{commit}{sign}"))
}

/// The day that `SOURCE_DATE_EPOCH` names, else that of the commit.
fn date() -> Option<String> {
    match env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => Some(day(seconds.trim().parse().ok()?)),
        Err(_) => git(&["log", "-1", "--format=%cs"]).filter(|text| !text.is_empty()),
    }
}

/// What git says about the sources.
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(args)
        .arg("--")
        .args(SOURCES)
        .output()
        .ok()?;
    let text = output.status.success().then_some(output.stdout)?;
    Some(String::from_utf8(text).ok()?.trim().to_owned())
}

/// The day of a time in seconds since 1970, in UTC: Howard Hinnant's `civil_from_days`.
fn day(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    // Counted from March.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + next_year)
}
