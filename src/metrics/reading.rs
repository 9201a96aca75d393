//! How a value is read from a series.

use std::time::Duration;

use crate::metrics::gauges::Gauges;
use crate::metrics::series::View;

/// A metric: its name, its meaning, and how it is read.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) reading: Reading,
}

/// The numbers are the indexes of sums and peaks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reading {
    /// The sum per second, over the sample windows.
    Rate(usize),
    /// The sum since the beginning.
    Total(usize),
    /// The sum divided by another, over the sample windows, in `unit`s.
    Mean { sum: usize, count: usize, unit: f64 },
    /// The largest value in the sample windows, in `unit`s. None if `count` is 0 there.
    Max { peak: usize, count: usize, unit: f64 },
    /// The part of the time, of a sum in nanoseconds. It is at most `most`: a wait is recorded when it ends, and may have
    /// begun before the sample windows.
    Share { sum: usize, most: f64 },
    /// The difference of two sums since the beginning.
    Difference(usize, usize),
    /// Something that exists now.
    Gauge(fn(&Gauges) -> Option<f64>),
}

/// Nanoseconds in a millisecond.
pub(super) const MILLISECOND: f64 = 1e6;
/// For what has no unit, or the unit of its sum.
pub(super) const ONE: f64 = 1.0;
/// A ratio is summed up in millionths.
pub(super) const MILLION: f64 = 1e6;

impl Reading {
    /// Whether the value only grows.
    pub(super) fn is_counter(self) -> bool {
        matches!(self, Self::Total(_))
    }

    /// `None` if nothing was recorded that the value could be of.
    pub(super) fn value<const SUMS: usize, const PEAKS: usize>(
        self,
        view: &View<SUMS, PEAKS>,
        gauges: &Gauges,
    ) -> Option<f64> {
        let View { totals, recent, peaks, elapsed } = view;
        match self {
            Self::Rate(sum) => Some(per_second(recent[sum], *elapsed)),
            Self::Total(sum) => Some(totals[sum] as f64),
            Self::Mean { sum, count, unit } => {
                (recent[count] > 0).then(|| recent[sum] as f64 / recent[count] as f64 / unit)
            }
            Self::Max { peak, count, unit } => (recent[count] > 0).then(|| peaks[peak] as f64 / unit),
            Self::Share { sum, most } => Some((per_second(recent[sum], *elapsed) / 1e9).min(most)),
            Self::Difference(from, less) => Some(totals[from].saturating_sub(totals[less]) as f64),
            Self::Gauge(gauge) => gauge(gauges),
        }
    }
}

fn per_second(sum: u64, elapsed: Duration) -> f64 {
    sum as f64 / elapsed.as_secs_f64()
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::metrics::series::{Series, Windows};
    use crate::time::Instant;

    /// Two batches: of 10 and of 30 bytes, half a second apart.
    fn view() -> View<2, 1> {
        let windows = Windows { samples: 2, length: Duration::from_secs(10) };
        let mut series = Series::new(Instant::ZERO);
        for (millis, bytes) in [(0, 10), (500, 30)] {
            let now = Instant::ZERO + Duration::from_millis(millis);
            series.at(now, windows).add(0, bytes).add(1, 1).peak(0, bytes);
        }
        series.view(Instant::ZERO + Duration::from_secs(5), windows)
    }

    fn read(reading: Reading) -> Option<f64> {
        reading.value(&view(), &Gauges::default())
    }

    #[test]
    fn each_kind_of_metric_is_read_as_its_name_says() {
        assert_eq!(read(Reading::Rate(0)), Some(4.0));
        assert_eq!(read(Reading::Total(0)), Some(40.0));
        assert_eq!(read(Reading::Mean { sum: 0, count: 1, unit: 2.0 }), Some(10.0));
        assert_eq!(read(Reading::Max { peak: 0, count: 1, unit: 2.0 }), Some(15.0));
        assert_eq!(read(Reading::Share { sum: 0, most: 1.0 }), Some(4e-9));
        assert_eq!(read(Reading::Share { sum: 0, most: 3e-9 }), Some(3e-9));
        assert_eq!(read(Reading::Difference(0, 1)), Some(38.0));
        assert_eq!(read(Reading::Gauge(|gauges| Some(gauges.waiting_threads as f64 + 3.0))), Some(3.0));
    }

    #[test]
    fn there_is_no_average_of_nothing_and_a_rate_of_zero() {
        let windows = Windows { samples: 2, length: Duration::from_secs(10) };
        let view = Series::<2, 1>::new(Instant::ZERO).view(Instant::ZERO, windows);
        let read = |reading: Reading| reading.value(&view, &Gauges::default());
        assert_eq!(read(Reading::Mean { sum: 0, count: 1, unit: ONE }), None);
        assert_eq!(read(Reading::Max { peak: 0, count: 1, unit: ONE }), None);
        assert_eq!(read(Reading::Rate(0)), Some(0.0));
    }
}
