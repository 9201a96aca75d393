//! The batches that wait to be sent, and what keeps each partition from being sent: no leader, a backoff, linger, a full
//! window, no producer id. The sender calls it whenever something may have changed for a partition. It also fails what must
//! not be sent any more: batches that have expired, that were purged, or that no broker would accept.
//!
//! [`partition`] and [`outcome`](crate::producer::outcome) decide; this carries out.

use std::sync::Arc;
use std::time::Duration;

use crate::client::{NodeId, Outcome, Target, address};
use crate::error::{BrokerTrouble, Error, NO_ANSWER_YET, Origin, Stage};
use crate::producer::batch::{Ordinal, SealedBatch};
use crate::producer::batch_sizes::BatchSizes;
use crate::producer::drain::Drain;
use crate::producer::identity::ProducerIds;
use crate::producer::losses;
use crate::producer::outcome::RetryPolicy;
use crate::producer::over::{Client, InitProducerId};
use crate::producer::partition::{self, Partition, PartitionState, SendRules, View};
use crate::producer::partitions::Partitions;
use crate::producer::purges::Purges;
use crate::producer::queue::{Front, PartitionQueue};
use crate::producer::requests::{Draft, RequestEntry};
use crate::producer::result::BatchResult;
use crate::protocol::InitProducerIdResponse;
use crate::time::{Backoff, Deadline, Instant};
use crate::topic_partition::TopicPartition;

/// Two times: the current time, and the time up to which all answers were read. The second one decides what is late: an
/// answer that is in a socket has come in time, whatever has delayed this thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Instant,
    pub(crate) heard: Instant,
}

/// The settings of [`Backlog`].
pub(crate) struct BacklogSettings {
    pub(crate) linger: Duration,
    pub(crate) retry_policy: RetryPolicy,
    pub(crate) retry: Backoff,
    pub(crate) send_rules: SendRules,
}

pub(crate) struct Backlog {
    linger: Duration,
    retry_policy: RetryPolicy,
    drain: Drain,
    partitions: Partitions,
    /// `None` without idempotence.
    producer_ids: Option<ProducerIds>,
    batch_sizes: BatchSizes,
    purges: Purges,
}

impl Backlog {
    pub(crate) fn new(settings: BacklogSettings, drain: Drain) -> Self {
        let BacklogSettings { linger, retry_policy, retry, send_rules } = settings;
        Self {
            linger,
            retry_policy,
            drain,
            partitions: Partitions::new(send_rules),
            producer_ids: send_rules.idempotence.then(|| ProducerIds::new(retry)),
            batch_sizes: BatchSizes::default(),
            purges: Purges::default(),
        }
    }

    pub(crate) fn drain(&self) -> &Drain {
        &self.drain
    }

    pub(crate) fn partitions(&self) -> &Partitions {
        &self.partitions
    }

    pub(crate) fn partitions_mut(&mut self) -> &mut Partitions {
        &mut self.partitions
    }

    /// There are records for this partition.
    pub(crate) fn meet(&mut self, queue: &Arc<PartitionQueue>, client: &mut Client, at: Moment) {
        let queue_id = self.partitions.meet(queue);
        self.consider(queue_id, client, at);
    }

    /// Sends what lingers: a thread waits for memory, or for a flush, or the producer is being closed.
    pub(crate) fn hurry(&mut self, client: &mut Client, at: Moment) {
        self.consider_all(self.partitions.lingering(), client, at);
    }

    /// Leaders may have changed.
    pub(crate) fn metadata_changed(&mut self, client: &mut Client, at: Moment) {
        self.consider_all(self.partitions.with_or_without_leader(), client, at);
    }

    /// Does what is due.
    pub(crate) fn step(&mut self, client: &mut Client, at: Moment) {
        let due = self.partitions.take_due(at.now);
        self.consider_all(due, client, at);
    }

    /// Fails what was purged.
    pub(crate) fn purge(&mut self, client: &mut Client, at: Moment) {
        for queue_id in self.partitions.busy() {
            let partition = self.partitions.get_mut(queue_id);
            partition.into_iter().for_each(|partition| Purges::waiting(partition, &self.drain));
            self.consider(queue_id, client, at);
        }
    }

