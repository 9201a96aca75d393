//! `BrokerTrouble`: what was last seen of a broker.

use std::fmt;

use super::details::write_list;

/// The cause for a broker that a request waits for and that has done nothing wrong so far.
pub(crate) const NO_ANSWER_YET: &str = "no response yet";

/// What was last seen of a broker: the step that failed or has no response yet, and the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerTrouble {
    /// The address as `host:port`.
    pub address: String,
    /// Where the address comes from.
    pub origin: Origin,
    /// The step that failed, or whose answer has not come yet.
    pub stage: Stage,
    /// What happened at that step, as a text.
    pub cause: String,
}

impl fmt::Display for BrokerTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) at {}: {}", self.address, self.origin, self.stage, self.cause)
    }
}

/// Where a broker's address comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// It is listed in `bootstrap_servers`.
    Bootstrap,
    /// The broker advertises it (`advertised.listeners`), and the cluster's metadata have it.
    #[non_exhaustive]
    Metadata {
        /// The broker's number in the cluster (`node.id`).
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

/// A step between the look-up of a broker's name and its answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The look-up of the host name.
    Dns,
    /// The TCP connection to the broker.
    Tcp,
    /// The connection to the proxy of `proxy_url`, and the proxy's answer.
    Proxy,
    /// The TLS handshake, or the end of the TLS session.
    Tls,
    /// ApiVersions, the first request on a connection.
    ApiVersions,
    /// Authentication: SaslHandshake and SaslAuthenticate.
    Sasl,
    /// A request for metadata.
    Metadata,
    /// A request for the coordinator of a group or of a transactional id.
    FindCoordinator,
    /// A request for a producer id, which idempotence needs.
    InitProducerId,
    /// A request with records.
    Produce,
    /// An open connection without a request in flight.
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
            Self::Idle => "idle",
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
