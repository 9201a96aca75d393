//! What is known of the cluster: an immutable snapshot, and how user threads get at it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::partition_info::{PartitionInfo, Replicas};
use crate::error::Error;
use crate::lifecycle::Lifecycle;
use crate::protocol::{ErrorCode, LeaderIdAndEpoch, ProducePartitionResponse, Uuid};
use crate::sync::{AtomicU64, Condvar, Mutex, Ordering};
use crate::time::{Clock, Deadline};

/// A broker, by the cluster's number for it, or one of `bootstrap_servers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum NodeId {
    /// By its place in the list.
    Bootstrap(u32),
    Broker(i32),
}

/// As it is dialled and named; an address of IPv6 in brackets.
pub(crate) fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// One answer of the cluster's, merged with what was known before.
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
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TopicMetadata {
    /// The [`ClusterMetadata::version`] that changed anything below.
    pub(crate) version: u64,
    /// That of the last answer that named the topic, whatever it said.
    pub(crate) answered_version: u64,
    /// Zero if the cluster tells none.
    pub(crate) id: Uuid,
    /// What the last answer said, if not "fine". The partitions are then those of the answer before.
    pub(crate) error: Option<ErrorCode>,
    pub(crate) partitions: Vec<PartitionMetadata>,
    /// Who holds each partition. It is only told to programs, so a change of it alone is no new `version`.
    pub(crate) replicas: Vec<Arc<Replicas>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartitionMetadata {
    pub(crate) leader: Option<i32>,
    /// `None` if the cluster tells none, or none that can be relied on.
    pub(crate) leader_epoch: Option<i32>,
}

/// Where a partition is led from. What a broker knows of it is of this leadership: a topic that is made anew, or another
/// leader, may know less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leadership {
    pub(crate) topic_id: Uuid,
    pub(crate) leader: NodeId,
    pub(crate) epoch: Option<i32>,
}

/// Who leads a partition, as a broker says that does not (KIP-951).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeaderHint {
    pub(crate) topic: Arc<str>,
    /// Of the topic that was asked about: a later one of that name begins its epochs anew. Zero if it has none.
    pub(crate) topic_id: Uuid,
    pub(crate) partition: i32,
    pub(crate) leader: i32,
    pub(crate) leader_epoch: i32,
}

impl LeaderHint {
    /// What an answer says of it, if it does.
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
    /// Grows with every answer.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// A topic that has partitions.
    pub(crate) fn topic(&self, topic: &str) -> Option<(&Arc<str>, &[PartitionMetadata])> {
        let (name, metadata) = self.topics.get_key_value(topic)?;
        (!metadata.partitions.is_empty()).then_some((name, &metadata.partitions))
    }

    /// What a program may know of a partition.
    pub(crate) fn partition_info(&self, topic: &str, partition: i32) -> PartitionInfo {
        let topic = self.topics.get(topic);
        let known = topic.zip(usize::try_from(partition).ok());
        let leader = known.and_then(|(topic, index)| topic.partitions.get(index)?.leader);
        let replicas = known.and_then(|(topic, index)| topic.replicas.get(index));
        PartitionInfo::new(partition, leader, replicas)
    }

    /// The version of the last answer that named the topic; 0 if none did.
    pub(crate) fn answered_version(&self, topic: &str) -> u64 {
        self.topics.get(topic).map_or(0, |topic| topic.answered_version)
    }

    /// Where a partition is led from, if it is.
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

    /// Whether a broker listens there, by the cluster's own word; who is named in `bootstrap_servers` may be something else.
    pub(crate) fn has_broker_at(&self, place: &str) -> bool {
        self.brokers.values().any(|broker| address(&broker.host, broker.port) == place)
    }
}

/// The snapshot as threads share it.
pub(crate) struct SharedMetadata {
    /// Of the snapshot in `state`: read by every `send`, written only when the cluster answers.
    version: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    snapshot: Arc<ClusterMetadata>,
    /// Why no broker will be reached with this configuration.
    fatal: Option<Error>,
}

/// What a wait for metadata ended with.
pub(crate) enum Awaited<R> {
    Found(R),
    TimedOut,
    /// With this configuration it will not come.
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

    /// Waits until `check` finds what it wants in a snapshot, the first of which is today's, or the producer is closed.
    pub(crate) fn wait<R>(
        &self,
        lifecycle: &Lifecycle,
        clock: &Clock,
        deadline: Deadline,
        mut check: impl FnMut(&Arc<ClusterMetadata>) -> Option<R>,
    ) -> Awaited<R> {
        let mut snapshot = self.snapshot();
        loop {
            // Without the lock: the check takes others, and the sender must not wait for it to publish.
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

    /// Sender: the cluster has answered.
    pub(crate) fn publish(&self, snapshot: Arc<ClusterMetadata>) {
        let mut state = self.state.lock();
        self.version.store(snapshot.version, Ordering::Release);
        state.snapshot = snapshot;
        drop(state);
        self.changed.notify_all();
    }

    /// Sender: no wait can come to anything, or `None`: that is over.
    pub(crate) fn set_fatal(&self, error: Option<Error>) {
        let mut state = self.state.lock();
        let ends_waits = error.is_some();
        state.fatal = error;
        drop(state);
        if ends_waits {
            self.changed.notify_all();
        }
    }

    /// Ends every wait, once the producer is closed. Who has looked before it was is told under the lock that it looked
    /// under.
    pub(crate) fn wake(&self) {
        drop(self.state.lock());
        self.changed.notify_all();
    }
}
