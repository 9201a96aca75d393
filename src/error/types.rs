//! The error type, its kinds and its methods. These types contain each other, so they are in one file. Their texts are in
//! `texts.rs`.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::details::{ConfigProblem, Limit, SizeLimit, Subject};
use super::trouble::BrokerTrouble;
use crate::protocol::ErrorCode;
use crate::topic_partition::TopicPartition;

/// The error of a producer's calls, of its futures and of its configuration. It has the size of one pointer and is cheap to
/// clone.
///
/// A program calls the methods of the error ([`is_retriable`](Self::is_retriable), [`is_pending`](Self::is_pending),
/// [`certainty`](Self::certainty), …) or matches on its [`kind`](Self::kind).
///
/// # Text and source
/// The text of the error says what happened, which limit or setting is the cause, and what brokers returned. If there was
/// an attempt that failed, the text includes the error of the last attempt.
///
/// The text never repeats the [`source`](StdError::source). So a program that prints an error and its sources prints
/// nothing twice. These errors have a source:
///
/// - [`ErrorKind::Serialization`]: the source is the serializer's error.
/// - [`ErrorKind::Spawn`]: the source is the operating system's error.
/// - [`ErrorKind::NoProducerId`], if the broker does not support the request for a producer ID: the source is the error of
///   that request.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    certainty: Certainty,
    /// What the error is about, if the kind does not say.
    about: Option<Subject>,
    /// The code of the last attempt, whose error is in the text.
    last_code: Option<ErrorCode>,
    /// An error that the text does not contain.
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Inner {
    fn of(kind: ErrorKind) -> Self {
        Self { kind, certainty: Certainty::NotWritten, about: None, last_code: None, source: None }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self(Arc::new(Inner::of(kind)))
    }

    /// The text of `kind` must not contain the text of `source`.
    pub(crate) fn with_source(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(Arc::new(Inner { source: Some(Arc::from(source.into())), ..Inner::of(kind) }))
    }

    /// The error that ends several attempts. `last` is the error of the last one. The text of `kind` contains it, so it is
    /// not the source.
    pub(crate) fn after(kind: ErrorKind, last: &Self) -> Self {
        Self(Arc::new(Inner { last_code: last.broker_code(), ..Inner::of(kind) }))
    }

    /// The same error for a record that may have been written.
    pub(crate) fn maybe_written(self) -> Self {
        Self(Arc::new(Inner { certainty: Certainty::MaybeWritten, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// The same error for a record of `topic_partition`.
    pub(crate) fn at(self, topic_partition: &TopicPartition) -> Self {
        if self.subject() == Some((topic_partition.topic(), Some(topic_partition.partition()))) {
            return self;
        }
        self.about(Subject::Partition(topic_partition.clone()))
    }

    /// The same error for a record for `topic`, and for `partition` if the record has one.
    pub(crate) fn of_record_for(self, topic: &str, partition: Option<i32>) -> Self {
        if self.subject().is_some_and(|(_, known)| known.is_some() || partition.is_none()) {
            return self;
        }
        self.about(match partition {
            Some(partition) => Subject::Partition(TopicPartition::new(topic, partition)),
            None => Subject::Topic(topic.into()),
        })
    }

    fn about(self, about: Subject) -> Self {
        Self(Arc::new(Inner { about: Some(about), ..Arc::unwrap_or_clone(self.0) }))
    }

    /// Whether the text says that the record may have been written. It does not if only a wait has ended.
    pub(super) fn is_maybe_written(&self) -> bool {
        self.0.certainty == Certainty::MaybeWritten
    }

    /// Returns the kind of the error, which says what happened.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Returns the topic of the record that the error is about.
    ///
    /// Each error of `send`, of `partitions_for` and of a future has a topic, except the error of a record that has no topic
    /// although `default_topic` is not set. The result is `None` if the error is not about one topic. Errors of `build`, `wait_connected`, `flush` and `close` are not about one topic.
    pub fn topic(&self) -> Option<&str> {
        Some(self.subject()?.0)
    }

    /// Returns the partition of the record that the error is about.
    ///
    /// The result is `None` if the error is not about one partition, or if `send` failed before a partition was chosen.
    pub fn partition(&self) -> Option<i32> {
        self.subject()?.1
    }

    fn subject(&self) -> Option<(&str, Option<i32>)> {
        match (&self.0.about, self.kind()) {
            (Some(about), _) | (None, ErrorKind::Broker { about, .. }) => about.topic_and_partition(),
            (
                None,
                ErrorKind::RefusedAsTooLarge { topic_partition, .. }
                | ErrorKind::UnknownPartition { topic_partition, .. }
                | ErrorKind::BufferExhausted { topic_partition, .. }
                | ErrorKind::RetriesUsedUp { topic_partition, .. }
                | ErrorKind::LeftOut { topic_partition, .. }
                | ErrorKind::RefusedWithBatch { topic_partition, .. },
            ) => Some((topic_partition.topic(), Some(topic_partition.partition()))),
            (
                None,
                ErrorKind::UnknownTopic { topic, .. }
                | ErrorKind::InvalidTopic { topic, .. }
                | ErrorKind::Serialization { topic, .. },
            ) => Some((topic, None)),
            _ => None,
        }
    }

    /// Returns whether the record may have been stored, or can still be stored later.
    ///
    /// For the error of a record, [`Certainty`] lists the reasons. The result is also
    /// [`MaybeWritten`](Certainty::MaybeWritten) in these cases:
    ///
    /// - A `get` or a `flush` timed out, or was called inside a callback. The producer continues to send the records.
    /// - A `close` timed out.
    /// - A `flush` or a `close` reports more than one failed record.
    ///
    /// In the last two cases, check the error of each future.
    ///
    /// If the error is not about records (`build`, `wait_connected`), the result has no meaning.
    pub fn certainty(&self) -> Certainty {
        match self.kind() {
            ErrorKind::Timeout { limit: Limit::Call, .. } | ErrorKind::CalledFromCallback { .. } => {
                Certainty::MaybeWritten
            }
            ErrorKind::Undelivered { report } => report.certainty(),
            _ => self.0.certainty,
        }
    }

    /// Returns whether the call only stopped waiting. The producer then continues the work, and the program can make the
    /// same call again later. Do not send the records again, because the producer is still sending them.
    ///
    /// The result is true if `get`, `flush` or `wait_connected` timed out, or if `get` or `flush` was called inside a
    /// callback. It is false for the error of a `close`, because no record is sent after a `close`.
    ///
    /// If a `flush` timed out, its error can also report records that have failed ([`DeliveryReport::failed`]). The next
    /// `flush` reports these failures again.
    pub fn is_pending(&self) -> bool {
        match self.kind() {
            ErrorKind::Timeout { limit, .. } => *limit == Limit::Call,
            ErrorKind::Undelivered { report } => {
                report.timed_out.is_some_and(|(limit, _)| limit == Limit::Call)
            }
            ErrorKind::CalledFromCallback { .. } => true,
            _ => false,
        }
    }

    /// Returns whether the same record, or the same call of `partitions_for`, can succeed if the program tries again. Check
    /// the [`certainty`](Self::certainty) first. If the record may have been written and the program sends it again, it can
    /// be stored twice.
    ///
    /// The result is true for these kinds:
    /// - [`Timeout`](ErrorKind::Timeout) with the limit `max_block_ms` or `delivery_timeout_ms`,
    ///   [`BufferExhausted`](ErrorKind::BufferExhausted), [`WouldBlock`](ErrorKind::WouldBlock)
    /// - [`RetriesUsedUp`](ErrorKind::RetriesUsedUp), [`Network`](ErrorKind::Network), [`LeftOut`](ErrorKind::LeftOut),
    ///   [`RefusedWithBatch`](ErrorKind::RefusedWithBatch)
    /// - [`Broker`](ErrorKind::Broker), if the broker's code is a retriable error
    /// - [`NoProducerId`](ErrorKind::NoProducerId), if a broker returned a code other than `CLUSTER_AUTHORIZATION_FAILED`
    /// - [`UnknownTopic`](ErrorKind::UnknownTopic), if the cluster was asked to create the topic
    ///   ([`allow_auto_create_topics`](crate::ProducerConfig::allow_auto_create_topics)), because the creation can take
    ///   longer than `max_block_ms`
    ///
    /// The result is false for all other errors, for example:
    /// - errors of a record that is still being sent (see [`is_pending`](Self::is_pending))
    /// - errors of a producer that is closed (see [`is_closed`](Self::is_closed))
    /// - errors of `flush` and `close`, because they can be about many records (check the error of each future)
    pub fn is_retriable(&self) -> bool {
        match self.kind() {
            ErrorKind::Broker { code, .. } => code.is_retriable(),
            ErrorKind::Timeout { limit, .. } => matches!(limit, Limit::MaxBlock | Limit::DeliveryTimeout),
            ErrorKind::UnknownTopic { creation_asked_for, .. } => *creation_asked_for,
            ErrorKind::NoProducerId { code } => {
                code.is_some_and(|code| code != ErrorCode::CLUSTER_AUTHORIZATION_FAILED)
            }
            ErrorKind::RetriesUsedUp { .. }
            | ErrorKind::BufferExhausted { .. }
            | ErrorKind::WouldBlock { .. }
            | ErrorKind::Network { .. }
            | ErrorKind::LeftOut { .. }
            | ErrorKind::RefusedWithBatch { .. } => true,
            _ => false,
        }
    }

    /// Returns whether a timeout expired.
    ///
    /// For [`ErrorKind::Timeout`], the field `limit` names the timeout. For [`ErrorKind::BufferExhausted`], the timeout is
    /// `max_block_ms`. For [`ErrorKind::Undelivered`], it is the timeout of `flush` or `close`.
    pub fn is_timeout(&self) -> bool {
        match self.kind() {
            ErrorKind::Timeout { .. } | ErrorKind::BufferExhausted { .. } => true,
            ErrorKind::Undelivered { report } => report.timed_out.is_some(),
            _ => false,
        }
    }

    /// Returns whether the producer was closed before or during the call. The record itself can be valid: another producer
    /// can send it.
    ///
    /// The result is also true for a record that `send` had accepted and that failed because the producer ended. This
    /// record has an [`ErrorKind::Timeout`] with [`Limit::Close`], [`Limit::Drop`] or [`Limit::Exit`].
    pub fn is_closed(&self) -> bool {
        match self.kind() {
            ErrorKind::Closed => true,
            ErrorKind::Timeout { limit, .. } => limit.is_of_the_end(),
            _ => false,
        }
    }

    /// Returns the error code with which a broker rejected the record or the request.
    ///
    /// For [`ErrorKind::RetriesUsedUp`] and [`ErrorKind::Timeout`] this is the code of the last attempt. The result is
    /// `None` if no broker returned a code, or if the last attempt got no response.
    pub fn broker_code(&self) -> Option<ErrorCode> {
        match self.kind() {
            ErrorKind::Broker { code, .. }
            | ErrorKind::RefusedWithBatch { code, .. }
            | ErrorKind::RefusedAsTooLarge { code, .. } => Some(*code),
            ErrorKind::NoProducerId { code } => *code,
            ErrorKind::RetriesUsedUp { last, .. } => last.broker_code(),
            ErrorKind::Timeout { .. } => self.0.last_code,
            _ => None,
        }
    }
}

/// Shows the text of the error and of its sources, because `unwrap` and a `main` that returns an error print the `Debug`
/// form. `{:#?}` shows the fields.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            write!(f, "{self}")?;
            let mut source = self.source();
            while let Some(cause) = source {
                write!(f, ": {cause}")?;
                source = cause.source();
            }
            return Ok(());
        }
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.0.kind).field("certainty", &self.certainty());
        if let Some(about) = &self.0.about {
            debug.field("about", &format_args!("{about}"));
        }
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

/// Whether a record that failed may have been stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum Certainty {
    /// The record is not stored. In each attempt, either nothing was sent, or the broker rejected the record with a code for
    /// which [`ErrorCode::may_have_been_written`] is false. If the program sends the record again, it is not stored twice.
    /// It is then stored after the records that were sent in the meantime.
    NotWritten,
    /// The record may have been stored, or can still be stored. There are three possible reasons: bytes of the record were
    /// sent and no response came, the response does not say whether the record is stored, or the record is still being
    /// sent. If the program sends the record again, it can be stored twice.
    ///
    /// A response with a code such as `UNKNOWN_TOPIC_OR_PARTITION` or `NOT_LEADER_OR_FOLLOWER` does not say whether the
    /// record is stored: see [`ErrorCode::may_have_been_written`].
    MaybeWritten,
}

/// What happened. A field with the name of a setting contains the value of that setting.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration can't be used.
    #[non_exhaustive]
    Config {
        /// All problems, with one entry for each wrong setting.
        problems: Vec<ConfigProblem>,
    },
    /// The record has neither a key nor a value, has a negative timestamp, or has no topic although `default_topic` is not
    /// set. Nothing was sent.
    #[non_exhaustive]
    InvalidRecord {
        /// What is wrong with the record.
        reason: String,
    },
    /// A [`Serializer`](crate::Serializer) failed for the key or the value of a record. Nothing was sent, and no memory was
    /// taken. The serializer's error is the [`source`](std::error::Error::source). The text of this error does not contain
    /// the serializer's error, so print the source or `reason` too.
    #[non_exhaustive]
    Serialization {
        /// The topic of the record.
        topic: Arc<str>,
        /// True if the serializer of the key or the key maker failed, false if the serializer of the value failed.
        is_key: bool,
        /// The text of the serializer's error.
        reason: String,
    },
    /// The record is larger than a limit of the producer. Nothing was sent, and no memory was taken.
    #[non_exhaustive]
    RecordTooLarge {
        /// The size in bytes of a batch that contains only this record. The header of the batch takes 61 bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
        /// The setting that sets the limit.
        limited_by: SizeLimit,
    },
    /// A broker rejected the record as too large, even in a batch that contains only this record. The other records of the
    /// original batch were sent without it.
    #[non_exhaustive]
    RefusedAsTooLarge {
        /// The broker's code. It says which limit of the topic the record exceeds: `max.message.bytes` or `segment.bytes`.
        code: ErrorCode,
        /// The size in bytes of a batch that contains only this record.
        size: usize,
        /// The partition of the record.
        topic_partition: TopicPartition,
    },
    /// The topic does not exist, and was not created within `max_block_ms`.
    #[non_exhaustive]
    UnknownTopic {
        /// The name of the topic.
        topic: Arc<str>,
        /// The value of `max_block_ms`, which is how long the call waited for the topic.
        max_block: Duration,
        /// Whether the producer asked the cluster to create the topic (`allow_auto_create_topics`).
        creation_asked_for: bool,
    },
    /// The name is not a valid topic name.
    #[non_exhaustive]
    InvalidTopic {
        /// The invalid name.
        topic: Arc<str>,
        /// The rule that the name breaks.
        reason: String,
    },
    /// The topic has no partition with this number.
    #[non_exhaustive]
    UnknownPartition {
        /// The topic, and the partition number that the topic does not have.
        topic_partition: TopicPartition,
        /// True if the partitioner chose the number, false if the number was set in the record.
        by_partitioner: bool,
        /// The number of partitions of the topic. The first partition has the number 0.
        partition_count: i32,
    },
    /// A timeout expired.
    #[non_exhaustive]
    Timeout {
        /// The timeout that expired.
        limit: Limit,
        /// The length of the timeout.
        value: Duration,
        /// The end of the error text: what the time was spent on. It begins with words such as "while waiting for ...", "after 3
        /// attempts to ..." or "before the records ...".
        waited_for: String,
        /// The last known problem with each broker that failed or has not responded.
        brokers: Vec<BrokerTrouble>,
    },
    /// `buffer_memory` was used up until `max_block_ms` expired. The brokers take records more slowly than the program
    /// sends them.
    #[non_exhaustive]
    BufferExhausted {
        /// The partition of the record.
        topic_partition: TopicPartition,
        /// The number of bytes that the batch needed to take the record. It can be larger than the record, because memory
        /// is taken for several records at a time.
        requested: usize,
        /// The number of bytes in use when `max_block_ms` expired.
        used: usize,
        /// The value of `buffer_memory`.
        total: usize,
        /// How long the call waited for memory. Before that, the call may have waited for metadata.
        waited: Duration,
        /// The value of `max_block_ms`.
        max_block: Duration,
        /// The last known problem with each broker that failed or has not responded.
        brokers: Vec<BrokerTrouble>,
    },
    /// Every attempt failed with a retriable error, and `retries` allows no more attempts.
    #[non_exhaustive]
    RetriesUsedUp {
        /// The value of `retries`.
        retries: u32,
        /// The number of attempts.
        attempts: u32,
        /// The partition of the record.
        topic_partition: TopicPartition,
        /// The error of the last attempt.
        last: Error,
    },
    /// A broker rejected the record or the request.
    #[non_exhaustive]
    Broker {
        /// The broker's code.
        code: ErrorCode,
        /// The broker's message, if the broker sent a message.
        message: Option<String>,
        /// What the broker rejected.
        about: Subject,
    },
    /// A broker's response has no result for the batch of the record, although the request contained the batch.
    #[non_exhaustive]
    LeftOut {
        /// The partition of the record.
        topic_partition: TopicPartition,
    },
    /// A broker rejected the batch of the record because of other records in the batch. This record can succeed in another
    /// batch.
    #[non_exhaustive]
    RefusedWithBatch {
        /// The broker's code for the batch.
        code: ErrorCode,
        /// The broker's message about the first record that caused the rejection, if the broker sent a message.
        message: Option<String>,
        /// The partition of the record.
        topic_partition: TopicPartition,
    },
    /// A connection failed or was lost. This is the error of one attempt: see [`RetriesUsedUp`](Self::RetriesUsedUp) and
    /// [`PendingPartition::last_error`].
    #[non_exhaustive]
    Network {
        /// The broker, the step, and what happened.
        trouble: BrokerTrouble,
        /// The size in bytes of the Produce request, if the broker closed the connection without a response to this
        /// request. `None` if the connection ended in another way.
        cut_off: Option<usize>,
    },
    /// A broker can't be used with this configuration. Either the broker does not accept this client, or this client does
    /// not accept the broker, for example because of a certificate. Another attempt fails in the same way.
    #[non_exhaustive]
    Denied {
        /// The broker, the step, and what happened.
        trouble: BrokerTrouble,
    },
    /// A broker rejected the authentication, or does not offer the mechanism (`sasl_mechanism`). Another attempt fails in
    /// the same way until the settings of the client or of the broker are changed. The producer continues to try, with a
    /// backoff from `reconnect_backoff_ms` up to `reconnect_backoff_max_ms`.
    #[non_exhaustive]
    Authentication {
        /// The mechanism, for example `SCRAM-SHA-256`.
        mechanism: String,
        /// The broker, the step, and the broker's message.
        trouble: BrokerTrouble,
    },
    /// No broker gives this producer a producer ID. Idempotence (`enable_idempotence`) needs a producer ID, by which
    /// brokers recognize a record that is sent again.
    #[non_exhaustive]
    NoProducerId {
        /// The broker's code. `None` if the broker does not support the request InitProducerId. Brokers have supported it
        /// since Kafka 0.11.
        code: Option<ErrorCode>,
    },
    /// The client and the broker have no common version of a request. If it is the request Produce,
    /// [`wait_connected`](crate::KafkaProducer::wait_connected) and `send` succeed, and the future has this error.
    #[non_exhaustive]
    UnsupportedVersion {
        /// The name of the request.
        api: String,
        /// The first and the last version that the client supports.
        ours: (i16, i16),
        /// The first and the last version that the broker supports. `None` if the broker does not support the request.
        theirs: Option<(i16, i16)>,
        /// The address of the broker.
        address: String,
    },
    /// The producer is closed, so calls such as `send` fail with this error. This is not the error of a record that `send`
    /// had accepted before and that failed because the producer ended. Such a record has a [`Timeout`](Self::Timeout) whose
    /// limit is [`Limit::Close`], [`Limit::Drop`] or [`Limit::Exit`].
    Closed,
    /// [`purge`](crate::KafkaProducer::purge) was called before the record was sent. The record is not stored.
    Purged,
    /// The call would block, but it is a `try_send` or was made inside a callback.
    #[non_exhaustive]
    WouldBlock {
        /// What the call would wait for.
        what: String,
        /// Whether the call was made inside a callback.
        inside_callback: bool,
    },
    /// The call was made inside a callback. It would wait for the thread that runs the callback.
    #[non_exhaustive]
    CalledFromCallback {
        /// The name of the method.
        call: &'static str,
    },
    /// [`flush`](crate::KafkaProducer::flush) or [`close`](crate::KafkaProducer::close) reports records that have failed or
    /// have no result yet.
    #[non_exhaustive]
    Undelivered {
        /// The failed and the pending records.
        report: DeliveryReport,
    },
    /// The call was made in a forked child of the process that built the producer. The producer does not work in the child:
    /// the child has no background thread, and the connections belong to the parent. Build a new producer in the child.
    ///
    /// The parent can still store a record that was sent before the fork. So in the child, the error of its future is
    /// [`MaybeWritten`](Certainty::MaybeWritten).
    #[non_exhaustive]
    UsedAfterFork {
        /// The ID of the process that built the producer.
        process: u32,
    },
    /// The background thread could not be started. The operating system's error is the
    /// [`source`](std::error::Error::source).
    Spawn,
    /// A defect of this crate. The records that are affected fail with this error.
    #[non_exhaustive]
    Bug {
        /// A description of the defect.
        what: String,
    },
}

