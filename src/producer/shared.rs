//! What the two halves of the accumulator share.

use std::sync::Arc;
use std::time::Duration;

use crate::lifecycle::Lifecycle;
use crate::observation::Observer;
use crate::producer::batch::{Encoding, OpenBatch};
use crate::producer::buffer::SimpleBufferPool;
use crate::producer::inbox::Inbox;
use crate::producer::permits::Permits;
use crate::producer::queue::PartitionQueue;
use crate::producer::unfinished::Unfinished;

/// The settings of the accumulator.
#[derive(Clone, Debug)]
pub(crate) struct AccumulatorSettings {
    /// The size in bytes at which a batch does not wait for more records.
    pub(crate) batch_size: usize,
    /// The number of records at which a batch does not wait for more, and accepts no more.
    pub(crate) batch_num_records: u32,
    /// A batch waits for a flush, however large it is.
    pub(crate) manual_flush: bool,
    /// The size in bytes up to which a batch grows that can't be sent yet.
    pub(crate) batch_max_bytes: usize,
    pub(crate) encoding: Encoding,
    /// How long a batch accepts records, in milliseconds.
    pub(crate) max_age_millis: i64,
    pub(crate) max_block: Duration,
}

pub(super) struct Shared {
    pub(super) lifecycle: Arc<Lifecycle>,
    pub(super) settings: AccumulatorSettings,
    pub(super) pool: Arc<SimpleBufferPool>,
    pub(super) unfinished: Arc<Unfinished>,
    pub(super) inbox: Arc<Inbox<Arc<PartitionQueue>>>,
    pub(super) observer: Arc<Observer>,
    pub(super) permits: Permits,
}

impl Shared {
    /// Several batches are in flight, and `batch`, the last of `queue`, waits for an answer to one of them. It does not if
    /// a thread waits for its result, now or later.
    pub(super) fn watch(&self, queue: &Arc<PartitionQueue>, batch: &mut OpenBatch) {
        let (weak, inbox, batch_id) = (Arc::downgrade(queue), Arc::clone(&self.inbox), batch.batch_id());
        let nobody_waits = batch.slot().on_first_wait(move || {
            if let Some(queue) = weak.upgrade().filter(|queue| queue.hasten(batch_id)) {
                inbox.partition(queue);
            }
        });
        if !nobody_waits {
            batch.hasten();
        }
    }
}
