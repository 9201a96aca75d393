//! What the sender does with batches that were purged: it fails those that no broker can have.

use crate::error::{Error, ErrorKind};
use crate::producer::batch::SealedBatch;
use crate::producer::drain::Drain;
use crate::producer::losses;
use crate::producer::partition::Partition;
use crate::producer::queue::PartitionQueue;
use crate::producer::result::BatchResult;
use crate::topic_partition::TopicPartition;

/// The purges that may have batches left in a queue. A batch that a user thread compresses, or of which the sender has not
/// been notified, gets to the sender after the purge.
#[derive(Debug, Default)]
pub(crate) struct Purges {
    /// All batches with smaller ids have results.
    over_below: u64,
}

impl Purges {
    /// Fails the purged batches of `queue`, up to one that a user thread compresses.
    pub(crate) fn queued(&mut self, queue: &PartitionQueue, drain: &Drain) {
        let below = drain.purged_below();
        if below == self.over_below {
            return;
        }
        if !drain.has_unfinished_below(below) {
            self.over_below = below;
            return;
        }
        while let Some(batch) = drain.give_up_front(queue, |front| front.ordinal.is_below(below)) {
            fail(batch, queue.topic_partition());
        }
    }

    /// Fails the purged batches of `partition` that wait to be sent again.
    pub(crate) fn waiting(partition: &mut Partition, drain: &Drain) {
        while let Some(batch) = partition.take_unwritten(drain.purged_below()) {
            fail(batch, partition.topic_partition());
        }
    }
}

fn fail(batch: SealedBatch, topic_partition: &TopicPartition) {
    losses::complete(batch, BatchResult::Failed(Error::new(ErrorKind::Purged).at(topic_partition)));
}
