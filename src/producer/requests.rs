//! What goes into a request: of the partitions that are ready for a node, the front batch of each, as many as fit.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::client::NodeId;
use crate::producer::batch::SealedBatch;
use crate::producer::queue::PartitionQueue;
use crate::producer::readiness::Place;
use crate::producer::sender::{Sender, UnderWay};
use crate::protocol::{ProducePartition, ProduceRequest, ProduceTopic, Uuid};
use crate::time::{Deadline, Instant};

impl Sender {
    pub(super) fn send_to(&mut self, node: NodeId, now: Instant) {
        while self.readiness.has_ready(node) && self.client.poll_ready(node, now) {
            let batches = self.collect(node, now);
            if batches.is_empty() {
                return;
            }
            self.send(node, batches, now);
        }
    }

    /// Takes from the front of each ready partition what fits into one request.
    fn collect(&mut self, node: NodeId, now: Instant) -> Vec<(u32, Arc<PartitionQueue>, SealedBatch)> {
        let mut batches = Vec::new();
        let mut bytes = 0;
        while let Some(index) = self.readiness.next_ready(node) {
            let Some(queue) = self.readiness.queue(index).map(Arc::clone) else { continue };
            let topic = &queue.place().topic;
            let limit = self.limits.limit(topic);
            let Self { drain, limits, settings, .. } = self;
            let mut next = Next::Nothing;
            let popped = drain.pop_if(&queue, |front| {
                let expiry = Deadline::after(front.created, settings.patience.delivery_timeout);
                next = if settings.patience.is_over(front.created, now) {
                    Next::Expired
                } else if !batches.is_empty() && bytes + front.bytes > settings.request_max_bytes {
                    Next::NoRoom
                } else if limit.is_some_and(|limit| !limits.begin(topic, index, front.bytes.min(limit))) {
                    Next::Learning(expiry)
                } else {
                    return true;
                };
                false
            });
            let Some(mut batch) = popped else {
                match next {
                    Next::Nothing => self.settle(index, Place::Idle, Deadline::NEVER, now),
                    Next::Expired => self.reconsider(index, now),
                    Next::Learning(expiry) => self.settle(index, Place::Learning, expiry, now),
                    Next::NoRoom => {
                        self.readiness.still_ready(node, index);
                        break;
                    }
                }
                continue;
            };
            if let Some(limit) = limit.filter(|limit| batch.len() > *limit) {
                let mut parts = batch.split(limit, self.drain.encoding()).into_iter();
                let Some(first) = parts.next() else { continue };
                parts.rev().for_each(|part| self.drain.put_back(&queue, part));
                batch = first;
            }
            bytes += batch.len();
            batch.begin_attempt();
            let expiry = Deadline::after(batch.created(), self.settings.patience.delivery_timeout);
            self.settle(index, Place::InFlight(self.next_request), expiry, now);
            batches.push((index, queue, batch));
        }
        batches
    }

    fn send(&mut self, node: NodeId, batches: Vec<(u32, Arc<PartitionQueue>, SealedBatch)>, now: Instant) {
        let snapshot = Arc::clone(self.client.snapshot());
        let id = |topic: &str| snapshot.topics.get(topic).map_or(Uuid::ZERO, |topic| topic.id);
        let mut request = UnderWay { batches: BTreeMap::new(), topic_ids: BTreeMap::new() };
        for (index, queue, batch) in batches {
            let place = queue.place();
            self.client.metadata_mut().use_topic(&place.topic, now);
            request.topic_ids.insert(id(&place.topic), Arc::clone(&place.topic));
            request.batches.insert((Arc::clone(&place.topic), place.partition), (index, batch));
        }
        // Without ids for all topics no version that names them by id; and never with acks=0, where an id that the
        // broker does not know any more loses everything unanswered on the connection, without a word.
        let by_id = self.settings.acks != 0 && !request.topic_ids.contains_key(&Uuid::ZERO);
        let cap = if by_id { i16::MAX } else { LAST_VERSION_BY_NAME };
        let floor = self.settings.first_version;
        let version = match self.client.version::<ProduceRequest>(node, floor, cap) {
            Ok(version) => version,
            Err(error) => return self.fail(request, &error, now),
        };
        let number = self.next_request;
        self.next_request += 1;
        self.client.produce(node, &self.encode(&request, id), version, number, now);
        self.under_way.insert(number, request);
    }

    fn encode(&self, request: &UnderWay, id: impl Fn(&str) -> Uuid) -> ProduceRequest {
        let mut topics: Vec<ProduceTopic> = Vec::new();
        for ((topic, partition), (_, batch)) in &request.batches {
            if topics.last().is_none_or(|last| *last.name != **topic) {
                topics.push(ProduceTopic {
                    name: topic.to_string(),
                    topic_id: id(topic),
                    ..Default::default()
                });
            }
            let records = Some(batch.segments());
            let partition = ProducePartition { index: *partition, records, ..Default::default() };
            if let Some(topic) = topics.last_mut() {
                topic.partitions.push(partition);
            }
        }
        ProduceRequest {
            acks: self.settings.acks,
            timeout_ms: i32::try_from(self.settings.request_timeout.as_millis()).unwrap_or(i32::MAX),
            topics,
            ..Default::default()
        }
    }
}

/// Why the front of a ready partition does not go with this request.
enum Next {
    /// There is none, or it is being compressed.
    Nothing,
    Expired,
    NoRoom,
    /// Another batch of its topic tries out its size, until then at most.
    Learning(Deadline),
}

/// The first with record batches: 0 to 2 carry message sets, which 4.x lists and then refuses (KAFKA-18659).
pub(crate) const FIRST_VERSION_OF_RECORD_BATCHES: i16 = 3;
/// The first in which batches may be compressed with zstd (KIP-110).
#[cfg(feature = "zstd")]
pub(crate) const FIRST_VERSION_OF_ZSTD: i16 = 7;
const LAST_VERSION_BY_NAME: i16 = 12;
