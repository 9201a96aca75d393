//! The client decides which broker, which version, which bytes, and when. It does no I/O: it takes `now` and bytes, returns
//! bytes and commands, and is tested without a socket.

mod authentication;
mod cluster;
mod connection;
mod coordinator;
mod dial;
mod failure;
mod kafka_client;
mod mechanisms;
mod merge;
mod metadata;
mod node;
mod options;
mod outbox;
mod partition_info;
mod request;
mod responder;
mod session;
mod setup;
mod tags;
#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;
pub(crate) mod transport;
mod versions;
mod waiting_request;
mod warnings;

#[allow(unused_imports, reason = "the room's front door: all that other rooms may use, used yet or not")]
pub(crate) use cluster::{
    Awaited, ClusterMetadata, LeaderHint, Leadership, NodeId, PartitionMetadata, SharedMetadata, address,
};
pub(crate) use kafka_client::{ClientEvent, ClientSettings, KafkaClient};
pub(crate) use metadata::MetadataSettings;
pub use options::{AddressFamily, MetadataRecoveryStrategy};
pub use partition_info::PartitionInfo;
#[allow(unused_imports, reason = "as above")]
pub(crate) use request::{Loss, Outcome, Tag, Target};
#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
pub(crate) use tests::settings;
pub(crate) use warnings::Warnings;
