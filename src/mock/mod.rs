//! A Kafka broker inside the process, for the tests of programs that produce.
//!
//! It speaks the real protocol over real sockets on the loopback interface, keeps what it is sent, and does wrong what
//! it is told to.
//!
//! ```
//! use kafka_producer::mock::MockCluster;
//!
//! let cluster = MockCluster::start(1);
//! cluster.create_topic("events", 3);
//! // Point a producer at `cluster.bootstrap_servers()`, send, flush, and then:
//! assert_eq!(cluster.record_count("events"), 0);
//! assert!(cluster.records("events", 0).is_empty());
//! ```
//!
//! [`guide`] is about testing programs with it, and [`MockRule`] about what goes wrong.
//!
//! What it does as a broker does: versions (those of Kafka 4.1 to 4.3), topics created when they are asked about,
//! leaders, checks of batches (checksum, one per partition, counted from zero), idempotence (producer ids, and the last
//! five batches of each in each partition), no answer to acks 0, the error codes for all of these. What it leaves out:
//! replicas (a partition has one log, whoever leads it), consumers, quotas, transactions, authorization.
//!
//! Clients log in if users or tokens are set ([`sasl_user`](MockClusterBuilder::sasl_user),
//! [`oauth_token`](MockClusterBuilder::oauth_token)): by PLAIN, SCRAM and OAUTHBEARER, with a broker's refusals in its words,
//! and again when their sessions end (KIP-368).
//!
//! Inside, sockets and threads (`server`) stand around a core without either (`core`), so that a simulation can drive
//! the same core by a clock of its own.

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

/// A record as the mock broker holds it.
///
/// Unlike the rest of the crate, `Debug` shows keys and values: in a test they are what one wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MockRecord {
    /// Its place in the partition, from 0.
    pub offset: i64,
    /// Milliseconds since 1970, as the producer set it.
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is null.
    pub value: Option<Vec<u8>>,
    /// Names and values in the order they were sent, repeated names included.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A request that the mock cluster has got and acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MockRequest {
    /// Index of the broker that got it.
    pub broker: usize,
    /// What was asked for.
    pub api: ApiKey,
    /// In which version; -1 for a token of SASL that came bare, after version 0 of SaslHandshake.
    pub version: i16,
    /// What the client calls itself.
    pub client_id: Option<String>,
    /// Who the client had proven to be when the request came (SASL).
    pub user: Option<String>,
    /// When, counted from the start of the cluster.
    pub at: Duration,
    /// Of Produce only: whose acknowledgement is wanted (0, 1, or -1 for all).
    pub acks: Option<i16>,
    /// Names of the topics that Produce and Metadata are about, in the request's order; all there were, if Metadata
    /// asked for all. One that is named by an id that the cluster does not know is left out.
    pub topics: Vec<String>,
    /// Of Produce only: what it brought for each partition.
    pub batches: Vec<MockBatch>,
}

/// What a Produce request brought for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MockBatch {
    /// Empty if the request named it by an id that the cluster did not know.
    pub topic: String,
    /// Its number, from 0.
    pub partition: i32,
    /// -1 without idempotence, as the two that follow.
    pub producer_id: i64,
    /// How often the producer has begun anew.
    pub producer_epoch: i16,
    /// The sequence number of the first record.
    pub base_sequence: i32,
    /// How many there are.
    pub records: i32,
}

/// How much a mock cluster has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Records appended.
    pub records: u64,
    /// Batches appended.
    pub batches: u64,
    /// Bytes of these batches as they were sent, headers included.
    pub bytes: u64,
    /// Batches that were there already, and answered with the offset they have (idempotence).
    pub duplicates: u64,
    /// Batches refused, for whatever reason.
    pub refused: u64,
    /// Requests of all kinds, refused ones included.
    pub requests: u64,
}
