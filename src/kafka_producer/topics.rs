//! Finds a topic: waits for its metadata, and makes the error if they do not come.

use std::sync::Arc;
use std::time::Duration;

use crate::client::{Awaited, SharedMetadata};
use crate::error::{Error, ErrorKind, Limit, Subject};
use crate::lifecycle::Lifecycle;
use crate::observation::Observer;
use crate::producer::{Inbox, PartitionQueue, TopicHandle, TopicTable, Wait, is_inside};
use crate::protocol::ErrorCode;
use crate::time::Deadline;
use crate::topic_partition::broken_rule_of_name;

/// The topics of a producer, for its calls.
pub(super) struct Topics {
    pub(super) table: Arc<TopicTable>,
    pub(super) metadata: Arc<SharedMetadata>,
    pub(super) lifecycle: Arc<Lifecycle>,
    pub(super) inbox: Arc<Inbox<Arc<PartitionQueue>>>,
    pub(super) observer: Arc<Observer>,
    pub(super) max_block: Duration,
    pub(super) allow_auto_create_topics: bool,
}

impl Topics {
    /// Runs `with` on the topic and the number of this thread, if this thread knows the topic as of the latest metadata.
    #[inline]
    pub(super) fn known<R>(&self, topic: &str, with: impl FnOnce(&TopicHandle, u32) -> R) -> Option<R> {
        self.table.cached(topic, self.metadata.version(), with)
    }

    /// Finds the topic. It waits for the metadata as `wait` says.
    pub(super) fn find(&self, topic: &str, wait: Wait) -> Result<Arc<TopicHandle>, Error> {
        self.find_as_of(0, topic, wait)
    }

    /// Finds the topic in an answer about it that is newer than the current metadata.
    pub(super) fn find_newer(&self, topic: &str, wait: Wait) -> Result<Arc<TopicHandle>, Error> {
        self.find_as_of(self.metadata.version() + 1, topic, wait)
    }

    fn find_as_of(&self, version: u64, topic: &str, wait: Wait) -> Result<Arc<TopicHandle>, Error> {
        self.lifecycle.check_process()?;
        let snapshot = self.metadata.snapshot();
        if snapshot.answered_version(topic) >= version
            && let Some(handle) = self.table.handle(topic, &snapshot)
        {
            return Ok(handle);
        }
        if let Some(rule) = broken_rule_of_name(topic) {
            return Err(Error::new(ErrorKind::InvalidTopic { topic: topic.into(), reason: rule.to_owned() }));
        }
        if !self.lifecycle.is_open() {
            return Err(self.lifecycle.refusal());
        }
        // An answer from before this request does not count, nor does an answer about other topics. An answer that comes
        // while another call waits counts: one request serves all calls that wait, each until its own deadline.
        let version = version.max(snapshot.version() + 1);
        let name: Arc<str> = Arc::from(topic);
        let clock = self.observer.clock();
        let now = clock.now();
        let deadline = match wait {
            Wait::Never => Deadline::at(now),
            Wait::Until(deadline) => deadline,
            Wait::MaxBlock => Deadline::after(now, self.max_block),
        };
        // The topic is requested in any case, because a later call may find it.
        if matches!(wait, Wait::Never) {
            self.inbox.topic(&name, deadline);
            let what = format!("metadata of topic '{topic}'");
            return Err(Error::new(ErrorKind::WouldBlock { what, inside_callback: is_inside() }));
        }
        let mut last_answer = None;
        let awaited = loop {
            let now = clock.now();
            let until = deadline.min(Deadline::after(now, RENEWAL));
            // It lasts longer than this wait, so that the next notice prolongs it and is no new one.
            self.inbox.topic(&name, deadline.min(Deadline::after(now, RENEWAL * 2)));
            let awaited = self.metadata.wait(&self.lifecycle, clock, until, |snapshot| {
                if snapshot.answered_version(topic) < version {
                    return None;
                }
                if let Some(handle) = self.table.handle(topic, snapshot) {
                    return Some(Ok(handle));
                }
                let code = snapshot.topics.get(topic)?.error?;
                last_answer = Some(code);
                code.is_final_for_topic().then_some(Err(code))
            });
            if !matches!(awaited, Awaited::TimedOut) || deadline.has_passed(clock.now()) {
                break awaited;
            }
        };
        let end = clock.now();
        self.observer.recorder().waited_for_metadata(end.since(now), end);
        match awaited {
            Awaited::Found(Ok(handle)) => Ok(handle),
            Awaited::Found(Err(code)) => Err(refused(&name, code)),
            Awaited::Closed => Err(self.lifecycle.refusal()),
            Awaited::Fatal(error) => Err(error),
            Awaited::TimedOut if last_answer == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {
                Err(Error::new(ErrorKind::UnknownTopic {
                    topic: name,
                    max_block: self.max_block,
                    creation_asked_for: self.allow_auto_create_topics,
                }))
            }
            Awaited::TimedOut => {
                let waited_for = match last_answer {
                    None => format!("while waiting for metadata of topic '{topic}'"),
                    Some(code) => {
                        format!("while waiting for metadata of topic '{topic}'; the last response was {code}")
                    }
                };
                let (limit, value) = (Limit::MaxBlock, self.max_block);
                let brokers = self.observer.troubles([]);
                Err(Error::new(ErrorKind::Timeout { limit, value, waited_for, brokers }))
            }
        }
    }
}

/// The sender looks for a topic, and may create it, for this long after a notice. A call that waits for longer repeats its
/// notice. So the sender stops soon when the last call has ended, however that ended and however long it might have waited.
const RENEWAL: Duration = Duration::from_secs(5);

fn refused(topic: &Arc<str>, code: ErrorCode) -> Error {
    match code {
        ErrorCode::INVALID_TOPIC_EXCEPTION => {
            let reason = "the cluster rejects it".to_owned();
            Error::new(ErrorKind::InvalidTopic { topic: Arc::clone(topic), reason })
        }
        code => {
            Error::new(ErrorKind::Broker { code, message: None, about: Subject::Topic(Arc::clone(topic)) })
        }
    }
}
