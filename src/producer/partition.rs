//! A partition as the sender sees it: its state, and the batches that have left its queue and are not complete.
//!
//! A partition is in exactly one [`PartitionState`]; each event below makes the sender look at it again:
//!
//! | from | event | to |
//! |---|---|---|
//! | Idle | first record | NoProducerId, Lingering, Ready, Leaderless |
//! | NoProducerId | a producer id | Lingering, Ready, Leaderless |
//! | Lingering | batch full, linger over, flush, close, memory wanted, a batch in flight is complete | Ready, Leaderless |
//! | Ready | its node took a batch | Lingering, Ready, Full |
//! | Ready | a batch of this size is on trial already | AwaitingTrial |
//! | Ready | metadata: another leader, none | Ready, Leaderless, Full |
//! | AwaitingTrial | the trial is over | Idle, Ready, Leaderless |
//! | Leaderless | metadata: a leader | Ready |
//! | Full | a batch is complete | Idle, NoProducerId, Lingering, Ready, Leaderless |
//! | any | a batch is to be sent again | BackingOff |
//! | BackingOff | the back-off is over, metadata: another leader | Ready, Leaderless |
//! | any | the delivery timeout of a batch is over | the same, without that batch |
//!
//! A batch that has left the queue is in flight or waits to be sent again. Batches keep the order in which they left, in
//! whatever order their answers come. The oldest batch that waits is sent before all others.
//!
//! With idempotence a batch gets its sequence numbers when it is first sent, and keeps them for each attempt. If a batch
//! fails for good, its numbers are missing. This is what happens to the others:
//!
//! - If the batch may have been written, it stays although its futures have failed. It is sent again only because of
//!   batches behind it that may have been written, too, and that no broker accepts without it.
//! - Otherwise nothing behind it is sent until nothing is in flight and all batches before it are complete. Then the
//!   partition is reset to its next identity. A waiting batch that may have been written can't be sent again: under another
//!   identity no broker would recognize it, and it could be stored twice. So it fails. The others get new numbers.
//!
//! If the time of a batch is over while it is in flight, the batch is given up: its futures fail at once, its bytes are
//! kept for the socket, and its position is kept until the answer. Otherwise a later batch could overtake it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::client::{Leadership, NodeId};
use crate::producer::batch::{Ordinal, SealedBatch};
use crate::producer::identity::Identity;
use crate::producer::numbering::Numbering;
use crate::producer::queue::{Front, PartitionQueue};
use crate::time::{Deadline, Instant};
use crate::topic_partition::TopicPartition;

/// The state of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartitionState {
    /// There is nothing to send.
    Idle,
    /// There are records to send, and no producer id.
    NoProducerId,
    /// Waits for more records.
    Lingering,
    /// It is in the list of its leader.
    Ready(NodeId),
    /// There are records to send, and there is no leader.
    Leaderless,
    /// Waits for the end of the back-off.
    BackingOff,
    /// Waits to see whether a batch of this size is accepted.
    AwaitingTrial,
    /// As many batches are in flight as may be.
    Full,
}

/// The rules for the batches of a partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SendRules {
    /// The most batches in flight.
    pub(crate) window: usize,
    /// Batches have sequence numbers.
    pub(crate) idempotence: bool,
}

pub(crate) struct Partition {
    queue: Arc<PartitionQueue>,
    state: PartitionState,
    /// Nothing is sent to this node before this time.
    backs_off: Option<(NodeId, Instant)>,
    batches: BTreeMap<Ordinal, DequeuedBatch>,
    /// The leader that the next batch would go to,
    led_from: Option<Leadership>,
    /// and the leader that the batches in flight went to, or the last ones.
    sent_to: Option<Leadership>,
    /// The batches that were sent and are not complete, and all that were sent after the oldest of them. A broker knows the
    /// last five batches of a producer. A batch that is sent again must be among them.
    sent: BTreeSet<Ordinal>,
    window: usize,
    /// `None` without idempotence.
    numbering: Option<Numbering>,
    /// The first batch whose numbers are missing for good, or that no broker accepts under the current identity. From it on
    /// nothing is sent before a reset.
    gap: Option<Ordinal>,
}

/// A batch that has left the queue.
struct DequeuedBatch {
    batch: SealedBatch,
    /// The broker that has it, if it is in flight.
    at: Option<NodeId>,
}

