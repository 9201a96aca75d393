//! SANS-IO: which broker, which version, which bytes, when. Takes `now` and bytes, gives bytes and commands, and is
//! tested without a socket.

mod client;
mod cluster;
mod connection;
mod handshake;
mod metadata;
mod node;
pub(crate) mod transport;

pub(crate) use client::{Client, ClientEvent, ClientSettings};
pub(crate) use cluster::{Awaited, ClusterMetadata, NodeId, PartitionMetadata, SharedMetadata};
pub(crate) use metadata::MetadataSettings;
