//! What the sender says on the log of records that are refused or lost: not one warning for each.

use std::time::Duration;

use crate::client::Warnings;
use crate::error::{Count, Error};
use crate::observation::Observer;
use crate::time::{Deadline, Instant};
use crate::topic_partition::TopicPartition;

#[derive(Default)]
pub(crate) struct Losses {
    warnings: Warnings,
    /// When a failure that nobody looked at may be told of again.
    quiet_until: Option<Instant>,
}

impl Losses {
    /// Warns of failures that nobody has looked at and nobody can any more, all of them in one line.
    pub(crate) fn log_overlooked(&mut self, observer: &Observer, now: Instant) {
        if let Some((records, error)) = self.overlooked(observer, now) {
            let records = Count(records, "record");
            log::warn!("{records} failed, and nobody looked at the result; the last error: {error}");
        }
    }

    /// What to warn of now, if anything.
    fn overlooked(&mut self, observer: &Observer, now: Instant) -> Option<(u64, Error)> {
        if self.quiet_until.is_some_and(|until| now < until) {
            return None;
        }
        let news = observer.take_unreported()?;
        self.quiet_until = Some(now + A_MINUTE);
        Some(news)
    }

    /// When there is something to be told.
    pub(crate) fn next_warning(&self, observer: &Observer) -> Deadline {
        if !observer.has_unreported() {
            return Deadline::NEVER;
        }
        Deadline::at(self.quiet_until.unwrap_or(Instant::ZERO))
    }

    /// An attempt failed, and there will be another. A broker that can be reached and does not take records would
    /// otherwise not be heard of before they expire. What the client warns of, and what is everyday life when leaders
    /// move, is not told again.
    pub(crate) fn refused(&mut self, attempt: u32, name: &TopicPartition, error: &Error, now: Instant) {
        let code = error.broker_code().filter(|code| !code.needs_metadata_refresh());
        let news = code.and_then(|code| self.warnings.should_log(&format!("attempt: {code}"), A_MINUTE, now));
        match news {
            None => log::debug!("attempt {attempt} for {name} failed: {error}"),
            Some(0) => log::warn!("attempt {attempt} for {name} failed: {error}"),
            Some(more) => {
                let more = Count(more, "attempt");
                log::warn!("attempt {attempt} for {name} failed, as did {more} before: {error}");
            }
        }
    }

    /// An answer names a partition that its request did not.
    pub(crate) fn not_asked_about(&mut self, topic: &str, partition: i32, now: Instant) {
        if self.warnings.should_log("an answer too many", A_MINUTE, now).is_some() {
            log::warn!("an answer names {topic}-{partition}, which was not asked about");
        }
    }
}

/// Records failed for good. Their futures tell; the log does if nobody asks those.
pub(crate) fn lost(records: u32, error: &Error) {
    log::debug!("{} failed: {error}", Count(u64::from(records), "record"));
}

/// Between two warnings of the same kind.
const A_MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::time::Clock;

    #[test]
    fn overlooked_failures_are_told_of_once_a_minute_with_their_number() {
        let (observer, mut losses) = (Observer::new(Clock::System), Losses::default());
        let start = Instant::ZERO + A_MINUTE;
        let told = |losses: &mut Losses, now| losses.overlooked(&observer, now).map(|(records, _)| records);
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
        assert_eq!(observer.overlooked(), 12);
    }
}
