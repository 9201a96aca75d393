//! Metrics as a table for people.

use std::fmt;
use std::time::Duration;

use crate::metrics::snapshot::Metrics;

/// A table with a heading for each group. A value that nothing was recorded for is shown as `-`.
impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "no metrics");
        }
        let width = self.iter().map(|metric| metric.name().len()).max().unwrap_or(0);
        let mut heading = String::new();
        for metric in self {
            let group = metric.group();
            if group != heading {
                writeln!(f, "{group}")?;
                heading = group;
            }
            let value = metric.value().map_or_else(|| "-".to_owned(), number);
            writeln!(f, "  {:width$}  {value:>14}", metric.name())?;
        }
        writeln!(f, "timings")?;
        let titles = ["count", "mean", "p50", "p95", "p99", "p99.9", "max"];
        write!(f, "  {:12}", "")?;
        titles.iter().try_for_each(|title| write!(f, " {title:>10}"))?;
        writeln!(f)?;
        for (timing, histogram) in self.timings() {
            write!(f, "  {timing:12} {:>10}", histogram.count())?;
            let quantiles = [0.5, 0.95, 0.99, 0.999].map(|quantile| histogram.quantile(quantile));
            for value in [histogram.mean()].into_iter().chain(quantiles).chain([histogram.max()]) {
                write!(f, " {:>10}", value.map_or_else(|| "-".to_owned(), duration))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Whole numbers without a fraction, others with three digits of it.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// Three digits or more, in a unit that fits.
fn duration(duration: Duration) -> String {
    match duration.as_nanos() as f64 {
        nanos if nanos < 1e3 => format!("{nanos:.0} ns"),
        nanos if nanos < 1e6 => format!("{:.1} µs", nanos / 1e3),
        nanos if nanos < 1e9 => format!("{:.1} ms", nanos / 1e6),
        nanos => format!("{:.1} s", nanos / 1e9),
    }
}
