//! A Kafka broker inside the process, for tests of programs that use this crate.
//!
//! It speaks Kafka's protocol over sockets of the loopback interface, keeps the records it is sent, and produces the faults
//! that a test orders.
//!
//! ```
//! use kafka_producer::mock::MockCluster;
//!
//! let cluster = MockCluster::start(1);
//! cluster.create_topic("events", 3);
//! // Build a producer with `cluster.bootstrap_servers()`, send, flush, and then:
//! assert_eq!(cluster.record_count("events"), 0);
//! assert!(cluster.records("events", 0).is_empty());
//! ```
//!
//! [`guide`] describes how to test programs with it. [`MockRule`] describes the faults.
//!
//! These things work as with a real broker:
//! - the API versions of Kafka 4.1 to 4.3
//! - topics that are created when a client requests their metadata
//! - leaders
//! - the checks of batches: checksum, one batch per partition, records numbered from zero
//! - idempotence: producer ids, and the last five batches of each producer in each partition
//! - no answer for `acks=0`
//! - the error codes for all of these
//!
//! It has no replicas (a partition has one log, with every leader), no consumers, quotas, transactions or authorization.
//!
//! If users or tokens are set ([`sasl_user`](MockClusterBuilder::sasl_user),
//! [`oauth_token`](MockClusterBuilder::oauth_token)), clients have to log in with PLAIN, SCRAM or OAUTHBEARER. Refusals have
//! the messages of a real broker. Clients have to log in again when their session ends (KIP-368).
// Sockets and threads (`server`) are around a core that has neither (`core`), so that a simulation can run the same core with
// a clock of its own.

mod api_versions;
mod builder;
mod clock;
mod cluster;
mod core;
mod credentials;
mod exchange;
mod faults;
pub mod guide;
mod handle;
mod intake;
mod log;
mod login;
mod metadata;
mod outgoing;
mod produce;
mod producer_ids;
mod producers;
mod rule;
mod sasl;
#[cfg(feature = "scram")]
mod scram;
mod security;
mod server;
#[cfg(test)]
mod simulation;
#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod slow_names;
mod step;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls")]
mod tls;

use std::time::Duration;

pub use crate::protocol::ApiKey;

pub use self::builder::MockClusterBuilder;
pub use self::handle::{MockBroker, MockCluster};
pub use self::rule::{MockRule, MockRuleId};
pub use self::security::MockSecurity;

/// A record that the mock broker has stored.
///
/// Unlike elsewhere in this crate, its `Debug` text shows key and value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MockRecord {
    /// The offset in the partition. The first one is 0.
    pub offset: i64,
    /// The timestamp that the producer has set, in milliseconds since 1970.
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is null.
    pub value: Option<Vec<u8>>,
    /// The names and values of the headers, in the order in which they were sent. Names may be repeated.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A request that the mock cluster has received and acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MockRequest {
    /// The index of the broker that received it.
    pub broker: usize,
    /// The kind of request.
    pub api: ApiKey,
    /// The version of the request. It is -1 for a SASL token without a request around it, as it follows version 0 of
    /// SaslHandshake.
    pub version: i16,
    /// The client's `client_id`.
    pub client_id: Option<String>,
    /// The user that the client had logged in as when the request came (SASL).
    pub user: Option<String>,
    /// The time since the start of the cluster.
    pub at: Duration,
    /// For Produce only: the acknowledgements that are requested (0, 1, or -1 for all).
    pub acks: Option<i16>,
    /// The topics of a Produce or Metadata request, in the order of the request. If a Metadata request asks for all topics, it
    /// is all topics. A topic id that the cluster does not know is left out.
    pub topics: Vec<String>,
    /// For Produce only: the batch for each partition.
    pub batches: Vec<MockBatch>,
}

/// The batch that a Produce request has for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MockBatch {
    /// The topic. It is empty if the request has an id that the cluster does not know.
    pub topic: String,
    /// The number of the partition. The first one is 0.
    pub partition: i32,
    /// The producer id; -1 without idempotence.
    pub producer_id: i64,
    /// The epoch of the producer id; -1 without idempotence.
    pub producer_epoch: i16,
    /// The sequence number of the first record; -1 without idempotence.
    pub base_sequence: i32,
    /// The number of records.
    pub records: i32,
}

/// The numbers of what a mock cluster has received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// The number of records that were appended.
    pub records: u64,
    /// The number of batches that were appended.
    pub batches: u64,
    /// The size in bytes of these batches as they were sent, headers included.
    pub bytes: u64,
    /// The number of batches that were stored already, and that were answered with the offset they have (idempotence).
    pub duplicates: u64,
    /// The number of batches that were refused.
    pub refused: u64,
    /// The number of requests of all kinds, refused ones included.
    pub requests: u64,
}
