//! The one error type: what happened, whose move it is, and whether the record may have been written.

mod details;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::details::{BrokerTrouble, ConfigProblem, DeliveryReport, Limit, Origin, SizeLimit, Stage};
use crate::protocol::ErrorCode;

/// Anything that can go wrong, one pointer wide and cheap to clone: one broker error completes thousands of futures.
///
/// Ask it with the predicates ([`is_retriable`](Self::is_retriable), [`is_timeout`](Self::is_timeout), …) or match on
/// [`kind`](Self::kind). Its text is one sentence that names the setting, the value and what to change; causes below
/// it are reached through [`source`](StdError::source).
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    certainty: Certainty,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self(Arc::new(Inner { kind, certainty: Certainty::NotWritten, source: None }))
    }

    pub(crate) fn with_source(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(Arc::new(Inner { kind, certainty: Certainty::NotWritten, source: Some(source.into()) }))
    }

    /// The same error about a record of which bytes had left and no answer came, or whose answer leaves it open.
    pub(crate) fn maybe_written(self) -> Self {
        match Arc::try_unwrap(self.0) {
            Ok(inner) => Self(Arc::new(Inner { certainty: Certainty::MaybeWritten, ..inner })),
            Err(shared) => {
                let kind = shared.kind.clone();
                let source = Some(Box::new(Self(shared)) as Box<dyn StdError + Send + Sync>);
                Self(Arc::new(Inner { kind, certainty: Certainty::MaybeWritten, source }))
            }
        }
    }

    /// What happened.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Whether the record this error is about may stand in the log all the same.
    pub fn certainty(&self) -> Certainty {
        self.0.certainty
    }

    /// Whether the same call may succeed later with nothing changed.
    pub fn is_retriable(&self) -> bool {
        match self.kind() {
            ErrorKind::Broker { code, .. } => code.is_retriable(),
            ErrorKind::Timeout { .. }
            | ErrorKind::WouldBlock { .. }
            | ErrorKind::Network { .. }
            | ErrorKind::RefusedWithBatch { .. }
            | ErrorKind::UnknownTopic { .. } => true,
            _ => false,
        }
    }

    /// Whether a limit ran out; [`ErrorKind::Timeout`] says which.
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind(), ErrorKind::Timeout { .. })
    }

    /// Whether the producer was closed, or closed meanwhile.
    pub fn is_closed(&self) -> bool {
        matches!(self.kind(), ErrorKind::Closed)
    }

    /// The code a broker answered with, if it was a broker that refused.
    pub fn broker_code(&self) -> Option<ErrorCode> {
        match self.kind() {
            ErrorKind::Broker { code, .. } | ErrorKind::RefusedWithBatch { code, .. } => Some(*code),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.kind.fmt(f)?;
        if self.0.certainty == Certainty::MaybeWritten {
            f.write_str(" (the record may have been written)")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.0.kind).field("certainty", &self.0.certainty);
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
    /// No byte of it left, or the broker refused it: sending it again makes no duplicate.
    NotWritten,
    /// Bytes of it left and no answer came, or the answer leaves it open: sending it again may make a duplicate.
    MaybeWritten,
}

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
    /// error is the [source](StdError::source).
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
    /// A broker refused the record as too large, all by itself; what was with it has been sent without it.
    RefusedAsTooLarge {
        /// Its size in bytes, in a batch of its own.
        size: usize,
        /// The topic and partition.
        about: String,
    },
    /// The cluster does not know the topic.
    UnknownTopic {
        /// The topic's name.
        topic: Arc<str>,
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
        /// The partition asked for, by the record or by the partitioner.
        partition: i32,
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
    /// A connection could not be made or was lost, and retrying was not allowed or not possible.
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
            Self::RefusedAsTooLarge { size, about } => write!(
                f,
                "a broker refused a record for {about} as too large: it takes {size} bytes by itself; raise the \
                 topic's max.message.bytes (the broker's message.max.bytes) or send less at once"
            ),
            Self::UnknownTopic { topic } => {
                write!(
                    f,
                    "topic '{topic}' does not exist, and the cluster did not create it; create it first"
                )
            }
            Self::InvalidTopic { topic, reason } => {
                write!(f, "'{}' can't be a topic's name: {reason}", topic.escape_debug())
            }
            Self::UnknownPartition { topic, partition, known } => {
                write!(f, "topic '{topic}' has no partition {partition}: it has {known}, numbered from 0")
            }
            Self::Timeout { limit, value, waited_for, brokers } => {
                write!(f, "{limit} of {value:?} ran out {waited_for}")?;
                if !brokers.is_empty() {
                    f.write_str("; last seen: ")?;
                    write_list(f, brokers, ", ")?;
                }
                Ok(())
            }
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
                    Some((least, most)) => write!(f, ": it offers {least} to {most}"),
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
            Self::Spawn => f.write_str("the sender thread could not be started"),
            Self::Bug { what } => write!(f, "a defect of kafka-producer, please report it: {what}"),
        }
    }
}

fn write_list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Option<Error>>(), size_of::<usize>());
    }

    #[test]
    fn a_text_names_the_setting_the_value_and_the_remedy() {
        let kind = ErrorKind::RecordTooLarge {
            size: 1_048_700,
            limit: 1_048_576,
            limited_by: SizeLimit::MaxRequestSize,
        };
        assert_eq!(
            Error::new(kind).to_string(),
            "the record takes 1048700 bytes, more than max_request_size of 1048576 allows; \
             raise max_request_size (and the broker's max.message.bytes) or send less at once"
        );
    }

    #[test]
    fn certainty_survives_sharing_and_keeps_the_cause() {
        let first = Error::new(ErrorKind::Closed);
        let second = first.clone();
        let maybe = first.maybe_written();
        assert_eq!(second.certainty(), Certainty::NotWritten);
        assert_eq!(maybe.certainty(), Certainty::MaybeWritten);
        assert!(maybe.source().is_some());
        assert_eq!(maybe.to_string(), "the producer is closed (the record may have been written)");
    }
}
