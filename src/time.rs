//! The only clock, and points in time that are passed as arguments.
//!
//! All other files get `now` as an argument; a lint checks it (`.clippy.toml`). A [`Clock`] also does the waiting, so that
//! a test, a simulation or a model checker that moves the clock decides when a timeout ends.

#[cfg(test)]
use std::sync::Arc;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[cfg(test)]
use crate::sync::{Alarm, AtomicU64, Mutex, Ordering, schedule};
use crate::sync::{Condvar, MutexGuard};

/// A point in monotonic time, in nanoseconds since an origin of the process.
///
/// This is not `std::time::Instant`, because that type can't be made from a number, which virtual time, seeds and traces
/// need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Instant(u64);

impl Instant {
    pub(crate) const ZERO: Self = Self(0);

    #[cfg(test)]
    pub(crate) const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    #[cfg(all(test, feature = "mock"))]
    pub(crate) const fn nanos(self) -> u64 {
        self.0
    }

    /// The time since `earlier`; zero if `earlier` is later.
    pub(crate) const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

/// The end of a limit of time. It is computed once, when a call begins, and then passed on, so that no step starts it anew.
/// [`Deadline::NEVER`] is the largest value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) const NEVER: Self = Self(Instant(u64::MAX));

    pub(crate) const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// `timeout` after `now`. `None`, and a value that overflows, is [`Deadline::NEVER`].
    pub(crate) fn after(now: Instant, timeout: impl Into<Option<Duration>>) -> Self {
        timeout.into().map_or(Self::NEVER, |timeout| Self(now + timeout))
    }

    pub(crate) fn has_passed(self, now: Instant) -> bool {
        self != Self::NEVER && self.0 <= now
    }

    /// The time that is left at `now`. `None` is no limit.
    pub(crate) fn remaining(self, now: Instant) -> Option<Duration> {
        (self != Self::NEVER).then(|| self.0.since(now))
    }

    pub(crate) fn instant(self) -> Option<Instant> {
        (self != Self::NEVER).then_some(self.0)
    }
}

/// Milliseconds since 1970, negative before. A value that does not fit becomes the nearest one that does.
pub(crate) fn millis_since_epoch(time: SystemTime) -> i64 {
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => millis(after),
        // A part of a millisecond before 1970 is before 1970.
        Err(before) => -millis(before.duration()).max(1),
    }
}

/// The time `millis` milliseconds after 1970. It is 1970 if this machine has no such time.
pub(crate) fn since_epoch(millis: i64) -> SystemTime {
    let distance = Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    time.unwrap_or(UNIX_EPOCH)
}

/// Reads the time and waits.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    /// The machine's clock.
    System,
    /// A clock that a test moves.
    #[cfg(test)]
    #[allow(dead_code, reason = "where a schedule has the time, nobody moves it")]
    Manual(ManualClock),
    /// The clock of the schedule that this thread runs under.
    #[cfg(test)]
    #[allow(dead_code, reason = "model checkers have a schedule of their own")]
    Simulated,
}

impl Clock {
    /// Whether this is the machine's clock. If not, no decision may depend on the machine either.
    pub(crate) fn is_the_machines(&self) -> bool {
        matches!(self, Self::System)
    }

    pub(crate) fn now(&self) -> Instant {
        match self {
            Self::System => system_now(),
            #[cfg(test)]
            Self::Manual(clock) => clock.now(),
            #[cfg(test)]
            Self::Simulated => Instant(schedule::now()),
        }
    }

    /// Milliseconds since 1970, as coarse as the kernel's tick (1–4 ms). That is enough for the timestamp of a record, and
    /// takes a fifth of the time of the precise clock.
    pub(crate) fn wall_millis(&self) -> i64 {
        match self {
            Self::System => system_wall_millis(),
            #[cfg(test)]
            Self::Manual(_) | Self::Simulated => {
                const EPOCH: i64 = 1_700_000_000_000;
                EPOCH + i64::try_from(self.now().0 / 1_000_000).unwrap_or(i64::MAX - EPOCH)
            }
        }
    }

    /// Releases `guard` until `condvar` is notified or `deadline` comes, or without a reason. The caller checks its state
    /// again, and then the time.
    #[cfg_attr(test, track_caller)]
    pub(crate) fn wait<'a, T>(
        &self,
        condvar: &Condvar,
        guard: MutexGuard<'a, T>,
        deadline: Deadline,
    ) -> MutexGuard<'a, T> {
        match (self, deadline.instant()) {
            #[cfg(test)]
            (Self::Simulated, until) => condvar.wait_until(guard, until.map(|until| until.0)),
            (_, None) => condvar.wait(guard),
            (Self::System, Some(_)) => {
                let left = deadline.remaining(self.now()).unwrap_or_default();
                condvar.wait_for(guard, left)
            }
            #[cfg(test)]
            (Self::Manual(clock), Some(until)) => {
                condvar.wait_for_alarm(guard, |alarm| clock.set_alarm(until, alarm))
            }
        }
    }
}

/// A clock that stands still until it is moved. Then it ends the waits whose deadlines have passed.
#[cfg(test)]
#[derive(Clone, Debug, Default)]
pub(crate) struct ManualClock {
    nanos: Arc<AtomicU64>,
    alarms: Arc<Mutex<Vec<(Instant, Alarm)>>>,
}

