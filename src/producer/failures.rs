//! What topics' metadata was last waited for in vain: a loop that sends ten records to a topic that is not there must
//! not wait ten times `max_block`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::sync::Mutex;
use crate::time::Instant;

/// By topic, the error of a wait that has just failed.
pub(crate) struct RecentFailures {
    /// How long it stands for the next wait.
    validity: Duration,
    topics: Mutex<HashMap<Arc<str>, (Instant, Error)>>,
}

impl RecentFailures {
    pub(crate) fn new(validity: Duration) -> Self {
        Self { validity, topics: Mutex::default() }
    }

    pub(crate) fn add(&self, topic: Arc<str>, error: Error, now: Instant) {
        let mut topics = self.topics.lock();
        topics.retain(|_, (until, _)| now < *until);
        topics.insert(topic, (now + self.validity, error));
    }

    pub(crate) fn of(&self, topic: &str, now: Instant) -> Option<Error> {
        let topics = self.topics.lock();
        let (until, error) = topics.get(topic)?;
        (now < *until).then(|| error.clone())
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_failure_stands_for_its_time_and_is_then_forgotten() {
        let failures = RecentFailures::new(Duration::from_millis(100));
        let at = |millis| Instant::ZERO + Duration::from_millis(millis);
        failures.add(Arc::from("a"), Error::new(ErrorKind::Spawn), at(0));
        assert!(failures.of("a", at(99)).is_some());
        assert!(failures.of("b", at(0)).is_none());
        assert!(failures.of("a", at(100)).is_none());
        failures.add(Arc::from("b"), Error::new(ErrorKind::Spawn), at(100));
        assert_eq!(failures.topics.lock().len(), 1);
    }
}
