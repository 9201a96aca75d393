//! The producer of bytes, below the serializers: one for all types of keys and values.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::client::{Awaited, KafkaClient, SharedMetadata};
use crate::config::{ProducerConfig, Settings};
use crate::error::{Error, ErrorKind, Limit, SizeLimit};
use crate::net;
use crate::producer::{
    FutureRecordMetadata, Inbox, PartitionQueue, Partitioner, RecentFailures, RecordAccumulator, Sender,
    SimpleBufferPool, TopicHandle, TopicTable, Wait, is_inside, record_accumulator,
};
use crate::producer_record::ProducerRecord;
use crate::record::{BATCH_HEADER_LEN, RecordParts, RecordSize};
use crate::sync::Mutex;
use crate::thread::{Exit, SenderThread};
use crate::time::{Clock, Deadline};

pub(super) struct BytesProducer {
    accumulator: RecordAccumulator,
    pub(super) topics: Arc<TopicTable>,
    pub(super) metadata: Arc<SharedMetadata>,
    pub(super) failures: RecentFailures,
    pub(super) inbox: Arc<Inbox<Arc<PartitionQueue>>>,
    partitioner: Arc<dyn Partitioner>,
    max_request_size: usize,
    pub(super) max_block: Duration,
    pub(super) allow_auto_create_topics: bool,
    pub(super) clock: Clock,
    exit: Arc<Exit>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A record whose key and value are bytes.
pub(super) struct BytesRecord<'a> {
    topic: &'a str,
    partition: Option<i32>,
    timestamp: Option<i64>,
    parts: RecordParts<'a>,
}

impl<'a> BytesRecord<'a> {
    #[inline]
    pub(super) fn of<K: ?Sized, V: ?Sized>(
        record: &'a ProducerRecord<'_, K, V>,
        key: Option<&'a [u8]>,
        value: Option<&'a [u8]>,
    ) -> Self {
        let parts = RecordParts { key, value, headers: record.all_headers() };
        Self { topic: record.topic, partition: record.partition, timestamp: record.timestamp, parts }
    }
}

/// A record with what `send` has found out about it.
struct Prepared<'a> {
    record: &'a BytesRecord<'a>,
    size: RecordSize,
    wall: i64,
}

impl BytesProducer {
    pub(super) fn new(config: &ProducerConfig) -> Result<Self, Error> {
        let Settings {
            accumulator,
            sender,
            client,
            socket,
            partitioner,
            buffer_memory,
            buffer_size,
            max_request_size,
            max_block,
        } = config.settings()?;
        let clock = Clock::System;
        let spawn = |error: std::io::Error| Error::with_source(ErrorKind::Spawn, error);
        let (io, waker) = net::open(socket).map_err(spawn)?;
        let inbox = Arc::new(Inbox::new(Box::new(waker)));
        let pool = SimpleBufferPool::new(buffer_memory, buffer_size);
        let metadata = SharedMetadata::new();
        let (accumulator, drain) =
            record_accumulator(accumulator, pool, Arc::clone(&inbox), Arc::clone(&metadata), clock.clone());
        let allow_auto_create_topics = client.metadata.allow_auto_create_topics;
        let failures = RecentFailures::new(sender.retry.initial);
        let name = client.client_id.clone();
        let random = fastrand::Rng::new();
        let client = KafkaClient::new(client, Arc::clone(&metadata), random.clone());
        let sender = Sender::new(sender, drain, client, random);
        let (topics, exit) = (TopicTable::new(), Arc::<Exit>::default());
        let thread = SenderThread {
            sender,
            io,
            clock: clock.clone(),
            topics: Arc::clone(&topics),
            metadata: Arc::clone(&metadata),
            exit: Arc::clone(&exit),
        };
        let thread = Mutex::new(Some(thread.spawn(name).map_err(spawn)?));
        Ok(Self {
            accumulator,
            topics,
            metadata,
            failures,
            inbox,
            partitioner,
            max_request_size,
            max_block,
            allow_auto_create_topics,
            clock,
            exit,
            thread,
        })
    }