impl DequeuedBatch {
    /// It was sent under the current identity, and it is not known whether it was written.
    fn is_unknown(&self) -> bool {
        self.batch.sequence().is_some() && self.batch.is_maybe_written()
    }
}

impl Partition {
    pub(crate) fn new(queue: Arc<PartitionQueue>, send_rules: SendRules) -> Self {
        Self {
            queue,
            state: PartitionState::Idle,
            backs_off: None,
            batches: BTreeMap::new(),
            led_from: None,
            sent_to: None,
            sent: BTreeSet::new(),
            window: send_rules.window,
            numbering: send_rules.idempotence.then(Numbering::default),
            gap: None,
        }
    }

    pub(crate) fn queue(&self) -> &Arc<PartitionQueue> {
        &self.queue
    }

    /// The topic and the number of the partition.
    pub(crate) fn topic_partition(&self) -> &Arc<TopicPartition> {
        self.queue.topic_partition()
    }

    pub(crate) fn state(&self) -> PartitionState {
        self.state
    }

    pub(super) fn set_state(&mut self, state: PartitionState) -> PartitionState {
        std::mem::replace(&mut self.state, state)
    }

    /// Whether it has anything that is not complete, as far as the sender knows.
    pub(crate) fn is_busy(&self) -> bool {
        self.state != PartitionState::Idle || !self.batches.is_empty()
    }

    /// The time before which nothing is sent to `node`.
    pub(crate) fn backs_off(&self, node: NodeId) -> Option<Instant> {
        self.backs_off.filter(|(from, _)| *from == node).map(|(_, until)| until)
    }

    pub(crate) fn is_backing_off(&self, now: Instant) -> bool {
        self.backs_off.is_some_and(|(_, until)| until > now)
    }

    pub(crate) fn back_off(&mut self, node: NodeId, until: Instant) {
        self.backs_off = Some((node, until));
    }

    /// Whether the batches before the next one allow it to be sent.
    pub(crate) fn has_room(&self) -> bool {
        let first =
            self.batches.iter().find(|(_, dequeued)| dequeued.at.is_none()).map(|(ordinal, _)| *ordinal);
        if self.gap.is_some_and(|gap| first.is_none_or(|first| first >= gap)) {
            return false;
        }
        if self.numbering.as_ref().is_some_and(|numbering| !numbering.is_proven()) && self.is_in_flight() {
            return false;
        }
        first.is_some_and(|first| self.sent.contains(&first)) || self.sent.len() < self.window
    }

    fn is_in_flight(&self) -> bool {
        self.batches.values().any(|dequeued| dequeued.at.is_some())
    }

    /// Whether a batch is in flight to an earlier leader. Later batches must not be sent to the current leader meanwhile,
    /// or they could be stored before it.
    pub(crate) fn is_in_flight_elsewhere(&self) -> bool {
        self.is_in_flight() && self.sent_to != self.led_from
    }

    pub(crate) fn led_from(&mut self, leadership: Option<Leadership>) {
        self.led_from = leadership;
    }

    /// The bytes in flight that the next batch must be as large as, if several batches are in flight. Beside one it is sent
    /// at once.
    pub(crate) fn bytes_to_outweigh(&self) -> usize {
        let in_flight = self
            .batches
            .values()
            .filter(|dequeued| dequeued.at.is_some())
            .map(|dequeued| dequeued.batch.len());
        if in_flight.clone().count() > 1 { in_flight.sum() } else { 0 }
    }

    /// The oldest batch that waits to be sent again. It is sent before the batches in the queue.
    pub(crate) fn waiting(&self) -> Option<Front> {
        let batch = &self.batches.values().find(|dequeued| dequeued.at.is_none())?.batch;
        let (ordinal, created, bytes) = (batch.ordinal(), batch.created(), batch.len());
        Some(Front {
            ordinal,
            created,
            is_awaited: !batch.is_given_up(),
            bytes,
            is_urgent: false,
            full: true,
        })
    }

    pub(crate) fn take_waiting(&mut self) -> Option<SealedBatch> {
        let (ordinal, _) = self.batches.iter().find(|(_, dequeued)| dequeued.at.is_none())?;
        let ordinal = *ordinal;
        self.batches.remove(&ordinal).map(|dequeued| dequeued.batch)
    }

