//! The sender's half of the accumulator: it looks and takes away, and appends nothing.

use std::sync::Arc;

use crate::error::BrokerTrouble;
use crate::lifecycle::Closing;
use crate::producer::batch::{Encoding, OpenBatch, SealedBatch};
use crate::producer::inbox::{Inbox, Notices};
use crate::producer::queue::{Batch, Front, PartitionQueue, QueueState, SMALLEST_BUFFER};
use crate::producer::shared::Shared;

/// The sender's half of the accumulator: there is one, and it can't be cloned.
pub(crate) struct Drain {
    pub(super) shared: Arc<Shared>,
}

impl Drain {
    /// Takes what user threads have noted.
    pub(crate) fn notices(&self) -> Notices<Arc<PartitionQueue>> {
        self.shared.inbox.take()
    }

    /// The front of `queue`, and whether it is left to wait for company, as it may if it is not full and `may_linger`. To be
    /// full it has to outweigh `bytes_to_outweigh`, the bytes under way. From here on user threads tell nothing, unless it is left or there is none.
    pub(crate) fn look(
        &self,
        queue: &Arc<PartitionQueue>,
        bytes_to_outweigh: usize,
        may_linger: impl Fn(&Front) -> bool,
    ) -> Option<(Front, bool)> {
        let batch_size = self.shared.settings.batch_size;
        let mut state = queue.state.lock();
        state.several_in_flight = bytes_to_outweigh > 0;
        // Beside several it is worth a request only if it is as large as all of them. So requests stay few while answers
        // come soon, and soon grow large where they do not.
        state.full_size = if batch_size == 0 { 0 } else { batch_size.max(bytes_to_outweigh) };
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

    /// Looks at the front and takes it away, sealed, if it is `wanted`. Under one lock: between two, the thread that fills
    /// it could take it away to compress it, and not tell when it is back, as the sender seems to know of it.
    pub(crate) fn pop_if(
        &self,
        queue: &PartitionQueue,
        wanted: impl FnOnce(Front) -> bool,
    ) -> Option<SealedBatch> {
        let encoding = &self.shared.settings.encoding;
        self.take_front(queue, wanted, |batch| batch.compress(encoding))
    }

    fn front(&self, state: &QueueState) -> Option<Front> {
        state.front(self.shared.unfinished.epoch())
    }

    /// Takes the front away if it is `late`. It is not to be sent, and nothing is compressed for that.
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
    pub(crate) fn set_max_bytes(&self, queue: &PartitionQueue, max_bytes: usize) {
        queue.state.lock().max_bytes = max_bytes;
    }

    pub(crate) fn is_memory_wanted(&self) -> bool {
        self.shared.pool.is_wanted()
    }

    pub(crate) fn has_unfinished(&self) -> bool {
        !self.shared.unfinished.is_empty()
    }

    /// Until when everything should have a result, if somebody closes.
    pub(crate) fn closing(&self) -> Option<Closing> {
        self.shared.lifecycle.closing()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.shared.lifecycle.is_open()
    }

    /// At the end: fails who waits for memory.
    pub(crate) fn close_pool(&self) {
        self.shared.pool.wake();
    }

    /// When the time of `close` is over: what has no result by now is about to fail, and `close` tells of it.
    pub(crate) fn give_up(&self, queues: &[Arc<PartitionQueue>]) -> Vec<BrokerTrouble> {
        queues.iter().for_each(|queue| queue.note_records());
        self.shared.unfinished.give_up(&self.shared.observer)
    }

    pub(crate) fn inbox(&self) -> &Inbox<Arc<PartitionQueue>> {
        &self.shared.inbox
    }
}
