//! The sender's half of the accumulator. It looks at batches and takes them; it appends nothing.

use std::sync::Arc;

use crate::error::BrokerTrouble;
use crate::lifecycle::Closing;
use crate::producer::batch::{Encoding, OpenBatch, SealedBatch};
use crate::producer::inbox::{Inbox, Notices};
use crate::producer::queue::{Batch, Front, PartitionQueue, QueueState, SMALLEST_BUFFER};
use crate::producer::shared::Shared;

/// The sender's half of the accumulator. There is only one, and it can't be cloned.
pub(crate) struct Drain {
    pub(super) shared: Arc<Shared>,
}

impl Drain {
    /// Takes the notices of user threads.
    pub(crate) fn notices(&self) -> Notices<Arc<PartitionQueue>> {
        self.shared.inbox.take()
    }

    /// Returns the front of `queue`, and whether it stays to wait for more records. It stays if it is not full and
    /// `may_linger`. It is full only if it is as large as `bytes_to_outweigh`, the bytes in flight. Unless it stays or
    /// there is no front, user threads leave no notices from here on.
    pub(crate) fn look(
        &self,
        queue: &Arc<PartitionQueue>,
        bytes_to_outweigh: usize,
        may_linger: impl Fn(&Front) -> bool,
    ) -> Option<(Front, bool)> {
        let mut state = queue.state.lock();
        state.several_in_flight = bytes_to_outweigh > 0;
        // Beside several batches in flight it is worth a request only if it is as large as all of them together. So there
        // are few requests while answers come soon, and large ones where they do not.
        state.full_size = self.shared.settings.batch_size.max(bytes_to_outweigh);
        let lingers =
            |front: &Option<Front>| front.as_ref().is_some_and(|front| !front.full && may_linger(front));
        let mut front = self.front(&state);
        if bytes_to_outweigh > 0
            && lingers(&front)
            && let Some(Batch::Open(batch)) = state.batches.front_mut()
        {
            self.shared.watch(queue, batch);
            front = self.front(&state);
        }
        let lingers = lingers(&front);
        state.notified = front.is_some() && !lingers;
        front.map(|front| (front, lingers))
    }

    /// Looks at the front, and takes and seals it if it is `wanted` and not purged. Both happen under one lock. Between two
    /// locks, the thread that fills the batch could take it away to compress it. It would not notify the sender when the
    /// batch is back, because the sender seems to know of it.
    pub(crate) fn pop_if(
        &self,
        queue: &PartitionQueue,
        wanted: impl FnOnce(Front) -> bool,
    ) -> Option<SealedBatch> {
        let Shared { settings, unfinished, .. } = &*self.shared;
        let is_purged = |front: &Front| front.ordinal.is_below(unfinished.purged_below());
        let wanted = |front| !is_purged(&front) && wanted(front);
        self.take_front(queue, wanted, |batch| batch.compress(&settings.encoding))
    }

    fn front(&self, state: &QueueState) -> Option<Front> {
        state.front(self.shared.unfinished.epoch_with_purges())
    }

    /// Takes the front if it is `late`. It will not be sent, so nothing is compressed.
    pub(crate) fn give_up_front(
        &self,
        queue: &PartitionQueue,
        late: impl FnOnce(Front) -> bool,
    ) -> Option<SealedBatch> {
        self.take_front(queue, late, |_| None)
    }

    fn take_front(
        &self,
        queue: &PartitionQueue,
        wanted: impl FnOnce(Front) -> bool,
        compress: impl FnOnce(&OpenBatch) -> Option<Vec<u8>>,
    ) -> Option<SealedBatch> {
        let mut state = queue.state.lock();
        let front = self.front(&state);
        state.notified = front.is_some();
        if !wanted(front?) {
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

    /// Takes all batches for good. A batch that is being sealed meanwhile finds its place gone, and fails.
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

    /// From here on batches of this partition do not grow larger than this.
    pub(crate) fn set_max_bytes(&self, queue: &PartitionQueue, max_bytes: usize) {
        queue.state.lock().max_bytes = max_bytes;
    }

    pub(crate) fn is_memory_wanted(&self) -> bool {
        self.shared.pool.is_wanted()
    }

    /// Whether batches are sent only after a flush.
    pub(crate) fn waits_for_flush(&self) -> bool {
        self.shared.settings.manual_flush
    }

    /// Batches with smaller ids are purged: they should fail, if no broker can have them.
    pub(crate) fn purged_below(&self) -> u64 {
        self.shared.unfinished.purged_below()
    }

    /// Whether a batch with a smaller id than this has no result yet.
    pub(crate) fn has_unfinished_below(&self, batch_id: u64) -> bool {
        self.shared.unfinished.has_below(batch_id)
    }

    pub(crate) fn has_unfinished(&self) -> bool {
        !self.shared.unfinished.is_empty()
    }

    /// The deadline until which everything should have a result, if the producer is being closed.
    pub(crate) fn closing(&self) -> Option<Closing> {
        self.shared.lifecycle.closing()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.shared.lifecycle.is_open()
    }

    /// At the end: fails the threads that wait for memory.
    pub(crate) fn close_pool(&self) {
        self.shared.pool.wake();
    }

    /// The time of `close` is over. The batches without a result are about to fail, and `close` reports them.
    pub(crate) fn give_up(&self, queues: &[Arc<PartitionQueue>]) -> Vec<BrokerTrouble> {
        queues.iter().for_each(|queue| queue.note_records());
        self.shared.unfinished.give_up(&self.shared.observer)
    }

    pub(crate) fn inbox(&self) -> &Inbox<Arc<PartitionQueue>> {
        &self.shared.inbox
    }
}
