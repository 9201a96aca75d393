//! The producer of bytes. All producers use it, with any types of keys and values.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::closer::Closer;
use super::in_flight::InFlight;
use super::topics::Topics;
use crate::client::{Awaited, PartitionInfo};
use crate::error::{Error, ErrorKind, Limit, SizeLimit};
use crate::producer::{
    FutureRecordMetadata, InterceptedRecord, Interceptors, MetricsSource, PartitionContext, Partitioner,
    RecordAccumulator, StickyContext, StickySettings, TopicHandle, Wait, is_inside,
};
use crate::producer_record::Details;
use crate::record::{BATCH_HEADER_LEN, Header, RecordFields, RecordSize};
use crate::sync::Ordering;
use crate::time::Deadline;
use crate::topic_partition::TopicPartition;

pub(super) struct BytesProducer {
    pub(super) client_id: Arc<str>,
    pub(super) accumulator: RecordAccumulator,
    pub(super) topics: Topics,
    /// The topic of records without a topic.
    pub(super) default_topic: Option<Box<str>>,
    /// `None` if there are none.
    pub(super) interceptors: Option<Arc<Interceptors>>,
    pub(super) partitioner: Arc<dyn Partitioner>,
    pub(super) sticky: StickySettings,
    pub(super) max_request_size: usize,
    pub(super) metrics: MetricsSource,
    pub(super) closer: Arc<Closer>,
}

/// A record whose key and value are bytes.
pub(super) struct BytesRecord<'a> {
    topic: &'a str,
    partition: Option<i32>,
    timestamp: Option<i64>,
    fields: RecordFields<'a>,
}

impl<'a> BytesRecord<'a> {
    #[inline]
    pub(super) fn new(topic: &'a str, details: Details, fields: RecordFields<'a>) -> Self {
        let Details { partition, timestamp } = details;
        Self { topic, partition, timestamp, fields }
    }

    /// The error of this record.
    #[cold]
    fn error(&self, error: Error) -> Error {
        error.of_record_for(self.topic, self.partition)
    }
}

/// The topic has no partition of this number.
struct Nowhere {
    partition: i32,
    partition_count: i32,
}

impl Nowhere {
    #[cold]
    fn error(self, record: &BytesRecord<'_>) -> Error {
        let Self { partition, partition_count } = self;
        let topic_partition = TopicPartition::new(record.topic, partition);
        let by_partitioner = record.partition.is_none();
        Error::new(ErrorKind::UnknownPartition { topic_partition, by_partitioner, partition_count })
    }
}

/// A record, with its size and the time of the `send`.
struct Prepared<'a> {
    record: &'a BytesRecord<'a>,
    size: RecordSize,
    wall: i64,
}

impl BytesProducer {
    #[inline]
    pub(super) fn send(&self, record: &BytesRecord<'_>, wait: Wait) -> Result<FutureRecordMetadata, Error> {
        match &self.interceptors {
            None => self.send_unchanged(record, wait),
            Some(interceptors) => self.send_intercepted(interceptors, record, wait),
        }
    }

    #[cold]
    fn send_intercepted(
        &self,
        interceptors: &Arc<Interceptors>,
        record: &BytesRecord<'_>,
        wait: Wait,
    ) -> Result<FutureRecordMetadata, Error> {
        let BytesRecord { topic, partition, timestamp, ref fields } = *record;
        interceptors.send(&InterceptedRecord::of(topic, partition, timestamp, fields), |record| {
            let headers: Vec<Header<'_>> = record.headers().collect();
            let fields = RecordFields { key: record.key(), value: record.value(), headers: &headers };
            let details = Details { partition: record.partition(), timestamp: record.timestamp_ms() };
            self.send_unchanged(&BytesRecord::new(topic, details, fields), wait)
        })
    }

    #[inline]
    fn send_unchanged(&self, record: &BytesRecord<'_>, wait: Wait) -> Result<FutureRecordMetadata, Error> {
        if record.fields.key.is_none() && record.fields.value.is_none() {
            return Err(invalid(record, "it has neither a key nor a value; set at least one of them"));
        }
        let size = RecordSize::of(&record.fields);
        let most = BATCH_HEADER_LEN + size.at_most();
        if most > self.max_request_size || most > self.accumulator.pool().total() {
            return Err(self.too_large(record, most));
        }
        let wall = self.topics.observer.clock().wall_millis();
        self.topics.lifecycle.check_process_at(wall).map_err(|error| record.error(error))?;
        if record.timestamp.is_some_and(|timestamp| timestamp < 0) {
            return Err(invalid(
                record,
                "its timestamp is negative; set milliseconds since 1970, or no timestamp",
            ));
        }
        let ready = Prepared { record, size, wall };
        match self.topics.known(record.topic, |topic, thread| self.append((topic, thread), &ready, wait)) {
            Some(Ok(result)) => result,
            Some(Err(nowhere)) if record.partition.is_none() => Err(nowhere.error(record)),
            _ => self.send_slowly(&ready, wait),
        }
    }