    #[inline]
    pub(super) fn send(&self, record: &BytesRecord<'_>, wait: Wait) -> Result<FutureRecordMetadata, Error> {
        if record.parts.key.is_none() && record.parts.value.is_none() {
            return Err(invalid("it has neither a key nor a value; give it at least one of them"));
        }
        let size = RecordSize::of(&record.parts);
        let most = BATCH_HEADER_LEN + size.at_most();
        if most > self.max_request_size || most > self.accumulator.pool().total() {
            return Err(self.too_large(most));
        }
        let wall = self.clock.wall_millis();
        if record.timestamp.is_some_and(|timestamp| timestamp < 0) {
            return Err(invalid("its timestamp is negative; give milliseconds since 1970, or none"));
        }
        let ready = Prepared { record, size, wall };
        let version = self.metadata.version();
        let known = self.topics.cached(record.topic, version, |topic| self.append(topic, &ready, wait));
        match known {
            Some(Some(Ok(future))) => Ok(future),
            Some(Some(Err(error))) => Err(self.explained(error)),
            _ => self.send_slowly(&ready, wait).map_err(|error| self.explained(error)),
        }
    }

    pub(super) fn partitions_for(&self, topic: &str, wait: Wait) -> Result<usize, Error> {
        let handle = self.await_topic(topic, wait, 0).map_err(|error| self.explained(error))?;
        Ok(handle.queues.len())
    }

    pub(super) fn flush(&self, timeout: Option<Duration>) -> Result<(), Error> {
        if is_inside() {
            return Err(Error::new(ErrorKind::CalledFromCallback { call: "flush" }));
        }
        self.accumulator.flush(Deadline::after(self.clock.now(), timeout), timeout, &self.topics)
    }

    pub(super) fn close(&self, timeout: Option<Duration>) -> Result<(), Error> {
        let now = self.clock.now();
        if is_inside() {
            if timeout != Some(Duration::ZERO) {
                log::warn!("close inside a callback does not wait: that would be for the thread it runs on");
            }
            self.begin_to_close(Deadline::at(now));
            return Ok(());
        }
        let deadline = Deadline::after(now, timeout);
        self.begin_to_close(deadline);
        // The thread keeps the deadline itself. The grace is for failing the rest; a callback that blocks the thread
        // for longer must not block whoever closes.
        let grace = deadline.instant().map_or(Deadline::NEVER, |at| Deadline::at(at + CLOSE_GRACE));
        if self.exit.wait(&self.clock, grace) {
            let thread = self.thread.lock().take();
            if let Some(thread) = thread {
                // It has run to its end; a panic on the way there has been caught and told.
                drop(thread.join());
            }
        } else {
            log::warn!("the sender thread has not ended in time: a callback is keeping it");
        }
        self.accumulator.close(timeout, &self.topics)
    }

    /// Refuses further records, wakes who blocks, and tells the sender.
    fn begin_to_close(&self, deadline: Deadline) {
        self.topics.close();
        self.accumulator.pool().close();
        self.metadata.close();
        self.inbox.close(deadline);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.topics.is_closed()
    }

    pub(super) fn bootstrap_connected(&self) -> bool {
        self.metadata.version() > 0
    }

    pub(super) fn wait_connected(&self, timeout: Option<Duration>) -> Result<(), Error> {
        let deadline = Deadline::after(self.clock.now(), timeout);
        match self.metadata.wait(&self.clock, deadline, |snapshot| (snapshot.version() > 0).then_some(())) {
            Awaited::Found(()) => Ok(()),
            Awaited::Closed => Err(self.explained(Error::new(ErrorKind::Closed))),
            Awaited::TimedOut(brokers) => Err(Error::new(ErrorKind::Timeout {
                limit: Limit::Call,
                value: timeout.unwrap_or_default(),
                waited_for: "waiting for the first answer of a broker".to_owned(),
                brokers,
            })),
        }
    }

