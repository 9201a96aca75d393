//! The one error type: what happened, whose move it is, and whether the record may have been written.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

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
            ErrorKind::Timeout { .. } | ErrorKind::Network { .. } | ErrorKind::UnknownTopic { .. } => true,
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
            ErrorKind::Broker { code, .. } => Some(*code),
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
    /// The record is larger than a limit; nothing was reserved or sent.
    RecordTooLarge {
        /// Its size in bytes as it would be encoded, headers included.
        size: usize,
        /// The limit in bytes.
        limit: usize,
        /// Whose limit it is.
        limited_by: SizeLimit,
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
            Self::RecordTooLarge { size, limit, limited_by } => {
                write!(f, "the record takes {size} bytes, more than {limited_by} of {limit} allows; {}", limited_by.remedy())
            }
            Self::UnknownTopic { topic } => {
                write!(f, "topic '{topic}' does not exist, and the cluster did not create it; create it first")
            }
            Self::InvalidTopic { topic, reason } => write!(f, "'{}' can't be a topic's name: {reason}", topic.escape_debug()),
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
                write!(f, "a broker answered {code} for {about}: {}", message.as_deref().unwrap_or(code.description()))
            }
            Self::Network { trouble } => trouble.fmt(f),
            Self::UnsupportedVersion { api, ours, theirs, address } => {
                write!(f, "{address} does not speak {api} in versions {} to {}", ours.0, ours.1)?;
                match theirs {
                    Some((least, most)) => write!(f, ": it offers {least} to {most}"),
                    None => f.write_str(": it does not know that request"),
                }
            }
            Self::Closed => f.write_str("the producer is closed"),
            Self::CalledFromCallback { call } => {
                write!(f, "{call} inside a callback would wait for the thread that runs it; call it from another thread")
            }
            Self::Undelivered { report } => report.fmt(f),
            Self::Spawn => f.write_str("the sender thread could not be started"),
            Self::Bug { what } => write!(f, "a defect of kafka-producer, please report it: {what}"),
        }
    }
}

/// One setting that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigProblem {
    /// The setting's name, in kafka-python's spelling.
    pub key: String,
    /// The value as given; `None` if it must not be shown or there is none.
    pub value: Option<String>,
    /// Why not, and what to do.
    pub why: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} = '{}': {}", self.key, value.escape_debug(), self.why),
            None => write!(f, "{}: {}", self.key, self.why),
        }
    }
}

/// Whose limit a record exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SizeLimit {
    /// `max_request_size`.
    MaxRequestSize,
    /// `buffer_memory`.
    BufferMemory,
    /// The broker's or the topic's `max.message.bytes`.
    Broker,
}

impl SizeLimit {
    fn remedy(self) -> &'static str {
        match self {
            Self::MaxRequestSize => "raise max_request_size (and the broker's max.message.bytes) or send less at once",
            Self::BufferMemory => "raise buffer_memory or send less at once",
            Self::Broker => "raise the topic's max.message.bytes or send less at once",
        }
    }
}

impl fmt::Display for SizeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MaxRequestSize => "max_request_size",
            Self::BufferMemory => "buffer_memory",
            Self::Broker => "the broker's max.message.bytes",
        })
    }
}

/// The limit that ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// `max_block_ms`: how long `send` and `partitions_for` may wait for metadata and memory together.
    MaxBlock,
    /// `delivery_timeout_ms`: how long a record may take from `send` to its answer.
    DeliveryTimeout,
    /// `request_timeout_ms`: how long a broker may take to answer.
    RequestTimeout,
    /// `socket_connection_setup_timeout_ms`: how long a connection may take to get ready.
    ConnectionSetup,
    /// The time given to the call itself: `get`, `flush`, `close`, `wait_connected`.
    Call,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MaxBlock => "max_block_ms",
            Self::DeliveryTimeout => "delivery_timeout_ms",
            Self::RequestTimeout => "request_timeout_ms",
            Self::ConnectionSetup => "socket_connection_setup_timeout_ms",
            Self::Call => "the time",
        })
    }
}

/// How far it got with a broker, and what stopped it there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerTrouble {
    /// `host:port` as configured or as the cluster advertises it.
    pub address: String,
    /// Where the address came from.
    pub origin: Origin,
    /// The step that failed.
    pub stage: Stage,
    /// What happened there.
    pub cause: String,
}

impl fmt::Display for BrokerTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) at {}: {}", self.address, self.origin, self.stage, self.cause)
    }
}

/// Where a broker's address came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// `bootstrap_servers`.
    Bootstrap,
    /// The cluster: what a broker advertises (its `advertised.listeners`).
    Metadata,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bootstrap => "from bootstrap_servers",
            Self::Metadata => "as advertised by the cluster",
        })
    }
}

/// The step on the way to an answer at which something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Looking the host's name up.
    Dns,
    /// The TCP connection.
    Tcp,
    /// The first exchange on a connection.
    ApiVersions,
    /// Asking for metadata.
    Metadata,
    /// Sending records.
    Produce,
    /// A connection that was open and idle.
    Idle,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "DNS",
            Self::Tcp => "TCP connect",
            Self::ApiVersions => "ApiVersions",
            Self::Metadata => "Metadata",
            Self::Produce => "Produce",
            Self::Idle => "rest",
        })
    }
}

/// What `flush` or `close` found undelivered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeliveryReport {
    /// Records that failed and whose failure no future or callback had looked at.
    pub failed: u64,
    /// The first of those failures.
    pub first_error: Option<Error>,
    /// Batches without an answer when the time ran out, by topic and partition.
    pub pending: Vec<(Arc<str>, i32)>,
    /// The time that ran out, if it did.
    pub timed_out: Option<Duration>,
}

impl fmt::Display for DeliveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sep = "";
        if let Some(limit) = self.timed_out {
            write!(f, "the time of {limit:?} ran out with {} batches pending", self.pending.len())?;
            if let Some((topic, partition)) = self.pending.first() {
                write!(f, " (the first for {topic}-{partition})")?;
            }
            sep = "; ";
        }
        if let Some(error) = &self.first_error {
            write!(f, "{sep}{} records failed, the first because {error}", self.failed)?;
        }
        Ok(())
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

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Option<Error>>(), size_of::<usize>());
    }

    #[test]
    fn a_text_names_the_setting_the_value_and_the_remedy() {
        let kind = ErrorKind::RecordTooLarge { size: 1_048_700, limit: 1_048_576, limited_by: SizeLimit::MaxRequestSize };
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
