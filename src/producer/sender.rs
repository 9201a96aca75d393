//! The sender: what is ready goes out, what comes back completes, what fails is sent again. One step at a time, with
//! the time as an argument; who calls it, and what the bytes travel on, it does not know.
//!
//! A step reads like the life of a batch: hear what user threads say, hear what brokers say, look at whose time has
//! come, send.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::client::{ClientEvent, KafkaClient, Warnings};
use crate::error::{Count, Error, ErrorKind};
use crate::producer::batch::SealedBatch;
use crate::producer::drain::Drain;
use crate::producer::inbox::Notices;
use crate::producer::limits::SizeLimits;
use crate::producer::outcome::Patience;
use crate::producer::queue::PartitionQueue;
use crate::producer::readiness::{Place, Readiness};
use crate::producer::result::BatchResult;
use crate::protocol::Uuid;
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
    pub(super) settings: SenderSettings,
    pub(super) drain: Drain,
    pub(super) client: KafkaClient,
    pub(super) readiness: Readiness,
    pub(super) limits: SizeLimits,
    pub(super) under_way: BTreeMap<u64, UnderWay>,
    pub(super) next_request: u64,
    pub(super) closing: Option<Deadline>,
    pub(super) warnings: Warnings,
    pub(super) random: fastrand::Rng,
}

/// The batches of one request, by topic and partition, as its answer will name them.
pub(super) struct UnderWay {
    pub(super) batches: BTreeMap<(Arc<str>, i32), (u32, SealedBatch)>,
    /// From version 13 on an answer names topics by id: those of the time of the request.
    pub(super) topic_ids: BTreeMap<Uuid, Arc<str>>,
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
            warnings: Warnings::default(),
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
                Place::InFlight(_) | Place::Learning => self.give_up(index, now),
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

    /// The end came before everything had a result: whoever closes is told what had none.
    pub(crate) fn give_up_rest(&mut self, queues: &[Arc<PartitionQueue>]) {
        self.drain.give_up(queues);
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
        for (topic, until) in topics {
            self.client.metadata_mut().await_topic(&topic, until, now);
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
    pub(super) fn consider(&mut self, index: u32, now: Instant) {
        let Some(queue) = self.readiness.queue(index).map(Arc::clone) else { return };
        if matches!(self.readiness.place(index), Place::InFlight(_) | Place::Learning) {
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
    pub(super) fn settle(&mut self, index: u32, place: Place, look_again: Deadline, now: Instant) {
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
    pub(super) fn reconsider(&mut self, index: u32, now: Instant) {
        self.readiness.settle(index, Place::Idle, Deadline::NEVER);
        self.consider(index, now);
    }

    pub(super) fn expire(&mut self, queue: &PartitionQueue, now: Instant) {
        let Some(batch) = self.drain.give_up_front(queue) else { return };
        let place = queue.place();
        let leader = self.client.snapshot().leader(&place.topic, place.partition);
        let brokers = self.client.troubles_with(leader);
        let why_not = match leader {
            None => ": it has no leader",
            Some(_) if brokers.is_empty() => ": its broker was busy with others",
            Some(_) => "",
        };
        let waited_for = format!("before the records for {place} could be sent{why_not}");
        let error = self.settings.patience.last_word(&batch, place, waited_for, brokers, now);
        let records = batch.records();
        batch.complete(BatchResult::Failed(error.clone()));
        self.warn_of_loss(records, &error, now);
    }

    /// Records failed for good. Their futures know, but perhaps nobody asks those. Not one warning for each.
    pub(super) fn warn_of_loss(&mut self, records: u32, error: &Error, now: Instant) {
        let code = error.broker_code().map(|code| code.to_string());
        let kind = match error.kind() {
            ErrorKind::Closed => return,
            ErrorKind::Timeout { .. } => "expired",
            ErrorKind::RetriesUsedUp { .. } => "retries",
            _ => code.as_deref().unwrap_or("refused"),
        };
        let records = Count(u64::from(records), "record");
        match self.warnings.is_news(kind, A_MINUTE, now) {
            None => log::debug!("{records} failed: {error}"),
            Some(0) => log::warn!("{records} failed: {error}"),
            Some(more) => {
                log::warn!("{records} failed, and {} like it before: {error}", Count(more, "batch"))
            }
        }
    }

    /// The time of a batch is over that can't be taken back: it is under way, or its turn on trial is to come.
    fn give_up(&mut self, index: u32, now: Instant) {
        let Some(queue) = self.readiness.queue(index).map(Arc::clone) else { return };
        let place = queue.place();
        let Place::InFlight(request) = self.readiness.place(index) else { return self.expire(&queue, now) };
        let key = (Arc::clone(&place.topic), place.partition);
        let leader = self.client.snapshot().leader(&place.topic, place.partition);
        let brokers = self.client.troubles_with(leader);
        let batch = self.under_way.get_mut(&request).and_then(|request| request.batches.get_mut(&key));
        if let Some((_, batch)) = batch {
            let waited_for = format!("waiting for the answer to the records for {place}");
            let error = self.settings.patience.last_word(batch, place, waited_for, brokers, now);
            let records = batch.records();
            // The partition stays as it is: a later batch must not overtake this one, if it is written after all.
            batch.give_up(error.clone());
            self.warn_of_loss(records, &error, now);
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
}

/// Between two warnings of the same kind.
pub(super) const A_MINUTE: Duration = Duration::from_secs(60);
