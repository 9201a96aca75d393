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

/// The error of a producer's calls, of its futures and of its configuration. It is one pointer wide and cheap to clone.
///
/// Programs call its methods ([`is_retriable`](Self::is_retriable), [`is_pending`](Self::is_pending),
/// [`certainty`](Self::certainty), …) or match on [`kind`](Self::kind).
///
/// # Text and source
/// The text says what happened, which limit or setting is the cause, and what brokers answered. It includes the error of the
/// last attempt, if there was one.
///
/// The text never repeats the [`source`](StdError::source), so a program that prints an error and its sources prints nothing
/// twice. These errors have a source: [`ErrorKind::Serialization`] (the serializer's error), [`ErrorKind::Spawn`] (the
/// operating system's error), and [`ErrorKind::NoProducerId`] if the broker does not know the request.
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

    /// The same error for a record for `topic`, and for `partition` if the record has one. An error that names a topic
    /// stays as it is.
    pub(crate) fn of_record_for(self, topic: &str, partition: Option<i32>) -> Self {
        if self.subject().is_some() {
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

    /// Returns what happened.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Returns the topic of the record that the error is about.
    ///
    /// Each error of `send`, of `partitions_for` and of a future has one. `None` if the error is not about one topic, such as
    /// an error of `build`, `wait_connected`, `flush` or `close`.
    pub fn topic(&self) -> Option<&str> {
        Some(self.subject()?.0)
    }

    /// Returns the partition of the record that the error is about.
    ///
    /// `None` if the error is not about one partition, or if `send` failed before a partition was chosen.
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

    /// Returns whether the record may be stored, now or later.
    ///
    /// If a [`get`](crate::FutureRecordMetadata::get) or a `flush` expired of its time, it is
    /// [`MaybeWritten`](Certainty::MaybeWritten), because the records are still being sent. It is also `MaybeWritten` if a
    /// `close` expired of its time, or if a `flush` or `close` reports more than one failed record. Ask each future then. If
    /// the error is not about records (`build`, `wait_connected`), the result has no meaning.
    pub fn certainty(&self) -> Certainty {
        match self.kind() {
            ErrorKind::Timeout { limit: Limit::Call, .. } | ErrorKind::CalledFromCallback { .. } => {
                Certainty::MaybeWritten
            }
            ErrorKind::Undelivered { report } => report.certainty(),
            _ => self.0.certainty,
        }
    }

    /// Returns whether the same call can be made again later: it stopped waiting, and the producer goes on with the work. Do
    /// not send records again then, because they are still being sent.
    ///
    /// It is true if `get`, `flush` or `wait_connected` expired of its own time, and if `get` or `flush` was called inside a
    /// callback. It is false for the error of a `close`, because no record is sent after it.
    ///
    /// The error of a `flush` that expired of time may also report records that have failed
    /// ([`DeliveryReport::failed`]). The next `flush` reports them again.
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

    /// Returns whether the same record, or the same call of `partitions_for`, may succeed if the program tries it again. Look
    /// at [`certainty`](Self::certainty) first: if the record may have been written, sending it again may store it twice.
    ///
    /// It is true for these kinds:
    /// - [`Timeout`](ErrorKind::Timeout) by `max_block_ms` or `delivery_timeout_ms`,
    ///   [`BufferExhausted`](ErrorKind::BufferExhausted), [`WouldBlock`](ErrorKind::WouldBlock)
    /// - [`RetriesUsedUp`](ErrorKind::RetriesUsedUp), [`Network`](ErrorKind::Network), [`LeftOut`](ErrorKind::LeftOut),
    ///   [`RefusedWithBatch`](ErrorKind::RefusedWithBatch)
    /// - [`Broker`](ErrorKind::Broker) and [`NoProducerId`](ErrorKind::NoProducerId), if the broker's code stands for a state
    ///   that may pass
    /// - [`UnknownTopic`](ErrorKind::UnknownTopic), if the cluster was asked to create the topic
    ///   ([`allow_auto_create_topics`](crate::ProducerConfig::allow_auto_create_topics)): that may take longer than
    ///   `max_block_ms`
    ///
    /// It is false for all other errors, among them:
    /// - errors of a record that is still being sent: see [`is_pending`](Self::is_pending)
    /// - errors of a producer that is closed: see [`is_closed`](Self::is_closed)
    /// - errors of `flush` and `close`, which may be about many records: ask each future
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

    /// Returns whether a limit of time expired.
    ///
    /// [`ErrorKind::Timeout`] names the limit. For [`ErrorKind::BufferExhausted`] it is `max_block_ms`. For
    /// [`ErrorKind::Undelivered`] it is the timeout of `flush` or `close`.
    pub fn is_timeout(&self) -> bool {
        match self.kind() {
            ErrorKind::Timeout { .. } | ErrorKind::BufferExhausted { .. } => true,
            ErrorKind::Undelivered { report } => report.timed_out.is_some(),
            _ => false,
        }
    }

    /// Returns whether the producer was closed before or during the call. The record itself may be right: another producer may
    /// send it.
    ///
    /// It is also true for a record that `send` had accepted and that failed because the producer ended. The limit of its
    /// [`ErrorKind::Timeout`] is [`Limit::Close`], [`Limit::Drop`] or [`Limit::Exit`].
    pub fn is_closed(&self) -> bool {
        match self.kind() {
            ErrorKind::Closed => true,
            ErrorKind::Timeout { limit, .. } => limit.is_of_the_end(),
            _ => false,
        }
    }

    /// Returns the error code of the broker that refused the record or the request.
    ///
    /// For [`ErrorKind::RetriesUsedUp`] and [`ErrorKind::Timeout`] it is the code of the last attempt. `None` if no broker
    /// refused, or if the last attempt got no answer.
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

/// The text and the sources of the error, because `unwrap` and a `main` that returns an error print this. `{:#?}` shows the
/// fields.
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

/// Whether a record that failed may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum Certainty {
    /// The record is not stored: in each attempt nothing was sent, or the broker refused the record. If the program sends it
    /// again, it is not stored twice. It is then stored behind the records that were sent meanwhile.
    NotWritten,
    /// The record may be stored: bytes of it were sent and no answer came, or the answer does not say, or the record is still
    /// being sent. If the program sends it again, it may be stored twice.
    MaybeWritten,
}

/// What happened. A field with the name of a setting has the value of that setting.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration can't be used.
    #[non_exhaustive]
    Config {
        /// All problems that were found, one entry for each setting that is wrong.
        problems: Vec<ConfigProblem>,
    },
    /// The record has neither a key nor a value, or a negative timestamp. Nothing was sent.
    #[non_exhaustive]
    InvalidRecord {
        /// What is wrong with the record.
        reason: String,
    },
    /// A [`Serializer`](crate::Serializer) failed for the key or the value of a record. Nothing was sent, and no memory was
    /// taken. The serializer's error is the [`source`](std::error::Error::source). The text of this error does not contain
    /// it: print the source or `reason` too.
    #[non_exhaustive]
    Serialization {
        /// The topic of the record.
        topic: Arc<str>,
        /// True if the serializer of the key failed, false if that of the value failed.
        is_key: bool,
        /// The text of the serializer's error.
        reason: String,
    },
    /// The record is larger than a limit of the producer. Nothing was sent, and no memory was taken.
    #[non_exhaustive]
    RecordTooLarge {
        /// The size in bytes of a batch with only this record. The header of a batch takes 61 bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
        /// The setting that the limit belongs to.
        limited_by: SizeLimit,
    },
    /// A broker refused the record as too large, even in a batch of its own. The other records of its batch were sent without
    /// it.
    #[non_exhaustive]
    RefusedAsTooLarge {
        /// The broker's code. It says which limit the record exceeds: `max.message.bytes` or `segment.bytes` of the topic.
        code: ErrorCode,
        /// The size in bytes of a batch with only this record.
        size: usize,
        /// The partition of the record.
        topic_partition: TopicPartition,
    },
    /// The topic does not exist, and did not appear within `max_block_ms`.
    #[non_exhaustive]
    UnknownTopic {
        /// The name of the topic.
        topic: Arc<str>,
        /// `max_block_ms`: how long the call waited for the topic.
        max_block: Duration,
        /// Whether the cluster was asked to create the topic (`allow_auto_create_topics`).
        creation_asked_for: bool,
    },
    /// The name is not a valid name of a topic.
    #[non_exhaustive]
    InvalidTopic {
        /// The name as given.
        topic: Arc<str>,
        /// The rule that the name breaks.
        reason: String,
    },
    /// The topic has no partition with this number.
    #[non_exhaustive]
    UnknownPartition {
        /// The topic, and the number that it has no partition for.
        topic_partition: TopicPartition,
        /// True if the partitioner chose the number, false if the record has it.
        by_partitioner: bool,
        /// The number of partitions of the topic. They are numbered from 0.
        partition_count: i32,
    },
    /// A limit of time expired.
    #[non_exhaustive]
    Timeout {
        /// The limit.
        limit: Limit,
        /// The value of the limit.
        value: Duration,
        /// What the time was spent on, as the end of a sentence for people: "waiting for ...", "after 3 attempts to ...",
        /// "before the records ...".
        waited_for: String,
        /// What was last seen of each broker that had a failure or has not answered.
        brokers: Vec<BrokerTrouble>,
    },
    /// `buffer_memory` was used up until `max_block_ms` expired. The brokers take records more slowly than the program sends
    /// them.
    #[non_exhaustive]
    BufferExhausted {
        /// The partition of the record.
        topic_partition: TopicPartition,
        /// The number of bytes that the batch needed to take the record. It is more than the size of the record: memory is
        /// taken for several records at a time.
        requested: usize,
        /// The number of bytes in use when the time expired.
        used: usize,
        /// `buffer_memory`.
        total: usize,
        /// How long the call waited for memory. Before that it may have waited for metadata.
        waited: Duration,
        /// `max_block_ms`.
        max_block: Duration,
        /// What was last seen of each broker that had a failure or has not answered.
        brokers: Vec<BrokerTrouble>,
    },
    /// Each attempt failed with an error that may pass, and `retries` allows no more attempts.
    #[non_exhaustive]
    RetriesUsedUp {
        /// `retries`.
        retries: u32,
        /// The number of attempts.
        attempts: u32,
        /// The partition of the record.
        topic_partition: TopicPartition,
        /// The error of the last attempt.
        last: Error,
    },
    /// A broker refused the record or the request.
    #[non_exhaustive]
    Broker {
        /// The broker's code.
        code: ErrorCode,
        /// The broker's message, if it sent one.
        message: Option<String>,
        /// What the broker refused.
        about: Subject,
    },
    /// A broker's answer to a request says nothing about the batch of the record, although the batch was in the request.
    #[non_exhaustive]
    LeftOut {
        /// The partition of the record.
        topic_partition: TopicPartition,
    },
    /// A broker refused the batch of the record because of other records in it. This record may succeed in another batch.
    #[non_exhaustive]
    RefusedWithBatch {
        /// The broker's code for the batch.
        code: ErrorCode,
        /// The broker's message about the first record that is the cause, if it sent one.
        message: Option<String>,
        /// The partition of the record.
        topic_partition: TopicPartition,
    },
    /// A connection failed or was lost. It is the error of one attempt: see [`RetriesUsedUp`](Self::RetriesUsedUp) and
    /// [`PendingPartition::last_error`].
    #[non_exhaustive]
    Network {
        /// The broker, the step, and what happened.
        trouble: BrokerTrouble,
        /// The size in bytes of the request with records that was being sent when the broker closed the connection. `None` if
        /// there was no such request.
        cut_off: Option<usize>,
    },
    /// A broker can't be used with this configuration: it does not accept this client, or this client does not accept it, for
    /// example because of a certificate. Another attempt fails in the same way.
    #[non_exhaustive]
    Denied {
        /// The broker, the step, and what happened.
        trouble: BrokerTrouble,
    },
    /// A broker refused the authentication, or does not offer the mechanism (`sasl_mechanism`). Another attempt fails in the
    /// same way until the settings of the client or of the broker are changed. The producer makes further attempts, with a
    /// back-off from `reconnect_backoff_ms` up to `reconnect_backoff_max_ms`.
    #[non_exhaustive]
    Authentication {
        /// The mechanism, such as `SCRAM-SHA-256`.
        mechanism: String,
        /// The broker, the step, and the broker's message.
        trouble: BrokerTrouble,
    },
    /// No broker gives this producer a producer id. Idempotence (`enable_idempotence`) needs one, so that brokers recognize a
    /// record that is sent again.
    #[non_exhaustive]
    NoProducerId {
        /// The broker's code. `None` if the broker does not know the request InitProducerId, which brokers have since 0.11.
        code: Option<ErrorCode>,
    },
    /// The client and the broker have no version of a request in common.
    #[non_exhaustive]
    UnsupportedVersion {
        /// The name of the request.
        api: String,
        /// The first and the last version that the client can use.
        ours: (i16, i16),
        /// The first and the last version that the broker supports. `None` if it does not know the request.
        theirs: Option<(i16, i16)>,
        /// The address of the broker.
        address: String,
    },
    /// The producer is closed, so the call can't be made. It is the error of calls such as `send`. A record that `send` had
    /// accepted before, and that failed because the producer ended, has a [`Timeout`](Self::Timeout) whose limit is
    /// [`Limit::Close`], [`Limit::Drop`] or [`Limit::Exit`].
    Closed,
    /// The call would block, but it is `try_send` or was made inside a callback.
    #[non_exhaustive]
    WouldBlock {
        /// What the call would wait for.
        what: String,
        /// Whether the call was made inside a callback.
        inside_callback: bool,
    },
    /// The call was made inside a callback, and would wait for the thread that runs the callback.
    #[non_exhaustive]
    CalledFromCallback {
        /// The name of the call.
        call: &'static str,
    },
    /// [`flush`](crate::KafkaProducer::flush) or [`close`](crate::KafkaProducer::close) has found records that are not stored:
    /// they have failed, or have no result yet.
    #[non_exhaustive]
    Undelivered {
        /// The failed and the pending records.
        report: DeliveryReport,
    },
    /// The call was made in a forked child of the process that built the producer. The producer does not work there: the child
    /// has no background thread, and the connections belong to the parent. Build a new producer in the child.
    ///
    /// The parent may still store a record that it had sent before the fork. So in the child the error of its future is
    /// [`MaybeWritten`](Certainty::MaybeWritten).
    #[non_exhaustive]
    UsedAfterFork {
        /// The id of the process that built the producer.
        process: u32,
    },
    /// The background thread could not be started. The operating system's error is the [`source`](std::error::Error::source).
    Spawn,
    /// A defect of this crate. The records that it concerns fail with this error.
    #[non_exhaustive]
    Bug {
        /// What happened that should be impossible.
        what: String,
    },
}

/// The records that `flush` or `close` has found not to be stored.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DeliveryReport {
    /// The number of records that have failed since the last report and whose failure no future or callback has looked at.
    /// Those in `pending` are not counted. If a `flush` has run out of time, the next `flush` counts them again.
    pub failed: u64,
    /// The first of these failures.
    pub first_error: Option<Error>,
    /// The records that had no result when the time expired, by partition, the oldest first. After a `close` they have failed.
    pub pending: Vec<PendingPartition>,
    /// If the time expired: what was last seen of each broker that had a failure or has not answered.
    pub brokers: Vec<BrokerTrouble>,
    /// The limit that expired, and its value. `None` if none expired. If several threads closed the producer, it is the limit
    /// that ended first.
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
