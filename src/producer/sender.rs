//! The sender: what is ready goes out, what comes back completes, what fails is sent again. One step at a time, with
//! the time as an argument; who calls it, and what the bytes travel on, it does not know.
//!
//! A step reads like the life of a batch: hear what user threads say, hear what brokers say, look at whose time has
//! come, send.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::client::{ClientEvent, KafkaClient, NodeId};
use crate::error::{Error, ErrorKind};
use crate::producer::accumulator::PartitionQueue;
use crate::producer::batch::SealedBatch;
use crate::producer::drain::Drain;
use crate::producer::future::BatchResult;
use crate::producer::inbox::Notices;
use crate::producer::limits::SizeLimits;
use crate::producer::outcome::{self, Patience, Verdict};
use crate::producer::readiness::{Place, Readiness};
use crate::protocol::{
    ProducePartition, ProducePartitionResponse, ProduceRequest, ProduceResponse, ProduceTopic, Uuid,
};
use crate::time::{Backoff, Deadline, Instant};

#[derive(Clone, Debug)]
pub(crate) struct SenderSettings {
    /// 0, 1 or -1 for all.
    pub(crate) acks: i16,
    pub(crate) linger: Duration,
    pub(crate) patience: Patience,
    pub(crate) retry: Backoff,
    pub(crate) request_timeout: Duration,
    /// Of Produce, the lowest that carries what is sent.
    pub(crate) first_version: i16,
    /// Bytes of batches in one request, unless a single batch is larger.
    pub(crate) request_max_bytes: usize,
}

pub(crate) struct Sender {
    settings: SenderSettings,
    drain: Drain,
    client: KafkaClient,
    readiness: Readiness,
    limits: SizeLimits,
    under_way: BTreeMap<u64, UnderWay>,
    next_request: u64,
    closing: Option<Deadline>,
    random: fastrand::Rng,
}

/// The batches of one request, by topic and partition, as its answer will name them.
struct UnderWay {
    batches: BTreeMap<(Arc<str>, i32), (u32, SealedBatch)>,
    /// From version 13 on an answer names topics by id: those of the time of the request.
    topic_ids: BTreeMap<Uuid, Arc<str>>,
}

impl Sender {
    pub(crate) fn new(
        settings: SenderSettings,
        drain: Drain,
        client: KafkaClient,
        random: fastrand::Rng,
    ) -> Self {
        Self {
            settings,
            drain,
            client,
            readiness: Readiness::default(),
            limits: SizeLimits::default(),
            under_way: BTreeMap::new(),
            next_request: 0,
            closing: None,
            random,
        }
    }

    /// Hears what users and brokers have said by `now`, and completes what that completes: callbacks run in here.
    pub(crate) fn hear(&mut self, now: Instant) {
        self.hear_users(now);
        self.hear_brokers(now);
    }

    /// Does what is due at `now`, which is read after [`hear`](Self::hear): what callbacks took must not be taken from
    /// the time of a request that has not been sent yet. False when it is over: closed, and nothing is left or no time.
    pub(crate) fn act(&mut self, now: Instant) -> bool {
        self.client.step(now);
        self.hear_brokers(now);
        while let Some(index) = self.readiness.next_due(now) {
            match self.readiness.place(index) {
                Place::InFlight | Place::Learning => self.give_up(index, now),
                _ => self.consider(index, now),
            }
        }
        for node in self.readiness.nodes() {
            self.send_to(node, now);
        }
        // What was found out on the way may be a reason to ask.
        self.client.ask_if_due(now);
        match self.closing {
            Some(deadline) => self.drain.has_unfinished() && !deadline.has_passed(now),
            None => true,
        }
    }

    /// Until when nothing happens by itself; [`Deadline::NEVER`] if only others can make something happen. Zero if a
    /// user thread has left a notice meanwhile; if not, the next one wakes.
    pub(crate) fn sleep_until(&mut self, now: Instant) -> Deadline {
        if self.client.has_events() || !self.drain.inbox().fall_asleep() {
            return Deadline::at(now);
        }
        let closing = self.closing.unwrap_or(Deadline::NEVER);
        self.readiness.next_deadline().min(self.client.next_deadline(now)).min(closing)
    }

    pub(crate) fn client_mut(&mut self) -> &mut KafkaClient {
        &mut self.client
    }

    /// The end: fails what is queued, for good.
    pub(crate) fn fail_queued(&mut self, error: &Error, queues: &[Arc<PartitionQueue>]) {
        self.drain.close_pool();
        for batch in queues.iter().flat_map(|queue| self.drain.empty(queue)) {
            batch.complete(BatchResult::Failed(error.clone()));
        }
    }