    /// Appends to a topic that is known; `None` if the partition is not.
    #[inline]
    fn append(
        &self,
        topic: &TopicHandle,
        ready: &Prepared<'_>,
        wait: Wait,
    ) -> Option<Result<FutureRecordMetadata, Error>> {
        let record = ready.record;
        let partition = record.partition.unwrap_or_else(|| self.choose(topic, record));
        let queue = topic.queues.get(usize::try_from(partition).ok()?)?;
        let timestamp = record.timestamp.unwrap_or(ready.wall);
        Some(self.accumulator.append(queue, &record.parts, ready.size, timestamp, ready.wall, wait))
    }

    #[inline]
    fn choose(&self, topic: &TopicHandle, record: &BytesRecord<'_>) -> i32 {
        self.partitioner.partition(record.parts.key, topic.queues.len(), &topic.available)
    }

    /// For a topic or partition that this thread does not know, or not as of the latest metadata.
    #[cold]
    fn send_slowly(&self, ready: &Prepared<'_>, wait: Wait) -> Result<FutureRecordMetadata, Error> {
        let record = ready.record;
        // One deadline from here on, for metadata and memory together.
        let wait = match wait {
            Wait::MaxBlock => Wait::Until(Deadline::after(self.clock.now(), self.max_block)),
            wait => wait,
        };
        let topic = self.await_topic(record.topic, wait, 0)?;
        if let Some(result) = self.append(&topic, ready, wait) {
            return result;
        }
        // The partition may be new: one newer answer decides (KAFKA-6833). A negative one never is.
        let unknown = |topic: &TopicHandle, partition| {
            let (topic, known) = (Arc::clone(&topic.name), topic.queues.len());
            let by_partitioner = record.partition.is_none();
            Err(Error::new(ErrorKind::UnknownPartition { topic, partition, by_partitioner, known }))
        };
        match record.partition {
            Some(partition) if partition >= 0 => {
                let topic = self.await_topic(record.topic, wait, self.metadata.version() + 1)?;
                self.append(&topic, ready, wait).unwrap_or_else(|| unknown(&topic, partition))
            }
            Some(partition) => unknown(&topic, partition),
            None => unknown(&topic, self.choose(&topic, record)),
        }
    }

    /// If the sender thread has ended by itself, that is why the producer is closed.
    #[cold]
    fn explained(&self, error: Error) -> Error {
        if error.is_closed() { self.exit.cause().unwrap_or(error) } else { error }
    }

    #[cold]
    fn too_large(&self, size: usize) -> Error {
        let total = self.accumulator.pool().total();
        let (limit, limited_by) = if size > self.max_request_size {
            (self.max_request_size, SizeLimit::MaxRequestSize)
        } else {
            (total, SizeLimit::BufferMemory)
        };
        Error::new(ErrorKind::RecordTooLarge { size, limit, limited_by })
    }
}

impl Drop for BytesProducer {
    /// Sends what is left, for at most five seconds; what fails after that is logged.
    fn drop(&mut self) {
        if self.thread.lock().is_none() {
            return;
        }
        if is_inside() {
            // Nobody can wait here; the thread goes on by itself.
            return self.begin_to_close(Deadline::after(self.clock.now(), DROP_TIMEOUT));
        }
        if let Err(error) = self.close(Some(DROP_TIMEOUT)) {
            log::warn!("a producer was dropped, and not everything was delivered: {error}");
        }
    }
}

const DROP_TIMEOUT: Duration = Duration::from_secs(5);
const CLOSE_GRACE: Duration = Duration::from_millis(25);

fn invalid(reason: &'static str) -> Error {
    Error::new(ErrorKind::InvalidRecord { reason })
}
