//! `compare-trees A B`: whether two trees are the same in all that the system tells of them.
//!
//! Ends with status 0 and says how much was compared, or with 1 and the first differences.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program's output"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use hashget_tests::{differences, listing_without_sockets};

fn main() -> ExitCode {
    let trees: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [left, right] = &trees[..] else {
        eprintln!("usage: compare-trees A B");
        return ExitCode::from(2);
    };
    let (left, right) = (
        listing_without_sockets(left),
        listing_without_sockets(right),
    );
    let (only_left, only_right) = differences(&left, &right);
    for (mark, lines) in [("-", &only_left), ("+", &only_right)] {
        for line in lines {
            println!("{mark} {line}");
        }
    }
    if left != right {
        eprintln!("the trees differ");
        return ExitCode::FAILURE;
    }
    let count = |what: &str| left.iter().filter(|line| line.contains(what)).count();
    println!(
        "the same: {} entries, {} directories, {} symbolic links, {} names of hard links",
        left.len(),
        count(" directory"),
        count(" link to "),
        count(" linked to "),
    );
    ExitCode::SUCCESS
}