    /// The end: hears what has been answered, fails what has not, and ends every connection.
    pub(crate) fn fail_under_way(&mut self, error: &Error, now: Instant) {
        self.hear_brokers(now);
        self.client.close(now);
        while let Some(event) = self.client.next_event() {
            if let ClientEvent::Lost { request, sent, .. } = event {
                let request = self.under_way.remove(&request);
                for (_, batch) in request.into_iter().flat_map(|request| request.batches.into_values()) {
                    let error = if sent { error.clone().maybe_written() } else { error.clone() };
                    batch.complete(BatchResult::Failed(error));
                }
            }
        }
        for request in std::mem::take(&mut self.under_way).into_values() {
            for (_, batch) in request.batches.into_values() {
                batch.complete(BatchResult::Failed(error.clone().maybe_written()));
            }
        }
        // What was heard above may have put a batch back to be sent again: it will not be.
        for index in self.readiness.all() {
            let Some(queue) = self.readiness.queue(index).map(Arc::clone) else { continue };
            for batch in self.drain.empty(&queue) {
                batch.complete(BatchResult::Failed(error.clone()));
            }
        }
    }

    fn hear_users(&mut self, now: Instant) {
        let Notices { partitions, topics, hurry, close } = self.drain.notices();
        for topic in topics {
            self.client.metadata_mut().use_topic(&topic, now);
            self.client.metadata_mut().want();
        }
        for queue in partitions {
            self.client.metadata_mut().use_topic(&queue.place().topic, now);
            let index = self.readiness.meet(&queue);
            self.consider(index, now);
        }
        if let Some(deadline) = close {
            self.closing = Some(self.closing.map_or(deadline, |before| before.min(deadline)));
        }
        if hurry || close.is_some() {
            self.release_lingering(now);
        }
    }

    fn hear_brokers(&mut self, now: Instant) {
        while let Some(event) = self.client.next_event() {
            match event {
                ClientEvent::MetadataChanged => self.follow_leaders(now),
                ClientEvent::Answer { request, response } => self.answered(request, response, now),
                ClientEvent::Written { request } => self.stored_unseen(request, now),
                ClientEvent::Lost { request, sent, error } => self.lost(request, sent, &error, now),
            }
        }
    }

    /// Puts a partition where it belongs.
    fn consider(&mut self, index: u32, now: Instant) {
        let Some(queue) = self.readiness.queue(index).map(Arc::clone) else { return };
        if matches!(self.readiness.place(index), Place::InFlight | Place::Learning) {
            return;
        }
        let front = loop {
            let Some(front) = self.drain.look(&queue) else {
                return self.settle(index, Place::Idle, Deadline::NEVER, now);
            };
            if !self.settings.patience.is_over(front.created, now) {
                break front;
            }
            self.expire(&queue, now);
        };
        let expiry = Deadline::after(front.created, self.settings.patience.delivery_timeout);
        let not_before = self.readiness.not_before(index);
        if not_before > now {
            return self.settle(index, Place::BackingOff, expiry.min(Deadline::at(not_before)), now);
        }
        let lingers_until = front.created + self.settings.linger;
        // Not `lingers_until > now`: a batch made after this step began would "linger" with a linger of nothing.
        let lingers = now.since(front.created) < self.settings.linger;
        let hurry = front.full || self.closing.is_some() || self.drain.is_memory_wanted();
        if !hurry && lingers && self.drain.linger(&queue) {
            return self.settle(index, Place::Lingering, expiry.min(Deadline::at(lingers_until)), now);
        }
        let place = queue.place();
        match self.client.snapshot().leader(&place.topic, place.partition) {
            Some(node) => self.settle(index, Place::Ready(node), expiry, now),
            None => {
                self.client.metadata_mut().want_again();
                self.settle(index, Place::Leaderless, expiry, now);
            }
        }
    }

    /// Its topic is not forgotten as long as it has got something to send, however long that takes.
    fn settle(&mut self, index: u32, place: Place, look_again: Deadline, now: Instant) {
        self.readiness.settle(index, place, look_again);
        let Some((queue, busy)) = self.readiness.changed(index) else { return };
        let topic = Arc::clone(&queue.place().topic);
        if busy {
            self.client.metadata_mut().hold_topic(&topic, now);
        } else {
            self.client.metadata_mut().release_topic(&topic, now);
        }
    }

    /// For a partition that has been taken out of where it was.
    fn reconsider(&mut self, index: u32, now: Instant) {
        self.readiness.settle(index, Place::Idle, Deadline::NEVER);
        self.consider(index, now);
    }

