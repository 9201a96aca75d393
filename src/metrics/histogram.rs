//! Histograms of durations, with buckets whose width grows with the duration.
//!
//! Each power of two of nanoseconds is divided into [`PARTS`] buckets of the same width. So a bucket is at most an eighth
//! as wide as its lower end, and its middle differs by at most a sixteenth (6.25 %) from each duration in it. The number
//! of buckets is fixed: recording takes constant time, and the memory does not depend on what is recorded.

use std::fmt;
use std::time::Duration;

use crate::metrics::series::{Series, View, Windows};
use crate::time::Instant;

/// The parts of a power of two.
const PARTS: usize = 8;
const PARTS_LOG: u32 = PARTS.trailing_zeros();
/// The first power of two that has no bucket: 2^42 ns are 73 minutes. The last bucket has everything that is longer.
const END_LOG: u32 = 42;
const BUCKETS: usize = (END_LOG - PARTS_LOG + 1) as usize * PARTS;
/// After the buckets: the sum of all durations.
const SUM: usize = BUCKETS;
const SUMS: usize = BUCKETS + 1;
const LONGEST: usize = 0;
/// The peak of the complement, which is the complement of the shortest.
const SHORTEST: usize = 1;

/// The bucket of a duration.
fn bucket(nanos: u64) -> usize {
    if nanos < PARTS as u64 {
        return nanos as usize;
    }
    let log = nanos.ilog2();
    if log >= END_LOG {
        return BUCKETS - 1;
    }
    let part = (nanos >> (log - PARTS_LOG)) as usize % PARTS;
    (log - PARTS_LOG + 1) as usize * PARTS + part
}

/// The first duration that is longer than those of the bucket.
fn end(bucket: usize) -> u64 {
    let (power, part) = (bucket / PARTS, (bucket % PARTS) as u64);
    match u32::try_from(power).unwrap_or(u32::MAX).checked_sub(1) {
        None => part + 1,
        Some(shift) => (PARTS as u64 + part + 1) << shift,
    }
}

/// The middle of a bucket.
fn middle(bucket: usize) -> u64 {
    let start = bucket.checked_sub(1).map_or(0, end);
    start + (end(bucket) - start) / 2
}

/// Durations over time.
#[derive(Debug)]
pub(super) struct Durations(Series<SUMS, 2>);

impl Durations {
    pub(super) fn new(now: Instant) -> Self {
        Self(Series::new(now))
    }

    pub(super) fn record(&mut self, duration: Duration, now: Instant, windows: Windows) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let series = self.0.at(now, windows);
        series.add(bucket(nanos), 1).add(SUM, nanos).peak(LONGEST, nanos).peak(SHORTEST, !nanos);
    }

    pub(super) fn view(&self, now: Instant, windows: Windows) -> Histogram {
        Histogram(Box::new(self.0.view(now, windows)))
    }
}

/// How long one part of the work took: see [`Timing`](crate::Timing).
///
/// [`count`](Self::count) and [`sum`](Self::sum) are since the producer was built. All other values are of the sample
/// windows ([`metrics_sample_window`](crate::ProducerConfig::metrics_sample_window)). They are `None` if nothing was
/// recorded in these windows.
#[derive(Clone)]
pub struct Histogram(Box<View<SUMS, 2>>);

impl Histogram {
    /// Returns how many durations were recorded since the producer was built.
    pub fn count(&self) -> u64 {
        count(&self.0.totals)
    }

    /// Returns the sum of all durations since the producer was built.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.0.totals[SUM])
    }

    /// Returns how many durations were recorded in the sample windows.
    pub fn recent_count(&self) -> u64 {
        count(&self.0.recent)
    }

    /// Returns the average of the sample windows.
    pub fn mean(&self) -> Option<Duration> {
        self.0.recent[SUM].checked_div(self.recent_count()).map(Duration::from_nanos)
    }

    /// Returns the shortest duration in the sample windows.
    pub fn min(&self) -> Option<Duration> {
        (self.recent_count() > 0).then(|| Duration::from_nanos(!self.0.peaks[SHORTEST]))
    }

    /// Returns the longest duration in the sample windows.
    pub fn max(&self) -> Option<Duration> {
        (self.recent_count() > 0).then(|| Duration::from_nanos(self.0.peaks[LONGEST]))
    }

    /// Returns a quantile of the durations in the sample windows. For example, 99 % of the durations are not longer than
    /// `quantile(0.99)`. A value below 0 counts as 0, a value above 1 counts as 1.
    ///
    /// The result differs from the exact value by at most 6.25 %.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        let (min, max) = (self.min()?, self.max()?);
        let count = self.recent_count();
        // A number that is not one counts as 0.
        let rank = ((quantile.clamp(0.0, 1.0) * count as f64).ceil() as u64).clamp(1, count);
        // The first and the last are known exactly.
        match rank {
            1 => Some(min),
            last if last == count => Some(max),
            rank => Some(self.at_rank(rank).map_or(max, |found| found.clamp(min, max))),
        }
    }

    /// About the duration that is this one in order, counted from 1. `None` if it is longer than all buckets but the last.
    fn at_rank(&self, rank: u64) -> Option<Duration> {
        let mut seen = 0;
        let at = self.0.recent[..BUCKETS].iter().position(|count| {
            seen += count;
            seen >= rank
        });
        at.filter(|at| *at < BUCKETS - 1).map(|at| Duration::from_nanos(middle(at)))
    }

    /// How many durations since the beginning are shorter than 2^`log` nanoseconds.
    pub(super) fn shorter_than_power(&self, log: u32) -> u64 {
        let buckets = (log - PARTS_LOG + 1) as usize * PARTS;
        self.0.totals[..buckets].iter().sum()
    }
}

