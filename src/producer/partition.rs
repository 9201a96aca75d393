//! A partition as the sender knows it: where it stands, and the batches that have left its queue and are not over.
//!
//! A partition is in exactly one [`PartitionState`]; each event below makes the sender look at it again:
//!
//! | from | event | to |
//! |---|---|---|
//! | Idle | first record | NoProducerId, Lingering, Ready, Leaderless |
//! | NoProducerId | a producer id | Lingering, Ready, Leaderless |
//! | Lingering | batch full, linger over, flush, close, memory wanted, a batch under way is over | Ready, Leaderless |
//! | Ready | its node took a batch | Lingering, Ready, Full |
//! | Ready | a batch of this size is on trial already | AwaitingTrial |
//! | Ready | metadata: another leader, none | Ready, Leaderless, Full |
//! | AwaitingTrial | the trial is over | Idle, Ready, Leaderless |
//! | Leaderless | metadata: a leader | Ready |
//! | Full | a batch is over | Idle, NoProducerId, Lingering, Ready, Leaderless |
//! | any | a batch is to be sent again | BackingOff |
//! | BackingOff | its time is over, metadata: another leader | Ready, Leaderless |
//! | any | the delivery timeout of a batch | as it was, without that batch |
//!
//! A batch that has left the queue is under way, or waits to be sent again. Batches keep the order in which they left,
//! whatever comes back first: the oldest that waits goes before everything else.
//!
//! With idempotence a batch gets its numbers when it is first sent and keeps them for each attempt. What becomes of the
//! others when a batch fails for good, so that its numbers are missing:
//!
//! - It may have been written: it stays, for nobody waits for it any more, and is sent again only for the sake of those
//!   behind it that may have been written too, which no broker takes without it.
//! - Else nothing behind it is sent until nothing is under way and what came before it is over. Then the partition begins
//!   anew, under its next identity. Of what waits, a batch that may have been written can't be sent again: under another
//!   identity no broker would know it, and it could be stored twice. It fails. The others get new numbers.
//!
//! A batch whose time is over while it is under way is given up, not taken back: its futures fail at once, its bytes stay
//! for the socket, and its place stays taken until the answer. Else a later batch could overtake it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::client::{Leadership, NodeId};
use crate::producer::batch::{Ordinal, SealedBatch};
use crate::producer::identity::Identity;
use crate::producer::numbering::Numbering;
use crate::producer::queue::{Front, PartitionQueue};
use crate::time::{Deadline, Instant};
use crate::topic_partition::TopicPartition;

/// Where a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartitionState {
    /// Nothing to send.
    Idle,
    /// Something to send, and no producer id.
    NoProducerId,
    /// Waits for company.
    Lingering,
    /// In its leader's list.
    Ready(NodeId),
    /// Something to send and nowhere to.
    Leaderless,
    /// Waits to be sent again.
    BackingOff,
    /// Waits to see whether a batch of its size is taken at all.
    AwaitingTrial,
    /// As many batches are under way as may be.
    Full,
}

/// How batches of a partition follow each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SendRules {
    /// How many may be under way.
    pub(crate) window: usize,
    /// They are numbered.
    pub(crate) idempotence: bool,
}

pub(crate) struct Partition {
    queue: Arc<PartitionQueue>,
    state: PartitionState,
    /// Not to be sent to this node before.
    backs_off: Option<(NodeId, Instant)>,
    batches: BTreeMap<Ordinal, DequeuedBatch>,
    /// Where the next batch would go,
    led_from: Option<Leadership>,
    /// and where those that are under way went, or the last.
    sent_to: Option<Leadership>,
    /// What was sent and is not over, and all that was sent after the oldest of it. A broker knows the last five batches of
    /// a producer: one that is sent again must be among them.
    sent: BTreeSet<Ordinal>,
    window: usize,
    /// `None` without idempotence.
    numbering: Option<Numbering>,
    /// The first batch whose numbers are missing for good, or that no broker takes under the identity of now. From there on
    /// nothing is sent before a new beginning.
    gap: Option<Ordinal>,
}

/// A batch that has left the queue.
struct DequeuedBatch {
    batch: SealedBatch,
    /// The broker that has it, if it is under way.
    at: Option<NodeId>,
}

impl DequeuedBatch {
    /// It was sent under the identity of now, and whether it was written is not known.
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

    /// Its topic and number.
    pub(crate) fn topic_partition(&self) -> &Arc<TopicPartition> {
        self.queue.topic_partition()
    }

    pub(crate) fn state(&self) -> PartitionState {
        self.state
    }

    pub(super) fn set_state(&mut self, state: PartitionState) -> PartitionState {
        std::mem::replace(&mut self.state, state)
    }

    /// Whether it has anything that is not over, as far as the sender knows.
    pub(crate) fn is_busy(&self) -> bool {
        self.state != PartitionState::Idle || !self.batches.is_empty()
    }

    /// Until when nothing is to be sent to `node`.
    pub(crate) fn backs_off(&self, node: NodeId) -> Option<Instant> {
        self.backs_off.filter(|(from, _)| *from == node).map(|(_, until)| until)
    }

    pub(crate) fn is_backing_off(&self, now: Instant) -> bool {
        self.backs_off.is_some_and(|(_, until)| until > now)
    }

