//! Where the producer records what it does. Nothing is recorded for each record: an event is a batch, a request, a read or
//! a write of a socket, or a wait.
//!
//! The sender thread is almost the only one that records, so the lock is rarely contended. Other threads record when they
//! have waited. No other lock is taken while it is held.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::metrics::catalogue::{NodePeak, NodeSum, Peak, Sum, TopicSum};
use crate::metrics::gauges::Gauges;
use crate::metrics::registry::{NodeSeries, ProducerSeries, Registry, TopicSeries};
use crate::metrics::series::Windows;
use crate::metrics::snapshot::Metrics;
use crate::metrics::timing::Timing;
use crate::process::Process;
use crate::sync::Mutex;
use crate::time::Instant;

/// Records events, or nothing if metrics are disabled.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Option<Arc<Shared>>);

struct Shared {
    client_id: Arc<str>,
    process: Process,
    registry: Mutex<Registry>,
}

/// A batch that is sent.
pub(crate) struct SentBatch<'a> {
    pub(crate) topic: &'a Arc<str>,
    pub(crate) records: u32,
    /// The size, header included.
    pub(crate) bytes: usize,
    /// The size of the records before compression.
    pub(crate) record_bytes: usize,
    pub(crate) header_bytes: usize,
    pub(crate) largest_record: usize,
    /// How long it has waited. `None` if its records were sent before, so that this is a retry.
    pub(crate) queued: Option<Duration>,
}

/// The polls of a turn of the sender's loop, and how long they waited; and how long sockets were read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Polls {
    pub(crate) count: u64,
    pub(crate) waited: Duration,
    pub(crate) io: Duration,
}

impl Recorder {
    pub(crate) fn new(client_id: Arc<str>, windows: Windows, now: Instant) -> Self {
        let registry = Mutex::new(Registry::new(windows, now));
        Self(Some(Arc::new(Shared { client_id, process: Process::current(), registry })))
    }

    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A Produce request is sent, and now this many are in flight.
    pub(crate) fn produce_sent<'a>(
        &self,
        batches: impl Iterator<Item = SentBatch<'a>>,
        in_flight: usize,
        now: Instant,
    ) {
        self.record(|registry| {
            registry.requests_in_flight = in_flight;
            registry.producer(now).sum(Sum::ProduceRequests, 1);
            for batch in batches {
                batch.record(registry, now);
            }
        });
    }

    /// A Produce request has got its response.
    pub(crate) fn produce_answered(
        &self,
        node: i32,
        latency: Duration,
        throttle: Duration,
        in_flight: usize,
        now: Instant,
    ) {
        let (latency_nanos, throttle_nanos) = (nanos(latency), nanos(throttle));
        self.record(|registry| {
            registry.requests_in_flight = in_flight;
            registry.producer(now).sum(Sum::Latencies, 1).sum(Sum::Latency, latency_nanos);
            registry.producer.top(Peak::Latency, latency_nanos);
            registry.producer.sum(Sum::Throttle, throttle_nanos).top(Peak::Throttle, throttle_nanos);
            let series =
                registry.node(node, now).sum(NodeSum::Latencies, 1).sum(NodeSum::Latency, latency_nanos);
            series.top(NodePeak::Latency, latency_nanos);
            series.sum(NodeSum::Throttle, throttle_nanos).top(NodePeak::Throttle, throttle_nanos);
            registry.time(Timing::InFlight, latency, now);
            if !throttle.is_zero() {
                registry.time(Timing::Throttle, throttle, now);
            }
        });
    }

    /// A Produce request gets no response any more.
    pub(crate) fn produce_over(&self, in_flight: usize) {
        self.record(|registry| registry.requests_in_flight = in_flight);
    }

    /// A batch is stored, this long after its first record.
    pub(crate) fn batch_stored(&self, after: Duration, now: Instant) {
        self.record(|registry| registry.time(Timing::Delivery, after, now));
    }

    pub(crate) fn batch_split(&self, now: Instant) {
        self.count(Sum::Splits, 1, now);
    }

    pub(crate) fn records_failed(&self, topic: &Arc<str>, records: u32, now: Instant) {
        self.record(|registry| {
            registry.producer(now).sum(Sum::Errors, records.into());
            registry.topic(topic, now).sum(TopicSum::Errors, records.into());
        });
    }

    /// Bytes were written to a node. `requests` are the sizes of the requests that are completely written now.
    pub(crate) fn written(
        &self,
        node: i32,
        bytes: usize,
        requests: impl IntoIterator<Item = usize>,
        now: Instant,
    ) {
        self.record(|registry| {
            let bytes = bytes as u64;
            registry.producer(now).sum(Sum::BytesOut, bytes).sum(Sum::Transfers, 1);
            registry.node(node, now).sum(NodeSum::BytesOut, bytes);
            for size in requests {
                let size = size as u64;
                registry.producer.sum(Sum::Requests, 1).sum(Sum::RequestBytes, size).top(Peak::Request, size);
                let series = registry.node(node, now);
                series
                    .sum(NodeSum::Requests, 1)
                    .sum(NodeSum::RequestBytes, size)
                    .top(NodePeak::Request, size);
            }
        });
    }

    /// Bytes came from a node, with the ends of this many responses.
    pub(crate) fn received(&self, node: i32, bytes: usize, responses: usize, now: Instant) {
        self.record(|registry| {
            let (bytes, responses) = (bytes as u64, responses as u64);
            let producer = registry.producer(now).sum(Sum::BytesIn, bytes).sum(Sum::Transfers, 1);
            producer.sum(Sum::Responses, responses);
            registry.node(node, now).sum(NodeSum::BytesIn, bytes).sum(NodeSum::Responses, responses);
        });
    }

    pub(crate) fn connected(&self, now: Instant) {
        self.count(Sum::Connections, 1, now);
    }

    pub(crate) fn closed(&self, now: Instant) {
        self.count(Sum::Closes, 1, now);
    }

    /// A SASL session has begun, or was refused.
    pub(crate) fn authenticated(&self, accepted: bool, now: Instant) {
        self.count(if accepted { Sum::Authentications } else { Sum::RefusedAuthentications }, 1, now);
    }

    /// A SASL session was renewed, or the renewal was refused.
    pub(crate) fn renewed(&self, accepted: bool, now: Instant) {
        self.count(if accepted { Sum::Renewals } else { Sum::RefusedRenewals }, 1, now);
    }

    pub(crate) fn metadata_came(&self, now: Instant) {
        self.record(|registry| registry.last_metadata = Some(now));
    }

    pub(crate) fn polled(&self, Polls { count, waited, io }: Polls, now: Instant) {
        self.record(|registry| {
            let producer = registry.producer(now).sum(Sum::Polls, count);
            producer.sum(Sum::PollTime, nanos(waited)).sum(Sum::IoTime, nanos(io));
        });
    }

    /// A thread has waited for memory.
    pub(crate) fn waited_for_memory(&self, waited: Duration, now: Instant) {
        self.record(|registry| {
            registry.producer(now).sum(Sum::BufferWait, nanos(waited));
            registry.time(Timing::BufferWait, waited, now);
        });
    }

    /// A `send` has failed because there was no memory.
    pub(crate) fn memory_exhausted(&self, now: Instant) {
        self.count(Sum::Exhausted, 1, now);
    }

    pub(crate) fn waited_for_metadata(&self, waited: Duration, now: Instant) {
        self.count(Sum::MetadataWait, nanos(waited), now);
    }

    pub(crate) fn flushed(&self, waited: Duration, now: Instant) {
        self.count(Sum::Flush, nanos(waited), now);
    }

    pub(crate) fn serialized(&self, took: Duration, now: Instant) {
        self.record(|registry| registry.time(Timing::Serialize, took, now));
    }

    /// All metrics at `now`. Empty if metrics are disabled, or if this is a forked child.
    pub(crate) fn snapshot(&self, gauges: impl FnOnce() -> Gauges, now: Instant) -> Metrics {
        let Some(shared) = &self.0 else { return Metrics::default() };
        if shared.process.is_another() {
            return Metrics::default();
        }
        let mut gauges = gauges();
        // The lock is held only while numbers are copied. The sender waits for it.
        let readings = shared.registry.lock().read(now);
        gauges.requests_in_flight = readings.requests_in_flight;
        gauges.metadata_age = readings.metadata_age;
        Metrics::of(Arc::clone(&shared.client_id), readings, &gauges)
    }

    fn count(&self, sum: Sum, value: u64, now: Instant) {
        self.record(|registry| {
            registry.producer(now).sum(sum, value);
        });
    }

    #[inline]
    fn record(&self, event: impl FnOnce(&mut Registry)) {
        let Some(shared) = &self.0 else { return };
        // In a forked child the lock may be held by a thread that does not exist there.
        if let Some(mut registry) = shared.registry.lock_unless(|| shared.process.is_another()) {
            event(&mut registry);
        }
    }
}

