//! What can go wrong, and how that reads.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Error;
use super::details::{ConfigProblem, Count, Limit, SizeLimit, write_list};
use super::report::DeliveryReport;
use super::trouble::{BrokerTrouble, write_last_seen};
use crate::protocol::ErrorCode;

/// What happened. Each variant says when, and which setting changes that.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration can't be used; every problem found is listed.
    Config {
        /// One entry for each setting that is wrong.
        problems: Vec<ConfigProblem>,
    },
    /// The record can't be sent by any broker: neither key nor value, a negative timestamp, …
    InvalidRecord {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A [`Serializer`](crate::Serializer) could not make bytes of a key or value; nothing was reserved or sent. Its own
    /// error is the [source](std::error::Error::source).
    Serialization {
        /// Key or value, and of which topic.
        what: String,
        /// The serializer's own words.
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
        /// The topic and partition.
        about: String,
    },
    /// The cluster does not know the topic, and nothing changed that within `max_block_ms`.
    UnknownTopic {
        /// The topic's name.
        topic: Arc<str>,
        /// `max_block_ms`: how long it was waited for.
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
        /// By the partitioner; if not, by the record.
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
        /// What was waited for.
        waited_for: String,
        /// What was last seen of each broker that gave trouble.
        brokers: Vec<BrokerTrouble>,
    },
    /// `buffer_memory` was used up for as long as `max_block_ms` allows: the brokers take less than is sent.
    BufferExhausted {
        /// The topic and partition of the record.
        about: String,
        /// The bytes that were needed.
        requested: usize,
        /// The bytes in use when it was given up.
        used: usize,
        /// `buffer_memory`.
        total: usize,
        /// How long it was waited for memory; the rest of `max_block_ms` went into waiting for metadata.
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
        /// The topic and partition.
        about: String,
        /// What the last attempt ended with: the broker's answer, or the lack of one.
        last: Error,
    },
    /// A broker refused.
    Broker {
        /// Its code.
        code: ErrorCode,
        /// Its own words, if it gave any.
        message: Option<String>,
        /// The topic and partition, or what else it was about.
        about: String,
    },
    /// A broker refused the record's batch because of other records in it; by itself this one may be stored.
    RefusedWithBatch {
        /// The broker's code for the batch.
        code: ErrorCode,
        /// Its own words about the first of the records that are to blame, if it gave any.
        message: Option<String>,
        /// The topic and partition.
        about: String,
    },
    /// A connection could not be made or was lost: what an attempt ended with, as told by
    /// [`RetriesUsedUp`](Self::RetriesUsedUp), or by the source of a time-out.
    Network {
        /// Where, at which step, and what happened.
        trouble: BrokerTrouble,
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
    /// The producer is closed.
    Closed,
    /// The call would have to wait, and may not: `try_send`, or `send` inside a callback.
    WouldBlock {
        /// For what.
        what: String,
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
    /// The sender thread could not be started.
    Spawn,
    /// A defect of this crate. The records concerned fail with it rather than never.
    Bug {
        /// What should have been impossible.
        what: String,
    },
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { problems } => {
                f.write_str("the configuration can't be used: ")?;
                write_list(f, problems, "; ")
            }
            Self::InvalidRecord { reason } => write!(f, "the record can't be sent: {reason}"),
            Self::Serialization { what, reason } => write!(f, "the {what} could not be serialized: {reason}"),
            Self::RecordTooLarge { size, limit, limited_by } => {
                write!(
                    f,
                    "the record takes {size} bytes, more than {limited_by} of {limit} allows; {}",
                    limited_by.remedy()
                )
            }
            Self::RefusedAsTooLarge { code, size, about } => {
                let setting = match *code {
                    ErrorCode::RECORD_LIST_TOO_LARGE => "segment.bytes (the broker's log.segment.bytes)",
                    _ => "max.message.bytes (the broker's message.max.bytes)",
                };
                write!(
                    f,
                    "a broker answered {code} to a record for {about}, which takes {size} bytes by itself; raise the \
                     topic's {setting} or send less at once"
                )
            }
            Self::UnknownTopic { topic, max_block, creation_asked_for } => {
                write!(
                    f,
                    "topic '{topic}' does not exist, nor did it after max_block_ms of {max_block:?}; "
                )?;
                f.write_str(if *creation_asked_for {
                    "the cluster was asked to create it and did not (its auto.create.topics.enable): create it first"
                } else {
                    "allow_auto_create_topics is false: set it to true or create the topic first"
                })
            }
            Self::InvalidTopic { topic, reason } => {
                write!(f, "'{}' can't be a topic's name: {reason}", topic.escape_debug())
            }
            Self::UnknownPartition { topic, partition, by_partitioner, known } => {
                let whose = if *by_partitioner { ", which the partitioner chose" } else { "" };
                write!(f, "topic '{topic}' has no partition {partition}{whose}: it has {known}, numbered from 0")
            }
            Self::Timeout { limit, value, waited_for, brokers } => {
                write!(f, "{limit} of {value:?} ran out {waited_for}")?;
                write_last_seen(f, brokers)
            }
            Self::BufferExhausted { about, requested, used, total, waited, max_block, brokers } => {
                // There is room, but not for a partition that has its share.
                let kept = if used + requested <= *total { ", the rest is kept for other partitions" } else { "" };
                write!(
                    f,
                    "max_block_ms of {max_block:?} ran out, {} ms of it waiting for {requested} bytes of \
                     buffer_memory for {about}: {used} of {total} are in use{kept}; the brokers take less than is \
                     sent: raise buffer_memory or max_block_ms, or send less",
                    waited.as_millis()
                )?;
                write_last_seen(f, brokers)
            }
            Self::RetriesUsedUp { retries, attempts, about, last } => write!(
                f,
                "retries of {retries} is used up after {} to send the records for {about}, the last: {last}; raise \
                 retries to try longer",
                Count(u64::from(*attempts), "attempt")
            ),
            Self::Broker { code, message, about } => {
                write!(
                    f,
                    "a broker answered {code} for {about}: {}",
                    message.as_deref().unwrap_or(code.description())
                )
            }
            Self::RefusedWithBatch { code, message, about } => write!(
                f,
                "a broker answered {code} for {about}, because of another record in the same batch; send this one again: \
                 {}",
                message.as_deref().unwrap_or(code.description())
            ),
            Self::Network { trouble } => trouble.fmt(f),
            Self::UnsupportedVersion { api, ours, theirs, address } => {
                write!(f, "{address} does not speak {api} in versions {} to {}", ours.0, ours.1)?;
                match theirs {
                    Some((least, most)) => {
                        let newer = if *most < ours.0 { "broker" } else { "client" };
                        write!(f, ": it offers {least} to {most}; take a newer {newer}")
                    }
                    None => f.write_str(": it does not know that request"),
                }
            }
            Self::Closed => f.write_str("the producer is closed"),
            Self::WouldBlock { what } => {
                write!(
                    f,
                    "sending would have to wait for {what}; send outside of a callback, or try again later"
                )
            }
            Self::CalledFromCallback { call } => {
                write!(
                    f,
                    "{call} inside a callback would wait for the thread that runs it; call it from another thread"
                )
            }
            Self::Undelivered { report } => report.fmt(f),
            Self::Spawn => f.write_str(
                "the sender thread could not be started: the system gives no thread or no descriptors; raise its \
                 limits (ulimit -u, ulimit -n)",
            ),
            Self::Bug { what } => write!(f, "a defect of kafka-producer, please report it: {what}"),
        }
    }
}
