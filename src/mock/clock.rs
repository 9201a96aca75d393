//! The cluster's time: the machine's, until a test holds it and moves it by hand.

use std::time::Duration;

use crate::time::Instant;

/// All times are of the clock that runs, and what is asked for is the cluster's.
#[derive(Debug, Default)]
pub(super) struct MockTime {
    /// While it stands still.
    held: Option<Instant>,
    /// How far the cluster's time is behind the clock, and how far ahead of it.
    behind: Duration,
    ahead: Duration,
}

impl MockTime {
    pub(super) fn now(&self, clock: Instant) -> Instant {
        self.held.unwrap_or_else(|| {
            Instant::ZERO + (clock.since(Instant::ZERO) + self.ahead).saturating_sub(self.behind)
        })
    }

    pub(super) fn hold(&mut self, clock: Instant) {
        self.held = Some(self.now(clock));
    }

    /// Lets it go on from where it stands.
    pub(super) fn release(&mut self, clock: Instant) {
        if let Some(held) = self.held.take() {
            self.ahead = held.since(clock);
            self.behind = clock.since(held);
        }
    }

    /// Moves it on, whether it stands still or not.
    pub(super) fn advance(&mut self, by: Duration) {
        match &mut self.held {
            Some(held) => *held = *held + by,
            None => self.ahead += by,
        }
    }

    /// What the clock will say at `moment` of the cluster's time; `None` if it stands still.
    pub(super) fn clock_at(&self, moment: Instant) -> Option<Instant> {
        let at = (moment.since(Instant::ZERO) + self.behind).saturating_sub(self.ahead);
        self.held.is_none().then_some(Instant::ZERO + at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_runs_stands_still_and_runs_on() {
        let mut time = MockTime::default();
        assert_eq!((time.now(at(5)), time.clock_at(at(7))), (at(5), Some(at(7))));
        time.hold(at(10));
        assert_eq!((time.now(at(90)), time.clock_at(at(11))), (at(10), None));
        time.advance(2 * SECOND);
        assert_eq!(time.now(at(91)), at(12));
        time.release(at(100));
        assert_eq!((time.now(at(101)), time.clock_at(at(15))), (at(13), Some(at(103))));
        time.advance(100 * SECOND);
        assert_eq!((time.now(at(101)), time.clock_at(at(115))), (at(113), Some(at(103))));
        // Moved ahead of the clock while it stood still.
        time.hold(at(101));
        time.advance(1000 * SECOND);
        time.release(at(102));
        assert_eq!((time.now(at(103)), time.clock_at(at(1115))), (at(1114), Some(at(104))));
    }
}