impl SentBatch<'_> {
    fn record(&self, registry: &mut Registry, now: Instant) {
        let Self { topic, records, bytes, record_bytes, header_bytes, largest_record, queued } = *self;
        let (records, bytes) = (u64::from(records), bytes as u64);
        let ratio = (bytes * 1_000_000).checked_div((header_bytes + record_bytes) as u64).unwrap_or_default();
        let producer = &mut registry.producer;
        producer.sum(Sum::Records, records).sum(Sum::RecordBytes, record_bytes as u64);
        producer.sum(Sum::Batches, 1).sum(Sum::BatchBytes, bytes).sum(Sum::Ratio, ratio);
        producer.top(Peak::Batch, bytes).top(Peak::Record, largest_record as u64);
        let retries = match queued {
            None => records,
            Some(queued) => {
                let waited = nanos(queued);
                producer.sum(Sum::QueuedBatches, 1).sum(Sum::QueueTime, waited).top(Peak::QueueTime, waited);
                registry.time(Timing::Linger, queued, now);
                0
            }
        };
        registry.producer.sum(Sum::Retries, retries);
        let topic = registry.topic(topic, now).sum(TopicSum::Records, records).sum(TopicSum::Batches, 1);
        topic.sum(TopicSum::BatchBytes, bytes).sum(TopicSum::Ratio, ratio).sum(TopicSum::Retries, retries);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The sums and peaks of a series by name.
macro_rules! named {
    ($series:ty: $sum:ty $(, $peak:ty)?) => {
        impl $series {
            #[inline]
            fn sum(&mut self, sum: $sum, value: u64) -> &mut Self {
                self.add(sum as usize, value)
            }

            $(#[inline]
            fn top(&mut self, peak: $peak, value: u64) -> &mut Self {
                self.peak(peak as usize, value)
            })?
        }
    };
}
named!(ProducerSeries: Sum, Peak);
named!(TopicSeries: TopicSum);
named!(NodeSeries: NodeSum, NodePeak);

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("on", &self.is_on()).finish_non_exhaustive()
    }
}