    /// Whether it lacks an identity, and the producer id whose epochs it has used up, if there is one.
    pub(crate) fn lacks_identity(&self) -> Option<Option<i64>> {
        let numbering = self.numbering.as_ref()?;
        (!numbering.has_identity()).then_some(numbering.spent())
    }

    pub(crate) fn begin(&mut self, identity: Identity) {
        if let Some(numbering) = &mut self.numbering {
            numbering.begin(identity);
        }
    }

    /// `batch` is sent to `node`. At its first attempt it gets sequence numbers.
    pub(crate) fn put_in_flight(
        &mut self,
        mut batch: SealedBatch,
        node: NodeId,
        now: Instant,
    ) -> &SealedBatch {
        if !self.is_in_flight() {
            let elsewhere = self.sent_to != self.led_from;
            self.sent_to = self.led_from;
            self.numbering.iter_mut().for_each(|numbering| numbering.expire_proof(elsewhere, now));
        }
        if let Some(numbering) = &mut self.numbering
            && batch.sequence().is_none()
        {
            batch.number(numbering.give(batch.records()));
        }
        self.sent.insert(batch.ordinal());
        self.put(batch, Some(node))
    }

    /// `batch` is to be sent, for the first time or again, in its turn.
    pub(crate) fn put_waiting(&mut self, batch: SealedBatch) {
        self.put(batch, None);
    }

    fn put(&mut self, batch: SealedBatch, at: Option<NodeId>) -> &SealedBatch {
        let ordinal = batch.ordinal();
        self.batches.insert(ordinal, DequeuedBatch { batch, at });
        &self.batches[&ordinal].batch
    }

    /// The attempt of a batch has ended. If the batch is not put back, call [`stored`](Self::stored) or
    /// [`note_missing`](Self::note_missing).
    pub(crate) fn take(&mut self, ordinal: Ordinal) -> Option<SealedBatch> {
        self.batches.remove(&ordinal).map(|dequeued| dequeued.batch)
    }

    /// A batch that has left the queue.
    pub(crate) fn batch(&self, ordinal: Ordinal) -> Option<&SealedBatch> {
        self.batches.get(&ordinal).map(|dequeued| &dequeued.batch)
    }

    /// Whether all batches before it are complete, so that a broker must accept its sequence numbers.
    pub(crate) fn is_oldest(&self, ordinal: Ordinal) -> bool {
        self.batches.keys().next().is_none_or(|oldest| *oldest >= ordinal)
    }

    /// A batch with these sequence numbers is stored.
    pub(crate) fn stored(&mut self, batch: &SealedBatch, now: Instant) {
        if let Some(numbering) = self.numbering.as_mut().filter(|_| batch.sequence().is_some()) {
            numbering.stored(now);
        }
    }

    /// A batch is not sent any more. If it has sequence numbers, those behind it can't follow.
    pub(crate) fn note_missing(&mut self, batch: &SealedBatch) {
        if batch.sequence().is_some() {
            self.note_gap(batch.ordinal());
        }
    }

    /// From `at` on no batch is accepted under the current identity. True if there was no gap before.
    pub(crate) fn note_gap(&mut self, at: Ordinal) -> bool {
        let before = self.gap;
        self.gap = Some(before.map_or(at, |before| before.min(at)));
        before.is_none()
    }

    /// Called after each change. Forgets what is not needed any more, and resets the partition if it must and can. Returns
    /// the batches that can't be sent any more, because it will never be known whether they were written.
    pub(crate) fn clean_up(&mut self) -> Vec<SealedBatch> {
        let oldest = self.batches.keys().next();
        while self.sent.first().is_some_and(|sent| oldest.is_none_or(|oldest| sent < oldest)) {
            self.sent.pop_first();
        }
        if self.numbering.is_none() || self.is_in_flight() {
            return Vec::new();
        }
        self.drop_what_nobody_needs();
        // Batches before the gap can still be sent unchanged. Their brokers may recognize them.
        let first = self.batches.keys().next();
        if self.gap.is_none_or(|gap| first.is_some_and(|first| *first < gap)) {
            return Vec::new();
        }
        self.gap = None;
        self.numbering.iter_mut().for_each(Numbering::reset);
        self.sent.clear();
        let (unknown, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.batches).into_iter().partition(|(_, dequeued)| dequeued.is_unknown());
        self.batches = rest.into_iter().collect();
        self.batches.values_mut().for_each(|dequeued| dequeued.batch.number(None));
        unknown.into_iter().map(|(_, dequeued)| dequeued.batch).collect()
    }

