//! The batches of one partition, shared by user threads and the sender. User threads push at the back, the sender pops at
//! the front, under one lock.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::producer::batch::{OpenBatch, Ordinal, SealedBatch};
use crate::sync::Mutex;
use crate::time::Instant;
use crate::topic_partition::TopicPartition;

/// The batches of one partition, oldest first. Records are pushed at the back, batches popped at the front.
pub(crate) struct PartitionQueue {
    /// The number of the queue within its producer.
    id: u32,
    pub(super) topic_partition: Arc<TopicPartition>,
    pub(super) state: Mutex<QueueState>,
}

pub(super) struct QueueState {
    pub(super) batches: VecDeque<Batch>,
    /// The sender knows that there are batches, and looks by itself. If not, it has to be notified of the first batch, and
    /// when the front does not have to wait for more records any more.
    pub(super) notified: bool,
    /// The size at which a batch does not wait for more records: `batch_size`, or more while others are in flight.
    pub(super) full_size: usize,
    /// Several batches are in flight. The sender need not be notified of a batch that is not full, because it looks when
    /// one of them is complete.
    pub(super) several_in_flight: bool,
    /// The size of the first buffer of the next batch. It is what the last batch needed.
    pub(super) first_buffer: usize,
    /// The largest batch that the topic accepts, as far as known.
    pub(super) max_bytes: usize,
}

pub(super) enum Batch {
    Open(OpenBatch),
    /// The place of a batch that a user thread is sealing, with the id of the batch.
    Sealing(u64),
    Sealed(SealedBatch),
}

/// The batch at the front of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Front {
    pub(crate) ordinal: Ordinal,
    pub(crate) created: Instant,
    /// A future waits for the batch. If not, its time is over, and it is sent because of batches behind it.
    pub(crate) is_awaited: bool,
    pub(crate) bytes: usize,
    /// A thread waits for the result. The batch waits for `linger`, but not for answers to other batches.
    pub(crate) is_urgent: bool,
    /// The batch does not wait for more records: it is large enough, was closed by a flush, was sealed before, or is not
    /// the only one.
    pub(crate) full: bool,
}

impl QueueState {
    /// The batch that the sender could take. `None` if there is none, or if it is being sealed; then the sender is notified
    /// when that is done. This is the only place that decides which batch is full.
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
                let full = batch.is_full(several, self.full_size, flush_epoch);
                let is_urgent = batch.is_urgent();
                Some(Front { ordinal, created, is_awaited: true, bytes, is_urgent, full })
            }
        }
    }

    /// A record was appended. Returns whether the sender must be notified, and marks it as notified.
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

    /// Since when the oldest batch waits that the sender has not taken. `is_gone` says whether the thread that holds the lock
    /// does not exist, because this is a forked child.
    pub(crate) fn waiting_since(&self, is_gone: impl FnOnce() -> bool) -> Option<Instant> {
        match self.state.lock_unless(is_gone)?.batches.front()? {
            Batch::Open(batch) => Some(batch.created()),
            Batch::Sealed(batch) => Some(batch.created()),
            Batch::Sealing(_) => None,
        }
    }

    /// A thread waits for the batch with this id. Returns whether the sender must be notified, and marks it as notified.
    pub(super) fn hasten(&self, batch_id: u64) -> bool {
        let mut state = self.state.lock();
        // Only the last batch can still get records.
        match state.batches.back_mut() {
            Some(Batch::Open(batch)) if batch.batch_id() == batch_id => batch.hasten(),
            _ => return false,
        }
        !std::mem::replace(&mut state.notified, true)
    }

    /// Stores the number of records of open batches, for errors and reports.
    pub(super) fn note_records(&self) {
        for batch in &self.state.lock().batches {
            if let Batch::Open(batch) = batch {
                batch.note_records();
            }
        }
    }

    /// Waits until the thread that appends at this moment is done.
    pub(crate) fn pass_through(&self) {
        drop(self.state.lock());
    }
}

/// The size of the first buffer of a partition's first batch.
pub(super) const SMALLEST_BUFFER: usize = 1024;