fn count(sums: &[u64; SUMS]) -> u64 {
    sums[..BUCKETS].iter().sum()
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Histogram");
        debug.field("count", &self.count()).field("sum", &self.sum());
        debug.field("p50", &self.quantile(0.5)).field("p99", &self.quantile(0.99)).field("max", &self.max());
        debug.finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows { samples: 2, length: Duration::from_secs(30) };

    fn histogram(nanos: impl IntoIterator<Item = u64>) -> Histogram {
        let mut durations = Durations::new(Instant::ZERO);
        for nanos in nanos {
            durations.record(Duration::from_nanos(nanos), Instant::ZERO, WINDOWS);
        }
        durations.view(Instant::ZERO, WINDOWS)
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        for bucket_of in 1..BUCKETS {
            let start = end(bucket_of - 1);
            assert_eq!((bucket(start - 1), bucket(start)), (bucket_of - 1, bucket_of), "{start}");
        }
        assert_eq!((end(BUCKETS - 1), bucket(u64::MAX)), (1 << END_LOG, BUCKETS - 1));
    }

    #[test]
    fn the_middle_of_a_bucket_is_near_all_of_it() {
        for log in PARTS_LOG..END_LOG {
            for nanos in [1 << log, (1 << log) + (1 << (log - PARTS_LOG)) - 1, (2 << log) - 1] {
                let middle = middle(bucket(nanos));
                let error = (middle as f64 - nanos as f64).abs() / nanos as f64;
                assert!(error <= 0.0625, "{nanos} is shown as {middle}");
            }
        }
    }

    #[test]
    fn quantiles_of_many_durations_are_within_the_promised_error() {
        let histogram = histogram((1..=10_000).map(|micros| micros * 1000));
        for quantile in [0.5, 0.95, 0.99, 0.999] {
            let exact = quantile * 10_000_000.0;
            let shown = histogram.quantile(quantile).unwrap().as_nanos() as f64;
            assert!((shown - exact).abs() / exact <= 0.0625, "{quantile}: {shown}");
        }
        assert_eq!(histogram.min(), Some(Duration::from_micros(1)));
        assert_eq!(histogram.max(), Some(Duration::from_millis(10)));
        assert_eq!((histogram.quantile(0.0), histogram.quantile(1.0)), (histogram.min(), histogram.max()));
        assert_eq!(
            (histogram.quantile(f64::NAN), histogram.quantile(-3.0)),
            (histogram.min(), histogram.min())
        );
        assert_eq!(histogram.mean(), Some(Duration::from_nanos(5_000_500)));
        assert_eq!((histogram.count(), histogram.sum()), (10_000, Duration::from_nanos(50_005_000_000)));
    }

    #[test]
    fn a_single_duration_is_shown_exactly_and_none_is_none() {
        let one = histogram([777]);
        assert_eq!([0.5, 0.99].map(|quantile| one.quantile(quantile)), [Some(Duration::from_nanos(777)); 2]);
        let none = histogram([]);
        assert_eq!(
            (none.quantile(0.5), none.min(), none.max(), none.mean(), none.count()),
            (None, None, None, None, 0)
        );
    }

    #[test]
    fn what_is_longer_than_the_last_bucket_is_shown_by_the_longest() {
        let hours = Duration::from_secs(7200).as_nanos() as u64;
        let histogram = histogram([1000, hours, hours + 5]);
        assert_eq!(histogram.quantile(0.5), Some(Duration::from_nanos(hours + 5)));
        assert_eq!(histogram.count(), 3);
    }

    #[test]
    fn powers_of_two_are_ends_of_buckets() {
        let histogram = histogram([1023, 1024, 2047, 2048, 1 << 37]);
        assert_eq!([10, 11, 12, 37, 38].map(|log| histogram.shorter_than_power(log)), [1, 3, 4, 4, 5]);
    }

    #[test]
    fn quantiles_are_of_the_windows_and_the_count_of_all_time() {
        let mut durations = Durations::new(Instant::ZERO);
        durations.record(Duration::from_secs(1), Instant::ZERO, WINDOWS);
        let later = Instant::ZERO + Duration::from_secs(90);
        durations.record(Duration::from_millis(1), later, WINDOWS);
        let histogram = durations.view(later, WINDOWS);
        assert_eq!((histogram.count(), histogram.recent_count()), (2, 1));
        assert_eq!(histogram.max(), Some(Duration::from_millis(1)));
    }
}
