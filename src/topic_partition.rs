//! `TopicPartition`: a topic and one of its partitions.

use std::fmt;
use std::sync::Arc;

/// A topic and the number of one of its partitions.
///
/// The `Display` text is the same as in Kafka, for example `events-3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
}

impl TopicPartition {
    /// Creates a `TopicPartition` of `topic` and the number `partition`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }

    /// Returns the name of the topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Returns the number of the partition. The first partition has the number 0.
    pub fn partition(&self) -> i32 {
        self.partition
    }
}

/// Kafka's rule that `topic` breaks as the name of a topic. Brokers check it too, but a check here takes no round trip.
pub(crate) fn broken_rule_of_name(topic: &str) -> Option<&'static str> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match topic {
        "" => Some("it is empty"),
        "." | ".." => Some("'.' and '..' are not allowed"),
        _ if topic.len() > 249 => Some("it is longer than 249 characters"),
        _ if !topic.bytes().all(legal) => Some("only letters, digits, '.', '_' and '-' are allowed"),
        _ => None,
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}
