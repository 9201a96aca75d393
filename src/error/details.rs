//! Types that errors contain: problems of the configuration, limits, subjects.

use std::fmt;
use std::sync::Arc;

use crate::topic_partition::TopicPartition;

/// A problem with one setting: it can't be used, or [`from_shared`](crate::ProducerConfig::from_shared) did not use it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigProblem {
    /// The kind of problem, for a `match`.
    pub kind: ConfigProblemKind,
    /// The name of the setting. If a setter has set the value, it is kafka-python's name. Otherwise it is the name in the
    /// input, for example the name of the environment variable. It is empty if the problem is not in one setting, for
    /// example if the input at [`line`](Self::line) is not valid YAML.
    pub key: String,
    /// The line of the setting in the input, from 1. `None` if the input has no lines, or if its lines are not known: the
    /// pairs that [`from_pairs`](crate::ProducerConfig::from_pairs) takes have no lines.
    pub line: Option<usize>,
    /// The value in the input. `None` if there is no value, or if the value may be a secret.
    pub value: Option<String>,
    /// What is wrong with the setting, and how to correct it.
    pub why: String,
}

impl ConfigProblem {
    pub(crate) fn invalid(key: impl Into<String>, value: Option<String>, why: impl Into<String>) -> Self {
        Self { kind: ConfigProblemKind::Invalid, key: key.into(), line: None, value, why: why.into() }
    }

    pub(crate) fn at_line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }
}

/// What is wrong with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigProblemKind {
    /// No producer has a setting with this name.
    Unknown,
    /// The setting belongs to another kind of client, or to a feature of another client that this crate does not have.
    Inapplicable,
    /// The setting needs a cargo feature that is not enabled. This is always an error. It is never in the list of unused
    /// settings that [`from_shared`](crate::ProducerConfig::from_shared) returns.
    NotInThisBuild,
    /// The setting requests a feature that this crate does not support yet.
    NotSupportedYet,
    /// The setting names code, for example a class. [`ConfigProblem::why`] names the method that takes such code, or says
    /// to remove the setting.
    NeedsCode,
    /// The value can't be read, is out of range, or names something that can't be used.
    Invalid,
    /// The setting contradicts another setting, or is given twice with different values.
    Contradictory,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        match &self.value {
            None if self.key.is_empty() && self.line.is_some() => f.write_str(&self.why),
            Some(value) => write!(f, "{} = '{}': {}", self.key, value.escape_debug(), self.why),
            None => write!(f, "{}: {}", self.key, self.why),
        }
    }
}

/// What a broker rejected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// Records for a partition.
    Partition(TopicPartition),
    /// A request about a topic.
    Topic(Arc<str>),
    /// A request about a consumer group.
    Group(Arc<str>),
    /// A request about a `transactional_id`.
    TransactionalId(Arc<str>),
}

impl Subject {
    pub(super) fn topic_and_partition(&self) -> Option<(&str, Option<i32>)> {
        match self {
            Self::Partition(topic_partition) => {
                Some((topic_partition.topic(), Some(topic_partition.partition())))
            }
            Self::Topic(topic) => Some((topic, None)),
            Self::Group(_) | Self::TransactionalId(_) => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition(topic_partition) => topic_partition.fmt(f),
            Self::Topic(topic) => write!(f, "topic '{topic}'"),
            Self::Group(group) => write!(f, "group '{group}'"),
            Self::TransactionalId(id) => write!(f, "transactional id '{id}'"),
        }
    }
}

/// The setting whose limit a record exceeds. [`ErrorKind::RefusedAsTooLarge`](crate::ErrorKind::RefusedAsTooLarge) is about
/// the limits of brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SizeLimit {
    /// The setting `max_request_size`.
    MaxRequestSize,
    /// The setting `buffer_memory`.
    BufferMemory,
}

impl SizeLimit {
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::MaxRequestSize => {
                "raise max_request_size (and the topic's max.message.bytes) or make the record smaller"
            }
            Self::BufferMemory => "raise buffer_memory or make the record smaller",
        }
    }
}

impl fmt::Display for SizeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MaxRequestSize => "max_request_size",
            Self::BufferMemory => "buffer_memory",
        })
    }
}

/// A timeout that expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// `max_block_ms`: the longest time that `send` and `partitions_for` wait for metadata and memory together.
    MaxBlock,
    /// `delivery_timeout_ms`: the longest time from `send` to the result of the record.
    DeliveryTimeout,
    /// `request_timeout_ms`: the longest time that a broker can take to respond to a request. No error has this limit. When
    /// this timeout expires, the connection is closed, and a [`BrokerTrouble`](crate::BrokerTrouble) reports it.
    RequestTimeout,
    /// `socket_connection_setup_timeout_ms`: the longest time until a new connection is ready. This time grows after
    /// failures. No error has this limit. When this timeout expires, the attempt to connect fails, and a
    /// [`BrokerTrouble`](crate::BrokerTrouble) reports it.
    ConnectionSetup,
    /// The timeout that was passed to `get`, `flush` or `wait_connected`.
    Call,
    /// The timeout that was passed to `close`. If several threads call `close`, it is the timeout that expires first.
    Close,
    /// The timeout of five seconds for closing a producer that is dropped.
    Drop,
    /// `exit_timeout_ms`: the longest time that a producer can take to close when the process ends.
    Exit,
}

impl Limit {
    /// Whether it limits how long a producer may take to close.
    pub(super) fn is_of_the_end(self) -> bool {
        matches!(self, Self::Close | Self::Drop | Self::Exit)
    }

    /// How the text begins for a record that failed because this limit expired.
    pub(super) fn what_ended(self) -> &'static str {
        match self {
            Self::Close => "the producer was closed; ",
            Self::Drop => "the producer was dropped; ",
            Self::Exit => "the process ended; ",
            _ => "",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MaxBlock => "max_block_ms",
            Self::DeliveryTimeout => "delivery_timeout_ms",
            Self::RequestTimeout => "request_timeout_ms",
            Self::ConnectionSetup => "socket_connection_setup_timeout_ms",
            Self::Call => "the call's timeout",
            Self::Close => "the close timeout",
            Self::Drop => "the drop timeout",
            Self::Exit => "exit_timeout_ms",
        })
    }
}

/// `1 batch`, `2 batches`.
pub(crate) struct Count(pub(crate) u64, pub(crate) &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, what) = self;
        let plural = match what {
            _ if *count == 1 => "",
            what if what.ends_with("ch") => "es",
            _ => "s",
        };
        write!(f, "{count} {what}{plural}")
    }
}

pub(super) fn write_list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    separator: &str,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}
