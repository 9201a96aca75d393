//! `BrokerTrouble`: the last known problem with a broker.

use std::fmt;

use super::details::write_list;

/// The cause for a broker that a request waits for and that has done nothing wrong so far.
pub(crate) const NO_ANSWER_YET: &str = "no response yet";

/// The last known problem with a broker: the step that failed or that has no response yet, and the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerTrouble {
    /// The address of the broker as `host:port`.
    pub address: String,
    /// Where the address comes from.
    pub origin: Origin,
    /// The step that failed or that has no response yet.
    pub stage: Stage,
    /// What happened at this step, as a string.
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
    /// The address is in `bootstrap_servers`.
    Bootstrap,
    /// The broker advertises the address (`advertised.listeners`), and the cluster's metadata contains it.
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

/// A step between the look-up of a broker's host name and the response of the broker to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The look-up of the host name.
    Dns,
    /// The TCP connection to the broker.
    Tcp,
    /// The connection to the proxy of `proxy_url`, and the response of the proxy.
    Proxy,
    /// The TLS handshake, or the end of the TLS session.
    Tls,
    /// ApiVersions, the first request on a connection.
    ApiVersions,
    /// Authentication: SaslHandshake and SaslAuthenticate.
    Sasl,
    /// A request for metadata.
    Metadata,
    /// A request for the coordinator of a group or of a transactional ID.
    FindCoordinator,
    /// A request for a producer ID, which idempotence needs.
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
