//! What an error carries: which setting, whose limit, which broker, how far it got.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Error;

/// One setting that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigProblem {
    /// The setting's name, as the text wrote it that set it, else in kafka-python's spelling.
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
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::MaxRequestSize => {
                "raise max_request_size (and the broker's max.message.bytes) or send less at once"
            }
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
    /// `socket_connection_setup_timeout_ms`, grown by failures: how long a connection may take to get ready.
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
