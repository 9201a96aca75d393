//! The metadata of the cluster: an immutable snapshot, and how user threads read it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::partition_info::{PartitionInfo, Replicas};
use crate::error::Error;
use crate::lifecycle::Lifecycle;
use crate::protocol::{ErrorCode, LeaderIdAndEpoch, ProducePartitionResponse, Uuid};
use crate::sync::{AtomicU64, Condvar, Mutex, Ordering};
use crate::time::{Clock, Deadline};

/// A broker, by its number in the cluster, or an entry of `bootstrap_servers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum NodeId {
    /// By its index in the list.
    Bootstrap(u32),
    Broker(i32),
}

impl NodeId {
    /// Its id in metrics: as in Java, the servers of `bootstrap_servers` are -1, -2 and so on.
    pub(crate) fn number(self) -> i32 {
        match self {
            Self::Bootstrap(index) => -1 - i32::try_from(index).unwrap_or(i32::MAX - 1),
            Self::Broker(number) => number,
        }
    }
}

/// The address of a broker. IPv6 addresses are in brackets.
pub(crate) fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The answers of the cluster, merged.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClusterMetadata {
    pub(crate) version: u64,
    pub(crate) brokers: BTreeMap<i32, Broker>,
    pub(crate) topics: BTreeMap<Arc<str>, TopicMetadata>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broker {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    pub(crate) rack: Option<Arc<str>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TopicMetadata {
    /// The [`ClusterMetadata::version`] that last changed one of the fields below, or the rack of a broker.
    pub(crate) version: u64,
    /// The version of the last answer that named the topic, with any content.
    pub(crate) answered_version: u64,
    /// Zero if the cluster has no topic ids.
    pub(crate) id: Uuid,
    /// The error of the last answer, if it had one. The partitions are then those of an earlier answer.
    pub(crate) error: Option<ErrorCode>,
    pub(crate) partitions: Vec<PartitionMetadata>,
    /// The replicas of each partition. Only programs read them, so a change of them alone is no new `version`.
    pub(crate) replicas: Arc<[Replicas]>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartitionMetadata {
    pub(crate) leader: Option<i32>,
    /// `None` if the cluster has none, or none that is reliable.
    pub(crate) leader_epoch: Option<i32>,
}

/// The leadership of a partition. What a broker knows of a partition belongs to its leadership: a topic that is created
/// again, or another leader, may know less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leadership {
    pub(crate) topic_id: Uuid,
    pub(crate) leader: NodeId,
    pub(crate) epoch: Option<i32>,
}

/// The leader of a partition that another broker names when it refuses a batch (KIP-951).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeaderHint {
    pub(crate) topic: Arc<str>,
    /// The id of the topic in the request. A later topic with the same name starts its epochs again. Zero if it has none.
    pub(crate) topic_id: Uuid,
    pub(crate) partition: i32,
    pub(crate) leader: i32,
    pub(crate) leader_epoch: i32,
}

impl LeaderHint {
    /// The hint in an answer, if there is one.
    pub(crate) fn of(
        topic: &Arc<str>,
        topic_id: impl FnOnce() -> Uuid,
        answer: &ProducePartitionResponse,
    ) -> Option<Self> {
        let LeaderIdAndEpoch { leader_id: leader, leader_epoch, .. } = answer.current_leader;
        (leader >= 0 && leader_epoch >= 0).then(|| {
            let (topic, partition) = (Arc::clone(topic), answer.index);
            Self { topic, topic_id: topic_id(), partition, leader, leader_epoch }
        })
    }
}

impl ClusterMetadata {
    /// It grows with every answer.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// A topic that has partitions.
    pub(crate) fn topic(&self, topic: &str) -> Option<(&Arc<str>, &[PartitionMetadata])> {
        let (name, metadata) = self.topics.get_key_value(topic)?;
        (!metadata.partitions.is_empty()).then_some((name, &metadata.partitions))
    }

    /// The information about a partition for programs.
    pub(crate) fn partition_info(&self, topic: &str, partition: i32) -> PartitionInfo {
        let topic = self.topics.get(topic);
        let known = topic.zip(usize::try_from(partition).ok());
        let leader = known.and_then(|(topic, index)| topic.partitions.get(index)?.leader);
        let replicas = topic.map(|topic| Arc::clone(&topic.replicas)).unwrap_or_default();
        PartitionInfo::new(partition, leader, replicas)
    }

    /// The version of the last answer that named the topic; 0 if none did.
    pub(crate) fn answered_version(&self, topic: &str) -> u64 {
        self.topics.get(topic).map_or(0, |topic| topic.answered_version)
    }

    /// The leadership of a partition, if it has a leader.
    pub(crate) fn leadership(&self, topic: &str, partition: i32) -> Option<Leadership> {
        let leader = self.leader(topic, partition)?;
        let topic = self.topics.get(topic)?;
        let epoch = topic.partitions.get(usize::try_from(partition).ok()?)?.leader_epoch;
        Some(Leadership { topic_id: topic.id, leader, epoch })
    }

    pub(crate) fn leader(&self, topic: &str, partition: i32) -> Option<NodeId> {
        let index = usize::try_from(partition).ok()?;
        let leader = self.topics.get(topic)?.partitions.get(index)?.leader?;
        self.brokers.contains_key(&leader).then_some(NodeId::Broker(leader))
    }

    /// The racks of the brokers that have one.
    pub(super) fn racks(&self) -> impl Iterator<Item = (i32, &Arc<str>)> {
        self.brokers.iter().filter_map(|(id, broker)| Some((*id, broker.rack.as_ref()?)))
    }

    /// The rack of the leader of a partition.
    pub(crate) fn rack_of_leader(&self, partition: &PartitionMetadata) -> Option<&str> {
        self.brokers.get(&partition.leader?)?.rack.as_deref()
    }

    /// Whether the metadata have a broker at this address. An entry of `bootstrap_servers` may be something else.
    pub(crate) fn has_broker_at(&self, place: &str) -> bool {
        self.brokers.values().any(|broker| address(&broker.host, broker.port) == place)
    }
}

/// The snapshot that threads share.
pub(crate) struct SharedMetadata {
    /// The version of the snapshot in `state`. Every `send` reads it. It is written only when the cluster answers.
    version: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    snapshot: Arc<ClusterMetadata>,
    /// Why no broker can be used with this configuration.
    fatal: Option<Error>,
}

/// How a wait for metadata ended.
pub(crate) enum Awaited<R> {
    Found(R),
    TimedOut,
    /// The metadata can't be had with this configuration.
    Fatal(Error),
    Closed,
}

impl SharedMetadata {
    pub(crate) fn new() -> Arc<Self> {
        let state = State { snapshot: Arc::default(), fatal: None };
        Arc::new(Self { version: AtomicU64::new(0), state: Mutex::new(state), changed: Condvar::new() })
    }

    /// 0 before the first answer.
    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn snapshot(&self) -> Arc<ClusterMetadata> {
        Arc::clone(&self.state.lock().snapshot)
    }

    /// Waits until `check` finds what it wants in a snapshot, beginning with the current one, or until the producer is
    /// closed.
    pub(crate) fn wait<R>(
        &self,
        lifecycle: &Lifecycle,
        clock: &Clock,
        deadline: Deadline,
        mut check: impl FnMut(&Arc<ClusterMetadata>) -> Option<R>,
    ) -> Awaited<R> {
        let mut snapshot = self.snapshot();
        loop {
            // Without the lock: the check takes other locks, and the sender must not wait when it publishes.
            if let Some(found) = check(&snapshot) {
                return Awaited::Found(found);
            }
            let mut state = self.state.lock();
            while Arc::ptr_eq(&state.snapshot, &snapshot) {
                if !lifecycle.is_open() {
                    return Awaited::Closed;
                }
                if let Some(error) = &state.fatal {
                    return Awaited::Fatal(error.clone());
                }
                if deadline.has_passed(clock.now()) {
                    return Awaited::TimedOut;
                }
                state = clock.wait(&self.changed, state, deadline);
            }
            snapshot = Arc::clone(&state.snapshot);
        }
    }

    /// Sender: publishes a new snapshot.
    pub(crate) fn publish(&self, snapshot: Arc<ClusterMetadata>) {
        let mut state = self.state.lock();
        self.version.store(snapshot.version, Ordering::Release);
        state.snapshot = snapshot;
        drop(state);
        self.changed.notify_all();
    }

    /// Sender: no wait can succeed, because of this error. `None`: they can again.
    pub(crate) fn set_fatal(&self, error: Option<Error>) {
        let mut state = self.state.lock();
        let ends_waits = error.is_some();
        state.fatal = error;
        drop(state);
        if ends_waits {
            self.changed.notify_all();
        }
    }

    /// Ends every wait after the producer is closed. A thread that has seen the producer open is notified under the same
    /// lock.
    pub(crate) fn wake(&self) {
        drop(self.state.lock());
        self.changed.notify_all();
    }
}
