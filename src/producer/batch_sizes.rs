//! The largest batch that the brokers of a topic accept. They do not say it, so it is learnt from their refusals.
//!
//! A refusal halves the size that is tried next. A batch that is stored proves its size. Between the largest size that was
//! stored and the smallest that was refused the limit is narrowed down until they are close. During a trial only one batch
//! of the topic is in flight. Otherwise each partition would be refused to learn the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::producer::batch::Ordinal;
use crate::time::Instant;

/// A size limit that is not known, between what was accepted and what was refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Learned {
    /// The largest size to try.
    max_bytes: usize,
    taken: usize,
    refused: usize,
    refused_at: Instant,
}

impl Learned {
    /// The state after the first refusal.
    pub(super) fn from(bytes: usize, now: Instant) -> Self {
        let mut learned = Self { max_bytes: usize::MAX, taken: 0, refused: usize::MAX, refused_at: now };
        learned.refuse(bytes, now);
        learned
    }

    pub(super) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// The smallest size that was refused.
    pub(super) fn refused(&self) -> usize {
        self.refused
    }

    pub(super) fn refused_at(&self) -> Instant {
        self.refused_at
    }

    pub(super) fn refuse(&mut self, bytes: usize, now: Instant) {
        // A refusal counts more than an earlier success, because the limit may have been changed.
        self.taken = if self.taken >= bytes { 0 } else { self.taken };
        self.refused = self.refused.min(bytes);
        self.refused_at = now;
        self.max_bytes = self.max_bytes.min((bytes / 2).max(self.taken)).max(1);
    }

    pub(super) fn take(&mut self, bytes: usize, now: Instant) {
        self.taken = self.taken.max(bytes);
        if now.since(self.refused_at) > FORGET {
            self.refused = usize::MAX;
        }
        // Sizes far below the limit say nothing.
        if bytes < self.max_bytes - self.max_bytes / 8 {
            return;
        }
        let gap = self.refused.saturating_sub(self.max_bytes);
        if self.refused == usize::MAX {
            self.max_bytes += self.max_bytes / 8;
            self.refused_at = now;
        } else if gap > self.max_bytes / 8 {
            self.max_bytes += gap / 2;
        }
    }
}

#[derive(Default)]
pub(crate) struct BatchSizes {
    topics: BTreeMap<Arc<str>, Topic>,
}

struct Topic {
    learned: Learned,
    /// The batch in flight that is larger than what is proven.
    on_trial: Option<(u32, Ordinal)>,
    /// The partitions that wait for its outcome.
    waiting: Vec<u32>,
}

impl BatchSizes {
    /// The size limit for batches of `topic`, if one was ever refused.
    pub(crate) fn max_bytes(&self, topic: &str) -> Option<usize> {
        if self.topics.is_empty() {
            return None;
        }
        self.topics.get(topic).map(|topic| topic.learned.max_bytes)
    }

    /// Whether a batch of `bytes` may be sent. If not, [`end`](Self::end) returns its partition later.
    pub(crate) fn begin(&mut self, topic: &str, queue_id: u32, ordinal: Ordinal, bytes: usize) -> bool {
        let Some(topic) = self.topics.get_mut(topic) else { return true };
        if bytes <= topic.learned.taken {
            return true;
        }
        if topic.on_trial.is_some() {
            topic.waiting.push(queue_id);
            return false;
        }
        topic.on_trial = Some((queue_id, ordinal));
        true
    }

    /// An attempt to send a batch has ended. Returns the partitions that waited for it.
    pub(crate) fn end(&mut self, topic: &str, queue_id: u32, ordinal: Ordinal) -> Vec<u32> {
        match self.topics.get_mut(topic) {
            Some(topic) if topic.on_trial == Some((queue_id, ordinal)) => {
                topic.on_trial = None;
                std::mem::take(&mut topic.waiting)
            }
            _ => Vec::new(),
        }
    }