    fn expire(&mut self, queue: &PartitionQueue, now: Instant) {
        let Some(batch) = self.drain.pop(queue) else { return };
        let place = queue.place();
        let why_not = match self.client.snapshot().leader(&place.topic, place.partition) {
            None => "its partition has no leader".to_owned(),
            Some(_) => match self.client.troubles().as_slice() {
                [] => "its broker was busy".to_owned(),
                troubles => troubles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            },
        };
        let error = self.settings.patience.last_word(&batch, place, &why_not, now);
        batch.complete(BatchResult::Failed(error));
    }

    /// The time of a batch is over that can't be taken back: it is under way, or its turn on trial is to come.
    fn give_up(&mut self, index: u32, now: Instant) {
        let Some(queue) = self.readiness.queue(index).map(Arc::clone) else { return };
        let place = queue.place();
        if self.readiness.place(index) == Place::Learning {
            return self.expire(&queue, now);
        }
        let key = (Arc::clone(&place.topic), place.partition);
        let batch = self.under_way.values_mut().find_map(|request| request.batches.get_mut(&key));
        if let Some((_, batch)) = batch {
            let error = self.settings.patience.last_word(batch, place, "its broker has not answered", now);
            // The partition stays as it is: a later batch must not overtake this one, if it is written after all.
            batch.give_up(error);
        }
    }

    fn release_lingering(&mut self, now: Instant) {
        for index in self.readiness.take_lingering() {
            if self.readiness.place(index) == Place::Lingering {
                self.reconsider(index, now);
            }
        }
    }

    fn follow_leaders(&mut self, now: Instant) {
        let mut moved = self.readiness.take_leaderless();
        for node in self.readiness.nodes() {
            moved.extend(self.readiness.take_ready(node));
        }
        for index in moved {
            if matches!(self.readiness.place(index), Place::Leaderless | Place::Ready(_)) {
                self.reconsider(index, now);
            }
        }
    }

