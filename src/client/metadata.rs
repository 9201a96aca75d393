//! When to ask the cluster what it looks like, about which topics, and what its answer changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::client::cluster::{
    Broker, ClusterMetadata, NodeId, PartitionMetadata, SharedMetadata, TopicMetadata,
};
use crate::protocol::{
    ErrorCode, MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataTopic, Uuid,
};
use crate::time::{Backoff, Deadline, Instant};

#[derive(Clone, Debug)]
pub(crate) struct MetadataSettings {
    /// `metadata_max_age_ms`: ask again after this, if nothing happens.
    pub(crate) max_age: Duration,
    /// `metadata_max_idle_ms`: a topic that nothing was sent to for so long is asked about no more.
    pub(crate) max_idle: Duration,
    /// Between two questions of which the first was not answered to satisfaction.
    pub(crate) retry: Backoff,
    pub(crate) allow_auto_create_topics: bool,
}

/// The sender's side of the metadata: what is known, wanted and due.
pub(crate) struct Metadata {
    settings: MetadataSettings,
    snapshot: Arc<ClusterMetadata>,
    shared: Arc<SharedMetadata>,
    /// The topics in use, and when that was last so.
    topics: BTreeMap<Arc<str>, Instant>,
    /// Somebody needs a newer answer than the last.
    wanted: bool,
    asked: bool,
    last_answer: Option<Instant>,
    not_before: Instant,
    failures: u32,
}

impl Metadata {
    pub(crate) fn new(settings: MetadataSettings, shared: Arc<SharedMetadata>) -> Self {
        Self {
            settings,
            snapshot: shared.snapshot(),
            shared,
            topics: BTreeMap::new(),
            wanted: true,
            asked: false,
            last_answer: None,
            not_before: Instant::ZERO,
            failures: 0,
        }
    }

    pub(crate) fn snapshot(&self) -> &Arc<ClusterMetadata> {
        &self.snapshot
    }

    pub(crate) fn shared(&self) -> &SharedMetadata {
        &self.shared
    }

    /// The next answer should come soon: a leader moved, a partition has none.
    pub(crate) fn want(&mut self) {
        self.wanted = true;
    }

    /// The topic is in use; if it is new, the cluster is asked at once.
    pub(crate) fn use_topic(&mut self, topic: &Arc<str>, now: Instant) {
        if let Some(last) = self.topics.get_mut(topic) {
            *last = now;
        } else {
            self.topics.insert(Arc::clone(topic), now);
            self.not_before = Instant::ZERO;
        }
        if self.snapshot.topic(topic).is_none() {
            self.wanted = true;
        }
    }

