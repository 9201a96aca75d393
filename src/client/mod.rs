//! SANS-IO: which broker, which version, which bytes, when. Takes `now` and bytes, gives bytes and commands, and is
//! tested without a socket.

mod cluster;
mod connection;
mod dial;
mod endpoint;
mod handshake;
mod kafka_client;
mod metadata;
mod node;
pub(crate) mod transport;
mod warnings;

pub(crate) use cluster::{Awaited, ClusterMetadata, NodeId, PartitionMetadata, SharedMetadata};
pub(crate) use kafka_client::{ClientEvent, ClientSettings, KafkaClient};
pub(crate) use metadata::MetadataSettings;
pub(crate) use warnings::Warnings;