    fn send_to(&mut self, node: NodeId, now: Instant) {
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
            let Some(front) = self.drain.look(&queue) else {
                self.settle(index, Place::Idle, Deadline::NEVER, now);
                continue;
            };
            if self.settings.patience.is_over(front.created, now) {
                self.reconsider(index, now);
                continue;
            }
            if !batches.is_empty() && bytes + front.bytes > self.settings.request_max_bytes {
                self.readiness.still_ready(node, index);
                break;
            }
            let topic = &queue.place().topic;
            let limit = self.limits.limit(topic);
            if limit.is_some_and(|limit| !self.limits.begin(topic, index, front.bytes.min(limit))) {
                let expiry = Deadline::after(front.created, self.settings.patience.delivery_timeout);
                self.settle(index, Place::Learning, expiry, now);
                continue;
            }
            let Some(mut batch) = self.drain.pop(&queue) else { continue };
            if let Some(limit) = limit.filter(|limit| batch.len() > *limit) {
                let mut parts = batch.split(limit, self.drain.encoding()).into_iter();
                let Some(first) = parts.next() else { continue };
                parts.rev().for_each(|part| self.drain.put_back(&queue, part));
                batch = first;
            }
            bytes += batch.len();
            batch.begin_attempt();
            let expiry = Deadline::after(batch.created(), self.settings.patience.delivery_timeout);
            self.settle(index, Place::InFlight, expiry, now);
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
            topics.last_mut().into_iter().for_each(|topic| topic.partitions.push(partition.clone()));
        }
        ProduceRequest {
            acks: self.settings.acks,
            timeout_ms: i32::try_from(self.settings.request_timeout.as_millis()).unwrap_or(i32::MAX),
            topics,
            ..Default::default()
        }
    }

    fn answered(&mut self, number: u64, response: ProduceResponse, now: Instant) {
        let Some(mut request) = self.under_way.remove(&number) else { return };
        for topic in response.topics {
            let name = match request.topic_ids.get(&topic.topic_id) {
                Some(name) if topic.topic_id != Uuid::ZERO => Arc::clone(name),
                _ => Arc::from(topic.name),
            };
            for answer in topic.partitions {
                match request.batches.remove(&(Arc::clone(&name), answer.index)) {
                    Some((index, batch)) => self.judge(index, batch, &answer, now),
                    None => log::warn!("an answer names {name}-{}, which was not asked about", answer.index),
                }
            }
        }
        for (index, batch) in request.batches.into_values() {
            let Some(queue) = self.readiness.queue(index).map(Arc::clone) else { continue };
            let error = outcome::left_out(queue.place());
            self.carry_out(index, batch, Verdict::Retry { error, maybe_written: true }, -1, -1, now);
        }
    }

    fn judge(&mut self, index: u32, batch: SealedBatch, answer: &ProducePartitionResponse, now: Instant) {
        let Some(queue) = self.readiness.queue(index).map(Arc::clone) else { return };
        if answer.error_code.needs_metadata_refresh() {
            self.client.metadata_mut().want();
        }
        if answer.error_code.asks_for_split() {
            return self.refused_as_too_large(index, &queue, batch, now);
        }
        let verdict = outcome::answered(answer, queue.place());
        if matches!(verdict, Verdict::Store) {
            self.limits.stored(&queue.place().topic, batch.len(), now);
        }
        self.carry_out(index, batch, verdict, answer.base_offset, answer.log_append_time_ms, now);
    }

    /// Cuts the batch up and goes on with the parts; a single record can't be helped.
    fn refused_as_too_large(&mut self, index: u32, queue: &PartitionQueue, batch: SealedBatch, now: Instant) {
        let place = queue.place();
        let size = batch.len();
        if batch.records() == 1 {
            let kind = ErrorKind::RefusedAsTooLarge { size, about: place.to_string() };
            return self.carry_out(index, batch, Verdict::Fail(Error::new(kind)), -1, -1, now);
        }
        let limit = self.limits.refused(&place.topic, size, now);
        let parts = batch.split(limit, self.drain.encoding());
        log::debug!("a batch of {size} bytes for {place} was refused as too large: sent as {}", parts.len());
        parts.into_iter().rev().for_each(|part| self.drain.put_back(queue, part));
        self.attempt_is_over(index, queue, now);
    }

    fn stored_unseen(&mut self, number: u64, now: Instant) {
        let Some(request) = self.under_way.remove(&number) else { return };
        for (index, batch) in request.batches.into_values() {
            self.carry_out(index, batch, Verdict::Store, -1, -1, now);
        }
    }

    fn lost(&mut self, number: u64, sent: bool, error: &Error, now: Instant) {
        let Some(request) = self.under_way.remove(&number) else { return };
        // Where it was may not be where it is.
        self.client.metadata_mut().want();
        for (index, batch) in request.batches.into_values() {
            self.carry_out(index, batch, outcome::lost(error.clone(), sent), -1, -1, now);
        }
    }

    fn fail(&mut self, request: UnderWay, error: &Error, now: Instant) {
        for (index, batch) in request.batches.into_values() {
            self.carry_out(index, batch, Verdict::Fail(error.clone()), -1, -1, now);
        }
    }

    /// The end of an attempt: the batch is done, or goes back to the front of its queue.
    fn carry_out(
        &mut self,
        index: u32,
        mut batch: SealedBatch,
        verdict: Verdict,
        base_offset: i64,
        log_append_time: i64,
        now: Instant,
    ) {
        let Some(queue) = self.readiness.queue(index).map(Arc::clone) else { return };
        let result = match verdict {
            // What comes back is for nobody; it is only over now.
            _ if batch.is_given_up() => Some(BatchResult::Failed(Error::new(ErrorKind::Closed))),
            Verdict::Store => {
                let log_append_time = (log_append_time >= 0).then_some(log_append_time);
                Some(BatchResult::Stored { base_offset, log_append_time })
            }
            Verdict::Fail(error) => Some(BatchResult::Failed(error)),
            Verdict::Retry { error, maybe_written } => {
                log::debug!("attempt {} for {} failed: {error}", batch.attempts(), queue.place());
                batch.attempt_failed(error, maybe_written);
                if self.settings.patience.allows(&batch, now) {
                    None
                } else {
                    Some(BatchResult::Failed(self.settings.patience.last_word(
                        &batch,
                        queue.place(),
                        "",
                        now,
                    )))
                }
            }
        };
        match result {
            None => {
                let delay = self.settings.retry.delay(batch.attempts(), &mut self.random);
                self.readiness.back_off(index, now + delay);
                self.drain.put_back(&queue, batch);
            }
            Some(result) => batch.complete(result),
        }
        self.attempt_is_over(index, &queue, now);
    }

    fn attempt_is_over(&mut self, index: u32, queue: &PartitionQueue, now: Instant) {
        let topic = &queue.place().topic;
        if let Some(limit) = self.limits.limit(topic) {
            self.drain.limit(queue, limit);
            for waiting in self.limits.end(topic, index) {
                self.reconsider(waiting, now);
            }
        }
        self.reconsider(index, now);
    }
}

/// The first with record batches: 0 to 2 carry message sets, which 4.x lists and then refuses (KAFKA-18659).
pub(crate) const FIRST_VERSION_OF_RECORD_BATCHES: i16 = 3;
/// The first in which batches may be compressed with zstd (KIP-110).
#[cfg(feature = "zstd")]
pub(crate) const FIRST_VERSION_OF_ZSTD: i16 = 7;
const LAST_VERSION_BY_NAME: i16 = 12;
