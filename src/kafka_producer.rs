//! `KafkaProducer`: what a program holds.

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::client::{Awaited, KafkaClient, SharedMetadata};
use crate::config::{ProducerConfig, Settings};
use crate::error::{Error, ErrorKind, Limit, SizeLimit};
use crate::net;
use crate::producer::{
    FutureRecordMetadata, Inbox, PartitionQueue, Partitioner, RecordAccumulator, Sender, SimpleBufferPool,
    TopicHandle, TopicTable, Wait, is_inside, record_accumulator,
};
use crate::producer_record::{ProducerRecord, SendError};
use crate::protocol::ErrorCode;
use crate::record::{BATCH_HEADER_LEN, RecordParts, RecordSize};
use crate::sync::Mutex;
use crate::thread::{Exit, SenderThread};
use crate::time::{Clock, Deadline};

/// Sends records to a Kafka cluster, as kafka-python's class of the same name does: [`send`](Self::send) appends to a
/// batch and returns, one background thread does the rest.
///
/// It is shared by threads as it is (`&KafkaProducer`, or in an `Arc`); one producer for many threads is faster than
/// one for each. Dropping it sends what is left for at most five seconds; [`close`](Self::close) says how that went.
pub struct KafkaProducer {
    accumulator: RecordAccumulator,
    topics: Arc<TopicTable>,
    metadata: Arc<SharedMetadata>,
    inbox: Arc<Inbox<Arc<PartitionQueue>>>,
    partitioner: Arc<dyn Partitioner>,
    max_request_size: usize,
    max_block: Duration,
    clock: Clock,
    exit: Arc<Exit>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ProducerConfig {
    /// Checks the configuration and starts the producer. The network is not touched: the thread connects behind the
    /// scenes, and the first `send` waits for it (see [`KafkaProducer::wait_connected`]).
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every setting that can't be used; [`ErrorKind::Spawn`] if the system gives no thread
    /// or no descriptors.
    pub fn build(self) -> Result<KafkaProducer, Error> {
        KafkaProducer::new(self)
    }
}

impl KafkaProducer {
    /// The default configuration, to be changed and then [built](ProducerConfig::build).
    pub fn builder() -> ProducerConfig {
        ProducerConfig::new()
    }