    /// A batch of `bytes` was refused. Returns the size limit for its parts.
    pub(crate) fn refused(&mut self, topic: &Arc<str>, bytes: usize, now: Instant) -> usize {
        match self.topics.get_mut(topic) {
            Some(topic) => {
                topic.learned.refuse(bytes, now);
                topic.learned.max_bytes
            }
            None => {
                let learned = Learned::from(bytes, now);
                let fresh = Topic { learned, on_trial: None, waiting: Vec::new() };
                self.topics.insert(Arc::clone(topic), fresh);
                learned.max_bytes
            }
        }
    }

    /// A batch of `bytes` was stored.
    pub(crate) fn stored(&mut self, topic: &str, bytes: usize, now: Instant) {
        if self.topics.is_empty() {
            return;
        }
        if let Some(topic) = self.topics.get_mut(topic) {
            topic.learned.take(bytes, now);
        }
    }
}

/// The limit of a topic may be raised. After this time a slightly larger size is tried again.
const FORGET: Duration = Duration::from_secs(600);

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    const FIRST: Ordinal = Ordinal::of(0);

    /// The number of refusals until batches of nearly the broker's limit are accepted.
    fn refusals(broker_takes: usize) -> usize {
        let (mut sizes, topic) = (BatchSizes::default(), Arc::from("t"));
        let now = Instant::ZERO;
        let mut refused = 0;
        for _ in 0..1000 {
            let size = sizes.max_bytes("t").unwrap_or(1 << 20);
            if size > broker_takes {
                refused += 1;
                sizes.refused(&topic, size, now);
            } else {
                sizes.stored("t", size, now);
            }
        }
        let max_bytes = sizes.max_bytes("t").unwrap();
        assert!(max_bytes <= broker_takes && max_bytes > broker_takes / 2, "{max_bytes} of {broker_takes}");
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
        let (mut sizes, topic) = (BatchSizes::default(), Arc::from("t"));
        assert!(sizes.begin("t", 0, FIRST, 1000) && sizes.begin("t", 1, FIRST, 1000), "nothing is known yet");
        sizes.refused(&topic, 1000, Instant::ZERO);
        assert!(sizes.begin("t", 0, FIRST, 500));
        assert!(!sizes.begin("t", 1, FIRST, 500) && !sizes.begin("t", 2, FIRST, 400));
        assert!(sizes.end("t", 1, FIRST).is_empty());
        sizes.stored("t", 500, Instant::ZERO);
        assert_eq!(sizes.end("t", 0, FIRST), [1, 2]);
        assert!(sizes.begin("t", 1, FIRST, 500) && sizes.begin("t", 2, FIRST, 400));
    }

    #[test]
    fn a_limit_that_was_lowered_is_believed() {
        let (mut sizes, topic) = (BatchSizes::default(), Arc::from("t"));
        sizes.refused(&topic, 1000, Instant::ZERO);
        sizes.stored("t", 500, Instant::ZERO);
        assert_eq!(sizes.refused(&topic, 500, Instant::ZERO), 250, "500 was taken once");
        assert!(
            sizes.begin("t", 0, FIRST, 250) && !sizes.begin("t", 1, FIRST, 250),
            "250 is not proven any more"
        );
    }

    #[test]
    fn what_was_refused_is_approached_and_not_tried_again_for_ten_minutes() {
        let (mut sizes, topic) = (BatchSizes::default(), Arc::from("t"));
        sizes.refused(&topic, 1000, Instant::ZERO);
        let mut limit_after = |seconds: u64| {
            let max_bytes = sizes.max_bytes("t").unwrap();
            sizes.stored("t", max_bytes, Instant::ZERO + Duration::from_secs(seconds));
            sizes.max_bytes("t").unwrap()
        };
        assert_eq!([0, 1, 2, 3, 600].map(&mut limit_after), [750, 875, 937, 937, 937]);
        assert_eq!(limit_after(601), 937 + 117);
    }

    #[test]
    fn a_limit_that_was_raised_is_noticed_some_time() {
        let (mut sizes, topic) = (BatchSizes::default(), Arc::from("t"));
        sizes.refused(&topic, 1000, Instant::ZERO);
        let mut now = Instant::ZERO;
        for _ in 0..100 {
            now = now + Duration::from_secs(601);
            sizes.stored("t", sizes.max_bytes("t").unwrap(), now);
        }
        assert!(sizes.max_bytes("t").unwrap() > 100_000);
    }
}