    /// Records will need a producer id. A request now costs no round trip of its own.
    pub(crate) fn want_producer_id(&mut self) {
        self.producer_ids.iter_mut().for_each(ProducerIds::want);
    }

    pub(crate) fn ask_for_producer_id(&mut self, client: &mut Client, now: Instant) {
        let Some(ids) = self.producer_ids.as_mut().filter(|ids| ids.next_request_at().has_passed(now)) else {
            return;
        };
        let request = ids.ask();
        client.ask(Target::Any, request, InitProducerId, now);
    }

    pub(crate) fn producer_id_answered(
        &mut self,
        outcome: Outcome<InitProducerIdResponse>,
        client: &mut Client,
        random: &mut fastrand::Rng,
        at: Moment,
    ) {
        let Some(ids) = &mut self.producer_ids else { return };
        ids.answered(outcome, client.snapshot(), at.now, random);
        self.consider_all(self.partitions.without_producer_id(), client, at);
    }

    /// When to call [`step`](Self::step) and [`ask_for_producer_id`](Self::ask_for_producer_id) if nothing happens before.
    pub(crate) fn next_deadline(&self) -> Deadline {
        let ids = self.producer_ids.as_ref().map_or(Deadline::NEVER, ProducerIds::next_request_at);
        self.partitions.next_deadline().min(ids)
    }

    fn consider_all(&mut self, queue_ids: Vec<u32>, client: &mut Client, at: Moment) {
        queue_ids.into_iter().for_each(|queue_id| self.consider(queue_id, client, at));
    }

