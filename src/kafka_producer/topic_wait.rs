//! Waiting for a topic's metadata, and what to say when it does not come.

use std::sync::Arc;

use super::bytes_producer::BytesProducer;
use crate::client::Awaited;
use crate::error::{Error, ErrorKind, Limit};
use crate::producer::{TopicHandle, Wait};
use crate::protocol::ErrorCode;
use crate::time::Deadline;

impl BytesProducer {
    /// The topic by metadata of at least `version`.
    pub(super) fn await_topic(
        &self,
        topic: &str,
        wait: Wait,
        version: u64,
    ) -> Result<Arc<TopicHandle>, Error> {
        let snapshot = self.metadata.snapshot();
        if snapshot.version() >= version
            && let Some(handle) = self.topics.handle(topic, &snapshot)
        {
            return Ok(handle);
        }
        check_topic_name(topic)?;
        if self.topics.is_closed() {
            return Err(Error::new(ErrorKind::Closed));
        }
        // What was said before the question is no answer to it.
        let version = version.max(snapshot.version() + 1);
        let name: Arc<str> = Arc::from(topic);
        let now = self.clock.now();
        let recently = self.failures.of(topic, now);
        let deadline = match wait {
            Wait::Until(deadline) if recently.is_none() => deadline,
            Wait::MaxBlock if recently.is_none() => Deadline::after(now, self.max_block),
            _ => Deadline::at(now),
        };
        // Asked for in any case: a later try may find it.
        self.inbox.topic(&name, deadline);
        if let Some(error) = recently {
            return Err(error);
        }
        if matches!(wait, Wait::Never) {
            let what = format!("metadata of topic '{topic}'");
            return Err(Error::new(ErrorKind::WouldBlock { what }));
        }
        let mut last_error = None;
        let awaited = self.metadata.wait(&self.clock, deadline, |snapshot| {
            if let Some(handle) =
                (snapshot.version() >= version).then(|| self.topics.handle(topic, snapshot)).flatten()
            {
                return Some(Ok(handle));
            }
            let error = snapshot.topics.get(topic).filter(|_| snapshot.version() >= version)?.error?;
            last_error = Some(error);
            (!error.is_retriable()).then_some(Err(error))
        });
        let error = match awaited {
            Awaited::Found(Ok(handle)) => return Ok(handle),
            Awaited::Closed => return Err(Error::new(ErrorKind::Closed)),
            Awaited::Found(Err(code)) => refused(&name, code),
            Awaited::TimedOut(_) if last_error == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {
                Error::new(ErrorKind::UnknownTopic {
                    topic: Arc::clone(&name),
                    max_block: self.max_block,
                    creation_asked_for: self.allow_auto_create_topics,
                })
            }
            Awaited::TimedOut(brokers) => Error::new(ErrorKind::Timeout {
                limit: Limit::MaxBlock,
                value: self.max_block,
                waited_for: match last_error {
                    None => format!("waiting for metadata of topic '{topic}'"),
                    Some(code) => {
                        format!("waiting for metadata of topic '{topic}', for which a broker answered {code}")
                    }
                },
                brokers,
            }),
        };
        self.failures.add(name, error.clone(), self.clock.now());
        Err(error)
    }
}

/// A topic's error that no waiting mends.
fn refused(topic: &Arc<str>, code: ErrorCode) -> Error {
    match code {
        ErrorCode::INVALID_TOPIC_EXCEPTION => {
            let reason = "the cluster refuses it";
            Error::new(ErrorKind::InvalidTopic { topic: Arc::clone(topic), reason })
        }
        code => Error::new(ErrorKind::Broker { code, message: None, about: format!("topic '{topic}'") }),
    }
}

/// Kafka's own rules, which its brokers apply too: refused here, it costs no round trip.
fn check_topic_name(topic: &str) -> Result<(), Error> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let reason = match topic {
        "" => "it is empty",
        "." | ".." => "it is a name of directories",
        _ if topic.len() > 249 => "it is longer than 249 characters",
        _ if !topic.bytes().all(legal) => "only letters, digits, '.', '_' and '-' may stand in it",
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::InvalidTopic { topic: Arc::from(topic), reason }))
}
