//! Calls the reporters of metrics when they are due.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::metrics::{Metrics, MetricsReporter};
use crate::producer::{MetricsSource, enter, panic_message};
use crate::time::{Clock, Deadline, Instant};

/// The reporters of a producer. Without any, nothing is ever due, and no clock is read.
pub(crate) struct Reporting {
    reporters: Vec<Scheduled>,
    /// The earliest of all.
    next: Deadline,
}

struct Scheduled {
    reporter: Arc<dyn MetricsReporter>,
    interval: Duration,
    next: Deadline,
}

impl Reporting {
    pub(crate) fn new(reporters: Vec<Arc<dyn MetricsReporter>>, now: Instant) -> Self {
        let schedule = |reporter: Arc<dyn MetricsReporter>| {
            let interval = reporter.interval().max(SHORTEST);
            Scheduled { reporter, interval, next: Deadline::after(now, interval) }
        };
        let mut reporting =
            Self { reporters: reporters.into_iter().map(schedule).collect(), next: Deadline::NEVER };
        reporting.set_next();
        reporting
    }

    /// When to call [`report_due`](Self::report_due).
    pub(crate) fn next(&self) -> Deadline {
        self.next
    }

    pub(crate) fn report_due(&mut self, source: &MetricsSource, clock: &Clock) {
        if self.reporters.is_empty() {
            return;
        }
        let now = clock.now();
        if !self.next.has_passed(now) {
            return;
        }
        let metrics = source.metrics(false);
        for scheduled in self.reporters.iter_mut().filter(|scheduled| scheduled.next.has_passed(now)) {
            call(&*scheduled.reporter, &metrics);
            let on_time = scheduled.next.instant().map(|last| Deadline::after(last, scheduled.interval));
            // Calls that were missed are not made up for.
            scheduled.next = on_time
                .filter(|next| !next.has_passed(now))
                .unwrap_or_else(|| Deadline::after(now, scheduled.interval));
        }
        self.set_next();
    }

    /// The producer ends.
    pub(crate) fn report_last(&mut self, source: &MetricsSource) {
        if self.reporters.is_empty() {
            return;
        }
        let metrics = source.metrics(false);
        self.reporters.drain(..).for_each(|scheduled| call(&*scheduled.reporter, &metrics));
    }

    fn set_next(&mut self) {
        self.next = self.reporters.iter().map(|scheduled| scheduled.next).min().unwrap_or(Deadline::NEVER);
    }
}

/// It is user code.
fn call(reporter: &dyn MetricsReporter, metrics: &Metrics) {
    let _inside = enter();
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| reporter.report(metrics))) {
        let words = panic_message(&*panic).to_owned();
        std::mem::forget(panic);
        let told = || log::error!("a reporter of metrics panicked: {words}; the producer continues");
        catch_unwind(told).unwrap_or_else(std::mem::forget);
    }
}

/// With shorter times the thread would do nothing else.
const SHORTEST: Duration = Duration::from_millis(10);
