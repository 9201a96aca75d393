//! When the next token is fetched.

use std::time::Duration;

use crate::time::Backoff;

/// Java's `sasl.login.*` settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refresh {
    /// The part of its lifetime that a token is used, between 0.5 and 1,
    pub(crate) window_factor: f64,
    /// and at most so much more, at random.
    pub(crate) window_jitter: f64,
    /// A token is used at least so long,
    pub(crate) min_period: Duration,
    /// and replaced so long before it expires. If a token is too short-lived for both, neither applies.
    pub(crate) buffer: Duration,
    /// After a call of the provider that failed.
    pub(crate) retry_backoff: Duration,
    pub(crate) retry_backoff_max: Duration,
}

/// Java's defaults.
impl Default for Refresh {
    fn default() -> Self {
        Self {
            window_factor: 0.8,
            window_jitter: 0.05,
            min_period: Duration::from_secs(60),
            buffer: Duration::from_secs(300),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(10),
        }
    }
}

impl Refresh {
    /// How long a token with this lifetime is used before the next one is fetched.
    pub(super) fn time_of_use(&self, lifetime: Duration, random: &mut fastrand::Rng) -> Duration {
        let part = self.window_factor + self.window_jitter * random.f64();
        // `mul_f64` panics if the result does not fit.
        let time =
            Duration::try_from_secs_f64(lifetime.as_secs_f64() * part).unwrap_or(lifetime).min(lifetime);
        match lifetime.checked_sub(self.buffer) {
            Some(latest) if latest > self.min_period => time.clamp(self.min_period, latest),
            _ => time,
        }
    }

    pub(super) fn backoff(&self) -> Backoff {
        Backoff { initial: self.retry_backoff, max: self.retry_backoff_max }
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_replaced_in_its_window_but_not_too_early_and_not_too_late() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut of = |refresh: Refresh, lifetime| {
            refresh.time_of_use(Duration::from_secs(lifetime), &mut random).as_secs_f64()
        };
        let exact = Refresh { window_jitter: 0.0, ..Refresh::default() };
        assert_eq!(of(exact, 10_000), 8000.0);
        assert_eq!(of(exact, 1000), 700.0, "300 s before the end");
        assert_eq!(
            of(Refresh { min_period: Duration::from_secs(650), buffer: Duration::ZERO, ..exact }, 700),
            650.0
        );
        assert_eq!(of(exact, 360), 288.0, "too short for both limits");
        assert_eq!(of(exact, 100), 80.0, "too short for one of them");
        assert_eq!(
            of(Refresh { window_factor: 1.0, window_jitter: 0.25, buffer: Duration::ZERO, ..exact }, 100),
            100.0
        );
        let spread: Vec<f64> = (0..100).map(|_| of(Refresh::default(), 10_000)).collect();
        assert!(spread.iter().all(|time| (8000.0..8500.0).contains(time)), "{spread:?}");
        assert!(spread.iter().any(|time| *time < 8100.0) && spread.iter().any(|time| *time > 8400.0));
    }
}