    /// As [`ProducerConfig::build`].
    pub fn new(config: ProducerConfig) -> Result<Self, Error> {
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
        let (accumulator, drain) = record_accumulator(accumulator, pool, Arc::clone(&inbox), clock.clone());
        let metadata = SharedMetadata::new();
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
            inbox,
            partitioner,
            max_request_size,
            max_block,
            clock,
            exit,
            thread,
        })
    }

    /// Appends a record to its partition's batch and returns at once; the future tells how it went.
    ///
    /// It blocks, for at most `max_block_ms` in all, only while the topic is not known yet or `buffer_memory` is used
    /// up. Inside a callback it never blocks.
    ///
    /// # Errors
    /// What is known to be wrong without a broker: an empty or too large record, an unknown topic or partition, a
    /// closed producer, [`ErrorKind::Timeout`]. What a broker says comes through the future.
    #[inline]
    pub fn send(&self, record: ProducerRecord<'_>) -> Result<FutureRecordMetadata, Error> {
        self.dispatch(&record, self.patience())
    }

    /// As [`send`](Self::send), but never blocks, and gives the record back if it can't be sent.
    ///
    /// # Errors
    /// As [`send`](Self::send); where that would wait, [`ErrorKind::WouldBlock`]. The topic's metadata is asked for all
    /// the same, so a later try may succeed.
    pub fn try_send<'a>(&self, record: ProducerRecord<'a>) -> Result<FutureRecordMetadata, SendError<'a>> {
        self.dispatch(&record, Wait::Never).map_err(|error| SendError::new(error, record))
    }

    /// As [`send`](Self::send), and gives the record back if it can't be sent.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_or_return<'a>(
        &self,
        record: ProducerRecord<'a>,
    ) -> Result<FutureRecordMetadata, SendError<'a>> {
        self.dispatch(&record, self.patience()).map_err(|error| SendError::new(error, record))
    }

    /// The number of the topic's partitions, waiting for metadata for at most `max_block_ms`.
    ///
    /// # Errors
    /// As [`send`](Self::send) for an unknown topic.
    pub fn partitions_for(&self, topic: &str) -> Result<usize, Error> {
        Ok(self.await_topic(topic, self.patience(), 0)?.queues.len())
    }

    /// Sends everything that was sent before, without waiting for `linger`, and waits for the results, at most
    /// `timeout`; `None` is for ever. Other threads may go on sending.
    ///
    /// # Errors
    /// [`ErrorKind::Undelivered`] with a report: what has no result yet, and every failure since the last flush that
    /// no future or callback has looked at. [`ErrorKind::CalledFromCallback`] inside a callback.
    pub fn flush(&self, timeout: impl Into<Option<Duration>>) -> Result<(), Error> {
        if is_inside() {
            return Err(Error::new(ErrorKind::CalledFromCallback { call: "flush" }));
        }
        let timeout = timeout.into();
        self.accumulator.flush(Deadline::after(self.clock.now(), timeout), timeout)
    }

    /// Refuses further records, waits until those before have results, at most `timeout` (`None`: for ever), fails the
    /// rest, and ends the thread. Closing again does nothing. Inside a callback nothing is waited for.
    ///
    /// # Errors
    /// [`ErrorKind::Undelivered`] with a report of what failed and nobody has looked at.
    pub fn close(&self, timeout: impl Into<Option<Duration>>) -> Result<(), Error> {
        let timeout = timeout.into();
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
        self.accumulator.report(timeout)
    }

    /// Refuses further records, wakes who blocks, and tells the sender.
    fn begin_to_close(&self, deadline: Deadline) {
        self.topics.close();
        self.accumulator.pool().close();
        self.metadata.close();
        self.inbox.close(deadline);
    }

    /// Whether a broker has answered yet.
    pub fn bootstrap_connected(&self) -> bool {
        self.metadata.version() > 0
    }

    /// Waits for the first answer of a broker, at most `timeout`; `None` is for ever.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`], which tells how far it got with each broker.
    pub fn wait_connected(&self, timeout: impl Into<Option<Duration>>) -> Result<(), Error> {
        let timeout = timeout.into();
        let deadline = Deadline::after(self.clock.now(), timeout);
        match self.metadata.wait(&self.clock, deadline, |snapshot| (snapshot.version() > 0).then_some(())) {
            Awaited::Found(()) => Ok(()),
            Awaited::Closed => Err(Error::new(ErrorKind::Closed)),
            Awaited::TimedOut(brokers) => Err(Error::new(ErrorKind::Timeout {
                limit: Limit::Call,
                value: timeout.unwrap_or_default(),
                waited_for: "waiting for the first answer of a broker".to_owned(),
                brokers,
            })),
        }
    }

    #[inline]
    fn dispatch(&self, record: &ProducerRecord<'_>, wait: Wait) -> Result<FutureRecordMetadata, Error> {
        let parts = RecordParts { key: record.key, value: record.value, headers: record.all_headers() };
        if parts.key.is_none() && parts.value.is_none() {
            return Err(invalid("it has neither a key nor a value; give it at least one of them"));
        }
        let size = RecordSize::of(&parts);
        let most = BATCH_HEADER_LEN + size.at_most();
        if most > self.max_request_size || most > self.accumulator.pool().total() {
            return Err(self.too_large(most));
        }
        let wall = self.clock.wall_millis();
        if record.timestamp.is_some_and(|timestamp| timestamp < 0) {
            return Err(invalid("its timestamp is negative; give milliseconds since 1970, or none"));
        }
        let ready = Prepared { record, parts, size, wall };
        let version = self.metadata.version();
        let known = self.topics.cached(record.topic, version, |topic| self.append(topic, &ready, wait));
        match known {
            Some(Some(result)) => result,
            _ => self.send_slowly(&ready, wait),
        }
    }

    /// Inside a callback nobody may wait for the thread that runs it.
    #[inline]
    fn patience(&self) -> Wait {
        if is_inside() { Wait::Never } else { Wait::MaxBlock }
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
        let partition = record
            .partition
            .unwrap_or_else(|| self.partitioner.partition(record.key, topic.queues.len(), &topic.available));
        let queue = topic.queues.get(usize::try_from(partition).ok()?)?;
        let timestamp = record.timestamp.unwrap_or(ready.wall);
        Some(self.accumulator.append(queue, &ready.parts, ready.size, timestamp, ready.wall, wait))
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
            let known = topic.queues.len();
            Err(Error::new(ErrorKind::UnknownPartition { topic: Arc::clone(&topic.name), partition, known }))
        };
        match record.partition {
            Some(partition) if partition >= 0 => {
                let topic = self.await_topic(record.topic, wait, self.metadata.version() + 1)?;
                self.append(&topic, ready, wait).unwrap_or_else(|| unknown(&topic, partition))
            }
            Some(partition) => unknown(&topic, partition),
            None => {
                let partition = self.partitioner.partition(record.key, topic.queues.len(), &topic.available);
                unknown(&topic, partition)
            }
        }
    }

    /// The topic by metadata of at least `version`.
    fn await_topic(&self, topic: &str, wait: Wait, version: u64) -> Result<Arc<TopicHandle>, Error> {
        let snapshot = self.metadata.snapshot();
        if snapshot.version() >= version
            && let Some(handle) = self.topics.handle(topic, &snapshot)
        {
            return Ok(handle);
        }
        check_topic_name(topic)?;
        if self.topics.is_closed() {
            return Err(Error::new(ErrorKind::Closed));
        }
        // What was said before the question is no answer to it.
        let version = version.max(snapshot.version() + 1);
        let name: Arc<str> = Arc::from(topic);
        let deadline = match wait {
            Wait::Never => Deadline::at(self.clock.now()),
            Wait::Until(deadline) => deadline,
            Wait::MaxBlock => Deadline::after(self.clock.now(), self.max_block),
        };
        self.inbox.topic(&name, deadline);
        if matches!(wait, Wait::Never) {
            let what = format!("metadata of topic '{topic}'");
            return Err(Error::new(ErrorKind::WouldBlock { what }));
        }
        let mut last_error = None;
        let awaited = self.metadata.wait(&self.clock, deadline, |snapshot| {
            if let Some(handle) =
                (snapshot.version() >= version).then(|| self.topics.handle(topic, snapshot)).flatten()
            {
                return Some(Ok(handle));
            }
            let error = snapshot.topics.get(topic).filter(|_| snapshot.version() >= version)?.error?;
            last_error = Some(error);
            (!error.is_retriable()).then_some(Err(error))
        });
        match awaited {
            Awaited::Found(Ok(handle)) => Ok(handle),
            Awaited::Found(Err(code)) => Err(refused(&name, code)),
            Awaited::Closed => Err(Error::new(ErrorKind::Closed)),
            Awaited::TimedOut(_) if last_error == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {
                Err(Error::new(ErrorKind::UnknownTopic { topic: name }))
            }
            Awaited::TimedOut(brokers) => Err(Error::new(ErrorKind::Timeout {
                limit: Limit::MaxBlock,
                value: self.max_block,
                waited_for: match last_error {
                    None => format!("waiting for metadata of topic '{topic}'"),
                    Some(code) => {
                        format!("waiting for metadata of topic '{topic}', for which a broker answered {code}")
                    }
                },
                brokers,
            })),
        }
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

/// A record with what `send` has found out about it.
struct Prepared<'a> {
    record: &'a ProducerRecord<'a>,
    parts: RecordParts<'a>,
    size: RecordSize,
    wall: i64,
}

