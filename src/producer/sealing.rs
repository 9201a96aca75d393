//! Sealing a full batch on the thread that filled it, outside the queue's lock: so compression scales with the threads
//! that send, and the sender's thread never compresses more than it has to.
//!
//! The batch is taken out of its queue and leaves its place there, so that order holds. Whatever happens, a batch comes
//! back to that place: compressed, or as it was if the codec panics.

use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::producer::batch::{Encoding, OpenBatch, SealedBatch};
use crate::producer::queue::{Attention, Batch, PartitionQueue};
use crate::producer::result::BatchResult;

/// A batch that is away from its queue.
pub(super) struct Sealing<'a> {
    queue: &'a Arc<PartitionQueue>,
    encoding: &'a Encoding,
    ticket: u64,
    batch: Option<OpenBatch>,
}

impl<'a> Sealing<'a> {
    /// Takes the place of `batch`, which the caller has just taken out of `queue` and replaced by its ticket.
    pub(super) fn new(queue: &'a Arc<PartitionQueue>, encoding: &'a Encoding, batch: OpenBatch) -> Self {
        Self { queue, encoding, ticket: batch.ticket(), batch: Some(batch) }
    }

    /// Compresses, and puts the batch back. True if the sender must be told.
    pub(super) fn finish(mut self) -> bool {
        let compressed = self.batch.as_ref().and_then(|batch| batch.compress(self.encoding));
        self.put_back(compressed)
    }

    fn put_back(&mut self, compressed: Option<Vec<u8>>) -> bool {
        let Some(batch) = self.batch.take() else { return false };
        let sealed = batch.seal(self.encoding, compressed);
        let mut state = self.queue.state.lock();
        let is_ours = |batch: &&mut Batch| matches!(batch, Batch::Sealing(ticket) if *ticket == self.ticket);
        let place = state.batches.iter_mut().find(is_ours);
        if let Some(place) = place {
            *place = Batch::Sealed(sealed);
            let tell = state.attention != Attention::Attended;
            state.attention = Attention::Attended;
            return tell;
        }
        drop(state);
        too_late(sealed);
        false
    }
}

/// The sender has ended meanwhile and emptied the queue.
fn too_late(batch: SealedBatch) {
    batch.complete(BatchResult::Failed(Error::new(ErrorKind::Closed)));
}

impl Drop for Sealing<'_> {
    fn drop(&mut self) {
        // Only on the way out of a panic: the sender is told with the next record, or finds it by its timer.
        self.put_back(None);
    }
}
