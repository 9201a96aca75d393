//! The error, what it carries, and what it can be asked. These types hold each other, so they stand in one file; how they
//! read is in `texts.rs`.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::details::{ConfigProblem, Limit, SizeLimit, Subject};
use super::trouble::BrokerTrouble;
use crate::protocol::ErrorCode;
use crate::topic_partition::TopicPartition;

/// Anything that can go wrong, one pointer wide and cheap to clone: one broker error completes thousands of futures.
///
/// Ask it with the predicates ([`is_retriable`](Self::is_retriable), [`is_timeout`](Self::is_timeout), …) or match on
/// [`kind`](Self::kind).
///
/// # Text and source
/// The text says what happened, which limit or setting is the cause, and what brokers answered. It includes the error of the
/// last attempt, if there was one. The text never repeats the [`source`](StdError::source), so a program that prints an error
/// and its sources prints nothing twice. These errors have a source: [`ErrorKind::Serialization`] (the serializer's error),
/// [`ErrorKind::Spawn`] (the operating system's error), and [`ErrorKind::NoProducerId`] if the broker does not know the
/// request.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    certainty: Certainty,
    /// The partition of the record that the error is about.
    topic_partition: Option<TopicPartition>,
    /// The code of the last attempt, whose error is in the text.
    last_code: Option<ErrorCode>,
    /// An error that the text does not contain.
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Inner {
    fn of(kind: ErrorKind) -> Self {
        Self { kind, certainty: Certainty::NotWritten, topic_partition: None, last_code: None, source: None }
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

    /// The same error about a record of which bytes had left and no answer came, or whose answer leaves it open.
    pub(crate) fn maybe_written(self) -> Self {
        Self(Arc::new(Inner { certainty: Certainty::MaybeWritten, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// The same error as that of a record for `topic_partition`.
    pub(crate) fn at(self, topic_partition: &TopicPartition) -> Self {
        if self.0.topic_partition.as_ref() == Some(topic_partition) {
            return self;
        }
        let topic_partition = Some(topic_partition.clone());
        Self(Arc::new(Inner { topic_partition, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// Whether its text says so: where it is the record that may have been written, not only the wait that has ended.
    pub(super) fn is_maybe_written(&self) -> bool {
        self.0.certainty == Certainty::MaybeWritten
    }

    /// What happened.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The topic of the record that the error is about. `None` if it is not about one topic (`build`, `flush`, `close`), or
    /// if the record was refused before its topic mattered ([`ErrorKind::RecordTooLarge`], [`ErrorKind::InvalidRecord`]).
    pub fn topic(&self) -> Option<&str> {
        match (&self.0.topic_partition, self.kind()) {
            (Some(topic_partition), _) => Some(topic_partition.topic()),
            (_, ErrorKind::Broker { about, .. }) => about.topic(),
            (
                _,
                ErrorKind::UnknownTopic { topic, .. }
                | ErrorKind::InvalidTopic { topic, .. }
                | ErrorKind::UnknownPartition { topic, .. }
                | ErrorKind::Serialization { topic, .. },
            ) => Some(topic),
            _ => None,
        }
    }

    /// The partition of the record that the error is about. `None` if there is no one partition, or if none was chosen yet.
    pub fn partition(&self) -> Option<i32> {
        match (&self.0.topic_partition, self.kind()) {
            (Some(topic_partition), _) => Some(topic_partition.partition()),
            (_, ErrorKind::UnknownPartition { partition, .. }) => Some(*partition),
            _ => None,
        }
    }

    /// Whether the record may be in the broker's log now, or may still be stored later.
    ///
    /// A [`get`](crate::FutureRecordMetadata::get), `flush` or `close` whose time ran out says
    /// [`MaybeWritten`](Certainty::MaybeWritten), because its records are still being sent. So does the error of a `flush` or
    /// `close` if more than one record failed; ask each future for its own answer. Where there is no record (`build`,
    /// `wait_connected`), the answer means nothing.
    pub fn certainty(&self) -> Certainty {
        match self.kind() {
            ErrorKind::Timeout { limit: Limit::Call, .. } | ErrorKind::CalledFromCallback { .. } => {
                Certainty::MaybeWritten
            }
            ErrorKind::Undelivered { report } => report.certainty(),
            _ => self.0.certainty,
        }
    }

    /// Whether the operation is still under way, so that the same call can be made again: `get`, `flush` or
    /// `wait_connected` ran out of its own time, or `get` was called inside a callback before there was a result. Do not send
    /// the records again: they are still being sent.
    ///
    /// It is false for the error of a `close`, which ends what was under way.
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

    /// Whether a record that failed with this error may succeed if the program sends it again, with nothing changed. See
    /// [`certainty`](Self::certainty) first: if the record may have been written, sending it again may store it twice.
    ///
    /// It is false while the record is still being sent: see [`is_pending`](Self::is_pending). It is false for the error of a
    /// `flush` or `close`, which may be about many records: ask each future. An unknown topic is retriable if the cluster was
    /// asked to create it ([`allow_auto_create_topics`](crate::ProducerConfig::allow_auto_create_topics)): that may take
    /// longer than `max_block_ms`.
    pub fn is_retriable(&self) -> bool {
        match self.kind() {
            ErrorKind::Broker { code, .. } => code.is_retriable(),
            ErrorKind::RetriesUsedUp { last, .. } => last.is_retriable(),
            ErrorKind::Timeout { limit, .. } => matches!(limit, Limit::MaxBlock | Limit::DeliveryTimeout),
            ErrorKind::UnknownTopic { creation_asked_for, .. } => *creation_asked_for,
            ErrorKind::BufferExhausted { .. }
            | ErrorKind::WouldBlock { .. }
            | ErrorKind::Network { .. }
            | ErrorKind::LeftOut { .. }
            | ErrorKind::RefusedWithBatch { .. } => true,
            _ => false,
        }
    }

    /// Whether a limit of time ran out; [`ErrorKind::Timeout`] says which, [`ErrorKind::BufferExhausted`] is
    /// `max_block_ms`, [`ErrorKind::Undelivered`] the time that `flush` or `close` was given.
    pub fn is_timeout(&self) -> bool {
        match self.kind() {
            ErrorKind::Timeout { .. } | ErrorKind::BufferExhausted { .. } => true,
            ErrorKind::Undelivered { report } => report.timed_out.is_some(),
            _ => false,
        }
    }

    /// Whether the producer was closed before or during the call. It is also true for a record that `send` had accepted and
    /// that failed because the producer ended: its limit is [`Limit::Close`], [`Limit::Drop`] or [`Limit::Exit`].
    pub fn is_closed(&self) -> bool {
        match self.kind() {
            ErrorKind::Closed => true,
            ErrorKind::Timeout { limit, .. } => limit.is_of_the_end(),
            _ => false,
        }
    }

    /// The error code of the broker that refused the record or the request. For [`ErrorKind::RetriesUsedUp`] and
    /// [`ErrorKind::Timeout`] it is the code of the last attempt. `None` if no broker refused, or if the last attempt got no
    /// answer.
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

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.0.kind).field("certainty", &self.certainty());
        if let Some(topic_partition) = &self.0.topic_partition {
            debug.field("topic_partition", &format_args!("{topic_partition}"));
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

/// Whether a record that failed may stand in a broker's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum Certainty {
    /// No attempt can have stored it: of each one nothing was sent, or a broker refused it. Sending it again makes no
    /// duplicate, but the record is stored behind those that were sent meanwhile.
    NotWritten,
    /// Bytes of it left and no answer came, the answer leaves it open, or it is on its way still: sending it again may
    /// make a duplicate.
    MaybeWritten,
}

/// What happened. Fields that have a setting's name have its value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration can't be used; every problem found is listed.
    Config {
        /// One entry for each setting that is wrong.
        problems: Vec<ConfigProblem>,
    },
    /// The record itself is wrong, no broker was asked: it has neither key nor value, or a negative timestamp.
    InvalidRecord {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A [`Serializer`](crate::Serializer) failed for the key or the value of a record. Nothing was sent, and no memory was
    /// taken. The serializer's error is the [`source`](std::error::Error::source). The text of this error does not contain
    /// it: print the source or `reason` too.
    Serialization {
        /// The topic of the record.
        topic: Arc<str>,
        /// True if the serializer of the key failed, false if that of the value failed.
        is_key: bool,
        /// The text of the serializer's error.
        reason: String,
    },
    /// The record is larger than a limit; nothing was reserved or sent.
    RecordTooLarge {
        /// Its size in bytes as it would be encoded, headers included.
        size: usize,
        /// The limit in bytes.
        limit: usize,
        /// Whose limit it is.
        limited_by: SizeLimit,
    },
    /// A broker refused the record as too large, all by itself; what was with it in a batch has been sent without it.
    RefusedAsTooLarge {
        /// The broker's code: of its topic's `max.message.bytes`, or of its `segment.bytes`.
        code: ErrorCode,
        /// Its size in bytes, in a batch of its own.
        size: usize,
        /// The partition of the record.
        topic_partition: TopicPartition,
    },
    /// The cluster does not know the topic, and nothing changed that within `max_block_ms`.
    UnknownTopic {
        /// The topic's name.
        topic: Arc<str>,
        /// `max_block_ms`: how long the call waited for it.
        max_block: Duration,
        /// Whether the cluster was asked to create it (`allow_auto_create_topics`).
        creation_asked_for: bool,
    },
    /// The name can't be a topic's.
    InvalidTopic {
        /// The name as given.
        topic: Arc<str>,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// The topic has no such partition.
    UnknownPartition {
        /// The topic's name.
        topic: Arc<str>,
        /// The partition asked for.
        partition: i32,
        /// True if the partitioner chose it, false if the record named it.
        by_partitioner: bool,
        /// How many partitions the topic has, numbered from 0.
        known: usize,
    },
    /// A limit ran out.
    Timeout {
        /// Which one.
        limit: Limit,
        /// Its value.
        value: Duration,
        /// The rest of the sentence, for people: "waiting for ...", "after 3 attempts to ...", "before the records ...".
        waited_for: String,
        /// What was last seen of each broker that gave trouble.
        brokers: Vec<BrokerTrouble>,
    },
    /// `buffer_memory` was used up for as long as `max_block_ms` allows: the brokers take less than is sent.
    BufferExhausted {
        /// The partition of the record.
        topic_partition: TopicPartition,
        /// The bytes that were needed.
        requested: usize,
        /// The bytes in use when it was given up.
        used: usize,
        /// `buffer_memory`.
        total: usize,
        /// How long the call waited for memory; the rest of `max_block_ms` went into waiting for metadata.
        waited: Duration,
        /// `max_block_ms`.
        max_block: Duration,
        /// What was last seen of each broker that gave trouble.
        brokers: Vec<BrokerTrouble>,
    },
    /// Each attempt failed in a way that may pass, and `retries` allows no more of them.
    RetriesUsedUp {
        /// `retries`.
        retries: u32,
        /// How often it was tried.
        attempts: u32,
        /// The partition of the record.
        topic_partition: TopicPartition,
        /// What the last attempt ended with: the broker's answer, or the lack of one.
        last: Error,
    },
    /// A broker refused.
    Broker {
        /// Its code.
        code: ErrorCode,
        /// Its own words, if it gave any.
        message: Option<String>,
        /// What the broker refused: records for a partition, or something else.
        about: Subject,
    },
    /// A broker answered a request and said nothing of the record's batch, which was in it.
    LeftOut {
        /// The partition of the record.
        topic_partition: TopicPartition,
    },
    /// A broker refused the record's batch because of other records in it; by itself this one may be stored.
    RefusedWithBatch {
        /// The broker's code for the batch.
        code: ErrorCode,
        /// Its own words about the first of the records that are to blame, if it gave any.
        message: Option<String>,
        /// The partition of the record.
        topic_partition: TopicPartition,
    },
    /// A connection failed or was lost. It is the error of one attempt: see [`RetriesUsedUp`](Self::RetriesUsedUp) and
    /// [`PendingPartition::last_error`].
    Network {
        /// Where, at which step, and what happened.
        trouble: BrokerTrouble,
        /// The bytes of the request with records that the broker was being sent when it ended the connection, if it did.
        cut_off: Option<usize>,
    },
    /// A broker can't be used with this configuration: it does not accept who we are, or we do not accept who it is.
    /// Trying again changes nothing.
    Denied {
        /// Where, at which step, and what happened.
        trouble: BrokerTrouble,
    },
    /// A broker does not accept who we are, or does not offer the mechanism (`sasl_mechanism`). Trying again changes
    /// nothing before the settings, or the broker's, are changed; it is tried again all the same, with back-off
    /// from `reconnect_backoff_ms` up to `reconnect_backoff_max_ms`.
    Authentication {
        /// The mechanism, as `SCRAM-SHA-256`.
        mechanism: String,
        /// Where, and the broker's own words.
        trouble: BrokerTrouble,
    },
    /// No broker gives this producer an id, without which no broker can tell a record that is sent again from another
    /// (`enable_idempotence`).
    NoProducerId {
        /// The broker's code; `None` if it does not know the request (InitProducerId, since 0.11).
        code: Option<ErrorCode>,
    },
    /// Client and broker have no version of a request in common.
    UnsupportedVersion {
        /// The request.
        api: String,
        /// The versions that would do here.
        ours: (i16, i16),
        /// The broker's, if it knows the request at all.
        theirs: Option<(i16, i16)>,
        /// The broker's address.
        address: String,
    },
    /// The producer is closed, so the call can't be made. It is the error of calls such as `send`. A record that `send` had
    /// accepted before, and that failed because the producer ended, has a [`Timeout`](Self::Timeout) whose limit is
    /// [`Limit::Close`], [`Limit::Drop`] or [`Limit::Exit`].
    Closed,
    /// The call would have to wait and must not: it is `try_send`, or it was made inside a callback.
    WouldBlock {
        /// What it would wait for.
        what: String,
        /// Whether it was made inside a callback.
        inside_callback: bool,
    },
    /// The call would wait inside a callback for the thread that runs the callback.
    CalledFromCallback {
        /// The call.
        call: &'static str,
    },
    /// Not everything that [`flush`](crate::KafkaProducer::flush) or [`close`](crate::KafkaProducer::close) covers
    /// was delivered.
    Undelivered {
        /// What failed, and what was still under way.
        report: DeliveryReport,
    },
    /// The call was made in a forked child of the process that made the producer. Nothing of a producer works there: its
    /// thread has not come along, and its connections are the parent's. Make a new one in the child. A record that the
    /// parent had sent may be stored by the parent, so the error of its future says
    /// [`MaybeWritten`](Certainty::MaybeWritten).
    UsedAfterFork {
        /// The process that made the producer.
        process: u32,
    },
    /// The sender thread could not be started.
    Spawn,
    /// A defect of this crate. The records concerned fail with it rather than never.
    Bug {
        /// What should have been impossible.
        what: String,
    },
}

/// What `flush` or `close` found undelivered: the text of the error, in numbers.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DeliveryReport {
    /// Records that failed and whose failure no future or callback had looked at; those of `pending` do not count.
    pub failed: u64,
    /// The first of those failures.
    pub first_error: Option<Error>,
    /// What had no answer when the time ran out, the oldest first. After `close` it has failed.
    pub pending: Vec<PendingPartition>,
    /// Why, if the time ran out: what was last seen of each broker that gave trouble or that has not answered.
    pub brokers: Vec<BrokerTrouble>,
    /// The limit that ran out, if one did, and its value. For `close` the one that decided, not always the caller's own.
    pub timed_out: Option<(Limit, Duration)>,
}

/// What a partition has that is without an answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PendingPartition {
    /// The topic and partition.
    pub topic_partition: TopicPartition,
    /// Its batches.
    pub batches: u64,
    /// The records in them.
    pub records: u64,
    /// What the last attempt to send the oldest of them ended with, if there was one.
    pub last_error: Option<Error>,
}

impl DeliveryReport {
    /// Of all its records; only the first failure is known here.
    pub(super) fn certainty(&self) -> Certainty {
        match &self.first_error {
            Some(error) if self.failed == 1 && self.pending.is_empty() => error.certainty(),
            None if self.pending.is_empty() => Certainty::NotWritten,
            _ => Certainty::MaybeWritten,
        }
    }
}
