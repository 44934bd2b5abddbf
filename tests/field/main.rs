//! What users of backup tools reported, a row a case: real programs on inputs made for the report.
//!
//! A new report is a new row: its number, what was reported, the input, the commands and what must come. Rows stand in the file
//! of their subject.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod archives;
mod case;
mod commands;
mod first;
mod limits;
mod net;
mod patterns;
mod restore;
mod series;
mod snapshots;
