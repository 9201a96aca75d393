//! The sender's log lines about records that are refused or have failed. It does not write a line for each of them.

use std::time::Duration;

use crate::client::Warnings;
use crate::error::{Count, Error};
use crate::observation::Observer;
use crate::producer::batch::SealedBatch;
use crate::producer::result::BatchResult;
use crate::time::{Deadline, Instant};
use crate::topic_partition::TopicPartition;

#[derive(Default)]
pub(crate) struct Losses {
    warnings: Warnings,
    /// No warning about unchecked failures before this.
    quiet_until: Option<Instant>,
}

impl Losses {
    /// Logs one warning for all failures that the program has not looked at and can't look at any more.
    pub(crate) fn log_unchecked(&mut self, observer: &Observer, now: Instant) {
        if let Some((records, error)) = self.unchecked(observer, now) {
            log::warn!("{}", unchecked_text(records, observer.unchecked(), &error));
        }
    }

    /// The number of failures to log now, and the last error.
    fn unchecked(&mut self, observer: &Observer, now: Instant) -> Option<(u64, Error)> {
        if self.quiet_until.is_some_and(|until| now < until) {
            return None;
        }
        let unreported = observer.take_unreported()?;
        self.quiet_until = Some(now + A_MINUTE);
        Some(unreported)
    }

    /// When to call [`log_unchecked`](Self::log_unchecked).
    pub(crate) fn next_warning(&self, observer: &Observer) -> Deadline {
        if !observer.has_unreported() {
            return Deadline::NEVER;
        }
        Deadline::at(self.quiet_until.unwrap_or(Instant::ZERO))
    }

    /// An attempt failed and is made again. Without this warning a broker that can be reached and refuses records would
    /// not be noticed before the records expire. Failures that the client warns of, and refusals that are usual when a
    /// leader moves, are logged at debug only.
    pub(crate) fn refused(&mut self, attempt: u32, name: &TopicPartition, error: &Error, now: Instant) {
        let code = error.broker_code().filter(|code| !code.needs_metadata_refresh());
        let repeats =
            code.and_then(|code| self.warnings.should_log(&format!("attempt: {code}"), A_MINUTE, now));
        match repeats {
            None => log::debug!("attempt {attempt} for {name} failed: {error}"),
            Some(0) => log::warn!("attempt {attempt} for {name} failed: {error}"),
            Some(more) => {
                let more = Count(more, "more attempt");
                log::warn!(
                    "attempt {attempt} for {name} failed ({more} failed since the last warning): {error}"
                );
            }
        }
    }

    /// An answer names a partition that its request did not name.
    pub(crate) fn not_asked_about(&mut self, topic: &str, partition: i32, now: Instant) {
        if self.warnings.should_log("an answer too many", A_MINUTE, now).is_some() {
            log::warn!("a broker's response names {topic}-{partition}, which was not in the request");
        }
    }
}

/// `records` is the number since the last warning, `so_far` that since the start of the producer. The first warning is logged
/// at once, before the rest of the same failures is counted. So no number may look like a final one.
fn unchecked_text(records: u64, so_far: u64, error: &Error) -> String {
    let (record, more) = (Count(records, "record"), Count(records, "more record"));
    let failed = if so_far == records {
        format!("{record} failed so far")
    } else {
        format!("{more} failed ({so_far} so far)")
    };
    format!("{failed}, and the program has not checked the result; the last error: {error}")
}

/// Records failed for good. Their futures have the error. A warning follows if the program does not look at it.
pub(crate) fn lost(records: u32, error: &Error) {
    log::debug!("{} failed: {error}", Count(u64::from(records), "record"));
}

/// Completes a batch, and logs its failure.
pub(crate) fn complete(batch: SealedBatch, result: BatchResult) {
    let (records, loss) = (batch.records(), result.error().cloned());
    // Before the logger runs: it is user code that may take long, and if it panics the futures must have their error.
    batch.complete(result);
    if let Some(error) = loss {
        lost(records, &error);
    }
}

/// The shortest time between two warnings of the same kind.
const A_MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::time::Clock;

    #[test]
    fn the_number_in_a_warning_does_not_look_like_a_final_one() {
        let text = |records, so_far| {
            let text = unchecked_text(records, so_far, &Error::new(ErrorKind::Closed));
            let end = ", and the program has not checked the result; the last error: the producer is closed";
            text.strip_suffix(end).unwrap().to_owned()
        };
        assert_eq!(text(1, 1), "1 record failed so far");
        assert_eq!(text(80, 80), "80 records failed so far");
        assert_eq!(text(1, 81), "1 more record failed (81 so far)");
        assert_eq!(text(79, 80), "79 more records failed (80 so far)");
    }

    #[test]
    fn unchecked_failures_are_told_of_once_a_minute_with_their_number() {
        let (observer, mut losses) = (Observer::new(Clock::System), Losses::default());
        let start = Instant::ZERO + A_MINUTE;
        let told = |losses: &mut Losses, now| losses.unchecked(&observer, now).map(|(records, _)| records);
        let overlook = |records| observer.overlook(records, &Error::new(ErrorKind::Spawn));
        assert_eq!((told(&mut losses, start), losses.next_warning(&observer)), (None, Deadline::NEVER));
        overlook(3);
        assert_eq!(told(&mut losses, start), Some(3));
        assert_eq!(losses.next_warning(&observer), Deadline::NEVER, "an idle producer does nothing");
        overlook(4);
        overlook(5);
        let minute_over = start + A_MINUTE;
        assert_eq!(told(&mut losses, start + (A_MINUTE - Duration::from_nanos(1))), None);
        assert_eq!(losses.next_warning(&observer), Deadline::at(minute_over));
        assert_eq!(told(&mut losses, minute_over), Some(9));
        assert_eq!(observer.unchecked(), 12);
    }
}
