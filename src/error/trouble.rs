//! How far it got with a broker.

use std::fmt;

use super::details::write_list;

/// Of a broker that something waits for and that has done nothing wrong so far.
pub(crate) const NO_ANSWER_YET: &str = "no answer yet";

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
    /// The cluster: what this broker advertises (its `advertised.listeners`).
    Metadata {
        /// The cluster's number for it (its `node.id`).
        broker: i32,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bootstrap => f.write_str("from bootstrap_servers"),
            Self::Metadata { broker } => write!(f, "from advertised.listeners of broker {broker}"),
        }
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
    /// The proxy of `proxy_url`: reaching it, and what it answers.
    Proxy,
    /// The TLS session: its handshake, or what ended it.
    Tls,
    /// The first exchange on a connection.
    ApiVersions,
    /// Saying who we are (SaslHandshake, SaslAuthenticate).
    Sasl,
    /// Asking for metadata.
    Metadata,
    /// Asking who coordinates a group or a transactional id.
    FindCoordinator,
    /// Asking for a producer id, which idempotence needs.
    InitProducerId,
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
            Self::Proxy => "proxy",
            Self::Tls => "TLS",
            Self::ApiVersions => "ApiVersions",
            Self::Sasl => "SASL",
            Self::Metadata => "Metadata",
            Self::FindCoordinator => "FindCoordinator",
            Self::InitProducerId => "InitProducerId",
            Self::Produce => "Produce",
            Self::Idle => "rest",
        })
    }
}

pub(super) fn write_last_seen(f: &mut fmt::Formatter<'_>, brokers: &[BrokerTrouble]) -> fmt::Result {
    if brokers.is_empty() {
        return Ok(());
    }
    f.write_str("; last seen: ")?;
    write_list(f, brokers, ", ")
}
