//! The sender: it sends the batches that are ready, completes those that are answered, and sends again those that have
//! failed. It runs one step at a time, with the time as an argument. It knows neither its caller nor the sockets.
//!
//! A step follows the life of a batch: read the notices of user threads, read the answers of brokers, look at what is due,
//! send. [`Backlog`] has the batches that wait; [`outcome`] decides what happens to a batch after an attempt.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::client::{ClientEvent, LeaderHint, Loss, NodeId, Outcome};
use crate::error::{BrokerTrouble, Certainty, Error};
use crate::observation::Observer;
use crate::producer::backlog::{Backlog, BacklogSettings, Moment};
use crate::producer::batch::SealedBatch;
use crate::producer::drain::Drain;
use crate::producer::inbox::Notices;
use crate::producer::losses::{self, Losses};
use crate::producer::outcome::{self, Action, AttemptOutcome, RetryPolicy};
use crate::producer::over::{Client, Over, Produce};
use crate::producer::partition::SendRules;
use crate::producer::queue::PartitionQueue;
use crate::producer::request_sizes::RequestSizes;
use crate::producer::requests::{Draft, InFlightRequest, RequestEntry};
use crate::producer::result::BatchResult;
use crate::protocol::{ErrorCode, ProduceRequest, ProduceResponse};
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

/// Makes the error for the records of a partition that fail at the end. The flag says whether bytes of them were sent.
pub(crate) type Failure<'a> = dyn Fn(&TopicPartition, bool) -> Error + 'a;

pub(crate) struct Sender {
    settings: SenderSettings,
    backlog: Backlog,
    client: Client,
    request_sizes: RequestSizes,
    in_flight: BTreeMap<u64, InFlightRequest>,
    next_request: u64,
    losses: Losses,
    observer: Arc<Observer>,
    random: fastrand::Rng,
}

impl Sender {
    pub(crate) fn new(
        settings: SenderSettings,
        drain: Drain,
        client: Client,
        observer: Arc<Observer>,
        random: fastrand::Rng,
    ) -> Self {
        let SenderSettings { idempotence, batches_in_flight: window, linger, retry, .. } = settings;
        let backlog = BacklogSettings {
            linger,
            retry_policy: settings.retry_policy.clone(),
            retry,
            send_rules: SendRules { window, idempotence },
        };
        Self {
            settings,
            backlog: Backlog::new(backlog, drain),
            client,
            request_sizes: RequestSizes::default(),
            in_flight: BTreeMap::new(),
            next_request: 0,
            losses: Losses::default(),
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
        self.backlog.step(&mut self.client, at);
        for node in self.backlog.partitions().nodes() {
            self.send_to(node, at);
        }
        // The steps before may have found a reason for a request.
        self.client.ask_if_due(now);
        self.backlog.ask_for_producer_id(&mut self.client, now);
        if let Some(troubles) = self.client.changed_troubles() {
            self.observer.publish(troubles);
        }
        // If the producer is being closed, `close` reports them.
        if self.backlog.drain().is_open() {
            self.losses.log_unchecked(&self.observer, now);
        }
        !self.is_over(now)
    }

    /// The producer is closed, and nothing is left or the time is over.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        let closing = self.backlog.drain().closing();
        closing
            .is_some_and(|closing| !self.backlog.drain().has_unfinished() || closing.deadline.has_passed(now))
    }

    pub(crate) fn has_unfinished(&self) -> bool {
        self.backlog.drain().has_unfinished()
    }

    /// Until when nothing happens by itself. [`Deadline::NEVER`] if only other threads can make something happen. Zero if a
    /// user thread has left a notice meanwhile; if not, the next notice wakes the sender.
    pub(crate) fn sleep_until(&mut self, now: Instant) -> Deadline {
        if self.client.has_events() || !self.backlog.drain().inbox().fall_asleep() {
            return Deadline::at(now);
        }
        let closing = self.backlog.drain().closing().map_or(Deadline::NEVER, |closing| closing.deadline);
        let warnings = if self.backlog.drain().is_open() { Some(&self.losses) } else { None };
        let warning = warnings.map_or(Deadline::NEVER, |losses| losses.next_warning(&self.observer));
        self.backlog.next_deadline().min(self.client.next_deadline(now)).min(warning).min(closing)
    }

    pub(crate) fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// The end has come before everything had a result. `close` reports what had none. Returns what stops it at each
    /// broker.
    pub(crate) fn give_up_rest(&mut self, queues: &[Arc<PartitionQueue>]) -> Vec<BrokerTrouble> {
        self.backlog.drain().give_up(queues)
    }

