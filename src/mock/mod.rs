//! A Kafka broker inside the process, for tests of programs that use this crate.
//!
//! The mock speaks Kafka's protocol over sockets of the loopback interface. It stores the records that clients send, and
//! injects the faults that a test requests.
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
//! [`guide::testing`](crate::guide::testing) describes how to test programs with the mock. [`MockRule`] describes the
//! faults.
//!
//! The mock behaves like a real broker in these areas:
//! - the API versions of Kafka 4.1 to 4.3
//! - the creation of a topic when a client requests its metadata
//! - partition leaders
//! - the checks of batches: checksum, one batch per partition, records numbered from 0
//! - idempotence: producer IDs, and the last five batches of each producer in each partition
//! - `acks=0`: no response to the request
//! - the error codes for all of these
//!
//! The mock has no replicas: each partition has one log, which stays the same when the leader changes. Consumers, quotas,
//! transactions and authorization are not supported.
//!
//! If users or tokens are set ([`sasl_user`](MockClusterBuilder::sasl_user),
//! [`oauth_token`](MockClusterBuilder::oauth_token)), clients must authenticate with PLAIN, SCRAM or OAUTHBEARER. If the
//! authentication fails, the error message is the message of a real broker. Clients must authenticate again before their
//! session ends (KIP-368).
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
/// Its `Debug` output shows the key and the value, unlike the `Debug` output of other types in this crate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MockRecord {
    /// The offset in the partition. The first offset is 0.
    pub offset: i64,
    /// The timestamp that the producer has set, in milliseconds since 1970-01-01 UTC.
    pub timestamp: i64,
    /// The key. `None` means null.
    pub key: Option<Vec<u8>>,
    /// The value. `None` means null.
    pub value: Option<Vec<u8>>,
    /// The names and values of the headers, in the order in which they were sent. Several headers can have the same name.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A request that the mock cluster has received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MockRequest {
    /// The index of the broker that received the request.
    pub broker: usize,
    /// The kind of request.
    pub api: ApiKey,
    /// The version of the request. It is -1 for a SASL token that was sent without a request header, after version 0 of
    /// SaslHandshake.
    pub version: i16,
    /// The client's `client_id`.
    pub client_id: Option<String>,
    /// The user of the connection before this request, if the client had authenticated with SASL.
    pub user: Option<String>,
    /// The time since the start of the cluster.
    pub at: Duration,
    /// For Produce only: the acknowledgements that the client requested (0, 1, or -1 for all).
    pub acks: Option<i16>,
    /// The topics of a Produce or Metadata request, in the order of the request. For a Metadata request for all topics, the
    /// list contains all topics of the cluster. The list omits topic IDs that the cluster does not know.
    pub topics: Vec<String>,
    /// For Produce only: the batch of each partition.
    pub batches: Vec<MockBatch>,
}

/// The batch of one partition in a Produce request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MockBatch {
    /// The name of the topic. The name is empty if the request has a topic ID that the cluster does not know.
    pub topic: String,
    /// The number of the partition. The first partition is 0.
    pub partition: i32,
    /// The producer ID. It is -1 without idempotence.
    pub producer_id: i64,
    /// The epoch of the producer ID. It is -1 without idempotence.
    pub producer_epoch: i16,
    /// The sequence number of the first record. It is -1 without idempotence.
    pub base_sequence: i32,
    /// The number of records.
    pub records: i32,
}

/// The numbers of records, batches and requests that a mock cluster has received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// The number of records that were appended.
    pub records: u64,
    /// The number of batches that were appended.
    pub batches: u64,
    /// The total size in bytes of the appended batches, including their headers, as the client sent them.
    pub bytes: u64,
    /// The number of duplicate batches (idempotence). The cluster had already stored these batches, and responded with the
    /// offsets of the stored batches.
    pub duplicates: u64,
    /// The number of batches that ended with an error, including batches that were appended
    /// ([`fail_after_append`](MockRule::fail_after_append)).
    pub refused: u64,
    /// The number of requests of all kinds, including requests that failed.
    pub requests: u64,
}
