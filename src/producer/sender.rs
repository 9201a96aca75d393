//! The sender: it sends the batches that are ready, completes those that are answered, and sends again those that have
//! failed. It runs one step at a time, with the time as an argument. It knows neither its caller nor the sockets.
//!
//! A step follows the life of a batch: read the notices of user threads, read the answers of brokers, look at what is due,
//! send. Other modules decide ([`outcome`], [`partition`]); this one carries out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::client::{ClientEvent, KafkaClient, LeaderHint, Loss, NodeId, Outcome, Tag, Target, address};
use crate::error::{BrokerTrouble, Certainty, Error, ErrorKind, NO_ANSWER_YET, Origin, Stage};
use crate::observation::Observer;
use crate::producer::batch::{Ordinal, SealedBatch};
use crate::producer::batch_sizes::BatchSizes;
use crate::producer::drain::Drain;
use crate::producer::identity::ProducerIds;
use crate::producer::inbox::Notices;
use crate::producer::losses::{self, Losses};
use crate::producer::outcome::{self, Action, AttemptOutcome, RetryPolicy};
use crate::producer::partition::{self, Partition, PartitionState, SendRules, View};
use crate::producer::partitions::Partitions;
use crate::producer::queue::{Front, PartitionQueue};
use crate::producer::request_sizes::RequestSizes;
use crate::producer::requests::{Draft, InFlightRequest, RequestEntry};
use crate::producer::result::BatchResult;
use crate::protocol::{
    ErrorCode, InitProducerIdRequest, InitProducerIdResponse, ProduceRequest, ProduceResponse,
};
use crate::time::{Backoff, Deadline, Instant};
use crate::topic_partition::TopicPartition;

#[derive(Clone, Debug)]
pub(crate) struct SenderSettings {
    /// 0, 1 or -1 for all.
    pub(crate) acks: i16,
    pub(crate) linger: Duration,
    pub(crate) retry_policy: RetryPolicy,
    pub(crate) retry: Backoff,
    /// How long a broker waits for the replicas.
    pub(crate) ack_timeout: Duration,
    /// The first version of Produce that can carry the batches.
    pub(crate) first_version: i16,
    /// The size limit of the batches in one request, unless a single batch is larger.
    pub(crate) request_max_bytes: usize,
    /// `enable_idempotence`: batches have sequence numbers, so that brokers recognize one that is sent again.
    pub(crate) idempotence: bool,
    /// The most batches of one partition in flight. With more than one and without idempotence, a batch that is sent again
    /// is overtaken.
    pub(crate) batches_in_flight: usize,
}

/// The outcome of a request.
pub(crate) enum Over {
    /// With the sender's number of the request.
    Produce(u64, Outcome<ProduceResponse>),
    InitProducerId(Outcome<InitProducerIdResponse>),
}

struct Produce(u64);

impl Tag<Over> for Produce {
    type Request = ProduceRequest;

    const STAGE: Stage = Stage::Produce;

    fn over(self, outcome: Outcome<ProduceResponse>) -> Over {
        Over::Produce(self.0, outcome)
    }
}

struct InitProducerId;

impl Tag<Over> for InitProducerId {
    type Request = InitProducerIdRequest;

    const STAGE: Stage = Stage::InitProducerId;

    fn over(self, outcome: Outcome<InitProducerIdResponse>) -> Over {
        Over::InitProducerId(outcome)
    }
}

/// Two times: the current time, and the time up to which all answers were read. The second one decides what is late: an
/// answer that is in a socket has come in time, whatever has delayed this thread.
#[derive(Clone, Copy, Debug)]
struct Moment {
    now: Instant,
    heard: Instant,
}

/// Makes the error for the records of a partition that fail at the end. The flag says whether bytes of them were sent.
pub(crate) type Failure<'a> = dyn Fn(&TopicPartition, bool) -> Error + 'a;

pub(crate) struct Sender {
    settings: SenderSettings,
    drain: Drain,
    client: KafkaClient<Over>,
    partitions: Partitions,
    /// `None` without idempotence.
    producer_ids: Option<ProducerIds>,
    batch_sizes: BatchSizes,
    request_sizes: RequestSizes,
    in_flight: BTreeMap<u64, InFlightRequest>,
    next_request: u64,
    losses: Losses,
    /// Batches with smaller numbers that are still in a queue were purged. 0 if there are none.
    purged_below: u64,
    observer: Arc<Observer>,
    random: fastrand::Rng,
}

