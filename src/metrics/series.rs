//! Sums and peaks over the last windows of time, as Kafka's clients sample them.
//!
//! A series counts for ever. When a window begins, it notes what its sums were. So the sum over the last windows is a
//! difference, and recording is an addition, whatever the number of windows is. All sums of a series share its windows.
//!
//! ```text
//!   sums        0 ───── 70 ───── 100 ──▶ 130
//!   windows     │ start, 0  │ start, 70  │ start, 100 (current)
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Instant;

/// `metrics_num_samples` windows of `metrics_sample_window_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    /// At least 1.
    pub(crate) samples: usize,
    /// Not zero.
    pub(crate) length: Duration,
}

impl Windows {
    /// A window counts until this time after its start.
    fn span(self) -> Duration {
        self.length.saturating_mul(u32::try_from(self.samples).unwrap_or(u32::MAX))
    }

    /// The shortest time that a rate is computed over. With less, the first records of a program would look like a high
    /// rate.
    fn shortest(self) -> Duration {
        let others = u32::try_from(self.samples.saturating_sub(1)).unwrap_or(u32::MAX);
        self.length.saturating_mul(others.max(1))
    }
}

/// `SUMS` sums, and `PEAKS` largest values.
#[derive(Debug)]
pub(super) struct Series<const SUMS: usize, const PEAKS: usize> {
    sums: [u64; SUMS],
    current: Window<SUMS, PEAKS>,
    /// Oldest first.
    older: VecDeque<Window<SUMS, PEAKS>>,
}

#[derive(Clone, Copy, Debug)]
struct Window<const SUMS: usize, const PEAKS: usize> {
    start: Instant,
    /// The sums at its start.
    before: [u64; SUMS],
    peaks: [u64; PEAKS],
}

impl<const SUMS: usize, const PEAKS: usize> Series<SUMS, PEAKS> {
    pub(super) fn new(now: Instant) -> Self {
        let current = Window { start: now, before: [0; SUMS], peaks: [0; PEAKS] };
        Self { sums: [0; SUMS], current, older: VecDeque::new() }
    }

    /// For events at `now`. Begins a new window if the current one is over.
    #[inline]
    pub(super) fn at(&mut self, now: Instant, windows: Windows) -> &mut Self {
        if now.since(self.current.start) >= windows.length {
            self.roll(now, windows);
        }
        self
    }

    #[cold]
    fn roll(&mut self, now: Instant, windows: Windows) {
        let next = Window { start: now, before: self.sums, peaks: [0; PEAKS] };
        self.older.push_back(std::mem::replace(&mut self.current, next));
        let span = windows.span();
        while self
            .older
            .front()
            .is_some_and(|oldest| self.older.len() >= windows.samples || now.since(oldest.start) >= span)
        {
            self.older.pop_front();
        }
    }

    /// A sum never overflows: nanoseconds would take centuries.
    #[inline]
    pub(super) fn add(&mut self, sum: usize, value: u64) -> &mut Self {
        self.sums[sum] = self.sums[sum].wrapping_add(value);
        self
    }

    #[inline]
    pub(super) fn peak(&mut self, peak: usize, value: u64) -> &mut Self {
        self.current.peaks[peak] = self.current.peaks[peak].max(value);
        self
    }

    /// What the windows hold that count at `now`.
    pub(super) fn view(&self, now: Instant, windows: Windows) -> View<SUMS, PEAKS> {
        let span = windows.span();
        let live = self.older.iter().chain([&self.current]).filter(|window| now.since(window.start) < span);
        let oldest = live.clone().next();
        let before = oldest.map_or(&self.sums, |oldest| &oldest.before);
        let mut recent = self.sums;
        recent.iter_mut().zip(before).for_each(|(sum, before)| *sum = sum.wrapping_sub(*before));
        let mut peaks = [0; PEAKS];
        for window in live {
            peaks.iter_mut().zip(window.peaks).for_each(|(peak, other)| *peak = other.max(*peak));
        }
        let elapsed = oldest.map_or(Duration::ZERO, |oldest| now.since(oldest.start));
        View { totals: self.sums, recent, peaks, elapsed: elapsed.max(windows.shortest()) }
    }
}

/// A series at one time.
#[derive(Clone, Debug)]
pub(super) struct View<const SUMS: usize, const PEAKS: usize> {
    /// Since the beginning.
    pub(super) totals: [u64; SUMS],
    /// Over the last windows.
    pub(super) recent: [u64; SUMS],
    pub(super) peaks: [u64; PEAKS],
    /// The time that `recent` is of.
    pub(super) elapsed: Duration,
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    const TWO_OF_30_S: Windows = Windows { samples: 2, length: Duration::from_secs(30) };

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn series() -> Series<1, 1> {
        Series::new(at(0))
    }