    pub(crate) fn back_off(&mut self, node: NodeId, until: Instant) {
        self.backs_off = Some((node, until));
    }

    /// Whether the next batch may be sent, as far as those before it are concerned.
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

    /// Whether a batch is under way to where the partition was led from before: what comes after it must not be sent to
    /// where it is led from now, or it could be stored before it.
    pub(crate) fn is_in_flight_elsewhere(&self) -> bool {
        self.is_in_flight() && self.sent_to != self.led_from
    }

    pub(crate) fn led_from(&mut self, leadership: Option<Leadership>) {
        self.led_from = leadership;
    }

    /// The bytes under way that the next batch has to outweigh: those of several. Beside one it goes at once.
    pub(crate) fn bytes_to_outweigh(&self) -> usize {
        let in_flight = self
            .batches
            .values()
            .filter(|dequeued| dequeued.at.is_some())
            .map(|dequeued| dequeued.batch.len());
        if in_flight.clone().count() > 1 { in_flight.sum() } else { 0 }
    }

    /// The oldest batch that waits to be sent again. It goes before what is in the queue.
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

    /// Whether it lacks an identity, and the producer id whose epochs it has used up, if it has.
    pub(crate) fn lacks_identity(&self) -> Option<Option<i64>> {
        let numbering = self.numbering.as_ref()?;
        (!numbering.has_identity()).then_some(numbering.spent())
    }

    pub(crate) fn begin(&mut self, identity: Identity) {
        if let Some(numbering) = &mut self.numbering {
            numbering.begin(identity);
        }
    }

    /// `batch` goes out to `node`; from its first time on it has numbers.
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

    /// `batch` is to be sent (again), in its turn.
    pub(crate) fn put_waiting(&mut self, batch: SealedBatch) {
        self.put(batch, None);
    }

    fn put(&mut self, batch: SealedBatch, at: Option<NodeId>) -> &SealedBatch {
        let ordinal = batch.ordinal();
        self.batches.insert(ordinal, DequeuedBatch { batch, at });
        &self.batches[&ordinal].batch
    }

    /// Its attempt is over. What is not put back must be told of ([`stored`](Self::stored), [`note_missing`](Self::note_missing)).
    pub(crate) fn take(&mut self, ordinal: Ordinal) -> Option<SealedBatch> {
        self.batches.remove(&ordinal).map(|dequeued| dequeued.batch)
    }

    /// Whether no batch before it is open, so that a broker must take its numbers.
    pub(crate) fn is_oldest(&self, ordinal: Ordinal) -> bool {
        self.batches.keys().next().is_none_or(|oldest| *oldest >= ordinal)
    }

    /// A batch with these numbers is stored.
    pub(crate) fn stored(&mut self, batch: &SealedBatch, now: Instant) {
        if let Some(numbering) = self.numbering.as_mut().filter(|_| batch.sequence().is_some()) {
            numbering.stored(now);
        }
    }

    /// A batch is not sent any more: if it has been given numbers, those behind it can't follow.
    pub(crate) fn note_missing(&mut self, batch: &SealedBatch) {
        if batch.sequence().is_some() {
            self.note_gap(batch.ordinal());
        }
    }

    /// From `at` on no batch is taken under the identity of now. True if that is news.
    pub(crate) fn note_gap(&mut self, at: Ordinal) -> bool {
        let before = self.gap;
        self.gap = Some(before.map_or(at, |before| before.min(at)));
        before.is_none()
    }

    /// After anything has changed: forgets what need not be known any more, and begins anew if it must and can. Returns
    /// what can't be sent any more, as whether it was written will not be known.
    pub(crate) fn clean_up(&mut self) -> Vec<SealedBatch> {
        let oldest = self.batches.keys().next();
        while self.sent.first().is_some_and(|sent| oldest.is_none_or(|oldest| sent < oldest)) {
            self.sent.pop_first();
        }
        if self.numbering.is_none() || self.is_in_flight() {
            return Vec::new();
        }
        self.drop_what_nobody_needs();
        // What comes before the gap can still be sent as it is: its brokers may know it, and say so.
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

    /// Of those that were given up, the ones behind which no other needs them.
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

    /// All of them, each with whether it is under way.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = (SealedBatch, bool)> {
        std::mem::take(&mut self.batches)
            .into_values()
            .map(|dequeued| (dequeued.batch, dequeued.at.is_some()))
    }

    /// The birth of the oldest batch that somebody waits for; those in the queue are younger.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.batches
            .values()
            .find(|dequeued| !dequeued.batch.is_given_up())
            .map(|dequeued| dequeued.batch.created())
    }

    /// The oldest batch that waits to be sent again, if it is `late` and nobody behind it may need it.
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

    /// Those that are `late`, that somebody still waits for, and that stay all the same: they are under way, or they may
    /// have been written, and those behind them may need them.
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

/// What is found when a partition is looked at that has something to send and room for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) now: Instant,
    /// When the oldest batch expires that somebody waits for.
    pub(crate) expiry: Deadline,
    /// When its front need not wait for company any more, if it still does.
    pub(crate) lingers_until: Option<Deadline>,
}

/// Where a partition belongs that has something to send and room for it, and when to look at it again if nothing happens
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
