//! The texts of errors. Each says what happened. If a setting is the cause, it names the setting and its value.

use std::fmt::{self, Write as _};

use super::details::Count;
use super::trouble::write_last_seen;
use super::types::{DeliveryReport, Error, ErrorKind, PendingPartition};
use crate::protocol::ErrorCode;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)?;
        if self.is_maybe_written() { f.write_str(" (the record may have been written)") } else { Ok(()) }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { problems } => {
                f.write_str("the configuration can't be used:")?;
                // Several problems stand on lines of their own.
                let separator = if problems.len() == 1 { " " } else { "\n  " };
                problems.iter().try_for_each(|problem| write!(f, "{separator}{problem}"))
            }
            Self::InvalidRecord { reason } => write!(f, "the record can't be sent: {reason}"),
            // The reason is the text of the source.
            Self::Serialization { topic, is_key, .. } => {
                let field = if *is_key { "key" } else { "value" };
                write!(f, "the {field} of a record for '{topic}' could not be serialized")
            }
            Self::RecordTooLarge { size, limit, limited_by } => {
                write!(
                    f,
                    "a batch with only this record takes {size} bytes, more than {limited_by} = {limit} allows; {}",
                    limited_by.remedy()
                )
            }
            Self::RefusedAsTooLarge { code, size, topic_partition } => {
                let setting = match *code {
                    ErrorCode::RECORD_LIST_TOO_LARGE => "segment.bytes (the broker's log.segment.bytes)",
                    _ => "max.message.bytes (the broker's message.max.bytes)",
                };
                write!(
                    f,
                    "a broker rejected a record for {topic_partition} with {code}; a batch with only this record takes {size} bytes; raise the \
                     topic's {setting} or make the record smaller"
                )
            }
            Self::UnknownTopic { topic, max_block, creation_asked_for } => {
                write!(
                    f,
                    "topic '{topic}' does not exist (waited max_block_ms = {max_block:?}); "
                )?;
                f.write_str(if *creation_asked_for {
                    "the cluster was asked to create it but did not create it (see the brokers' auto.create.topics.enable); \
                     create it first"
                } else {
                    "allow_auto_create_topics is false: set it to true or create the topic first"
                })
            }
            Self::InvalidTopic { topic, reason } => {
                write!(f, "'{}' is not a valid topic name: {reason}", topic.escape_debug())
            }
            Self::UnknownPartition { topic_partition, by_partitioner, partition_count } => {
                let (topic, partition) = (topic_partition.topic(), topic_partition.partition());
                let whose = if *by_partitioner { ", which the partitioner chose" } else { "" };
                let count = Count(u64::from(partition_count.unsigned_abs()), "partition");
                write!(f, "topic '{topic}' has no partition {partition}{whose}; it has {count}, numbered from 0")
            }
            Self::Timeout { limit, value, waited_for, brokers } => {
                write!(f, "{}{limit} of {value:?} expired {waited_for}", limit.what_ended())?;
                write_last_seen(f, brokers)
            }
            Self::BufferExhausted { topic_partition, requested, used, total, waited, max_block, brokers } => {
                // There is free memory, but not for a partition that holds its share.
                let kept = match used + requested <= *total {
                    true => ", and the rest is reserved for other partitions",
                    false => "",
                };
                write!(
                    f,
                    "max_block_ms of {max_block:?} expired; the call waited {} ms for {requested} bytes of buffer_memory for \
                     {topic_partition}; {used} of {total} bytes are in use{kept}; the brokers accept records more slowly than \
                     the program sends them; raise buffer_memory or max_block_ms, or send less",
                    waited.as_millis()
                )?;
                write_last_seen(f, brokers)
            }
            Self::RetriesUsedUp { retries, attempts, topic_partition, last } => write!(
                f,
                "{} to send the records for {topic_partition} failed, and retries = {retries} allows no more attempts; the last attempt: \
                 {last}; raise retries to try longer",
                Count(u64::from(*attempts), "attempt")
            ),
            Self::Broker { code, message, about } => {
                let words = Printable(message.as_deref().unwrap_or(code.description()));
                write!(f, "a broker returned {code} for {about}: {words}")
            }
            Self::LeftOut { topic_partition } => write!(
                f,
                "a broker's response omits {topic_partition}, although the request had records for it; this is a \
                 defect of the broker or of a proxy in front of it; check the broker's log"
            ),
            Self::RefusedWithBatch { code, message, topic_partition } => {
                let words = Printable(message.as_deref().unwrap_or(code.description()));
                write!(
                    f,
                    "a broker returned {code} for {topic_partition} because of another record in the same batch, not because of \
                     this one: {words}"
                )
            }
            Self::Network { trouble, cut_off } => {
                trouble.fmt(f)?;
                match cut_off {
                    None => Ok(()),
                    Some(size) => write!(
                        f,
                        "; the broker had not responded to a request of {size} bytes; if the broker accepts no requests of this size (its \
                         socket.request.max.bytes), lower max_request_size or produce_request_max_bytes"
                    ),
                }
            }
            Self::Denied { trouble } => {
                write!(f, "a broker can't be used with this configuration: {trouble}")
            }
            Self::Authentication { mechanism, trouble } => {
                write!(f, "authentication by {mechanism} failed: {trouble}")
            }
            Self::NoProducerId { code } => {
                f.write_str("enable_idempotence needs a producer id, and ")?;
                match code {
                    None => f.write_str(
                        "the broker can't give one: it is older than 0.11 or does not know InitProducerId; use a newer \
                         broker, use the port of a broker if this is the port of a controller, or set enable_idempotence to \
                         false",
                    ),
                    Some(code @ ErrorCode::CLUSTER_AUTHORIZATION_FAILED) => write!(
                        f,
                        "a broker returned {code}; grant Write on the topic (for brokers before 2.8, grant IdempotentWrite \
                         on the cluster), or set enable_idempotence to false"
                    ),
                    Some(code) => write!(
                        f,
                        "a broker returned {code}: {}; if this persists, set enable_idempotence to false",
                        code.description()
                    ),
                }
            }
            Self::UnsupportedVersion { api, ours, theirs, address } => {
                write!(f, "{address} does not support {api} in versions {} to {}", ours.0, ours.1)?;
                match theirs {
                    Some((least, most)) => {
                        let newer = if *most < ours.0 { "broker" } else { "client" };
                        write!(f, ": it supports {least} to {most}; use a newer {newer}")
                    }
                    None => f.write_str(
                        ": it does not know this request; use a newer broker, or use the port of a broker if this is the \
                         port of a controller",
                    ),
                }
            }
            Self::Closed => f.write_str("the producer is closed"),
            Self::Purged => f.write_str("the program has purged the record before it was sent"),
            Self::WouldBlock { what, inside_callback } => {
                let or = if *inside_callback { ", or call send outside of the callback" } else { "" };
                write!(f, "the call would block on {what}; try again later{or}")
            }
            Self::CalledFromCallback { call } => {
                write!(
                    f,
                    "{call} inside a callback would wait for the thread that runs the callback; call it from another thread"
                )
            }
            Self::Undelivered { report } => report.fmt(f),
            Self::UsedAfterFork { process } => write!(
                f,
                "the producer was built by process {process}, and this process is a forked child without the background thread; \
                 build a new producer in the child"
            ),
            Self::Spawn => f.write_str(
                "the background thread could not be started: the system provides no thread or no file descriptors; raise its \
                 limits (ulimit -u, ulimit -n)",
            ),
            Self::Bug { what } => write!(f, "a defect of kafka-producer, please report it: {what}"),
        }
    }
}

