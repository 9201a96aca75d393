//! Takes a snapshot of the metrics, with what exists at that moment: pending records, memory in use.

use std::sync::Arc;

use crate::error::PendingPartition;
use crate::metrics::{Gauges, Metrics, PartitionGauges, Recorder};
use crate::observation::Observer;
use crate::producer::accumulator::{RecordAccumulator, sum};
use crate::producer::topics::TopicTable;
use crate::topic_partition::TopicPartition;

/// The parts of a producer that its metrics are made of.
#[derive(Clone)]
pub(crate) struct MetricsSource {
    pub(crate) accumulator: RecordAccumulator,
    pub(crate) topics: Arc<TopicTable>,
    pub(crate) observer: Arc<Observer>,
}

impl MetricsSource {
    pub(crate) fn recorder(&self) -> &Recorder {
        self.observer.recorder()
    }

    /// The metrics now. `with_partitions`: also of each partition that has pending records.
    pub(crate) fn metrics(&self, with_partitions: bool) -> Metrics {
        // In a forked child the gauges are not read, because a lock may be held by a thread that does not exist there.
        self.recorder().snapshot(|| self.gauges(with_partitions), self.observer.clock().now())
    }

    fn gauges(&self, with_partitions: bool) -> Gauges {
        let pending = self.accumulator.pending(&self.topics);
        let (pending_records, pending_batches) = sum(&pending);
        let pool = self.accumulator.pool();
        let partitions = match with_partitions {
            true => pending.iter().map(|pending| self.partition(pending)).collect(),
            false => Vec::new(),
        };
        Gauges {
            buffer_total_bytes: pool.total(),
            buffer_available_bytes: pool.total() - pool.used(),
            waiting_threads: pool.waiting(),
            pending_records,
            pending_batches,
            partitions,
            ..Gauges::default()
        }
    }

    fn partition(&self, pending: &PendingPartition) -> PartitionGauges {
        let PendingPartition { topic_partition, records, batches, .. } = pending;
        let topic_partition = Arc::new(TopicPartition::clone(topic_partition));
        let queues = self.topics.queues_of(&[Arc::clone(&topic_partition)]);
        let held = queues.iter().map(|queue| self.accumulator.pool().held_by([queue.id()])[0]);
        PartitionGauges { topic_partition, records: *records, batches: *batches, bytes: held.sum() }
    }
}