    /// The partition that the record would have now.
    pub(super) fn partition_for(&self, record: &BytesRecord<'_>, wait: Wait) -> Result<i32, Error> {
        let topic = self.topics.find(record.topic, wait).map_err(|error| record.error(error))?;
        let (size, wall) = (RecordSize::of(&record.fields), self.topics.observer.clock().wall_millis());
        let partition = record.partition.unwrap_or_else(|| {
            let sticky = StickyContext {
                is_dry_run: true,
                ..self.sticky_context(&topic, 0, &Prepared { record, size, wall })
            };
            self.partitioner.partition(&PartitionContext::of(record.topic, &record.fields, &sticky))
        });
        let is_in = |topic: &TopicHandle| usize::try_from(partition).is_ok_and(|at| at < topic.queues.len());
        if is_in(&topic) {
            return Ok(partition);
        }
        let topic = match record.partition {
            // The partition may be new, as in `send`.
            Some(0..) => self.topics.find_newer(record.topic, wait).map_err(|error| record.error(error))?,
            _ => topic,
        };
        // Kafka numbers partitions with an i32.
        let nowhere = || Nowhere { partition, partition_count: topic.queues.len() as i32 }.error(record);
        is_in(&topic).then_some(partition).ok_or_else(nowhere)
    }

    pub(super) fn partitions_for(
        &self,
        topic: &str,
        wait: Wait,
    ) -> Result<BTreeMap<i32, PartitionInfo>, Error> {
        let lifecycle = &self.topics.lifecycle;
        let found =
            if lifecycle.is_open() { self.topics.find(topic, wait) } else { Err(lifecycle.refusal()) };
        let found = found.map_err(|error| error.of_record_for(topic, None))?;
        // Several threads may tell the sender. It minds the first.
        if !found.is_kept.load(Ordering::Relaxed) {
            found.is_kept.store(true, Ordering::Relaxed);
            self.topics.inbox.keep(&found.name);
        }
        let snapshot = self.topics.metadata.snapshot();
        // A topic that was deleted meanwhile has the partitions that were found.
        let count = snapshot.topic(topic).map_or(found.queues.len(), |(_, partitions)| partitions.len());
        let info = |partition| (partition, snapshot.partition_info(topic, partition));
        // Kafka numbers partitions with an i32.
        Ok((0..count as i32).map(info).collect())
    }

    pub(super) fn in_flight(&self) -> InFlight {
        if self.topics.lifecycle.check_process().is_err() {
            // A thread that is not in this child may hold a lock.
            return InFlight::default();
        }
        let (records, batches) = self.accumulator.in_flight(&self.topics.table);
        let pool = self.accumulator.pool();
        InFlight {
            records,
            batches,
            buffer_bytes: pool.used(),
            buffer_available_bytes: pool.total() - pool.used(),
        }
    }

    pub(super) fn flush(&self, timeout: Option<Duration>) -> Result<(), Error> {
        if is_inside() {
            return Err(Error::new(ErrorKind::CalledFromCallback { call: "flush" }));
        }
        self.topics.lifecycle.check_process()?;
        let (clock, recorder) = (self.topics.observer.clock(), self.topics.observer.recorder());
        let start = clock.now();
        let deadline = Deadline::after(start, timeout);
        let result = self.accumulator.flush(deadline, timeout, &self.topics.table);
        let end = clock.now();
        recorder.flushed(end.since(start), end);
        result
    }

    pub(super) fn purge(&self) -> Result<(), Error> {
        self.topics.lifecycle.check_process()?;
        self.accumulator.purge();
        Ok(())
    }

    pub(super) fn close(&self, timeout: Option<Duration>) -> Result<(), Error> {
        self.closer.close(timeout)
    }

    pub(super) fn is_closed(&self) -> bool {
        !self.closer.lifecycle.is_open()
    }

    pub(super) fn unchecked_failures(&self) -> u64 {
        self.topics.observer.unchecked()
    }

    pub(super) fn bootstrap_connected(&self) -> bool {
        self.topics.metadata.version() > 0
    }