#[cfg(test)]
#[allow(dead_code, reason = "where a schedule has the time, nobody moves it")]
impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.nanos.fetch_add(nanos(by), Ordering::SeqCst);
        let now = self.now();
        let due: Vec<_> = self.alarms.lock().extract_if(.., |(at, _)| *at <= now).collect();
        due.into_iter().for_each(|(_, alarm)| alarm.ring());
    }

    fn now(&self) -> Instant {
        Instant(self.nanos.load(Ordering::SeqCst))
    }

    /// False if the time of the alarm has passed. The thread that moves the clock looks at the alarms after that.
    fn set_alarm(&self, at: Instant, alarm: Alarm) -> bool {
        let mut alarms = self.alarms.lock();
        let is_ahead = at > self.now();
        if is_ahead {
            alarms.push((at, alarm));
        }
        is_ahead
    }
}

/// The time until the next attempt. It doubles from `initial` to `max`, and is spread by 20 % in both directions, so that
/// many clients of a broker that comes back do not connect at the same moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    pub(crate) initial: Duration,
    pub(crate) max: Duration,
}

/// Without any wait, a broker that is down would keep a whole processor busy.
const SHORTEST: Duration = Duration::from_millis(1);

impl Backoff {
    /// The delay before it is spread.
    pub(crate) fn nominal(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(30);
        self.initial.max(SHORTEST).saturating_mul(1 << doublings).min(self.max.max(self.initial))
    }

    /// The delay after `failures` failures in a row (at least one).
    pub(crate) fn delay(&self, failures: u32, random: &mut fastrand::Rng) -> Duration {
        const JITTER: f64 = 0.2;
        let spread = 1.0 - JITTER + 2.0 * JITTER * random.f64();
        // `mul_f64` panics if the result does not fit.
        Duration::try_from_secs_f64(self.nominal(failures).as_secs_f64() * spread)
            .unwrap_or(Duration::MAX)
            .max(SHORTEST)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn system_now() -> Instant {
    static ORIGIN: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    // One second after the origin, so that tests and back-off may look a little into the past.
    Instant(nanos(ORIGIN.elapsed()) + 1_000_000_000)
}

#[cfg(target_os = "linux")]
fn system_wall_millis() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn system_wall_millis() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_moved_wakes_those_whose_deadline_it_passes() {
        let (time, lock, changed) = (ManualClock::default(), Mutex::new(()), Condvar::new());
        let wait = |secs| {
            let clock = Clock::Manual(time.clone());
            let deadline = Deadline::at(Instant::ZERO + Duration::from_secs(secs));
            let mut guard = lock.lock();
            while !deadline.has_passed(clock.now()) {
                guard = clock.wait(&changed, guard, deadline);
            }
            clock.now().since(Instant::ZERO).as_secs()
        };
        std::thread::scope(|scope| {
            let (early, late) = (scope.spawn(|| wait(2)), scope.spawn(|| wait(7)));
            while time.alarms.lock().len() < 2 {
                std::thread::yield_now();
            }
            time.advance(Duration::from_secs(3));
            assert_eq!(early.join().unwrap(), 3);
            assert_eq!(time.alarms.lock().len(), 1, "the other waits on");
            time.advance(Duration::from_secs(5));
            assert_eq!(late.join().unwrap(), 8);
        });
    }

    #[test]
    fn times_become_milliseconds_and_come_back() {
        for millis in [0, 1, 1_700_000_000_000, -1, -5000] {
            assert_eq!(millis_since_epoch(since_epoch(millis)), millis);
        }
        assert_eq!(millis_since_epoch(UNIX_EPOCH - Duration::from_nanos(1)), -1);
        assert_eq!(millis_since_epoch(UNIX_EPOCH + Duration::from_nanos(1_999_999)), 1);
        // No timestamp that a broker may answer must panic.
        let _ = (since_epoch(i64::MIN), since_epoch(i64::MAX));
    }

    #[test]
    fn a_deadline_too_far_away_is_for_ever() {
        let now = Instant::from_nanos(5);
        assert_eq!(Deadline::after(now, Duration::MAX), Deadline::NEVER);
        assert_eq!(Deadline::after(now, None), Deadline::NEVER);
        assert!(!Deadline::NEVER.has_passed(Instant::from_nanos(u64::MAX)));
        assert_eq!(Deadline::NEVER.remaining(now), None);
    }

    #[test]
    fn a_deadline_of_zero_has_passed_at_once() {
        let now = Instant::from_nanos(5);
        assert!(Deadline::after(now, Duration::ZERO).has_passed(now));
        assert!(!Deadline::after(now, Duration::from_nanos(1)).has_passed(now));
    }

    #[test]
    fn back_off_of_nothing_and_of_for_ever_are_both_something() {
        let mut random = fastrand::Rng::with_seed(7);
        for failures in [0, 1, 40, u32::MAX] {
            let nothing = Backoff { initial: Duration::ZERO, max: Duration::ZERO };
            assert!((SHORTEST..SHORTEST * 2).contains(&nothing.delay(failures, &mut random)));
            let for_ever = Backoff { initial: Duration::MAX, max: Duration::MAX };
            assert!(for_ever.delay(failures, &mut random) > Duration::from_secs(1 << 40));
        }
    }

    #[test]
    fn back_off_doubles_up_to_its_maximum_within_the_jitter() {
        let backoff = Backoff { initial: Duration::from_millis(50), max: Duration::from_secs(1) };
        let mut random = fastrand::Rng::with_seed(7);
        for (failures, base) in [(0, 50), (1, 50), (2, 100), (5, 800), (6, 1000), (u32::MAX, 1000)] {
            for _ in 0..100 {
                let delay = backoff.delay(failures, &mut random).as_secs_f64() * 1000.0;
                let base = f64::from(base);
                assert!((0.8 * base..=1.2 * base).contains(&delay), "{failures}: {delay}");
            }
        }
    }
}