/// A broker's message. Its control characters, such as ends of lines, must not get into a log.
struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| f.write_char(if c.is_control() { ' ' } else { c }))
    }
}

impl fmt::Display for DeliveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some((limit, value)) = self.timed_out {
            write!(f, "{limit} of {value:?} expired")?;
            write_pending(self, limit.is_of_the_end(), f)?;
            write_last_seen(f, &self.brokers)?;
            separator = "; ";
        }
        if let Some(error) = &self.first_error {
            let first = if self.failed == 1 { "" } else { "; the first error" };
            write!(f, "{separator}{} failed{first}: {error}", Count(self.failed, "record"))?;
        }
        Ok(())
    }
}

/// When the producer has ended, nothing is pending any more: these records have failed.
fn write_pending(report: &DeliveryReport, has_ended: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    /// The most partitions that the text names. It has the number of the others.
    const NAMED: usize = 3;
    if report.pending.is_empty() {
        return Ok(());
    }
    let records = report.pending.iter().map(|partition| partition.records).sum();
    let batches = report.pending.iter().map(|partition| partition.batches).sum();
    let state = match (has_ended, records) {
        (true, _) => "had no result",
        (false, 1) => "is pending",
        (false, _) => "are pending",
    };
    write!(f, "; {} in {} {state}", Count(records, "record"), Count(batches, "batch"))?;
    for (index, PendingPartition { topic_partition, .. }) in report.pending.iter().take(NAMED).enumerate() {
        write!(f, "{}{topic_partition}", if index == 0 { " (" } else { ", " })?;
    }
    if let Some(more @ 1..) = report.pending.len().checked_sub(NAMED) {
        write!(f, " and {}", Count(more as u64, "more partition"))?;
    }
    f.write_str(")")?;
    match report.pending.iter().find_map(|partition| partition.last_error.as_ref()) {
        Some(error) => write!(f, "; the last attempt: {error}"),
        None => Ok(()),
    }
}