/// The records that `flush` or `close` reports, because they have failed or have no result.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DeliveryReport {
    /// The number of records that have failed since the last report and whose failure is unchecked (see
    /// [`FutureRecordMetadata`](crate::FutureRecordMetadata)). The records in `pending` are not included. If a `flush`
    /// timed out, the next `flush` counts its failures again.
    pub failed: u64,
    /// The error of the first of these failures.
    pub first_error: Option<Error>,
    /// The records that had no result when the timeout expired, by partition. The partition with the oldest batch comes
    /// first. After a `close`, these records have failed.
    pub pending: Vec<PendingPartition>,
    /// If a timeout expired, the last known problem with each broker that failed or has not responded.
    pub brokers: Vec<BrokerTrouble>,
    /// The timeout that expired, and its length. `None` if no timeout expired. If several threads closed the producer, it
    /// is the timeout that expired first.
    pub timed_out: Option<(Limit, Duration)>,
}

/// The records of one partition that have no result.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PendingPartition {
    /// The topic and the partition.
    pub topic_partition: TopicPartition,
    /// The number of batches without a result.
    pub batches: u64,
    /// The number of records in these batches.
    pub records: u64,
    /// The error of the last attempt to send the oldest of these batches. `None` if no attempt has failed yet.
    pub last_error: Option<Error>,
}

impl DeliveryReport {
    /// The certainty of all its records together. Only the first failure is known here.
    pub(super) fn certainty(&self) -> Certainty {
        match &self.first_error {
            Some(error) if self.failed == 1 && self.pending.is_empty() => error.certainty(),
            None if self.pending.is_empty() => Certainty::NotWritten,
            _ => Certainty::MaybeWritten,
        }
    }
}