    pub(super) fn wait_connected(&self, timeout: Option<Duration>) -> Result<(), Error> {
        let Topics { metadata, lifecycle, observer, .. } = &self.topics;
        lifecycle.check_process()?;
        if !lifecycle.is_open() {
            return Err(lifecycle.refusal());
        }
        let clock = observer.clock();
        let deadline = Deadline::after(clock.now(), timeout);
        let answered =
            metadata.wait(lifecycle, clock, deadline, |snapshot| (snapshot.version() > 0).then_some(()));
        match answered {
            Awaited::Found(()) => Ok(()),
            Awaited::Closed => Err(lifecycle.refusal()),
            Awaited::Fatal(error) => Err(error),
            Awaited::TimedOut => Err(Error::new(ErrorKind::Timeout {
                limit: Limit::Call,
                value: timeout.unwrap_or_default(),
                waited_for: "while waiting for the first response of a broker".to_owned(),
                brokers: observer.troubles([]),
            })),
        }
    }

    /// Appends to a known topic, if it has the partition. It calls the partitioner once if the record has no partition.
    #[inline]
    fn append(
        &self,
        (topic, thread): (&TopicHandle, u32),
        ready: &Prepared<'_>,
        wait: Wait,
    ) -> Result<Result<FutureRecordMetadata, Error>, Nowhere> {
        let record = ready.record;
        let partition = record.partition.unwrap_or_else(|| self.choose(topic, thread, ready));
        let Some(queue) = usize::try_from(partition).ok().and_then(|index| topic.queues.get(index)) else {
            // Kafka numbers partitions with an i32.
            return Err(Nowhere { partition, partition_count: topic.queues.len() as i32 });
        };
        let timestamp = record.timestamp.unwrap_or(ready.wall);
        Ok(self.accumulator.append(queue, &record.fields, ready.size, timestamp, ready.wall, wait))
    }

    #[inline]
    fn choose(&self, topic: &TopicHandle, thread: u32, ready: &Prepared<'_>) -> i32 {
        let sticky = self.sticky_context(topic, thread, ready);
        self.partitioner.partition(&PartitionContext::of(ready.record.topic, &ready.record.fields, &sticky))
    }

    #[inline]
    fn sticky_context<'a>(
        &'a self,
        topic: &'a TopicHandle,
        thread: u32,
        ready: &Prepared<'_>,
    ) -> StickyContext<'a> {
        StickyContext {
            settings: &self.sticky,
            sticky: &topic.sticky,
            queues: &topic.queues,
            available: &topic.available,
            near: &topic.near,
            pool: self.accumulator.pool(),
            clock: self.topics.observer.clock(),
            thread,
            size: ready.size.at_most(),
            wall: ready.wall,
            is_dry_run: false,
        }
    }

    /// For a topic or a partition that this thread does not know as of the latest metadata.
    #[cold]
    fn send_slowly(&self, ready: &Prepared<'_>, wait: Wait) -> Result<FutureRecordMetadata, Error> {
        let record = ready.record;
        let wait = self.one_deadline(wait);
        let topic = self.topics.find(record.topic, wait).map_err(|error| record.error(error))?;
        let nowhere = match self.append((&topic, 0), ready, wait) {
            Ok(result) => return result,
            Err(nowhere) if nowhere.partition < 0 || record.partition.is_none() => nowhere,
            // The partition may be new. One newer answer decides (KAFKA-6833).
            Err(_) => {
                let topic =
                    self.topics.find_newer(record.topic, wait).map_err(|error| record.error(error))?;
                match self.append((&topic, 0), ready, wait) {
                    Ok(result) => return result,
                    Err(nowhere) => nowhere,
                }
            }
        };
        Err(nowhere.error(record))
    }

    /// One deadline for metadata and memory together.
    fn one_deadline(&self, wait: Wait) -> Wait {
        match wait {
            Wait::MaxBlock => {
                Wait::Until(Deadline::after(self.topics.observer.clock().now(), self.topics.max_block))
            }
            wait => wait,
        }
    }

    #[cold]
    fn too_large(&self, record: &BytesRecord<'_>, size: usize) -> Error {
        let total = self.accumulator.pool().total();
        let (limit, limited_by) = if size > self.max_request_size {
            (self.max_request_size, SizeLimit::MaxRequestSize)
        } else {
            (total, SizeLimit::BufferMemory)
        };
        record.error(Error::new(ErrorKind::RecordTooLarge { size, limit, limited_by }))
    }
}

impl Drop for BytesProducer {
    fn drop(&mut self) {
        self.closer.dropped();
    }
}

#[cold]
fn invalid(record: &BytesRecord<'_>, reason: &str) -> Error {
    record.error(Error::new(ErrorKind::InvalidRecord { reason: reason.to_owned() }))
}