impl Sender {
    pub(crate) fn new(
        settings: SenderSettings,
        drain: Drain,
        client: KafkaClient<Over>,
        observer: Arc<Observer>,
        random: fastrand::Rng,
    ) -> Self {
        let SenderSettings { idempotence, batches_in_flight: window, retry, .. } = settings;
        Self {
            partitions: Partitions::new(SendRules { window, idempotence }),
            producer_ids: idempotence.then(|| ProducerIds::new(retry)),
            settings,
            drain,
            client,
            batch_sizes: BatchSizes::default(),
            request_sizes: RequestSizes::default(),
            in_flight: BTreeMap::new(),
            next_request: 0,
            losses: Losses::default(),
            purged_below: 0,
            observer,
            random,
        }
    }

    /// Reads the notices of user threads and the answers of brokers, and completes batches. Callbacks run in here.
    pub(crate) fn hear(&mut self, now: Instant, heard: Instant) {
        let at = Moment { now, heard };
        self.hear_users(at);
        self.hear_brokers(at);
    }

    /// Does what is due at `now`, which is read after [`hear`](Self::hear): the time that callbacks take must not count for
    /// a request that has not been sent yet. False at the end: the producer is closed, and nothing is left or the time is
    /// over.
    pub(crate) fn act(&mut self, now: Instant, heard: Instant) -> bool {
        let at = Moment { now, heard };
        self.client.step(now, heard);
        self.hear_brokers(at);
        for queue_id in self.partitions.take_due(now) {
            self.consider(queue_id, at);
        }
        for node in self.partitions.nodes() {
            self.send_to(node, at);
        }
        // The steps before may have found a reason for a request.
        self.client.ask_if_due(now);
        self.ask_for_producer_id(now);
        if let Some(troubles) = self.client.changed_troubles() {
            self.observer.publish(troubles);
        }
        // If the producer is being closed, `close` reports them.
        if self.drain.is_open() {
            self.losses.log_unchecked(&self.observer, now);
        }
        !self.is_over(now)
    }

