//! What a program may know of a partition.

use std::sync::Arc;

/// A partition of a topic, by the cluster's latest metadata. [`partitions_for`](crate::KafkaProducer::partitions_for) gives it.
///
/// Brokers are named by their numbers in the cluster (`node.id`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionInfo {
    partition: i32,
    leader: Option<i32>,
    replicas: Arc<Replicas>,
}

/// The brokers that hold a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replicas {
    pub(crate) all: Box<[i32]>,
    pub(crate) in_sync: Box<[i32]>,
}

impl PartitionInfo {
    pub(super) fn new(partition: i32, leader: Option<i32>, replicas: Option<&Arc<Replicas>>) -> Self {
        Self { partition, leader, replicas: replicas.cloned().unwrap_or_default() }
    }

    /// The number of the partition.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The broker that leads the partition; `None` if it has no leader now.
    pub fn leader(&self) -> Option<i32> {
        self.leader
    }

    /// The brokers that hold the partition. The first one is the preferred leader.
    pub fn replicas(&self) -> &[i32] {
        &self.replicas.all
    }

    /// The brokers that hold all of its records ("in-sync replicas").
    #[doc(alias = "isr")]
    pub fn in_sync_replicas(&self) -> &[i32] {
        &self.replicas.in_sync
    }
}
