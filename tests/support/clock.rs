//! The one place where the integration tests read a clock or sleep.

#![allow(
    clippy::disallowed_methods,
    reason = "tests have to wait for other processes; they do it through this file only"
)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment after which waiting is given up.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    budget: Duration,
}

impl Deadline {
    /// Zero when the moment has passed.
    pub fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    pub fn passed(&self) -> bool {
        self.remaining().is_zero()
    }

    /// How long the deadline was when it was set, for messages.
    pub fn budget(&self) -> Duration {
        self.budget
    }
}

/// A deadline that many seconds from now.
pub fn deadline(seconds: u64) -> Deadline {
    deadline_in(Duration::from_secs(seconds))
}

/// A deadline that far from now.
pub fn deadline_in(budget: Duration) -> Deadline {
    Deadline { at: Instant::now() + budget, budget }
}

/// Sleeps. Only for the interval of a poll: a fixed pause in place of a condition is a flaky test.
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Measures from its creation.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Milliseconds since 1970, as in a record's timestamp.
pub fn unix_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    i64::try_from(since.as_millis()).expect("milliseconds fit into 63 bits")
}

/// Why an attempt brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Another attempt may succeed.
    Again(String),
    /// No further attempt can succeed.
    Fatal(String),
}

/// Attempts until there is a result, a fatal failure or the deadline.
///
/// # Errors
///
/// With the text of the fatal failure, or with that of the last one and the length of the wait.
pub fn retry<T>(deadline: Deadline, mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T, String> {
    // Brokers need tens of milliseconds for most things, and two cores are shared with them.
    let mut interval = Duration::from_millis(10);
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(Failure::Fatal(why)) => return Err(why),
            Err(Failure::Again(why)) if deadline.passed() => {
                return Err(format!("gave up after {:?}: {why}", deadline.budget()));
            }
            Err(Failure::Again(_)) => {}
        }
        pause(interval.min(deadline.remaining()));
        interval = (interval * 3 / 2).min(Duration::from_millis(100));
    }
}
