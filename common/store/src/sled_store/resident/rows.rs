//! The rows of all records in memory, by their numbers.

use std::sync::Arc;

use hashget_words::package_summary::PackageSummary;

/// How many numbers a page holds.
const PAGE: usize = 256;

/// What a page costs, in bytes.
const PAGE_BYTES: usize = size_of::<Page>();

#[derive(Debug)]
struct Page {
    rows: [Option<Arc<PackageSummary>>; PAGE],
    used: usize,
}

/// Summaries by number. Numbers are given in order, and pages without any are not kept.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pages: Vec<Option<Box<Page>>>,
    bytes: usize,
}

impl Rows {
    /// About how much memory they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.pages.capacity() * size_of::<Option<Box<Page>>>()
    }

    /// The summary of a record, if it is there.
    pub(super) fn get(&self, number: u32) -> Option<&Arc<PackageSummary>> {
        let number = number as usize;
        self.pages.get(number / PAGE)?.as_ref()?.rows[number % PAGE].as_ref()
    }

    /// Puts a summary in the place of what there was.
    pub(super) fn insert(&mut self, number: u32, summary: PackageSummary) {
        self.remove(number);
        let number = number as usize;
        if self.pages.len() <= number / PAGE {
            self.pages.resize_with(number / PAGE + 1, || None);
        }
        let page = self.pages[number / PAGE].get_or_insert_with(|| {
            self.bytes += PAGE_BYTES;
            Box::new(Page {
                rows: [const { None }; PAGE],
                used: 0,
            })
        });
        self.bytes += cost(&summary);
        page.used += 1;
        page.rows[number % PAGE] = Some(Arc::new(summary));
    }

    /// Takes a summary out.
    pub(super) fn remove(&mut self, number: u32) {
        let number = number as usize;
        let Some(place) = self.pages.get_mut(number / PAGE) else {
            return;
        };
        let Some(page) = place else {
            return;
        };
        if let Some(summary) = page.rows[number % PAGE].take() {
            self.bytes -= cost(&summary);
            page.used -= 1;
            if page.used == 0 {
                self.bytes -= PAGE_BYTES;
                *place = None;
            }
        }
    }
}

/// The bytes of a summary with what the allocator keeps for its parts.
fn cost(summary: &PackageSummary) -> usize {
    size_of::<PackageSummary>() + 16 + summary.url.len() + summary.project.as_str().len() + 48
}

#[cfg(test)]
mod tests {
    use super::*;
    use hashget_words::expiry::Expiry;
    use hashget_words::package_summary::PackageId;

    fn summary(number: u32) -> PackageSummary {
        PackageSummary {
            id: PackageId(number.into()),
            project: "p".parse().unwrap(),
            url: "u".repeat(number as usize % 50),
            sha256: None,
            size: None,
            expires: Expiry::Never,
            files: 0,
            anchors: 0,
        }
    }

    #[test]
    fn what_is_taken_out_costs_nothing_more() {
        let mut rows = Rows::default();
        for number in (1..3000).chain(1..20) {
            rows.insert(number, summary(number));
        }
        for number in 1..3000 {
            assert_eq!(**rows.get(number).unwrap(), summary(number));
        }
        assert!(rows.get(0).is_none() && rows.get(3000).is_none() && rows.get(u32::MAX).is_none());
        assert!(rows.bytes() > 3000 * size_of::<PackageSummary>());
        for number in (1..3000).chain([1, 5000]) {
            rows.remove(number);
            assert!(rows.get(number).is_none());
        }
        assert_eq!(rows.bytes, 0);
        assert!(rows.pages.iter().all(Option::is_none));
    }
}
