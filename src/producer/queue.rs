//! The batches of one partition, where user threads and the sender meet: one pushes at the back, the other pops at the
//! front, under one lock.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::producer::batch::{OpenBatch, SealedBatch};
use crate::producer::result::TopicPartition;
use crate::sync::Mutex;

/// The batches of one partition, oldest first. Records are pushed at the back, batches popped at the front.
pub(crate) struct PartitionQueue {
    /// Its number among all partitions that this producer has met.
    index: u32,
    pub(super) place: Arc<TopicPartition>,
    pub(super) state: Mutex<QueueState>,
}

pub(super) struct QueueState {
    pub(super) batches: VecDeque<Batch>,
    pub(super) attention: Attention,
    /// The size that the next batch's first buffer should have: what the last one needed.
    pub(super) first_buffer: usize,
    /// What its topic has taught of the largest batch.
    pub(super) limit: usize,
    pub(super) closed: bool,
}

pub(super) enum Batch {
    Open(OpenBatch),
    /// The place of a batch, by its ticket, that a user thread is sealing.
    Sealing(u64),
    Sealed(SealedBatch),
}

/// What the sender knows of a partition, and so what it must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attention {
    /// Nothing: tell it of the first record.
    Idle,
    /// It waits for company or for the end of `linger`: tell it when the batch is full.
    Lingering,
    /// It will look by itself.
    Attended,
}

impl PartitionQueue {
    pub(crate) fn new(index: u32, place: TopicPartition) -> Self {
        let state = QueueState {
            batches: VecDeque::new(),
            attention: Attention::Idle,
            first_buffer: SMALLEST_BUFFER,
            limit: usize::MAX,
            closed: false,
        };
        Self { index, place: Arc::new(place), state: Mutex::new(state) }
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn place(&self) -> &Arc<TopicPartition> {
        &self.place
    }

    /// Tells whoever waits in vain how many records the open batches have.
    pub(super) fn note_records(&self) {
        for batch in &self.state.lock().batches {
            if let Batch::Open(batch) = batch {
                batch.note_records();
            }
        }
    }

    /// Refuses records from here on.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
    }
}

/// What a partition's very first batch begins with.
pub(super) const SMALLEST_BUFFER: usize = 1024;
