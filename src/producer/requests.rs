//! A Produce request: what goes into it, and what is remembered of it until its answer comes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::client::{ClusterMetadata, NodeId};
use crate::producer::batch::Ordinal;
use crate::topic_partition::TopicPartition;
use crate::protocol::{ProducePartition, ProduceRequest, ProduceTopic, Segments, Uuid};

/// A request in the making: at most one batch of each partition.
pub(crate) struct Draft {
    parts: BTreeMap<(Arc<str>, i32), (Part, Segments)>,
    bytes: usize,
    limit: usize,
}

/// The batch of a partition in a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Of the partition.
    pub(crate) index: u32,
    pub(crate) ordinal: Ordinal,
    /// How many were taken before it for this request.
    pub(crate) turn: usize,
}

/// A request that is under way, by what its answer will name.
pub(crate) struct UnderWay {
    node: NodeId,
    /// Of its batches.
    bytes: usize,
    parts: BTreeMap<(Arc<str>, i32), Part>,
    /// Those of the time of the request. From version 13 on an answer names topics by them.
    topic_ids: BTreeMap<Uuid, Arc<str>>,
}

impl Draft {
    /// Of batches with at most `limit` bytes, unless a single one is larger.
    pub(crate) fn new(limit: usize) -> Self {
        Self { parts: BTreeMap::new(), bytes: 0, limit }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }

    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.parts.is_empty() || self.bytes + bytes <= self.limit
    }

    pub(crate) fn add(&mut self, name: &TopicPartition, part: Part, records: Segments, bytes: usize) {
        self.bytes += bytes;
        self.parts.insert((Arc::clone(&name.topic), name.partition), (part, records));
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        self.parts.keys().map(|(topic, _)| topic)
    }

    /// The request, and what to remember of it.
    pub(crate) fn finish(
        self,
        node: NodeId,
        cluster: &ClusterMetadata,
        acks: i16,
        timeout_ms: i32,
    ) -> (ProduceRequest, UnderWay) {
        let mut under_way =
            UnderWay { node, bytes: self.bytes, parts: BTreeMap::new(), topic_ids: BTreeMap::new() };
        let mut topics: Vec<ProduceTopic> = Vec::new();
        for ((topic, index), (part, records)) in self.parts {
            if topics.last().is_none_or(|last| *last.name != *topic) {
                let topic_id = cluster.topics.get(&topic).map_or(Uuid::ZERO, |topic| topic.id);
                under_way.topic_ids.insert(topic_id, Arc::clone(&topic));
                topics.push(ProduceTopic { name: topic.to_string(), topic_id, ..Default::default() });
            }
            if let Some(topic) = topics.last_mut() {
                let records = Some(records);
                topic.partitions.push(ProducePartition { index, records, ..Default::default() });
            }
            under_way.parts.insert((topic, index), part);
        }
        let request = ProduceRequest { acks, timeout_ms, topics, ..Default::default() };
        (request, under_way)
    }
}

impl UnderWay {
    pub(crate) fn node(&self) -> NodeId {
        self.node
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The highest version to send it in. From the next one on topics are named by id: not where one has none, and never
    /// with acks=0, where a broker that does not know an id closes the connection and loses all that is unanswered on it,
    /// without a word.
    pub(crate) fn last_version(&self, acks: i16) -> i16 {
        let by_id = acks != 0 && !self.topic_ids.contains_key(&Uuid::ZERO);
        if by_id { i16::MAX } else { LAST_VERSION_BY_NAME }
    }

    /// The topic that an answer means, by id if it has one.
    pub(crate) fn topic(&self, id: Uuid, name: String) -> Arc<str> {
        match self.topic_ids.get(&id) {
            Some(topic) if id != Uuid::ZERO => Arc::clone(topic),
            _ => Arc::from(name),
        }
    }

    /// The id under which it was sent to a topic; zero if the topic had none.
    pub(crate) fn topic_id(&self, topic: &Arc<str>) -> Uuid {
        let mut ids = self.topic_ids.iter();
        ids.find(|(_, name)| *name == topic).map_or(Uuid::ZERO, |(id, _)| *id)
    }

    pub(crate) fn take(&mut self, topic: &Arc<str>, partition: i32) -> Option<Part> {
        self.parts.remove(&(Arc::clone(topic), partition))
    }

    /// What has not been taken, in turn.
    pub(crate) fn rest(self) -> impl Iterator<Item = Part> {
        let mut rest: Vec<Part> = self.parts.into_values().collect();
        rest.sort_unstable_by_key(|part| part.turn);
        rest.into_iter()
    }
}

/// The first with record batches: 0 to 2 carry message sets, which 4.x lists and then refuses (KAFKA-18659).
pub(crate) const FIRST_VERSION_OF_RECORD_BATCHES: i16 = 3;
/// The first in which batches may be compressed with zstd (KIP-110).
#[cfg(feature = "zstd")]
pub(crate) const FIRST_VERSION_OF_ZSTD: i16 = 7;
const LAST_VERSION_BY_NAME: i16 = 12;
