//! Batches that have left the queue: how they come back, in which order they go again, and what the end of an attempt
//! means for them.

use std::sync::Arc;
use std::time::Duration;

use crate::client::ClusterMetadata;
use crate::client::PartitionMetadata;
use crate::lifecycle::Lifecycle;
use crate::observation::Observer;
use crate::producer::accumulator::{RecordAccumulator, Wait, record_accumulator};
use crate::producer::batch::{Encoding, SealedBatch};
use crate::producer::buffer::SimpleBufferPool;
use crate::producer::drain::Drain;
use crate::producer::future::FutureRecordMetadata;
use crate::producer::inbox::Inbox;
use crate::producer::queue::PartitionQueue;
use crate::producer::shared::AccumulatorSettings;
use crate::producer::topics::TopicTable;
use crate::record::{Compression, RecordFields, RecordSize};
use crate::sync::Wake;
use crate::time::Clock;

mod attempts;
mod backlog;
mod closing;
mod ends;
mod growth;
mod order;
mod purges;

struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

const ENCODING: Encoding = Encoding { compression: Compression::None, level: None };

/// Where batches of one partition are made.
struct Source {
    accumulator: RecordAccumulator,
    drain: Drain,
    queue: Arc<PartitionQueue>,
}

impl Source {
    fn new() -> Self {
        Self::encoding(ENCODING)
    }

    fn encoding(encoding: Encoding) -> Self {
        let settings = AccumulatorSettings {
            batch_size: 10_000,
            batch_num_records: u32::MAX,
            manual_flush: false,
            batch_max_bytes: 10_000,
            encoding,
            max_age_millis: i64::MAX,
            max_block: Duration::ZERO,
        };
        let inbox = Arc::new(Inbox::new(Box::new(Nobody)));
        let lifecycle = Arc::<Lifecycle>::default();
        let pool = SimpleBufferPool::new(1_000_000, 10_000, Arc::clone(&lifecycle));
        let observer = Observer::new(Clock::System);
        let (accumulator, drain) =
            record_accumulator(Arc::clone(&lifecycle), settings, pool, inbox, observer);
        let mut snapshot = ClusterMetadata::default();
        snapshot.topics.entry(Arc::from("t")).or_default().partitions = vec![PartitionMetadata::default()];
        let topics = TopicTable::new(lifecycle, None);
        let queue = Arc::clone(&topics.handle("t", &snapshot).unwrap().queues[0]);
        Self { accumulator, drain, queue }
    }

    /// The next batch, with so many records.
    fn batch(&self, records: u32) -> (SealedBatch, Vec<FutureRecordMetadata>) {
        self.batch_at(records, Clock::System.wall_millis())
    }

    /// The same, by a thread that read the clock at `wall`.
    fn batch_at(&self, records: u32, wall: i64) -> (SealedBatch, Vec<FutureRecordMetadata>) {
        let fields = RecordFields { key: None, value: Some(b"value"), headers: &[] };
        let append =
            || self.accumulator.append(&self.queue, &fields, RecordSize::of(&fields), 0, wall, Wait::Never);
        let futures = (0..records).map(|_| append().unwrap()).collect();
        (self.drain.pop_if(&self.queue, |_| true).unwrap(), futures)
    }
}
