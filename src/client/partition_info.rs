//! `PartitionInfo`: leader and replicas of a partition.

use std::sync::Arc;

/// A partition of a topic, as in the cluster's latest metadata. [`partitions_for`](crate::KafkaProducer::partitions_for)
/// returns it.
///
/// Brokers are identified by their numbers in the cluster (`node.id`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionInfo {
    partition: i32,
    leader: Option<i32>,
    replicas: Arc<Replicas>,
}

/// The brokers that have a replica of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replicas {
    pub(crate) all: Box<[i32]>,
    pub(crate) in_sync: Box<[i32]>,
}

impl PartitionInfo {
    pub(super) fn new(partition: i32, leader: Option<i32>, replicas: Option<&Arc<Replicas>>) -> Self {
        Self { partition, leader, replicas: replicas.cloned().unwrap_or_default() }
    }

    /// Returns the number of the partition.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// Returns the broker that leads the partition. `None` if the partition has no leader now.
    pub fn leader(&self) -> Option<i32> {
        self.leader
    }

    /// Returns the brokers that have a replica of the partition. The first one is the preferred leader.
    pub fn replicas(&self) -> &[i32] {
        &self.replicas.all
    }

    /// Returns the brokers whose replicas are in sync with the leader.
    #[doc(alias = "isr")]
    pub fn in_sync_replicas(&self) -> &[i32] {
        &self.replicas.in_sync
    }
}