    /// The sum, the peak and the milliseconds that they are of.
    fn seen(series: &Series<1, 1>, windows: Windows, millis: u64) -> (u64, u64, u128) {
        let view = series.view(at(millis), windows);
        (view.recent[0], view.peaks[0], view.elapsed.as_millis())
    }

    /// One event of 1 in each second, seconds `from..to`.
    fn fill(series: &mut Series<1, 1>, windows: Windows, from: u64, to: u64) {
        for second in from..to {
            series.at(at(second * 1000), windows).add(0, 1).peak(0, second);
        }
    }

    #[test]
    fn a_rate_is_over_the_time_since_the_oldest_window_and_over_one_window_at_least() {
        let mut series = series();
        fill(&mut series, TWO_OF_30_S, 0, 1);
        assert_eq!(seen(&series, TWO_OF_30_S, 1_000), (1, 0, 30_000));
        fill(&mut series, TWO_OF_30_S, 1, 30);
        assert_eq!(seen(&series, TWO_OF_30_S, 30_000), (30, 29, 30_000));
        fill(&mut series, TWO_OF_30_S, 30, 45);
        assert_eq!(seen(&series, TWO_OF_30_S, 45_000), (45, 44, 45_000));
        fill(&mut series, TWO_OF_30_S, 45, 60);
        assert_eq!(seen(&series, TWO_OF_30_S, 59_999), (60, 59, 59_999));
    }

    #[test]
    fn the_oldest_window_ends_to_the_millisecond() {
        let mut series = series();
        fill(&mut series, TWO_OF_30_S, 0, 60);
        // The first window is over, with or without an event after it.
        assert_eq!(seen(&series, TWO_OF_30_S, 60_000), (30, 59, 30_000));
        fill(&mut series, TWO_OF_30_S, 60, 61);
        assert_eq!(seen(&series, TWO_OF_30_S, 61_000), (31, 60, 31_000));
    }

    #[test]
    fn the_peak_of_a_window_ends_with_it() {
        let mut series = series();
        series.at(at(0), TWO_OF_30_S).add(0, 1).peak(0, 9);
        series.at(at(30_000), TWO_OF_30_S).add(0, 1).peak(0, 4);
        assert_eq!(seen(&series, TWO_OF_30_S, 59_999).1, 9);
        assert_eq!(seen(&series, TWO_OF_30_S, 60_000).1, 4);
    }

    #[test]
    fn after_a_long_idle_time_nothing_is_recent_and_the_totals_stay() {
        let mut series = series();
        fill(&mut series, TWO_OF_30_S, 0, 40);
        assert_eq!(seen(&series, TWO_OF_30_S, 1_000_000), (0, 0, 30_000));
        assert_eq!(series.view(at(1_000_000), TWO_OF_30_S).totals, [40]);
        series.at(at(1_000_000), TWO_OF_30_S).add(0, 7).peak(0, 3);
        assert_eq!(seen(&series, TWO_OF_30_S, 1_001_000), (7, 3, 30_000));
        assert!(series.older.is_empty(), "windows that are over take no memory");
    }

    #[test]
    fn memory_is_bounded_by_the_number_of_windows() {
        for samples in [1, 2, 5] {
            let windows = Windows { samples, length: Duration::from_secs(1) };
            let mut series = series();
            fill(&mut series, windows, 0, 100);
            assert_eq!(series.older.len(), samples - 1);
            let expected = (samples as u64, 99, samples as u128 * 1000);
            let view = seen(&series, windows, 99_999);
            assert_eq!((view.0, view.1, view.2.div_ceil(1000) * 1000), expected);
        }
    }

    /// With one window there would be no time at all to compute a rate over when it begins.
    #[test]
    fn one_window_counts_as_a_whole_one() {
        let windows = Windows { samples: 1, length: Duration::from_secs(10) };
        let mut series = series();
        fill(&mut series, windows, 0, 11);
        assert_eq!(seen(&series, windows, 10_000), (1, 10, 10_000));
    }

    #[test]
    fn times_that_go_back_or_far_ahead_do_no_harm() {
        let mut series = series();
        series.at(at(50_000), TWO_OF_30_S).add(0, 1).peak(0, 1);
        series.at(at(10), TWO_OF_30_S).add(0, 1).peak(0, 2);
        assert_eq!(seen(&series, TWO_OF_30_S, 20), (2, 2, 30_000));
        let end = Instant::from_nanos(u64::MAX);
        assert_eq!(series.at(end, TWO_OF_30_S).view(end, TWO_OF_30_S).recent, [0]);
        let for_ever = Windows { samples: usize::MAX, length: Duration::MAX };
        series.at(end, for_ever).add(0, 1);
        assert_eq!(series.view(end, for_ever).totals, [3]);
    }
}
