//! The sender's half of the accumulator: it looks, pops and puts back, and appends nothing.

use std::sync::Arc;

use crate::producer::batch::{Encoding, OpenBatch, SealedBatch};
use crate::producer::inbox::{Inbox, Notices};
use crate::producer::queue::{Attention, Batch, PartitionQueue, QueueState, SMALLEST_BUFFER};
use crate::producer::shared::Shared;
use crate::time::Instant;

/// The sender's half of the accumulator: there is one, and it can't be cloned.
pub(crate) struct Drain {
    pub(super) shared: Arc<Shared>,
}

/// The batch at the front of a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Front {
    pub(crate) created: Instant,
    pub(crate) bytes: usize,
    /// It need not wait for company: full, cut off by a flush, sealed before, or not the only one.
    pub(crate) full: bool,
}

impl Drain {
    /// Takes what user threads have noted.
    pub(crate) fn notices(&self) -> Notices<Arc<PartitionQueue>> {
        self.shared.inbox.take()
    }

    /// The front of `queue`. From here on its user threads tell nothing, but if it is empty: then, of a new record.
    pub(crate) fn look(&self, queue: &PartitionQueue) -> Option<Front> {
        self.look_at(&mut queue.state.lock())
    }

    fn look_at(&self, state: &mut QueueState) -> Option<Front> {
        let several = state.batches.len() > 1;
        let front = match state.batches.front() {
            // One that is being sealed is told of when it is done.
            None | Some(Batch::Sealing(_)) => None,
            Some(Batch::Sealed(batch)) => {
                Some(Front { created: batch.created(), bytes: batch.len(), full: true })
            }
            Some(Batch::Open(batch)) => {
                let cut_off = batch.is_cut_off(self.shared.unfinished.epoch());
                let full = several || cut_off || batch.len() >= self.shared.settings.batch_size;
                Some(Front { created: batch.created(), bytes: batch.len(), full })
            }
        };
        state.attention = if front.is_some() { Attention::Attended } else { Attention::Idle };
        front
    }

    /// Leaves `queue` to its user threads until its batch is full. False if it is already.
    pub(crate) fn linger(&self, queue: &PartitionQueue) -> bool {
        let mut state = queue.state.lock();
        let full = state.batches.len() > 1
            || match state.batches.front() {
                Some(Batch::Open(batch)) => batch.len() >= self.shared.settings.batch_size,
                _ => true,
            };
        if !full {
            state.attention = Attention::Lingering;
        }
        !full
    }

    /// Looks at the front and takes it away, sealed, if `wanted`. Under one lock: between two, the thread that fills it
    /// could take it away to compress it, and not tell when it is back, as we seem to know of it.
    pub(crate) fn pop_if(
        &self,
        queue: &PartitionQueue,
        wanted: impl FnOnce(Front) -> bool,
    ) -> Option<SealedBatch> {
        let encoding = &self.shared.settings.encoding;
        self.take_front(queue, wanted, |batch| batch.compress(encoding))
    }

    /// Takes the front away, which is not to be sent: nothing is compressed for that.
    pub(crate) fn give_up_front(&self, queue: &PartitionQueue) -> Option<SealedBatch> {
        self.take_front(queue, |_| true, |_| None)
    }

    fn take_front(
        &self,
        queue: &PartitionQueue,
        wanted: impl FnOnce(Front) -> bool,
        compress: impl FnOnce(&OpenBatch) -> Option<Vec<u8>>,
    ) -> Option<SealedBatch> {
        let mut state = queue.state.lock();
        if !wanted(self.look_at(&mut state)?) {
            return None;
        }
        let batch = state.batches.pop_front()?;
        if let Batch::Open(batch) = &batch {
            batch.note_records();
            let buffer_size = self.shared.pool.buffer_size();
            state.first_buffer =
                batch.len().next_power_of_two().clamp(SMALLEST_BUFFER.min(buffer_size), buffer_size);
        }
        drop(state);
        match batch {
            Batch::Open(batch) => {
                let compressed = compress(&batch);
                Some(batch.seal(&self.shared.settings.encoding, compressed))
            }
            Batch::Sealed(batch) => Some(batch),
            Batch::Sealing(_) => None,
        }
    }

    /// Takes all batches away, for good: one that is being sealed meanwhile finds its place gone, and fails.
    pub(crate) fn empty(&self, queue: &PartitionQueue) -> Vec<SealedBatch> {
        let batches = std::mem::take(&mut queue.state.lock().batches);
        let sealed = batches.into_iter().filter_map(|batch| match batch {
            Batch::Open(batch) => Some(batch.seal(&self.shared.settings.encoding, None)),
            Batch::Sealed(batch) => Some(batch),
            Batch::Sealing(_) => None,
        });
        sealed.collect()
    }

    pub(crate) fn encoding(&self) -> &Encoding {
        &self.shared.settings.encoding
    }

    /// Batches of this partition grow no larger from here on.
    pub(crate) fn limit(&self, queue: &PartitionQueue, limit: usize) {
        queue.state.lock().limit = limit;
    }

    /// Puts a batch back to the front, to be sent again.
    pub(crate) fn put_back(&self, queue: &PartitionQueue, batch: SealedBatch) {
        queue.state.lock().batches.push_front(Batch::Sealed(batch));
    }

    pub(crate) fn is_memory_wanted(&self) -> bool {
        self.shared.pool.is_wanted()
    }

    pub(crate) fn has_unfinished(&self) -> bool {
        !self.shared.unfinished.is_empty()
    }

    /// Fails who waits for memory, now and later.
    pub(crate) fn close_pool(&self) {
        self.shared.pool.close();
    }

    /// When the time of `close` is over: what has no result by now is about to fail, and `close` tells of it.
    pub(crate) fn give_up(&self, queues: &[Arc<PartitionQueue>]) {
        queues.iter().for_each(|queue| queue.note_records());
        self.shared.unfinished.give_up(&self.shared.metadata);
    }

    pub(crate) fn inbox(&self) -> &Inbox<Arc<PartitionQueue>> {
        &self.shared.inbox
    }
}
