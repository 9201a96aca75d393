//! What exists at the moment of a snapshot. It is counted then, not kept up to date.

use std::sync::Arc;
use std::time::Duration;

use crate::topic_partition::TopicPartition;

#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) buffer_total_bytes: usize,
    pub(crate) buffer_available_bytes: usize,
    /// Threads that wait for memory.
    pub(crate) waiting_threads: usize,
    pub(crate) pending_records: u64,
    pub(crate) pending_batches: u64,
    /// Of each partition with pending records, if it was asked for.
    pub(crate) partitions: Vec<PartitionGauges>,
    /// Produce requests.
    pub(crate) requests_in_flight: usize,
    /// Both are set by the recorder.
    pub(crate) metadata_age: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct PartitionGauges {
    pub(crate) topic_partition: Arc<TopicPartition>,
    pub(crate) records: u64,
    pub(crate) batches: u64,
    /// Of `buffer_memory`.
    pub(crate) bytes: usize,
}