    /// The end: fails the batches of a queue for good.
    pub(crate) fn fail_queued(&mut self, failure: &Failure<'_>, queue: &PartitionQueue) {
        self.backlog.drain().close_pool();
        for batch in self.backlog.drain().empty(queue) {
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
                let Some(partition) = self.backlog.partitions_mut().get_mut(entry.queue_id) else { continue };
                let Some(batch) = partition.take(entry.ordinal) else { continue };
                batch.complete(BatchResult::Failed(failure(partition.topic_partition(), loss.sent > 0)));
            }
        }
        self.in_flight.clear();
        self.observer.recorder().produce_over(0);
        for partition in self.backlog.partitions_mut().iter_mut() {
            let name = Arc::clone(partition.topic_partition());
            for (batch, in_flight) in partition.take_all() {
                batch.complete(BatchResult::Failed(failure(&name, in_flight)));
            }
        }
    }

    fn hear_users(&mut self, at: Moment) {
        let Notices { partitions, topics, kept_topics, hurry, purge, close } = self.backlog.drain().notices();
        if !topics.is_empty() {
            self.backlog.want_producer_id();
        }
        for (topic, until) in topics {
            self.client.metadata_mut().await_topic(&topic, until, at.now);
        }
        for topic in kept_topics {
            self.client.metadata_mut().keep_topic(&topic, at.now);
        }
        for queue in partitions {
            self.client.metadata_mut().use_topic(&queue.topic_partition().topic, at.now);
            self.backlog.meet(&queue, &mut self.client, at);
        }
        if hurry || close {
            self.backlog.hurry(&mut self.client, at);
        }
        if purge {
            self.backlog.purge(&mut self.client, at);
        }
    }

    fn hear_brokers(&mut self, at: Moment) {
        while let Some(event) = self.client.next_event() {
            match event {
                ClientEvent::MetadataChanged => self.backlog.metadata_changed(&mut self.client, at),
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
                    self.backlog.producer_id_answered(outcome, &mut self.client, &mut self.random, at);
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
        let Some(partition) = self.backlog.partitions_mut().get_mut(queue_id) else { return };
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
                if batch.sequence().is_some() {
                    crate::sync::is_rare("batch split under sequences");
                }
                self.observer.recorder().batch_split(at.now);
                self.backlog.split(batch, queue_id, at.now);
            }
            Action::Complete(result) => match result.error() {
                None => {
                    self.backlog.stored(&batch, queue_id, at.now);
                    self.observer.recorder().batch_stored(at.now.since(batch.created()), at.now);
                    losses::complete(batch, result);
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
                    losses::complete(batch, result);
                }
            },
        }
        self.backlog.attempt_is_over(queue_id, ordinal, &mut self.client, at);
    }

    fn send_to(&mut self, node: NodeId, at: Moment) {
        while self.backlog.partitions().first_ready(node, u64::MAX).is_some()
            && self.client.poll_ready(node, at.now)
        {
            let max_bytes = self.request_sizes.max_bytes(node, at.now).unwrap_or(usize::MAX);
            let max_bytes = max_bytes.min(self.settings.request_max_bytes);
            let draft = self.backlog.collect(node, max_bytes, &mut self.client, at);
            if draft.is_empty() {
                return;
            }
            self.send(node, draft, at);
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
            Err(error) => {
                in_flight.rest().for_each(|entry| self.backlog.fail(entry, &error, &mut self.client, at));
            }
        }
    }

    /// For metrics: a request is sent.
    fn note_sent(&self, request: &InFlightRequest, now: Instant) {
        let recorder = self.observer.recorder();
        if !recorder.is_on() {
            return;
        }
        let batches = request.entries().filter_map(|(topic, entry)| {
            Some(self.backlog.partitions().get(entry.queue_id)?.batch(entry.ordinal)?.sent(topic, now))
        });
        recorder.produce_sent(batches, self.in_flight.len() + 1, now);
    }

    /// For metrics: a request has its response.
    fn note_answered(&self, request: &InFlightRequest, throttle_ms: i32, now: Instant) {
        let throttle = Duration::from_millis(u64::try_from(throttle_ms).unwrap_or_default());
        let (node, latency) = (request.node().number(), now.since(request.sent()));
        self.observer.recorder().produce_answered(node, latency, throttle, self.in_flight.len(), now);
    }
}

/// The batch was refused because batches before it are not stored yet. Their failure is logged instead.
fn is_of_numbers(error: &Error) -> bool {
    error.broker_code() == Some(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
}

fn is_maybe_written(batch: &SealedBatch, error: &Error) -> bool {
    batch.is_maybe_written() || error.certainty() == Certainty::MaybeWritten
}
