//! Sealing a full batch on the thread that filled it, outside the queue's lock. So compression scales with the threads that
//! send, and the sender thread compresses only what is left.
//!
//! The batch is taken out of its queue, and a placeholder keeps its position. A batch always comes back to that position:
//! compressed, or unchanged if the codec panics.

use std::sync::Arc;

use crate::producer::batch::{OpenBatch, SealedBatch};
use crate::producer::permits::Permit;
use crate::producer::queue::{Batch, PartitionQueue};
use crate::producer::result::BatchResult;
use crate::producer::shared::Shared;

/// A batch that is away from its queue.
pub(super) struct Sealing<'a> {
    queue: &'a Arc<PartitionQueue>,
    shared: &'a Shared,
    batch_id: u64,
    batch: Option<OpenBatch>,
    /// The sender has to be notified of the partition in any case.
    must_notify: bool,
}

impl<'a> Sealing<'a> {
    /// Takes `batch`, which the caller has just taken out of `queue` and replaced by its id. `must_notify`: the sender has
    /// to be notified of the partition in any case.
    pub(super) fn new(
        queue: &'a Arc<PartitionQueue>,
        shared: &'a Shared,
        batch: OpenBatch,
        must_notify: bool,
    ) -> Self {
        Self { queue, shared, batch_id: batch.batch_id(), batch: Some(batch), must_notify }
    }

    /// Compresses the batch, puts it back, and notifies the sender if needed. The permit ends before that: callbacks that
    /// run for a batch that comes too late must not keep other threads from compressing.
    pub(super) fn finish(mut self, permit: Permit<'_>) {
        crate::sync::is_rare("sealed by a user thread");
        let shared = self.shared;
        let encoding = &shared.settings.encoding;
        let sealed = permit.act(|| {
            let compressed = self.batch.as_ref()?.compress(encoding);
            Some(self.batch.take()?.seal(encoding, compressed))
        });
        if let Some(sealed) = sealed {
            self.put_back(sealed);
        }
    }

    fn put_back(&self, sealed: SealedBatch) {
        if self.fill_placeholder(sealed) || self.must_notify {
            self.shared.inbox.partition(Arc::clone(self.queue));
        }
    }

    fn fill_placeholder(&self, sealed: SealedBatch) -> bool {
        let mut state = self.queue.state.lock();
        let is_ours =
            |batch: &&mut Batch| matches!(batch, Batch::Sealing(batch_id) if *batch_id == self.batch_id);
        let entry = state.batches.iter_mut().find(is_ours);
        if let Some(entry) = entry {
            *entry = Batch::Sealed(sealed);
            return !std::mem::replace(&mut state.notified, true);
        }
        drop(state);
        self.too_late(sealed);
        false
    }

    /// The sender has ended and emptied the queue.
    fn too_late(&self, batch: SealedBatch) {
        let waited_for = format!("before the records for {} could be sent", self.queue.topic_partition());
        batch.complete(BatchResult::Failed(self.shared.lifecycle.failure(waited_for, Vec::new())));
    }
}

impl Drop for Sealing<'_> {
    fn drop(&mut self) {
        // After a panic no other code would notify the sender.
        if let Some(batch) = self.batch.take() {
            self.put_back(batch.seal(&self.shared.settings.encoding, None));
        }
    }
}
