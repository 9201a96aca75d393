//! A partition as the sender knows it: where it stands, and the batches that have left its queue and are not over.
//!
//! A partition is in exactly one [`Place`]; each event below makes the sender look at it again:
//!
//! | from | event | to |
//! |---|---|---|
//! | Idle | first record | Lingering, Ready, Leaderless |
//! | Lingering | batch full, linger over, flush, close, memory wanted | Ready, Leaderless |
//! | Ready | its node took a batch, as many are under way as may be | Full |
//! | Ready | a batch of this size is on trial already | Learning |
//! | Ready | metadata: another leader, none | Ready, Leaderless |
//! | Learning | the trial is over | Idle, Ready, Leaderless |
//! | Leaderless | metadata: a leader | Ready |
//! | Full | a batch is done | Idle, Lingering, Ready, Leaderless |
//! | Full | a batch is to be sent again | BackingOff |
//! | BackingOff | its time is over | Ready, Leaderless |
//! | any | the delivery timeout of a batch | as it was, without that batch |
//!
//! A batch that has left the queue is under way, or waits to be sent again. Batches keep the order in which they left,
//! whatever comes back first: the oldest that waits goes before everything else.
//!
//! A batch whose time is over while it is under way is given up, not taken back: its futures fail at once, its bytes stay
//! for the socket, and its place stays taken until the answer. Else a later batch could overtake it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::client::NodeId;
use crate::producer::batch::{Ordinal, SealedBatch};
use crate::producer::queue::{Front, PartitionQueue};
use crate::producer::result::TopicPartition;
use crate::time::{Deadline, Instant};

/// Where a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing to send.
    Idle,
    /// Waits for company.
    Lingering,
    /// In its leader's list.
    Ready(NodeId),
    /// Something to send and nowhere to.
    Leaderless,
    /// Waits to be sent again.
    BackingOff,
    /// Waits to see whether a batch of its size is taken at all.
    Learning,
    /// As many batches are under way as may be.
    Full,
}

pub(crate) struct Partition {
    queue: Arc<PartitionQueue>,
    place: Place,
    /// Not to be sent to before.
    not_before: Instant,
    batches: BTreeMap<Ordinal, Taken>,
    /// How many of `batches` may be under way at a time.
    window: usize,
}

/// A batch that has left the queue.
struct Taken {
    batch: SealedBatch,
    under_way: bool,
}

impl Partition {
    pub(crate) fn new(queue: Arc<PartitionQueue>, window: usize) -> Self {
        Self { queue, place: Place::Idle, not_before: Instant::ZERO, batches: BTreeMap::new(), window }
    }

    pub(crate) fn queue(&self) -> &Arc<PartitionQueue> {
        &self.queue
    }

    /// Its topic and number.
    pub(crate) fn name(&self) -> &Arc<TopicPartition> {
        self.queue.place()
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    pub(super) fn set_place(&mut self, place: Place) -> Place {
        std::mem::replace(&mut self.place, place)
    }

    /// Whether it has anything that is not over, as far as the sender knows.
    pub(crate) fn is_busy(&self) -> bool {
        self.place != Place::Idle || !self.batches.is_empty()
    }

    pub(crate) fn not_before(&self) -> Instant {
        self.not_before
    }

    pub(crate) fn back_off(&mut self, until: Instant) {
        self.not_before = until;
    }

    /// Whether one more batch may be under way.
    pub(crate) fn has_room(&self) -> bool {
        self.batches.values().filter(|taken| taken.under_way).count() < self.window
    }

    /// The oldest batch that waits to be sent again. It goes before what is in the queue.
    pub(crate) fn waiting(&self) -> Option<Front> {
        let taken = self.batches.values().find(|taken| !taken.under_way)?;
        Some(Front { created: taken.batch.created(), bytes: taken.batch.len(), full: true })
    }

    pub(crate) fn take_waiting(&mut self) -> Option<SealedBatch> {
        let (ordinal, _) = self.batches.iter().find(|(_, taken)| !taken.under_way)?;
        let ordinal = *ordinal;
        self.batches.remove(&ordinal).map(|taken| taken.batch)
    }

    /// `batch` goes out.
    pub(crate) fn put_under_way(&mut self, batch: SealedBatch) -> Ordinal {
        self.put(batch, true)
    }

    /// `batch` is to be sent (again), in its turn.
    pub(crate) fn put_waiting(&mut self, batch: SealedBatch) {
        self.put(batch, false);
    }

    fn put(&mut self, batch: SealedBatch, under_way: bool) -> Ordinal {
        let ordinal = batch.ordinal();
        self.batches.insert(ordinal, Taken { batch, under_way });
        ordinal
    }

    /// Its attempt is over.
    pub(crate) fn take(&mut self, ordinal: Ordinal) -> Option<SealedBatch> {
        self.batches.remove(&ordinal).map(|taken| taken.batch)
    }

    /// All of them, each with whether it is under way.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = (SealedBatch, bool)> {
        std::mem::take(&mut self.batches).into_values().map(|taken| (taken.batch, taken.under_way))
    }

    /// The birth of the oldest batch that somebody waits for; those in the queue are younger.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.batches.values().find(|taken| !taken.batch.is_given_up()).map(|taken| taken.batch.created())
    }

    /// The oldest batch that waits to be sent again, if it is `late`.
    pub(crate) fn take_late(&mut self, late: impl Fn(Instant) -> bool) -> Option<SealedBatch> {
        let front = self.waiting()?;
        if late(front.created) { self.take_waiting() } else { None }
    }

    /// The batches under way that are `late` and that somebody still waits for.
    pub(crate) fn late_under_way(
        &mut self,
        late: impl Fn(Instant) -> bool,
    ) -> impl Iterator<Item = &mut SealedBatch> {
        let batches = self.batches.values_mut().filter(|taken| taken.under_way).map(|taken| &mut taken.batch);
        batches.filter(move |batch| !batch.is_given_up() && late(batch.created()))
    }
}

/// What is found when a partition is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) now: Instant,
    /// When the oldest batch expires that somebody waits for.
    pub(crate) expiry: Deadline,
    /// When its front need not wait for company any more, if it still does.
    pub(crate) lingers_until: Option<Instant>,
    pub(crate) leader: Option<NodeId>,
}

/// Where a partition belongs that has something to send and room for it, and when to look at it again if nothing happens
/// before.
pub(crate) fn place(partition: &Partition, view: View) -> (Place, Deadline) {
    let View { now, expiry, lingers_until, leader } = view;
    if partition.not_before() > now {
        return (Place::BackingOff, expiry.min(Deadline::at(partition.not_before())));
    }
    if let Some(until) = lingers_until {
        return (Place::Lingering, expiry.min(Deadline::at(until)));
    }
    (leader.map_or(Place::Leaderless, Place::Ready), expiry)
}
