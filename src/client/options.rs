//! Types for settings of the client.

use std::fmt;
use std::net::SocketAddr;

/// Which addresses of a host name are used. See
/// [`ProducerConfig::broker_address_family`](crate::ProducerConfig::broker_address_family).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressFamily {
    /// All addresses.
    #[default]
    Any,
    /// Only IPv4 addresses.
    V4,
    /// Only IPv6 addresses.
    V6,
}

impl AddressFamily {
    pub(crate) const ALL: [Self; 3] = [Self::Any, Self::V4, Self::V6];

    pub(super) fn has(self, address: SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// librdkafka's name: `any`, `v4` or `v6`.
impl fmt::Display for AddressFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Any => "any",
            Self::V4 => "v4",
            Self::V6 => "v6",
        })
    }
}

/// What the producer does when all brokers of the cluster have failed (KIP-899). See
/// [`ProducerConfig::metadata_recovery_strategy`](crate::ProducerConfig::metadata_recovery_strategy).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetadataRecoveryStrategy {
    /// It tries only the brokers that it knows.
    None,
    /// It also connects to `bootstrap_servers` again.
    #[default]
    Rebootstrap,
}

impl MetadataRecoveryStrategy {
    pub(crate) const ALL: [Self; 2] = [Self::None, Self::Rebootstrap];
}

/// Java's name: `none` or `rebootstrap`.
impl fmt::Display for MetadataRecoveryStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Rebootstrap => "rebootstrap",
        })
    }
}
