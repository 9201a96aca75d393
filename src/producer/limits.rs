//! The largest batch that a topic's brokers take. They do not say; it is learnt from what they refuse.
//!
//! A refusal halves what is tried next; what is stored proves a size; between the largest that was stored and the
//! smallest that was refused the limit is narrowed down until they are close. While a size is on trial only one batch
//! of the topic is under way: or each partition would be refused for the same lesson.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::time::Instant;

#[derive(Default)]
pub(crate) struct SizeLimits {
    topics: BTreeMap<Arc<str>, Learned>,
}

struct Learned {
    /// The largest to try.
    limit: usize,
    proven: usize,
    refused: usize,
    refused_at: Instant,
    /// The partition whose batch is larger than what is proven, and under way.
    on_trial: Option<u32>,
    /// Partitions that wait for the outcome.
    waiting: Vec<u32>,
}

impl SizeLimits {
    /// What to keep batches of `topic` below, if that was ever a question.
    pub(crate) fn limit(&self, topic: &str) -> Option<usize> {
        if self.topics.is_empty() {
            return None;
        }
        self.topics.get(topic).map(|learned| learned.limit)
    }

    /// Whether a batch of `bytes` may go. If not, its partition is told of by [`end`](Self::end).
    pub(crate) fn begin(&mut self, topic: &str, partition: u32, bytes: usize) -> bool {
        let Some(learned) = self.topics.get_mut(topic) else { return true };
        if bytes <= learned.proven {
            return true;
        }
        if learned.on_trial.is_some() {
            learned.waiting.push(partition);
            return false;
        }
        learned.on_trial = Some(partition);
        true
    }

    /// An attempt of the partition is over, whatever came of it. Returns the partitions that waited for that.
    pub(crate) fn end(&mut self, topic: &str, partition: u32) -> Vec<u32> {
        match self.topics.get_mut(topic) {
            Some(learned) if learned.on_trial == Some(partition) => {
                learned.on_trial = None;
                std::mem::take(&mut learned.waiting)
            }
            _ => Vec::new(),
        }
    }

    /// A batch of `bytes` was refused. Returns what parts of it must be kept below.
    pub(crate) fn refused(&mut self, topic: &Arc<str>, bytes: usize, now: Instant) -> usize {
        let fresh = || Learned {
            limit: usize::MAX,
            proven: 0,
            refused: usize::MAX,
            refused_at: now,
            on_trial: None,
            waiting: Vec::new(),
        };
        let learned = self.topics.entry(Arc::clone(topic)).or_insert_with(fresh);
        // What is refused now counts more than what was stored once: the topic may have been changed.
        learned.proven = if learned.proven >= bytes { 0 } else { learned.proven };
        learned.refused = learned.refused.min(bytes);
        learned.refused_at = now;
        learned.limit = learned.limit.min((bytes / 2).max(learned.proven)).max(1);
        learned.limit
    }

    /// A batch of `bytes` was stored.
    pub(crate) fn stored(&mut self, topic: &str, bytes: usize, now: Instant) {
        if self.topics.is_empty() {
            return;
        }
        let Some(learned) = self.topics.get_mut(topic) else { return };
        learned.proven = learned.proven.max(bytes);
        if now.since(learned.refused_at) > FORGET {
            learned.refused = usize::MAX;
        }
        // Nothing is learnt from batches that are far from the limit.
        if bytes < learned.limit - learned.limit / 8 {
            return;
        }
        let gap = learned.refused.saturating_sub(learned.limit);
        if learned.refused == usize::MAX {
            learned.limit += learned.limit / 8;
            learned.refused_at = now;
        } else if gap > learned.limit / 8 {
            learned.limit += gap / 2;
        }
    }
}

/// A topic's limit may be raised by who runs the cluster: after this a little more is tried again.
const FORGET: Duration = Duration::from_secs(600);

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    /// The number of refusals until batches of nearly the broker's limit go through, with `partitions` at work.
    fn refusals(broker_takes: usize) -> usize {
        let (mut limits, topic) = (SizeLimits::default(), Arc::from("t"));
        let now = Instant::ZERO;
        let mut refused = 0;
        for _ in 0..1000 {
            let size = limits.limit("t").unwrap_or(1 << 20);
            if size > broker_takes {
                refused += 1;
                limits.refused(&topic, size, now);
            } else {
                limits.stored("t", size, now);
            }
        }
        let limit = limits.limit("t").unwrap();
        assert!(limit <= broker_takes && limit > broker_takes / 2, "{limit} of {broker_takes}");
        refused
    }

    #[test]
    fn a_limit_is_found_by_few_refusals_and_then_kept_to() {
        for broker_takes in [700, 1000, 10_000, 99_999, 100_000, 524_288, 1_000_000] {
            let refused = refusals(broker_takes);
            assert!(refused <= 14, "{refused} refusals to find {broker_takes}");
        }
    }

    #[test]
    fn only_one_batch_is_on_trial_and_proven_sizes_pass() {
        let (mut limits, topic) = (SizeLimits::default(), Arc::from("t"));
        assert!(limits.begin("t", 0, 1000) && limits.begin("t", 1, 1000), "nothing is known yet");
        limits.refused(&topic, 1000, Instant::ZERO);
        assert!(limits.begin("t", 0, 500));
        assert!(!limits.begin("t", 1, 500) && !limits.begin("t", 2, 400));
        assert!(limits.end("t", 1).is_empty());
        limits.stored("t", 500, Instant::ZERO);
        assert_eq!(limits.end("t", 0), [1, 2]);
        assert!(limits.begin("t", 1, 500) && limits.begin("t", 2, 400));
    }

    #[test]
    fn a_limit_that_was_raised_is_noticed_some_time() {
        let (mut limits, topic) = (SizeLimits::default(), Arc::from("t"));
        limits.refused(&topic, 1000, Instant::ZERO);
        let mut now = Instant::ZERO;
        for _ in 0..100 {
            now = now + Duration::from_secs(601);
            limits.stored("t", limits.limit("t").unwrap(), now);
        }
        assert!(limits.limit("t").unwrap() > 100_000);
    }
}
