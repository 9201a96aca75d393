//! `PartitionInfo`: leader and replicas of a partition.

use std::fmt;
use std::sync::Arc;

/// The leader and the replicas of a partition, from the latest metadata of the cluster.
/// [`partitions_for`](crate::KafkaProducer::partitions_for) returns this type.
///
/// A broker is identified by its number in the cluster (`node.id`).
#[derive(Clone)]
pub struct PartitionInfo {
    partition: i32,
    leader: Option<i32>,
    /// Those of each partition of the topic.
    replicas: Arc<[Replicas]>,
}

/// The brokers that have a replica of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replicas {
    pub(crate) all: Box<[i32]>,
    pub(crate) in_sync: Box<[i32]>,
}

impl PartitionInfo {
    pub(super) fn new(partition: i32, leader: Option<i32>, replicas: Arc<[Replicas]>) -> Self {
        Self { partition, leader, replicas }
    }

    fn own_replicas(&self) -> Option<&Replicas> {
        self.replicas.get(usize::try_from(self.partition).ok()?)
    }

    /// Returns the number of the partition.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// Returns the broker that leads the partition. Returns `None` if the partition has no leader now.
    pub fn leader(&self) -> Option<i32> {
        self.leader
    }

    /// Returns the brokers that have a replica of the partition. The first one is the preferred leader.
    pub fn replicas(&self) -> &[i32] {
        self.own_replicas().map_or(&[], |replicas| &replicas.all)
    }

    /// Returns the brokers whose replicas are in sync with the leader.
    #[doc(alias = "isr")]
    pub fn in_sync_replicas(&self) -> &[i32] {
        self.own_replicas().map_or(&[], |replicas| &replicas.in_sync)
    }
}

impl PartialEq for PartitionInfo {
    fn eq(&self, other: &Self) -> bool {
        let Self { partition, leader, replicas: _ } = self;
        *partition == other.partition
            && *leader == other.leader
            && self.own_replicas() == other.own_replicas()
    }
}

impl Eq for PartitionInfo {}

impl fmt::Debug for PartitionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionInfo")
            .field("partition", &self.partition)
            .field("leader", &self.leader)
            .field("replicas", &self.replicas())
            .field("in_sync_replicas", &self.in_sync_replicas())
            .finish()
    }
}