    /// The producer is closed, and nothing is left or the time is over.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        let closing = self.drain.closing();
        closing.is_some_and(|closing| !self.drain.has_unfinished() || closing.deadline.has_passed(now))
    }

    pub(crate) fn has_unfinished(&self) -> bool {
        self.drain.has_unfinished()
    }

    /// Until when nothing happens by itself. [`Deadline::NEVER`] if only other threads can make something happen. Zero if a
    /// user thread has left a notice meanwhile; if not, the next notice wakes the sender.
    pub(crate) fn sleep_until(&mut self, now: Instant) -> Deadline {
        if self.client.has_events() || !self.drain.inbox().fall_asleep() {
            return Deadline::at(now);
        }
        let closing = self.drain.closing().map_or(Deadline::NEVER, |closing| closing.deadline);
        let ids = self.producer_ids.as_ref().map_or(Deadline::NEVER, ProducerIds::next_request_at);
        let warnings = if self.drain.is_open() { Some(&self.losses) } else { None };
        let warning = warnings.map_or(Deadline::NEVER, |losses| losses.next_warning(&self.observer));
        self.partitions.next_deadline().min(self.client.next_deadline(now)).min(ids).min(warning).min(closing)
    }

    pub(crate) fn client_mut(&mut self) -> &mut KafkaClient<Over> {
        &mut self.client
    }

    /// The end has come before everything had a result. `close` reports what had none. Returns what stops it at each
    /// broker.
    pub(crate) fn give_up_rest(&mut self, queues: &[Arc<PartitionQueue>]) -> Vec<BrokerTrouble> {
        self.drain.give_up(queues)
    }

    /// The end: fails the batches of a queue for good.
    pub(crate) fn fail_queued(&mut self, failure: &Failure<'_>, queue: &PartitionQueue) {
        self.drain.close_pool();
        for batch in self.drain.empty(queue) {
            batch.complete(BatchResult::Failed(failure(queue.topic_partition(), false)));
        }
    }

    /// The end: reads the last answers, fails what has none, and closes every connection.
    pub(crate) fn fail_in_flight(&mut self, failure: &Failure<'_>, now: Instant) {
        self.hear_brokers(Moment { now, heard: now });
        self.client.close(now);
        while let Some(event) = self.client.next_event() {
            let ClientEvent::Over(Over::Produce(request, Outcome::Lost(loss))) = event else { continue };
            for entry in self.in_flight.remove(&request).into_iter().flat_map(InFlightRequest::rest) {
                let Some(partition) = self.partitions.get_mut(entry.queue_id) else { continue };
                let Some(batch) = partition.take(entry.ordinal) else { continue };
                batch.complete(BatchResult::Failed(failure(partition.topic_partition(), loss.sent > 0)));
            }
        }
        self.observer.recorder().produce_over(self.in_flight.len());
        for partition in self.partitions.iter_mut() {
            let name = Arc::clone(partition.topic_partition());
            for (batch, in_flight) in partition.take_all() {
                batch.complete(BatchResult::Failed(failure(&name, in_flight)));
            }
        }
    }

    fn hear_users(&mut self, at: Moment) {
        let Notices { partitions, topics, kept_topics, hurry, purge_below, close } = self.drain.notices();
        if !topics.is_empty() {
            // The next records will need a producer id. A request now costs no round trip of its own.
            self.producer_ids.iter_mut().for_each(ProducerIds::want);
        }
        for (topic, until) in topics {
            self.client.metadata_mut().await_topic(&topic, until, at.now);
        }
        for topic in kept_topics {
            self.client.metadata_mut().keep_topic(&topic, at.now);
        }
        for queue in partitions {
            self.client.metadata_mut().use_topic(&queue.topic_partition().topic, at.now);
            let queue_id = self.partitions.meet(&queue);
            self.consider(queue_id, at);
        }
        if hurry || close {
            self.partitions.lingering().into_iter().for_each(|queue_id| self.consider(queue_id, at));
        }
        if purge_below > 0 {
            self.purged_below = purge_below.max(self.purged_below);
            self.partitions.busy().into_iter().for_each(|queue_id| self.purge(queue_id, purge_below, at));
        }
    }

    /// Fails the batches of a partition with numbers `below` that no broker can have.
    fn purge(&mut self, queue_id: u32, below: u64, at: Moment) {
        while let Some(partition) = self.partitions.get_mut(queue_id) {
            let queue = Arc::clone(partition.queue());
            let Some(batch) = partition.take_unwritten(below) else { break };
            complete(batch, BatchResult::Failed(Error::new(ErrorKind::Purged).at(queue.topic_partition())));
        }
        self.consider(queue_id, at);
    }

    /// Fails the batches of a queue that were purged. A batch that a user thread compresses, or of which the sender has not
    /// been notified, gets here after the purge.
    fn purge_queue(&mut self, queue_id: u32) {
        let below = self.purged_below;
        if below == 0 {
            return;
        }
        if !self.drain.has_unfinished_below(below) {
            self.purged_below = 0;
            return;
        }
        let Some(partition) = self.partitions.get(queue_id) else { return };
        let queue = Arc::clone(partition.queue());
        while let Some(batch) = self.drain.give_up_front(&queue, |front| front.ordinal.is_below(below)) {
            complete(batch, BatchResult::Failed(Error::new(ErrorKind::Purged).at(queue.topic_partition())));
        }
    }

    fn hear_brokers(&mut self, at: Moment) {
        while let Some(event) = self.client.next_event() {
            match event {
                ClientEvent::MetadataChanged => {
                    let moved = self.partitions.with_or_without_leader();
                    moved.into_iter().for_each(|queue_id| self.consider(queue_id, at));
                }
                ClientEvent::Over(Over::Produce(request, outcome)) => {
                    let Some(in_flight) = self.in_flight.remove(&request) else { continue };
                    match outcome {
                        Outcome::Answered(response) => self.answered(in_flight, response, at),
                        Outcome::Written => {
                            self.observer.recorder().produce_over(self.in_flight.len());
                            self.all_over(in_flight, AttemptOutcome::Written, at);
                        }
                        Outcome::Lost(loss) => self.lost(in_flight, &loss, at),
                    }
                }
                ClientEvent::Over(Over::InitProducerId(outcome)) => {
                    let Some(ids) = &mut self.producer_ids else { continue };
                    ids.answered(outcome, self.client.snapshot(), at.now, &mut self.random);
                    self.partitions
                        .without_producer_id()
                        .into_iter()
                        .for_each(|queue_id| self.consider(queue_id, at));
                }
            }
        }
    }

    fn answered(&mut self, mut request: InFlightRequest, response: ProduceResponse, at: Moment) {
        self.request_sizes.answered(request.node(), request.bytes(), at.now);
        self.note_answered(&request, response.throttle_time_ms, at.now);
        let node = request.node();
        let mut answers = Vec::new();
        let mut hints = Vec::new();
        for topic in response.topics {
            let name = request.topic(topic.topic_id, topic.name);
            for answer in topic.partitions {
                let Some(entry) = request.take(&name, answer.index) else {
                    self.losses.not_asked_about(&name, answer.index, at.now);
                    continue;
                };
                hints.extend(LeaderHint::of(&name, || request.topic_id(&name), &answer));
                answers.push((entry, answer));
            }
        }
        // An answer is in the order of partition numbers. Without this, partitions would get their next turn in that order,
        // and the last ones half as many turns as the first.
        answers.sort_unstable_by_key(|(entry, _)| entry.turn);
        // Before batches that are sent again look for their leader.
        self.client.learn_leaders(&hints, &response.node_endpoints);
        for (entry, answer) in answers {
            self.over(entry, node, AttemptOutcome::Answered(&answer), at);
        }
        self.all_over(request, AttemptOutcome::LeftOut, at);
    }

    fn lost(&mut self, request: InFlightRequest, loss: &Loss, at: Moment) {
        self.observer.recorder().produce_over(self.in_flight.len());
        if loss.closed_by_peer && loss.sent > 0 {
            self.request_sizes.cut_off(request.node(), request.bytes(), at.now);
        }
        self.all_over(request, AttemptOutcome::Lost { error: &loss.error, sent: loss.sent > 0 }, at);
    }

    fn all_over(&mut self, request: InFlightRequest, end: AttemptOutcome<'_>, at: Moment) {
        let node = request.node();
        request.rest().for_each(|entry| self.over(entry, node, end, at));
    }

    /// An attempt has ended: the batch is complete, or waits to be sent again, whole or in parts.
    fn over(&mut self, entry: RequestEntry, node: NodeId, end: AttemptOutcome<'_>, at: Moment) {
        let RequestEntry { queue_id, ordinal, .. } = entry;
        if end.wants_metadata() {
            self.client.metadata_mut().want();
        }
        let Some(partition) = self.partitions.get_mut(queue_id) else { return };
        let Some(mut batch) = partition.take(ordinal) else { return };
        if batch.is_given_up() && matches!(end, AttemptOutcome::Answered(_)) {
            crate::sync::is_rare("late answer of an expired batch");
        }
        let action = outcome::decide(&batch, partition, end, &self.settings.retry_policy, at.now);
        let name = Arc::clone(partition.topic_partition());
        match action {
            Action::Forget => partition.note_missing(&batch),
            Action::Keep { maybe_written } => {
                batch.note_maybe_written(maybe_written);
                let delay = self.settings.retry.delay(batch.attempts(), &mut self.random);
                partition.back_off(node, at.now + delay);
                partition.put_waiting(batch);
            }
            Action::SendAgain { error, maybe_written } => {
                let delay = self.settings.retry.delay(batch.attempts(), &mut self.random);
                if is_of_numbers(&error) {
                    batch.excuse_attempt();
                } else {
                    self.losses.refused(batch.attempts(), &name, &error, at.now);
                }
                batch.attempt_failed(error, maybe_written);
                partition.back_off(node, at.now + delay);
                partition.put_waiting(batch);
            }
            Action::Renumber { error } => {
                // Refusals that follow from a failed batch are not logged, and neither are those behind the first.
                if partition.note_gap(ordinal) {
                    self.losses.refused(batch.attempts(), &name, &error, at.now);
                }
                batch.attempt_failed(error, false);
                let delay = self.settings.retry.delay(batch.attempts(), &mut self.random);
                partition.back_off(node, at.now + delay);
                partition.put_waiting(batch);
            }
            Action::Split => {
                let size = batch.len();
                let max_bytes = self.batch_sizes.refused(&name.topic, size, at.now);
                if batch.sequence().is_some() {
                    crate::sync::is_rare("batch split under sequences");
                }
                self.observer.recorder().batch_split(at.now);
                let parts = batch.split(max_bytes, self.drain.encoding());
                log::debug!(
                    "a batch of {size} bytes for {name} was rejected as too large; it is sent again in {} parts",
                    parts.len()
                );
                parts.into_iter().for_each(|part| partition.put_waiting(part));
            }
            Action::Complete(result) => match result.error() {
                None => {
                    partition.stored(&batch, at.now);
                    self.batch_sizes.stored(&name.topic, batch.len(), at.now);
                    self.observer.recorder().batch_stored(at.now.since(batch.created()), at.now);
                    complete(batch, result);
                }
                // Batches behind it may need it.
                Some(error) if batch.sequence().is_some() && is_maybe_written(&batch, error) => {
                    let (records, error) = (batch.records(), error.clone());
                    batch.give_up(error.clone());
                    partition.put_waiting(batch);
                    losses::lost(records, &error);
                }
                Some(_) => {
                    partition.note_missing(&batch);
                    complete(batch, result);
                }
            },
        }
        self.attempt_is_over(queue_id, ordinal, at);
    }

    /// Looks at the partition again, and at those that waited to see whether a batch of this size is accepted.
    fn attempt_is_over(&mut self, queue_id: u32, ordinal: Ordinal, at: Moment) {
        let Some(partition) = self.partitions.get(queue_id) else { return };
        let name = Arc::clone(partition.topic_partition());
        if let Some(max_bytes) = self.batch_sizes.max_bytes(&name.topic) {
            self.drain.set_max_bytes(partition.queue(), max_bytes);
            for waiting in self.batch_sizes.end(&name.topic, queue_id, ordinal) {
                self.partitions.set_state(waiting, PartitionState::Idle, Deadline::NEVER);
                self.consider(waiting, at);
            }
        }
        self.consider(queue_id, at);
    }

    /// Sets the state of a partition, after the batches that are late have failed.
    fn consider(&mut self, queue_id: u32, at: Moment) {
        self.purge_queue(queue_id);
        self.expire(queue_id, at);
        self.clean_up(queue_id);
        let lacks_producer_id = self.lacks_producer_id(queue_id);
        if lacks_producer_id && self.fail_denied(queue_id, at) {
            return self.set_state(queue_id, PartitionState::NoProducerId, Deadline::at(at.now), at.now);
        }
        let (front, oldest) = self.front(queue_id, at);
        let Some(partition) = self.partitions.get_mut(queue_id) else { return };
        let TopicPartition { topic, partition: number } = &**partition.topic_partition();
        let leadership = self.client.snapshot().leadership(topic, *number);
        partition.led_from(leadership);
        let delivery_timeout = self.settings.retry_policy.delivery_timeout;
        let expiry = oldest.map_or(Deadline::NEVER, |oldest| Deadline::after(oldest, delivery_timeout));
        let (state, look_again) = match front {
            _ if !partition.has_room() => (PartitionState::Full, expiry),
            _ if partition.state() == PartitionState::AwaitingTrial => {
                (PartitionState::AwaitingTrial, expiry)
            }
            // No notice comes for the next batch before it is full. A flush must find it.
            None if partition.bytes_to_outweigh() > 0 => (PartitionState::Lingering, expiry),
            None => (PartitionState::Idle, expiry),
            Some(_) if lacks_producer_id => (PartitionState::NoProducerId, expiry),
            Some((front, lingers)) => {
                // Beside other batches it waits for an answer, unless a thread waits for its result.
                let lingers_until = lingers.then(|| match partition.bytes_to_outweigh() {
                    1.. if !front.is_urgent => Deadline::NEVER,
                    _ => Deadline::at(front.created + self.settings.linger),
                });
                partition::next_state(partition, View { now: at.now, expiry, lingers_until })
            }
        };
        if state == PartitionState::Leaderless {
            let name = Arc::clone(partition.topic_partition());
            self.client.metadata_mut().want_again(&name.topic, at.now);
        }
        self.set_state(queue_id, state, look_again, at.now);
    }

    /// Completes the batches that can't be sent any more.
    fn clean_up(&mut self, queue_id: u32) {
        let Some(partition) = self.partitions.get_mut(queue_id) else { return };
        for batch in partition.clean_up() {
            // It was sent before, because that is the only way that a batch gets here.
            let Some(error) = batch.last_error().cloned() else { continue };
            complete(batch, BatchResult::Failed(error.maybe_written()));
        }
    }

    /// Whether nothing can be sent because there is no producer id.
    fn lacks_producer_id(&mut self, queue_id: u32) -> bool {
        let Some(ids) = &mut self.producer_ids else { return false };
        let Some(partition) = self.partitions.get_mut(queue_id) else { return false };
        let Some(spent) = partition.lacks_identity() else { return false };
        match ids.identity(spent) {
            Some(identity) => {
                partition.begin(identity);
                false
            }
            None => true,
        }
    }

    /// Fails the batches that can't be sent because brokers give this producer no id. True if there may be more.
    fn fail_denied(&mut self, queue_id: u32, at: Moment) -> bool {
        let denial = self.producer_ids.as_ref().and_then(|ids| ids.denial(at.now)).cloned();
        let Some(error) = denial else { return false };
        // Not until the queue is empty: user threads may append as fast.
        for _ in 0..FAILED_AT_ONCE {
            let Some(partition) = self.partitions.get_mut(queue_id) else { return false };
            let queue = Arc::clone(partition.queue());
            let batch = partition.take_waiting().or_else(|| self.drain.give_up_front(&queue, |_| true));
            match batch {
                Some(batch) => complete(batch, BatchResult::Failed(error.clone())),
                None => return false,
            }
        }
        true
    }

    fn ask_for_producer_id(&mut self, now: Instant) {
        let Some(ids) = self.producer_ids.as_mut().filter(|ids| ids.next_request_at().has_passed(now)) else {
            return;
        };
        let request = ids.ask();
        self.client.ask(Target::Any, request, InitProducerId, now);
    }

    /// The next batch and whether it lingers, and when the oldest batch with a waiting future was created. The next batch
    /// is one that waits to be sent again, or else the front of the queue. If no more batches may be in flight, or a batch
    /// that was given up goes first, only batches that expire are looked for in the queue. None expires before those that
    /// have left it.
    fn front(&mut self, queue_id: u32, at: Moment) -> (Option<(Front, bool)>, Option<Instant>) {
        loop {
            let Some(partition) = self.partitions.get(queue_id) else { return (None, None) };
            let waiting = partition.waiting().map(|front| (front, false));
            if let Some(oldest) = partition.oldest()
                && (waiting.is_some() || !partition.has_room())
            {
                return (waiting, Some(oldest));
            }
            let queue = Arc::clone(partition.queue());
            let hurry = !self.drain.is_open()
                || self.drain.is_memory_wanted()
                || self.goes_after_backoff(partition, at);
            let linger = self.settings.linger;
            let (bytes_to_outweigh, oldest) = (partition.bytes_to_outweigh(), partition.oldest());
            // Not `created + linger > now`: with a linger of zero, a batch that was made after the beginning of this step
            // would linger.
            let queued = self.drain.look(&queue, bytes_to_outweigh, |front| {
                let waits_for_answers = bytes_to_outweigh > 0 && !front.is_urgent;
                !hurry && (waits_for_answers || at.now.since(front.created) < linger)
            });
            let Some((front, _)) = queued else { return (waiting, oldest) };
            if !self.settings.retry_policy.is_over(front.created, at.heard) {
                return (waiting.or(queued), oldest.or(Some(front.created)));
            }
            self.expire_front(queue_id, &queue, at);
        }
    }

    /// Whether records do not linger any more, because they wait for the end of a backoff anyway.
    fn goes_after_backoff(&self, partition: &Partition, at: Moment) -> bool {
        partition.is_backing_off(at.now) && !self.drain.waits_for_flush()
    }

    /// As long as the partition has something to send, its topic is not forgotten.
    fn set_state(&mut self, queue_id: u32, state: PartitionState, look_again: Deadline, now: Instant) {
        self.partitions.set_state(queue_id, state, look_again);
        let Some((partition, busy)) = self.partitions.changed(queue_id) else { return };
        let topic = Arc::clone(&partition.topic_partition().topic);
        if busy {
            self.client.metadata_mut().hold_topic(&topic, now);
        } else {
            self.client.metadata_mut().release_topic(&topic, now);
        }
    }

    /// Fails the batches that have left the queue and are late, in flight or waiting to be sent again.
    fn expire(&mut self, queue_id: u32, at: Moment) {
        let retry_policy = self.settings.retry_policy.clone();
        let late = |created| retry_policy.is_over(created, at.heard);
        let Some(partition) = self.partitions.get_mut(queue_id) else { return };
        if !partition.oldest().is_some_and(late) {
            return;
        }
        let name = Arc::clone(partition.topic_partition());
        let brokers = self.client.troubles_with(self.client.snapshot().leader(&name.topic, name.partition));
        for batch in partition.late_to_stay(late) {
            crate::sync::is_rare("expired in the middle of a window");
            let waited_for = format!("while waiting for the response to the records for {name}");
            let last = batch.last_error().cloned();
            let error =
                retry_policy.final_error(batch, last.as_ref(), &name, waited_for, brokers.clone(), at.heard);
            let records = batch.records();
            batch.give_up(error.clone());
            losses::lost(records, &error);
        }
        while let Some(batch) =
            self.partitions.get_mut(queue_id).and_then(|partition| partition.take_late(late))
        {
            self.fail_late(batch, queue_id, at);
        }
    }

    fn expire_front(&mut self, queue_id: u32, queue: &PartitionQueue, at: Moment) {
        let retry_policy = &self.settings.retry_policy;
        let batch = self.drain.give_up_front(queue, |front| retry_policy.is_over(front.created, at.heard));
        batch.into_iter().for_each(|batch| self.fail_late(batch, queue_id, at));
    }

    /// The time of a batch that is not in flight is over.
    fn fail_late(&mut self, batch: SealedBatch, queue_id: u32, at: Moment) {
        let Some(partition) = self.partitions.get(queue_id) else { return };
        let name = Arc::clone(partition.topic_partition());
        let leader = self.client.snapshot().leader(&name.topic, name.partition);
        let brokers = self.client.troubles_with(leader);
        let ids = self.producer_ids.as_ref().filter(|_| partition.lacks_identity().is_some());
        let why_not = match (leader, ids.map(ProducerIds::last_error)) {
            (None, _) => ": the partition has no leader".to_owned(),
            (_, Some(None)) => ": no broker has assigned a producer id".to_owned(),
            (_, Some(Some(error))) => {
                format!(": no broker has assigned a producer id; the last error: {error}")
            }
            _ if self.drain.waits_for_flush() => ": no flush was called".to_owned(),
            _ if brokers.is_empty() => ": the leader was busy with other partitions".to_owned(),
            _ => String::new(),
        };
        let waited_for = format!("before the records for {name} could be sent{why_not}");
        let last = batch.last_error().cloned();
        let error = self.settings.retry_policy.final_error(
            &batch,
            last.as_ref(),
            &name,
            waited_for,
            brokers,
            at.heard,
        );
        complete(batch, BatchResult::Failed(error));
    }

    fn send_to(&mut self, node: NodeId, at: Moment) {
        while self.partitions.first_ready(node, u64::MAX).is_some() && self.client.poll_ready(node, at.now) {
            let draft = self.collect(node, at);
            if draft.is_empty() {
                return;
            }
            self.send(node, draft, at);
        }
    }

    /// Takes a batch of each partition that is ready for `node`, as many as fit into one request.
    fn collect(&mut self, node: NodeId, at: Moment) -> Draft {
        let max_bytes = self.request_sizes.max_bytes(node, at.now).unwrap_or(usize::MAX);
        let mut draft = Draft::new(max_bytes.min(self.settings.request_max_bytes));
        let broker = self.broker(node);
        let end = self.partitions.next_turn();
        while let Some(queue_id) = self.partitions.first_ready(node, end) {
            match self.take(queue_id, &draft, at) {
                Next::Batch(mut batch) => {
                    batch.begin_attempt(&broker);
                    let Some(partition) = self.partitions.get_mut(queue_id) else { continue };
                    let name = Arc::clone(partition.topic_partition());
                    let batch = partition.put_in_flight(batch, node, at.now);
                    let entry = RequestEntry { queue_id, ordinal: batch.ordinal(), turn: draft.len() };
                    draft.add(&name, entry, batch.segments(), batch.len());
                    self.partitions.set_state(queue_id, PartitionState::Idle, Deadline::NEVER);
                    self.consider(queue_id, at);
                }
                Next::NoRoom => break,
                Next::AwaitingTrial => {
                    self.partitions.set_state(queue_id, PartitionState::AwaitingTrial, Deadline::NEVER);
                    self.consider(queue_id, at);
                }
                // The batch has expired, is being compressed, or was taken.
                Next::Nothing => {
                    self.partitions.set_state(queue_id, PartitionState::Idle, Deadline::NEVER);
                    self.consider(queue_id, at);
                }
            }
        }
        draft
    }

    /// The next batch of a partition, if it can go with `draft`.
    fn take(&mut self, queue_id: u32, draft: &Draft, at: Moment) -> Next {
        let Some(partition) = self.partitions.get_mut(queue_id) else { return Next::Nothing };
        let (queue, name) = (Arc::clone(partition.queue()), Arc::clone(partition.topic_partition()));
        let Self { drain, batch_sizes, settings, .. } = self;
        let max_bytes = batch_sizes.max_bytes(&name.topic);
        let mut refusal = Next::Nothing;
        let mut admit = |front: Front| {
            refusal = if front.is_awaited && settings.retry_policy.is_over(front.created, at.heard) {
                Next::Nothing
            } else if !draft.has_room(front.bytes) {
                Next::NoRoom
            } else if max_bytes.is_some_and(|max_bytes| {
                !batch_sizes.begin(&name.topic, queue_id, front.ordinal, front.bytes.min(max_bytes))
            }) {
                Next::AwaitingTrial
            } else {
                return true;
            };
            false
        };
        let batch = match partition.waiting() {
            Some(front) if admit(front) => partition.take_waiting(),
            Some(_) => None,
            None => drain.pop_if(&queue, admit),
        };
        match (batch, max_bytes) {
            (None, _) => refusal,
            // A batch that may have been written is sent unchanged, because the broker may recognize it.
            (Some(batch), Some(max_bytes)) if batch.len() > max_bytes && !batch.is_maybe_written() => {
                let parts = batch.split(max_bytes, drain.encoding());
                parts.into_iter().for_each(|part| partition.put_waiting(part));
                partition.take_waiting().map_or(Next::Nothing, Next::Batch)
            }
            (Some(batch), _) => Next::Batch(batch),
        }
    }

    fn send(&mut self, node: NodeId, draft: Draft, at: Moment) {
        for topic in draft.topics() {
            self.client.metadata_mut().use_topic(topic, at.now);
        }
        let SenderSettings { acks, ack_timeout, first_version, .. } = self.settings;
        let timeout_ms = i32::try_from(ack_timeout.as_millis()).unwrap_or(i32::MAX);
        let (request, in_flight) = draft.finish(node, self.client.snapshot(), acks, timeout_ms, at.now);
        let version =
            self.client.version::<ProduceRequest>(node, first_version, in_flight.last_version(acks));
        match version {
            Ok(version) => {
                let number = self.next_request;
                self.next_request += 1;
                self.client.send(node, &request, version, Produce(number), at.now);
                self.note_sent(&in_flight, at.now);
                self.in_flight.insert(number, in_flight);
            }
            // A later attempt would find the same versions.
            Err(error) => in_flight.rest().for_each(|entry| self.fail(entry, &error, at)),
        }
    }

    /// For metrics: a request is sent.
    fn note_sent(&self, request: &InFlightRequest, now: Instant) {
        let recorder = self.observer.recorder();
        if !recorder.is_on() {
            return;
        }
        let batches = request.entries().filter_map(|(topic, entry)| {
            Some(self.partitions.get(entry.queue_id)?.batch(entry.ordinal)?.sent(topic, now))
        });
        recorder.produce_sent(batches, self.in_flight.len() + 1, now);
    }

    /// For metrics: a request has its response.
    fn note_answered(&self, request: &InFlightRequest, throttle_ms: i32, now: Instant) {
        let throttle = Duration::from_millis(u64::try_from(throttle_ms).unwrap_or_default());
        let (node, latency) = (request.node().number(), now.since(request.sent()));
        self.observer.recorder().produce_answered(node, latency, throttle, self.in_flight.len(), now);
    }

    fn fail(&mut self, RequestEntry { queue_id, ordinal, .. }: RequestEntry, error: &Error, at: Moment) {
        let Some(partition) = self.partitions.get_mut(queue_id) else { return };
        if let Some(batch) = partition.take(ordinal) {
            partition.note_missing(&batch);
            complete(batch, BatchResult::Failed(error.clone()));
        }
        self.attempt_is_over(queue_id, ordinal, at);
    }

    /// The text about a broker that has a batch and has not answered.
    fn broker(&self, node: NodeId) -> Arc<BrokerTrouble> {
        let (origin, known) = match node {
            NodeId::Broker(broker) => {
                (Origin::Metadata { broker }, self.client.snapshot().brokers.get(&broker))
            }
            NodeId::Bootstrap(_) => (Origin::Bootstrap, None),
        };
        Arc::new(BrokerTrouble {
            address: known.map(|broker| address(&broker.host, broker.port)).unwrap_or_default(),
            origin,
            stage: Stage::Produce,
            cause: NO_ANSWER_YET.to_owned(),
        })
    }
}

fn complete(batch: SealedBatch, result: BatchResult) {
    let (records, loss) = (batch.records(), result.error().cloned());
    // Before the logger runs: it is user code that may take long, and if it panics the futures must have their error.
    batch.complete(result);
    if let Some(error) = loss {
        losses::lost(records, &error);
    }
}

/// The batch was refused because batches before it are not stored yet. Their failure is logged instead.
fn is_of_numbers(error: &Error) -> bool {
    error.broker_code() == Some(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
}

fn is_maybe_written(batch: &SealedBatch, error: &Error) -> bool {
    batch.is_maybe_written() || error.certainty() == Certainty::MaybeWritten
}

/// The most batches of a partition that fail in one step.
const FAILED_AT_ONCE: usize = 64;

/// The next batch of a ready partition, or why there is none.
enum Next {
    Batch(SealedBatch),
    /// There is none now.
    Nothing,
    NoRoom,
    /// Another batch of the topic is on trial.
    AwaitingTrial,
}
