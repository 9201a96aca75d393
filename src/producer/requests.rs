//! A Produce request: its content, and what is kept of it until its answer comes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::client::{ClusterMetadata, NodeId};
use crate::producer::batch::Ordinal;
use crate::protocol::{ProducePartition, ProduceRequest, ProduceTopic, Segments, Uuid};
use crate::time::Instant;
use crate::topic_partition::TopicPartition;

/// A request that is being made, with at most one batch of each partition.
pub(crate) struct Draft {
    entries: BTreeMap<(Arc<str>, i32), (RequestEntry, Segments)>,
    bytes: usize,
    max_bytes: usize,
}

/// The batch of a partition in a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestEntry {
    /// The queue id of the partition.
    pub(crate) queue_id: u32,
    pub(crate) ordinal: Ordinal,
    /// How many batches were taken for this request before this one.
    pub(crate) turn: usize,
}

/// A request in flight, by the topics and partitions that its answer will name.
pub(crate) struct InFlightRequest {
    node: NodeId,
    sent: Instant,
    /// The size of its batches.
    bytes: usize,
    entries: BTreeMap<(Arc<str>, i32), RequestEntry>,
    /// The topic ids at the time of the request. From version 13 on an answer names topics by id.
    topic_ids: BTreeMap<Uuid, Arc<str>>,
}

impl Draft {
    /// For batches of at most `max_bytes` together, unless a single one is larger.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { entries: BTreeMap::new(), bytes: 0, max_bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.entries.is_empty() || self.bytes + bytes <= self.max_bytes
    }

    pub(crate) fn add(
        &mut self,
        name: &TopicPartition,
        entry: RequestEntry,
        records: Segments,
        bytes: usize,
    ) {
        self.bytes += bytes;
        self.entries.insert((Arc::clone(&name.topic), name.partition), (entry, records));
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        self.entries.keys().map(|(topic, _)| topic)
    }

    /// The request, and what to keep of it.
    pub(crate) fn finish(
        self,
        node: NodeId,
        cluster: &ClusterMetadata,
        acks: i16,
        timeout_ms: i32,
        now: Instant,
    ) -> (ProduceRequest, InFlightRequest) {
        let (entries, topic_ids) = (BTreeMap::new(), BTreeMap::new());
        let mut in_flight = InFlightRequest { node, sent: now, bytes: self.bytes, entries, topic_ids };
        let mut topics: Vec<ProduceTopic> = Vec::new();
        for ((topic, index), (entry, records)) in self.entries {
            if topics.last().is_none_or(|last| *last.name != *topic) {
                let topic_id = cluster.topics.get(&topic).map_or(Uuid::ZERO, |topic| topic.id);
                in_flight.topic_ids.insert(topic_id, Arc::clone(&topic));
                topics.push(ProduceTopic { name: topic.to_string(), topic_id, ..Default::default() });
            }
            if let Some(topic) = topics.last_mut() {
                let records = Some(records);
                topic.partitions.push(ProducePartition { index, records, ..Default::default() });
            }
            in_flight.entries.insert((topic, index), entry);
        }
        let request = ProduceRequest { acks, timeout_ms, topics, ..Default::default() };
        (request, in_flight)
    }
}

impl InFlightRequest {
    pub(crate) fn node(&self) -> NodeId {
        self.node
    }

    /// When it was passed to the client.
    pub(crate) fn sent(&self) -> Instant {
        self.sent
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The topics of its batches, and the batches.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Arc<str>, &RequestEntry)> {
        self.entries.iter().map(|((topic, _), entry)| (topic, entry))
    }

    /// The highest version to send the request in. From the next version on topics are named by id. It is not used if a
    /// topic has no id, and never with acks=0: a broker that does not know an id then closes the connection without an
    /// answer, and everything that is unanswered on it is lost.
    pub(crate) fn last_version(&self, acks: i16) -> i16 {
        let by_id = acks != 0 && !self.topic_ids.contains_key(&Uuid::ZERO);
        if by_id { i16::MAX } else { LAST_VERSION_BY_NAME }
    }

    /// The topic that an answer means, by its id if it has one.
    pub(crate) fn topic(&self, id: Uuid, name: String) -> Arc<str> {
        match self.topic_ids.get(&id) {
            Some(topic) if id != Uuid::ZERO => Arc::clone(topic),
            _ => Arc::from(name),
        }
    }

    /// The id of the topic in the request; zero if the topic had none.
    pub(crate) fn topic_id(&self, topic: &Arc<str>) -> Uuid {
        let mut ids = self.topic_ids.iter();
        ids.find(|(_, name)| *name == topic).map_or(Uuid::ZERO, |(id, _)| *id)
    }

    pub(crate) fn take(&mut self, topic: &Arc<str>, partition: i32) -> Option<RequestEntry> {
        self.entries.remove(&(Arc::clone(topic), partition))
    }

    /// The batches that the answer did not name, in the order in which they were taken.
    pub(crate) fn rest(self) -> impl Iterator<Item = RequestEntry> {
        let mut rest: Vec<RequestEntry> = self.entries.into_values().collect();
        rest.sort_unstable_by_key(|entry| entry.turn);
        rest.into_iter()
    }
}

/// The first version with record batches. 0 to 2 have message sets, which Kafka 4 lists and then refuses (KAFKA-18659).
pub(crate) const FIRST_VERSION_OF_RECORD_BATCHES: i16 = 3;
/// The first version in which batches may be compressed with zstd (KIP-110).
pub(crate) const FIRST_VERSION_OF_ZSTD: i16 = 7;
const LAST_VERSION_BY_NAME: i16 = 12;