    /// Drops the batches that were given up and that no batch behind them needs.
    fn drop_what_nobody_needs(&mut self) {
        let gap = self.gap;
        let is_needed = |(ordinal, dequeued): &(&Ordinal, &DequeuedBatch)| {
            dequeued.is_unknown() && !dequeued.batch.is_given_up() && gap.is_none_or(|gap| **ordinal < gap)
        };
        let last_needed = self.batches.iter().rev().find(is_needed).map(|(ordinal, _)| *ordinal);
        let mut missing = None;
        self.batches.retain(|ordinal, dequeued| {
            let stays = !dequeued.batch.is_given_up() || last_needed.is_some_and(|last| *ordinal < last);
            if !stays {
                missing.get_or_insert(*ordinal);
            }
            stays
        });
        if let Some(missing) = missing {
            self.note_gap(missing);
        }
    }

    /// All batches, each with whether it is in flight.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = (SealedBatch, bool)> {
        std::mem::take(&mut self.batches)
            .into_values()
            .map(|dequeued| (dequeued.batch, dequeued.at.is_some()))
    }

    /// When the oldest batch with a waiting future was created. Those in the queue are younger.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.batches
            .values()
            .find(|dequeued| !dequeued.batch.is_given_up())
            .map(|dequeued| dequeued.batch.created())
    }

    /// The oldest batch that waits to be sent again, if it is `late` and no batch behind it may need it.
    pub(crate) fn take_late(&mut self, late: impl Fn(Instant) -> bool) -> Option<SealedBatch> {
        let is_late = |dequeued: &DequeuedBatch| {
            dequeued.at.is_none() && !dequeued.batch.is_given_up() && late(dequeued.batch.created())
        };
        let (ordinal, _) = self.batches.iter().find(|(_, dequeued)| is_late(dequeued))?;
        let ordinal = *ordinal;
        let batch = self.batches.remove(&ordinal)?.batch;
        self.note_missing(&batch);
        Some(batch)
    }

    /// The oldest batch with a number `below` that waits to be sent again, if no broker can have it.
    pub(crate) fn take_unwritten(&mut self, below: u64) -> Option<SealedBatch> {
        let (ordinal, _) = self.batches.iter().find(|(ordinal, dequeued)| {
            let is_unwritten = !dequeued.batch.is_maybe_written() && !dequeued.batch.is_given_up();
            dequeued.at.is_none() && is_unwritten && ordinal.is_below(below)
        })?;
        let ordinal = *ordinal;
        let batch = self.batches.remove(&ordinal)?.batch;
        self.note_missing(&batch);
        Some(batch)
    }

    /// The batches that are `late`, that have waiting futures, and that stay: they are in flight, or they may have been
    /// written and batches behind them may need them.
    pub(crate) fn late_to_stay(
        &mut self,
        late: impl Fn(Instant) -> bool,
    ) -> impl Iterator<Item = &mut SealedBatch> {
        let staying =
            self.batches.values_mut().filter(|dequeued| dequeued.at.is_some() || dequeued.is_unknown());
        let batches = staying.map(|dequeued| &mut dequeued.batch);
        batches.filter(move |batch| !batch.is_given_up() && late(batch.created()))
    }
}

/// The view of a partition that has a batch to send and room for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) now: Instant,
    /// When the oldest batch with a waiting future expires.
    pub(crate) expiry: Deadline,
    /// When the front does not wait for more records any more, if it still does.
    pub(crate) lingers_until: Option<Deadline>,
}

/// The state of a partition that has a batch to send and room for it, and when to look at it again if nothing happens
/// before.
pub(crate) fn next_state(partition: &Partition, view: View) -> (PartitionState, Deadline) {
    let View { now, expiry, lingers_until } = view;
    let leader = partition.led_from.map(|led_from| led_from.leader);
    if let Some(until) = leader.and_then(|leader| partition.backs_off(leader)).filter(|until| *until > now) {
        return (PartitionState::BackingOff, expiry.min(Deadline::at(until)));
    }
    if let Some(until) = lingers_until {
        return (PartitionState::Lingering, expiry.min(until));
    }
    match leader {
        None => (PartitionState::Leaderless, expiry),
        Some(_) if partition.is_in_flight_elsewhere() => (PartitionState::Full, expiry),
        Some(leader) => (PartitionState::Ready(leader), expiry),
    }
}
