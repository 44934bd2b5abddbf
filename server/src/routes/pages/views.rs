//! What the templates are filled with.

use std::borrow::Cow;

use actix_web::ResponseError;
use askama::Template;
use hashget_api::DeadSource;
use hashget_words::expiry::Expiry;
use hashget_words::package_summary::PackageSummary;
use hashget_words::visible::visible;

use crate::error::ApiError;
use crate::state::State;

/// What is around every page.
#[derive(Clone)]
pub(super) struct Frame {
    pub(super) server: String,
    pub(super) version: &'static str,
    /// The path of the server, ending in `/`.
    pub(super) root: String,
    pub(super) query: String,
}

/// `/` without a question.
#[derive(Template)]
#[template(path = "home.html")]
pub(super) struct Home {
    pub(super) frame: Frame,
    pub(super) motd: Option<String>,
    pub(super) count_packages: String,
    pub(super) count_digests: String,
    pub(super) store_size: String,
    /// How many packages more or fewer, since when; nothing where only today is known.
    pub(super) gained: Option<String>,
    pub(super) count_dead: String,
    pub(super) rounds: String,
    pub(super) projects: Vec<ProjectRow>,
}

/// What the store held over time.
#[derive(Template)]
#[template(path = "growth.html")]
pub(super) struct GrowthPage {
    pub(super) frame: Frame,
    /// The last day that is known of each month, the latest first.
    pub(super) months: Vec<HeldRow>,
    /// The latest days, the latest first.
    pub(super) days: Vec<HeldRow>,
    /// One bar a month, the earliest first.
    pub(super) bars: Vec<Bar>,
}

/// What the store held on a day.
pub(super) struct HeldRow {
    pub(super) day: String,
    pub(super) packages: String,
    /// How many more than in the row before, with a sign; empty in the earliest.
    pub(super) gained: String,
    pub(super) digests: String,
    pub(super) packages_size: String,
    pub(super) store_size: String,
}

/// A bar of a chart that is [`Bar::FULL`] high.
pub(super) struct Bar {
    pub(super) left: usize,
    pub(super) top: u64,
    pub(super) height: u64,
}

/// The sources that are dead.
#[derive(Template)]
#[template(path = "sources.html")]
pub(super) struct Sources {
    pub(super) frame: Frame,
    pub(super) rounds: String,
    pub(super) summary: String,
    pub(super) dead: Vec<DeadSource>,
    pub(super) next: Option<String>,
}

/// A project in a table.
pub(super) struct ProjectRow {
    pub(super) name: String,
    pub(super) packages: String,
    pub(super) files: String,
    pub(super) size: String,
}

/// Packages that were found.
#[derive(Template)]
#[template(path = "found.html")]
pub(super) struct Found {
    pub(super) frame: Frame,
    pub(super) heading: String,
    pub(super) summary: String,
    /// How to search, where nothing was found.
    pub(super) hint: Option<&'static str>,
    pub(super) packages: Vec<PackageRow>,
    pub(super) next: Option<String>,
}

/// A package in a table.
pub(super) struct PackageRow {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) url: String,
    pub(super) project: String,
    pub(super) size: String,
    pub(super) files: String,
    pub(super) expires: String,
    /// Whether it could not be downloaded when that was last tried.
    pub(super) is_dead: bool,
}

#[derive(Template)]
#[template(path = "package.html")]
pub(super) struct OnePackage {
    pub(super) frame: Frame,
    pub(super) name: String,
    pub(super) url: String,
    pub(super) is_link: bool,
    pub(super) project: String,
    pub(super) size: String,
    pub(super) expires: String,
    pub(super) hashes: Vec<String>,
    pub(super) signatures: Vec<String>,
    pub(super) sources: Vec<SourceRow>,
    pub(super) count_files: usize,
    pub(super) count_anchors: usize,
    pub(super) files: Vec<FileRow>,
}

/// A URL of a package.
pub(super) struct SourceRow {
    pub(super) url: String,
    pub(super) state: &'static str,
    /// A day, or empty.
    pub(super) checked: String,
    /// Why it is dead, or empty.
    pub(super) reason: String,
}

/// A file of a package.
pub(super) struct FileRow {
    pub(super) digest: String,
    pub(super) is_anchor: bool,
}

/// What went wrong.
#[derive(Template)]
#[template(path = "failed.html")]
pub(super) struct Failed {
    frame: Frame,
    heading: String,
    message: String,
}

impl Frame {
    pub(super) fn new(state: &State, query: &str) -> Self {
        let base = state.settings.base_url.as_ref();
        Self {
            server: state.settings.name.clone(),
            version: env!("CARGO_PKG_VERSION"),
            root: base.map_or_else(|| "/".to_owned(), |base| base.path().to_owned()),
            query: query.to_owned(),
        }
    }

    /// What strangers published, shown as what it is.
    #[expect(clippy::unused_self, reason = "templates call only methods")]
    pub(super) fn shown<'a>(&self, text: &'a str) -> Cow<'a, str> {
        visible(text)
    }
}

impl Failed {
    pub(super) fn new(frame: Frame, error: &ApiError) -> Self {
        let status = error.status_code();
        Self {
            frame,
            heading: status.canonical_reason().unwrap_or("Error").to_owned(),
            message: error.told(),
        }
    }
}

impl Bar {
    /// How high the highest bar of a chart is.
    pub(super) const FULL: u64 = 100;
}

impl PackageRow {
    pub(super) fn new(package: PackageSummary, is_dead: bool) -> Self {
        Self {
            id: package.id.0,
            name: name(package.name()),
            is_dead,
            project: package.project.to_string(),
            size: package.size.map_or_else(|| "unknown".to_owned(), bytes),
            files: number(package.files),
            expires: expiry(package.expires),
            url: package.url,
        }
    }
}

/// A package's name; a URL may end without one.
pub(super) fn name(name: &str) -> String {
    match name {
        "" => "(no name)".to_owned(),
        name => name.to_owned(),
    }
}

/// A date, or never.
pub(super) fn expiry(expires: Expiry) -> String {
    expires
        .date()
        .map_or_else(|| "never".to_owned(), |date| date.to_string())
}

/// A number for people, with a comma before every three digits.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size for people.
#[allow(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(super) fn bytes(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if size < 1024.0 {
            return match unit {
                "B" => format!("{bytes} B"),
                _ => format!("{size:.1} {unit}"),
            };
        }
        size /= 1024.0;
    }
    format!("{size:.1} PiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn sizes_are_readable() {
        for (size, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (5 << 30, "5.0 GiB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }
}
