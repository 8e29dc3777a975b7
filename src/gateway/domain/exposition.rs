//! The text that Prometheus reads.

use std::fmt::{Display, Write};

/// Upper bounds of the buckets for short work, seconds; those of Prometheus' Python client, which JupyterHub uses.
pub const SHORT_S: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Upper bounds of the buckets for starts of servers, seconds; JupyterHub's.
pub const STARTS_S: &[f64] = &[0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0];

/// How often something took how long.
#[derive(Debug, Clone)]
pub struct Histogram {
    bounds: &'static [f64],
    counts: Vec<u64>,
    above: u64,
    sum_s: f64,
}

impl Histogram {
    /// One that has seen nothing.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len()], above: 0, sum_s: 0.0 }
    }

    /// Counts one more that took `seconds`.
    pub fn observe(&mut self, seconds: f64) {
        let bucket = self.bounds.iter().zip(&mut self.counts).find(|(bound, _)| seconds <= **bound);
        let count = bucket.map_or(&mut self.above, |(_, count)| count);
        *count = count.saturating_add(1);
        self.sum_s += seconds;
    }
}

/// Labels of one series, by name.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// A page in the making.
#[derive(Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// Begins a family of series; `kind` is `counter`, `gauge` or `histogram`.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// A family of one value without labels.
    pub fn number(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.value(name, &[], value);
    }

    /// One value of the family.
    pub fn value(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// The series of one histogram of the family.
    pub fn histogram(&mut self, name: &str, labels: Labels<'_>, histogram: &Histogram) {
        let mut seen: u64 = 0;
        let bucket = format!("{name}_bucket");
        for (bound, count) in histogram.bounds.iter().zip(&histogram.counts) {
            seen = seen.saturating_add(*count);
            let bound = format!("{bound:?}");
            self.value(&bucket, &[labels, &[("le", bound.as_str())]].concat(), seen);
        }
        seen = seen.saturating_add(histogram.above);
        self.value(&bucket, &[labels, &[("le", "+Inf")]].concat(), seen);
        self.value(&format!("{name}_count"), labels, seen);
        self.value(&format!("{name}_sum"), labels, format!("{:?}", histogram.sum_s));
    }

    /// The page.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_from_below() {
        let mut took = Histogram::new(&[0.5, 1.0]);
        for seconds in [0.25, 0.5, 0.75, 2.0] {
            took.observe(seconds);
        }
        let mut page = Exposition::default();
        page.family("took_seconds", "histogram", "How long");
        page.histogram("took_seconds", &[("status", "success")], &took);
        let lines = [
            "# HELP took_seconds How long",
            "# TYPE took_seconds histogram",
            "took_seconds_bucket{status=\"success\",le=\"0.5\"} 2",
            "took_seconds_bucket{status=\"success\",le=\"1.0\"} 3",
            "took_seconds_bucket{status=\"success\",le=\"+Inf\"} 4",
            "took_seconds_count{status=\"success\"} 4",
            "took_seconds_sum{status=\"success\"} 3.5",
        ];
        assert_eq!(page.into_text().lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn a_label_cannot_end_its_line() {
        let mut page = Exposition::default();
        page.value("x", &[("a", "1\"\n\\"), ("b", "2")], 7);
        page.value("y", &[], 0.5);
        assert_eq!(page.into_text(), "x{a=\"1\\\"\\n\\\\\",b=\"2\"} 7\ny 0.5\n");
    }
}