    /// Whether to ask now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.next_question().has_passed(now)
    }

    /// When to ask next, if that needs no answer to an earlier question.
    pub(crate) fn next_question(&self) -> Deadline {
        if self.asked {
            return Deadline::NEVER;
        }
        let by_age = self.last_answer.map_or(Instant::ZERO, |last| last + self.settings.max_age);
        let due = if self.wanted { Instant::ZERO } else { by_age };
        Deadline::at(due.max(self.not_before))
    }

    pub(crate) fn request(&mut self, now: Instant) -> MetadataRequest {
        self.asked = true;
        self.wanted = false;
        let idle = self.settings.max_idle;
        self.topics.retain(|_, last| now.since(*last) < idle);
        let topic =
            |name: &Arc<str>| MetadataRequestTopic { name: Some(name.to_string()), ..Default::default() };
        MetadataRequest {
            // Never null, which would be all topics there are.
            topics: Some(self.topics.keys().map(topic).collect()),
            allow_auto_topic_creation: self.settings.allow_auto_create_topics,
            ..Default::default()
        }
    }

    /// The question was not answered.
    pub(crate) fn failed(&mut self, now: Instant, random: &mut fastrand::Rng) {
        self.asked = false;
        self.wanted = true;
        self.retry_later(now, random);
    }

    /// Takes an answer in and shows it to all.
    pub(crate) fn answered(&mut self, response: MetadataResponse, now: Instant, random: &mut fastrand::Rng) {
        self.asked = false;
        if response.brokers.is_empty() {
            // A broker that is starting up. What is known is better than nothing.
            log::debug!("a metadata answer without brokers is passed over");
            self.wanted = true;
            self.retry_later(now, random);
            return;
        }
        let mut next = ClusterMetadata { version: self.snapshot.version + 1, ..Default::default() };
        for broker in response.brokers {
            match u16::try_from(broker.port) {
                Ok(port) => {
                    drop(next.brokers.insert(broker.node_id, Broker { host: broker.host.into(), port }))
                }
                Err(_) => log::warn!(
                    "broker {} is advertised with the impossible port {}",
                    broker.node_id,
                    broker.port
                ),
            }
        }
        for topic in response.topics {
            self.take_topic(topic, &mut next);
        }
        // An answer that leaves a topic out says nothing about it.
        for (name, known) in &self.snapshot.topics {
            if self.topics.contains_key(name) && !next.topics.contains_key(name) {
                next.topics.insert(Arc::clone(name), known.clone());
            }
        }
        self.last_answer = Some(now);
        let unsettled = self.topics.keys().any(|name| {
            let topic = next.topics.get(name);
            topic.is_none_or(|topic| {
                topic.error.is_some_and(ErrorCode::is_retriable) || topic.partitions.is_empty()
            })
        });
        if unsettled {
            self.wanted = true;
            self.retry_later(now, random);
        } else {
            self.failures = 0;
            self.not_before = now + self.settings.retry.initial;
        }
        self.snapshot = Arc::new(next);
        self.shared.publish(Arc::clone(&self.snapshot));
    }

    fn take_topic(&self, topic: MetadataTopic, next: &mut ClusterMetadata) {
        let Some(name) = &topic.name else { return };
        let known = self.snapshot.topics.get_key_value(name.as_str());
        let error = (topic.error_code != ErrorCode::NONE).then_some(topic.error_code);
        let (name, known) = match known {
            Some((name, known)) => (Arc::clone(name), Some(known)),
            None => (Arc::from(name.as_str()), None),
        };
        let metadata = match error {
            Some(error) => TopicMetadata { error: Some(error), ..known.cloned().unwrap_or_default() },
            None => TopicMetadata { id: topic.topic_id, error: None, partitions: partitions(&topic, known) },
        };
        next.topics.insert(name, metadata);
    }

    fn retry_later(&mut self, now: Instant, random: &mut fastrand::Rng) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + self.settings.retry.delay(self.failures, random);
    }
}

/// The partitions of an answer, but for those of which a newer leader is known already: a broker that has not heard
/// the news yet must not send us back (KAFKA-15415). Epochs count only within one topic: a re-created one starts anew.
fn partitions(
    topic: &crate::protocol::MetadataTopic,
    known: Option<&TopicMetadata>,
) -> Vec<PartitionMetadata> {
    let same = known.filter(|known| topic.topic_id != Uuid::ZERO && known.id == topic.topic_id);
    let most =
        topic.partitions.iter().map(|partition| partition.index).max().map_or(0, |most| most as i64 + 1);
    // Partition numbers have no gaps; an answer that says otherwise must not make us allocate.
    let count = usize::try_from(most).unwrap_or(0).min(topic.partitions.len());
    let mut partitions = vec![PartitionMetadata { leader: None, leader_epoch: -1 }; count];
    for partition in &topic.partitions {
        let Some(place) = usize::try_from(partition.index).ok().and_then(|index| partitions.get_mut(index))
        else {
            continue;
        };
        let leader = (partition.leader_id >= 0).then_some(partition.leader_id);
        *place = PartitionMetadata { leader, leader_epoch: partition.leader_epoch };
        let before = same.and_then(|known| known.partitions.get(partition.index as usize));
        if let Some(before) = before.filter(|before| before.leader_epoch > partition.leader_epoch) {
            *place = *before;
        }
    }
    partitions
}

/// The node with the fewest requests under way answers soonest (as the Java client's `leastLoadedNode`).
pub(crate) fn least_loaded(candidates: impl Iterator<Item = (NodeId, usize)>) -> Option<NodeId> {
    candidates.min_by_key(|(_, in_flight)| *in_flight).map(|(node, _)| node)
}