impl Drop for KafkaProducer {
    /// Sends what is left, for at most five seconds; what fails after that is logged.
    fn drop(&mut self) {
        if self.thread.lock().is_none() {
            return;
        }
        if is_inside() {
            // Nobody can wait here; the thread goes on by itself.
            return self.begin_to_close(Deadline::after(self.clock.now(), DROP_TIMEOUT));
        }
        if let Err(error) = self.close(DROP_TIMEOUT) {
            log::warn!("a producer was dropped, and not everything was delivered: {error}");
        }
    }
}

impl fmt::Debug for KafkaProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaProducer").field("closed", &self.topics.is_closed()).finish_non_exhaustive()
    }
}

const DROP_TIMEOUT: Duration = Duration::from_secs(5);
const CLOSE_GRACE: Duration = Duration::from_millis(25);

fn invalid(reason: &'static str) -> Error {
    Error::new(ErrorKind::InvalidRecord { reason })
}

/// A topic's error that no waiting mends.
fn refused(topic: &Arc<str>, code: ErrorCode) -> Error {
    match code {
        ErrorCode::INVALID_TOPIC_EXCEPTION => {
            let reason = "the cluster refuses it";
            Error::new(ErrorKind::InvalidTopic { topic: Arc::clone(topic), reason })
        }
        code => Error::new(ErrorKind::Broker { code, message: None, about: format!("topic '{topic}'") }),
    }
}

/// Kafka's own rules, which its brokers apply too: refused here, it costs no round trip.
fn check_topic_name(topic: &str) -> Result<(), Error> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let reason = match topic {
        "" => "it is empty",
        "." | ".." => "it is a name of directories",
        _ if topic.len() > 249 => "it is longer than 249 characters",
        _ if !topic.bytes().all(legal) => "only letters, digits, '.', '_' and '-' may stand in it",
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::InvalidTopic { topic: Arc::from(topic), reason }))
}