    /// Sets the state of a partition, after the batches that must not be sent any more have failed.
    pub(crate) fn consider(&mut self, queue_id: u32, client: &mut Client, at: Moment) {
        if let Some(partition) = self.partitions.get(queue_id) {
            self.purges.queued(partition.queue(), &self.drain);
        }
        self.expire(queue_id, client, at);
        self.clean_up(queue_id);
        let lacks_producer_id = self.lacks_producer_id(queue_id);
        if lacks_producer_id && self.fail_denied(queue_id, at) {
            return self.set_state(
                queue_id,
                PartitionState::NoProducerId,
                Deadline::at(at.now),
                client,
                at.now,
            );
        }
        let (front, oldest) = self.front(queue_id, client, at);
        let Some(partition) = self.partitions.get_mut(queue_id) else { return };
        let TopicPartition { topic, partition: number } = &**partition.topic_partition();
        let leadership = client.snapshot().leadership(topic, *number);
        partition.led_from(leadership);
        let delivery_timeout = self.retry_policy.delivery_timeout;
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
                    _ => Deadline::at(front.created + self.linger),
                });
                partition::next_state(partition, View { now: at.now, expiry, lingers_until })
            }
        };
        if state == PartitionState::Leaderless {
            let name = Arc::clone(partition.topic_partition());
            client.metadata_mut().want_again(&name.topic, at.now);
        }
        self.set_state(queue_id, state, look_again, client, at.now);
    }

    /// A broker has stored `batch`.
    pub(crate) fn stored(&mut self, batch: &SealedBatch, queue_id: u32, now: Instant) {
        let Some(partition) = self.partitions.get_mut(queue_id) else { return };
        partition.stored(batch, now);
        self.batch_sizes.stored(&partition.topic_partition().topic, batch.len(), now);
    }

    /// A broker has rejected `batch` as too large. Its parts wait to be sent.
    pub(crate) fn split(&mut self, batch: SealedBatch, queue_id: u32, now: Instant) {
        let Some(partition) = self.partitions.get_mut(queue_id) else { return };
        let (size, name) = (batch.len(), partition.topic_partition());
        let max_bytes = self.batch_sizes.refused(&name.topic, size, now);
        let parts = batch.split(max_bytes, self.drain.encoding());
        log::debug!(
            "a batch of {size} bytes for {name} was rejected as too large; it is sent again in {} parts",
            parts.len()
        );
        parts.into_iter().for_each(|part| partition.put_waiting(part));
    }

    /// Looks at the partition again, and at those that waited to see whether a batch of this size is accepted.
    pub(crate) fn attempt_is_over(
        &mut self,
        queue_id: u32,
        ordinal: Ordinal,
        client: &mut Client,
        at: Moment,
    ) {
        let Some(partition) = self.partitions.get(queue_id) else { return };
        let name = Arc::clone(partition.topic_partition());
        if let Some(max_bytes) = self.batch_sizes.max_bytes(&name.topic) {
            self.drain.set_max_bytes(partition.queue(), max_bytes);
            for waiting in self.batch_sizes.end(&name.topic, queue_id, ordinal) {
                self.partitions.set_state(waiting, PartitionState::Idle, Deadline::NEVER);
                self.consider(waiting, client, at);
            }
        }
        self.consider(queue_id, client, at);
    }

    /// Completes the batches that can't be sent any more.
    fn clean_up(&mut self, queue_id: u32) {
        let Some(partition) = self.partitions.get_mut(queue_id) else { return };
        for batch in partition.clean_up() {
            // It was sent before, because that is the only way that a batch gets here.
            let Some(error) = batch.last_error().cloned() else { continue };
            losses::complete(batch, BatchResult::Failed(error.maybe_written()));
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
                Some(batch) => losses::complete(batch, BatchResult::Failed(error.clone())),
                None => return false,
            }
        }
        true
    }

    /// The next batch and whether it lingers, and when the oldest batch with a waiting future was created. The next batch
    /// is one that waits to be sent again, or else the front of the queue. If no more batches may be in flight, or a batch
    /// that was given up goes first, only batches that expire are looked for in the queue. None expires before those that
    /// have left it.
    fn front(
        &mut self,
        queue_id: u32,
        client: &Client,
        at: Moment,
    ) -> (Option<(Front, bool)>, Option<Instant>) {
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
            let linger = self.linger;
            let (bytes_to_outweigh, oldest) = (partition.bytes_to_outweigh(), partition.oldest());
            // Not `created + linger > now`: with a linger of zero, a batch that was made after the beginning of this step
            // would linger.
            let queued = self.drain.look(&queue, bytes_to_outweigh, |front| {
                let waits_for_answers = bytes_to_outweigh > 0 && !front.is_urgent;
                !hurry && (waits_for_answers || at.now.since(front.created) < linger)
            });
            let Some((front, _)) = queued else { return (waiting, oldest) };
            if !self.retry_policy.is_over(front.created, at.heard) {
                return (waiting.or(queued), oldest.or(Some(front.created)));
            }
            self.expire_front(queue_id, &queue, client, at);
        }
    }

    /// Whether records do not linger any more, because they wait for the end of a backoff anyway.
    fn goes_after_backoff(&self, partition: &Partition, at: Moment) -> bool {
        partition.is_backing_off(at.now) && !self.drain.waits_for_flush()
    }

    /// As long as the partition has something to send, its topic is not forgotten.
    fn set_state(
        &mut self,
        queue_id: u32,
        state: PartitionState,
        look_again: Deadline,
        client: &mut Client,
        now: Instant,
    ) {
        self.partitions.set_state(queue_id, state, look_again);
        let Some((partition, busy)) = self.partitions.changed(queue_id) else { return };
        let topic = Arc::clone(&partition.topic_partition().topic);
        if busy {
            client.metadata_mut().hold_topic(&topic, now);
        } else {
            client.metadata_mut().release_topic(&topic, now);
        }
    }

    /// Fails the batches that have left the queue and are late, in flight or waiting to be sent again.
    fn expire(&mut self, queue_id: u32, client: &Client, at: Moment) {
        let retry_policy = self.retry_policy.clone();
        let late = |created| retry_policy.is_over(created, at.heard);
        let Some(partition) = self.partitions.get_mut(queue_id) else { return };
        if !partition.oldest().is_some_and(late) {
            return;
        }
        let name = Arc::clone(partition.topic_partition());
        let brokers = client.troubles_with(client.snapshot().leader(&name.topic, name.partition));
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
            self.fail_late(batch, queue_id, true, client, at);
        }
    }

    fn expire_front(&mut self, queue_id: u32, queue: &PartitionQueue, client: &Client, at: Moment) {
        let retry_policy = &self.retry_policy;
        let mut is_flushed = true;
        let batch = self.drain.give_up_front(queue, |front| {
            is_flushed = front.full || !self.drain.waits_for_flush();
            retry_policy.is_over(front.created, at.heard)
        });
        batch.into_iter().for_each(|batch| self.fail_late(batch, queue_id, is_flushed, client, at));
    }

    /// The time of a batch that is not in flight is over.
    fn fail_late(
        &mut self,
        batch: SealedBatch,
        queue_id: u32,
        is_flushed: bool,
        client: &Client,
        at: Moment,
    ) {
        let Some(partition) = self.partitions.get(queue_id) else { return };
        let name = Arc::clone(partition.topic_partition());
        let leader = client.snapshot().leader(&name.topic, name.partition);
        let brokers = client.troubles_with(leader);
        let ids = self.producer_ids.as_ref().filter(|_| partition.lacks_identity().is_some());
        let why_not = match (leader, ids.map(ProducerIds::last_error)) {
            (None, _) => ": the partition has no leader".to_owned(),
            (_, Some(None)) => ": no broker has assigned a producer id".to_owned(),
            (_, Some(Some(error))) => {
                format!(": no broker has assigned a producer id; the last error: {error}")
            }
            _ if !is_flushed => ": no flush was called".to_owned(),
            _ if brokers.is_empty() => ": the leader was busy with other partitions".to_owned(),
            _ => String::new(),
        };
        let waited_for = format!("before the records for {name} could be sent{why_not}");
        let last = batch.last_error().cloned();
        let error =
            self.retry_policy.final_error(&batch, last.as_ref(), &name, waited_for, brokers, at.heard);
        losses::complete(batch, BatchResult::Failed(error));
    }

    /// Takes a batch of each partition that is ready for `node`, as many as fit into one request of
    /// `max_bytes`.
    pub(crate) fn collect(
        &mut self,
        node: NodeId,
        max_bytes: usize,
        client: &mut Client,
        at: Moment,
    ) -> Draft {
        let mut draft = Draft::new(max_bytes);
        let broker = broker(node, client);
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
                    self.consider(queue_id, client, at);
                }
                Next::NoRoom => break,
                Next::AwaitingTrial => {
                    self.partitions.set_state(queue_id, PartitionState::AwaitingTrial, Deadline::NEVER);
                    self.consider(queue_id, client, at);
                }
                // The batch has expired, was purged or taken, or is being compressed.
                Next::Nothing => {
                    self.partitions.set_state(queue_id, PartitionState::Idle, Deadline::NEVER);
                    self.consider(queue_id, client, at);
                }
            }
        }
        draft
    }

    /// The next batch of a partition, if it can go with `draft`.
    fn take(&mut self, queue_id: u32, draft: &Draft, at: Moment) -> Next {
        let Some(partition) = self.partitions.get_mut(queue_id) else { return Next::Nothing };
        let (queue, name) = (Arc::clone(partition.queue()), Arc::clone(partition.topic_partition()));
        let Self { drain, batch_sizes, retry_policy, .. } = self;
        let max_bytes = batch_sizes.max_bytes(&name.topic);
        let mut refusal = Next::Nothing;
        let mut admit = |front: Front| {
            refusal = if front.is_awaited && retry_policy.is_over(front.created, at.heard) {
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

    /// Fails a batch whose request can't be sent.
    pub(crate) fn fail(&mut self, entry: RequestEntry, error: &Error, client: &mut Client, at: Moment) {
        let RequestEntry { queue_id, ordinal, .. } = entry;
        let Some(partition) = self.partitions.get_mut(queue_id) else { return };
        if let Some(batch) = partition.take(ordinal) {
            partition.note_missing(&batch);
            losses::complete(batch, BatchResult::Failed(error.clone()));
        }
        self.attempt_is_over(queue_id, ordinal, client, at);
    }
}

/// The text about a broker that has a batch and has not answered.
fn broker(node: NodeId, client: &Client) -> Arc<BrokerTrouble> {
    let (origin, known) = match node {
        NodeId::Broker(broker) => (Origin::Metadata { broker }, client.snapshot().brokers.get(&broker)),
        NodeId::Bootstrap(_) => (Origin::Bootstrap, None),
    };
    Arc::new(BrokerTrouble {
        address: known.map(|broker| address(&broker.host, broker.port)).unwrap_or_default(),
        origin,
        stage: Stage::Produce,
        cause: NO_ANSWER_YET.to_owned(),
    })
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
