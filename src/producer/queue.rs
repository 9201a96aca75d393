//! The batches of one partition, where user threads and the sender meet: one pushes at the back, the other pops at the
//! front, under one lock.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::producer::batch::{OpenBatch, Ordinal, SealedBatch};
use crate::sync::Mutex;
use crate::time::Instant;
use crate::topic_partition::TopicPartition;

/// The batches of one partition, oldest first. Records are pushed at the back, batches popped at the front.
pub(crate) struct PartitionQueue {
    /// Its number among all partitions that this producer has met.
    id: u32,
    pub(super) topic_partition: Arc<TopicPartition>,
    pub(super) state: Mutex<QueueState>,
}

pub(super) struct QueueState {
    pub(super) batches: VecDeque<Batch>,
    /// The sender knows that something is here and looks by itself. If not, it is to be told of the first batch, and
    /// when the one in front need not wait for company any more.
    pub(super) notified: bool,
    /// The size at which a batch need not wait for company: `batch_size`, or more while others are under way.
    pub(super) full_size: usize,
    /// Several others are under way. The sender need not be told of a batch before it is full: it looks when one of those is
    /// over.
    pub(super) several_in_flight: bool,
    /// The size that the next batch's first buffer should have: what the last one needed.
    pub(super) first_buffer: usize,
    /// What its topic has taught of the largest batch.
    pub(super) max_bytes: usize,
}

pub(super) enum Batch {
    Open(OpenBatch),
    /// The place of a batch, by its ticket, that a user thread is sealing.
    Sealing(u64),
    Sealed(SealedBatch),
}

/// The batch at the front of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Front {
    pub(crate) ordinal: Ordinal,
    pub(crate) created: Instant,
    /// Somebody waits for it. If not, its time is over and it goes for the sake of others.
    pub(crate) is_awaited: bool,
    pub(crate) bytes: usize,
    /// A thread waits for its result: it waits for `linger`, and for no answer to others.
    pub(crate) is_urgent: bool,
    /// It need not wait for company: large enough, cut off by a flush, sealed before, or not the only one.
    pub(crate) full: bool,
}

impl QueueState {
    /// What the sender could take. `None` if there is nothing, or if it is being sealed: then the sender is told when
    /// that is done. The only place that decides what is full.
    pub(super) fn front(&self, flush_epoch: u64) -> Option<Front> {
        let several = self.batches.len() > 1;
        match self.batches.front()? {
            Batch::Sealing(_) => None,
            Batch::Sealed(batch) => {
                let (ordinal, created, bytes) = (batch.ordinal(), batch.created(), batch.len());
                Some(Front { ordinal, created, is_awaited: true, bytes, is_urgent: false, full: true })
            }
            Batch::Open(batch) => {
                let (ordinal, created, bytes) = (batch.ordinal(), batch.created(), batch.len());
                let full = several || bytes >= self.full_size || batch.is_cut_off(flush_epoch);
                let is_urgent = batch.is_urgent();
                Some(Front { ordinal, created, is_awaited: true, bytes, is_urgent, full })
            }
        }
    }

    /// Something was added: must the sender be told? It counts as told then.
    #[inline]
    pub(super) fn must_notify(&mut self, is_first: bool, flush_epoch: u64) -> bool {
        if self.notified {
            return false;
        }
        self.notified =
            (is_first && !self.several_in_flight) || self.front(flush_epoch).is_some_and(|front| front.full);
        self.notified
    }
}

impl PartitionQueue {
    pub(crate) fn new(id: u32, topic_partition: TopicPartition) -> Self {
        let state = QueueState {
            batches: VecDeque::new(),
            notified: false,
            full_size: 0,
            several_in_flight: false,
            first_buffer: SMALLEST_BUFFER,
            max_bytes: usize::MAX,
        };
        Self { id, topic_partition: Arc::new(topic_partition), state: Mutex::new(state) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn topic_partition(&self) -> &Arc<TopicPartition> {
        &self.topic_partition
    }

    /// A thread waits for the batch with this ticket. Returns whether the sender must be told: it counts as told then.
    pub(super) fn hasten(&self, batch_id: u64) -> bool {
        let mut state = self.state.lock();
        // One that is not the last is full.
        match state.batches.back_mut() {
            Some(Batch::Open(batch)) if batch.batch_id() == batch_id => batch.hasten(),
            _ => return false,
        }
        !std::mem::replace(&mut state.notified, true)
    }

    /// Tells whoever waits in vain how many records the open batches have.
    pub(super) fn note_records(&self) {
        for batch in &self.state.lock().batches {
            if let Batch::Open(batch) = batch {
                batch.note_records();
            }
        }
    }

    /// Waits until whoever appends at this moment is done.
    pub(crate) fn pass_through(&self) {
        drop(self.state.lock());
    }
}

/// What a partition's very first batch begins with.
pub(super) const SMALLEST_BUFFER: usize = 1024;
