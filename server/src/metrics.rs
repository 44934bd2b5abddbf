//! What `/metrics` tells, in the text form of Prometheus.
//!
//! Requests are counted by method, route pattern and status, never by path: there are as many
//! paths as digests.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the classes of durations, in seconds.
const BOUNDS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0];

/// What a series of requests has in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Labels {
    /// One of the methods of HTTP, or `other`.
    pub(crate) method: &'static str,
    /// The pattern of its route, or `none`.
    pub(crate) route: Cow<'static, str>,
    /// The status of the answer.
    pub(crate) status: u16,
}

#[derive(Default)]
struct Series {
    count: u64,
    seconds: f64,
    classes: [u64; BOUNDS.len()],
    sent_bytes: u64,
}

/// The counters of this process.
#[derive(Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<Labels, Series>>,
    in_flight: AtomicU64,
    refused: AtomicU64,
}

impl Metrics {
    /// A request has come.
    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was refused because its client or token asks too often.
    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// The answer to a request was sent, or given up.
    pub(crate) fn end(&self, labels: Labels, duration: Duration, sent_bytes: u64) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let series = requests.entry(labels).or_default();
        let seconds = duration.as_secs_f64();
        series.count += 1;
        series.seconds += seconds;
        series.sent_bytes += sent_bytes;
        for (class, bound) in series.classes.iter_mut().zip(BOUNDS) {
            *class += u64::from(seconds <= bound);
        }
    }

    /// Writes what was counted.
    pub(crate) fn write(&self, page: &mut Page) -> fmt::Result {
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        page.one(
            "requests_in_flight",
            "gauge",
            "Requests not yet answered",
            in_flight,
        )?;
        let refused = self.refused.load(Ordering::Relaxed);
        let help = "Requests refused because their client or token asks too often";
        page.one("rate_limited_requests_total", "counter", help, refused)?;
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        page.head("sent_bytes_total", "counter", "Bytes of answers' bodies")?;
        for (labels, series) in requests.iter() {
            page.line("sent_bytes_total", &labels.to_string(), series.sent_bytes)?;
        }
        let name = "request_duration_seconds";
        page.head(
            name,
            "histogram",
            "Time from a request to the end of its answer",
        )?;
        for (labels, series) in requests.iter() {
            let labels = labels.to_string();
            for (class, bound) in series.classes.iter().zip(BOUNDS) {
                let labels = format!("{labels},le=\"{bound}\"");
                page.line(&format!("{name}_bucket"), &labels, class)?;
            }
            let all = format!("{labels},le=\"+Inf\"");
            page.line(&format!("{name}_bucket"), &all, series.count)?;
            page.line(&format!("{name}_sum"), &labels, series.seconds)?;
            page.line(&format!("{name}_count"), &labels, series.count)?;
        }
        Ok(())
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            route,
            status,
        } = self;
        let route = escape(route);
        write!(
            f,
            "method=\"{method}\",route=\"{route}\",status=\"{status}\""
        )
    }
}

/// A page of metrics, each with the prefix `hashserver_`.
#[derive(Default)]
pub(crate) struct Page {
    /// The text so far.
    pub(crate) text: String,
}

impl Page {
    /// Says what a metric is.
    pub(crate) fn head(&mut self, name: &str, kind: &str, help: &str) -> fmt::Result {
        writeln!(self.text, "# HELP hashserver_{name} {help}")?;
        writeln!(self.text, "# TYPE hashserver_{name} {kind}")
    }

    /// One value of a metric.
    pub(crate) fn line(
        &mut self,
        name: &str,
        labels: &str,
        value: impl fmt::Display,
    ) -> fmt::Result {
        match labels {
            "" => writeln!(self.text, "hashserver_{name} {value}"),
            _ => writeln!(self.text, "hashserver_{name}{{{labels}}} {value}"),
        }
    }

    /// A metric with a single value.
    pub(crate) fn one(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        value: impl fmt::Display,
    ) -> fmt::Result {
        self.head(name, kind, help)?;
        self.line(name, "", value)
    }
}

/// The value of a label.
pub(crate) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let metrics = Metrics::default();
        for (status, millis) in [(200, 3), (200, 200), (404, 0)] {
            metrics.begin();
            let labels = Labels {
                method: "GET",
                route: "/a/{digest:.*}".into(),
                status,
            };
            metrics.end(labels, Duration::from_millis(millis), 10);
        }
        let mut page = Page::default();
        metrics.write(&mut page).unwrap();
        let series = "{method=\"GET\",route=\"/a/{digest:.*}\",status=\"200\"";
        for line in [
            "# TYPE hashserver_request_duration_seconds histogram".to_owned(),
            format!("hashserver_request_duration_seconds_bucket{series},le=\"0.005\"}} 1"),
            format!("hashserver_request_duration_seconds_bucket{series},le=\"+Inf\"}} 2"),
            format!("hashserver_request_duration_seconds_count{series}}} 2"),
            format!("hashserver_sent_bytes_total{series}}} 20"),
            "hashserver_requests_in_flight 0".to_owned(),
        ] {
            assert!(
                page.text.lines().any(|found| found == line),
                "{line}\n{}",
                page.text
            );
        }
        assert_eq!(escape("a\"\\\n"), "a\\\"\\\\\\n");
    }
}
