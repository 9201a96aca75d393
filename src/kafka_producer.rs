//! `KafkaProducer`: what a program holds.

mod assemble;
#[cfg_attr(any(loom, shuttle), allow(dead_code, reason = "no process ends inside a model"))]
mod at_exit;
mod bytes_producer;
mod closer;
mod in_flight;
mod topics;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::client::PartitionInfo;
use crate::config::ProducerConfig;
use crate::error::{Error, ErrorKind};
use crate::producer::{
    BytesSerializer, FutureRecordMetadata, RecordMetadata, SerializationContext, Serializer, Wait, is_inside,
    with_scratch,
};
use crate::producer_record::ProducerRecord;
#[cfg(all(test, feature = "mock"))]
use crate::{
    client::SharedMetadata,
    net::{Network, SocketSettings},
    observation::Observer,
    producer::{Inbox, PartitionQueue, RecordAccumulator, TopicTable},
};
pub(crate) use assemble::Environment;
use assemble::assemble;
use bytes_producer::{BytesProducer, BytesRecord};
pub use in_flight::InFlight;

/// Sends records to a Kafka cluster, as kafka-python's class of the same name does: [`send`](Self::send) appends to a
/// batch and returns, one background thread does the rest.
///
/// It is shared by threads as it is (`&KafkaProducer`, or in an `Arc`); one producer for many threads is faster than
/// one for each. Dropping it sends what is left, for at most five seconds, and only logs what failed; call
/// [`close`](Self::close) first to choose the time and to get the error. Rust never drops what is in a `static`: call
/// `close` there at the end of `main` (it takes `&self`). If you do not, the producer is closed when the process
/// ends: see [`exit_timeout`](crate::ProducerConfig::exit_timeout).
///
/// Keys and values are bytes, or what its serializers make bytes of: see
/// [`build_with`](crate::ProducerConfig::build_with).
///
/// # In a forked child
/// A producer belongs to the process that made it. Its thread does not come along into a child made by `fork`, and its
/// connections stay the parent's. In the child `send`, `flush`, `close` and every other call that could wait fail at once
/// with [`ErrorKind::UsedAfterFork`]. They write nothing and take nothing from the parent. To drop the producer is allowed
/// and does nothing. A future without a result fails in the child with the same error.
///
/// Make a new producer in the child. A producer that was made before the fork does not work there, even if it was not used
/// before. With preloading (gunicorn's `--preload`), build the producer in the worker, not in the master.
///
/// A `send` of the child within 4 ms of the last one of its parent's thread may return `Ok`, because the kernel is asked
/// once in that time only: asking takes longer than a `send`. The record is lost; its future and the next `flush` fail with
/// `UsedAfterFork`. If a callback forks, the child ends when the callback returns.
///
/// POSIX allows a child of a process with several threads to do little before it calls `exec`. This crate uses memory of the
/// system's allocator and locks there all the same; on Linux both work.
pub struct KafkaProducer<K: ?Sized = [u8], V: ?Sized = [u8]> {
    producer: BytesProducer,
    key_serializer: Arc<dyn Serializer<K>>,
    value_serializer: Arc<dyn Serializer<V>>,
}

impl ProducerConfig {
    /// Checks the configuration and starts the producer. The network is not touched: the thread connects behind the
    /// scenes, and the first `send` waits for it (see [`KafkaProducer::wait_connected`]).
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every setting that can't be used; [`ErrorKind::Spawn`] if the system gives no thread
    /// or no descriptors.
    pub fn build(self) -> Result<KafkaProducer, Error> {
        self.build_with(BytesSerializer, BytesSerializer)
    }

    /// As [`build`](Self::build), for keys and values that are more than bytes.
    ///
    /// ```
    /// use kafka_producer::{KafkaProducer, ProducerRecord, StringSerializer};
    ///
    /// struct Order {
    ///     cents: u64,
    /// }
    ///
    /// let producer: KafkaProducer<str, Order> = KafkaProducer::builder()
    ///     .bootstrap_servers(["localhost:9092"])
    ///     .build_with(StringSerializer, |order: &Order| order.cents.to_be_bytes())?;
    ///
    /// let record = ProducerRecord::to("orders").key("user-1").value(&Order { cents: 1_999 });
    /// # if false {
    /// producer.send(record)?;
    /// # } else { let _ = producer.try_send(record); }
    /// # Ok::<(), kafka_producer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`build`](Self::build).
    #[doc(alias = "key_serializer")]
    #[doc(alias = "value_serializer")]
    pub fn build_with<K: ?Sized, V: ?Sized>(
        self,
        key_serializer: impl Serializer<K> + 'static,
        value_serializer: impl Serializer<V> + 'static,
    ) -> Result<KafkaProducer<K, V>, Error> {
        let settings = self.settings()?;
        let environment = Environment::machine(settings.socket.clone())?;
        let exit_timeout = settings.exit_timeout;
        let producer = assemble(settings, environment)?;
        at_exit::register(&producer.closer, exit_timeout);
        Ok(KafkaProducer {
            producer,
            key_serializer: Arc::new(key_serializer),
            value_serializer: Arc::new(value_serializer),
        })
    }
}

impl KafkaProducer {
    /// The default configuration, to be changed and then [built](ProducerConfig::build).
    pub fn builder() -> ProducerConfig {
        ProducerConfig::new()
    }

    /// As [`ProducerConfig::build`].
    ///
    /// # Errors
    /// As [`ProducerConfig::build`].
    pub fn new(config: ProducerConfig) -> Result<Self, Error> {
        config.build()
    }
}

#[cfg(all(test, feature = "mock"))]
impl KafkaProducer {
    /// In a world of the test's own.
    pub(crate) fn within<N>(
        config: &ProducerConfig,
        environment: impl FnOnce(&SocketSettings) -> Environment<N>,
    ) -> Result<Self, Error>
    where
        N: Network<Stream: Send> + Send + 'static,
    {
        let settings = config.settings()?;
        let environment = environment(&settings.socket);
        Ok(Self {
            producer: assemble(settings, environment)?,
            key_serializer: Arc::new(BytesSerializer),
            value_serializer: Arc::new(BytesSerializer),
        })
    }

    pub(crate) fn insides(&self) -> Insides {
        let BytesProducer { accumulator, topics, .. } = &self.producer;
        Insides {
            accumulator: accumulator.clone(),
            topics: Arc::clone(&topics.table),
            metadata: Arc::clone(&topics.metadata),
            observer: Arc::clone(&topics.observer),
            inbox: Arc::clone(&topics.inbox),
        }
    }
}

/// What a test may look at that a program may not.
#[cfg(all(test, feature = "mock"))]
pub(crate) struct Insides {
    pub(crate) accumulator: RecordAccumulator,
    pub(crate) topics: Arc<TopicTable>,
    pub(crate) metadata: Arc<SharedMetadata>,
    pub(crate) observer: Arc<Observer>,
    pub(crate) inbox: Arc<Inbox<Arc<PartitionQueue>>>,
}

impl<K: ?Sized, V: ?Sized> KafkaProducer<K, V> {
    /// Appends a record to its partition's batch and returns at once; the future tells how it went.
    ///
    /// It blocks, for at most `max_block_ms` in all, only while the topic is not known yet or `buffer_memory` is used
    /// up. Inside a callback it never blocks: where it would, it fails with [`ErrorKind::WouldBlock`].
    ///
    /// # Errors
    /// What is known to be wrong without a broker: an empty or too large record, one that can't be serialized, an
    /// unknown topic or partition, a closed producer, a forked child; [`ErrorKind::Timeout`] and [`ErrorKind::BufferExhausted`], which
    /// tell what was last seen of the brokers. What a broker says comes through the future.
    #[inline]
    pub fn send(&self, record: ProducerRecord<'_, K, V>) -> Result<FutureRecordMetadata, Error> {
        self.dispatch(&record, wait_mode())
    }

    /// As [`send`](Self::send), but it never blocks.
    ///
    /// To keep a record that could not be sent, give a clone, which is cheap: `try_send(record.clone())`. To keep it for
    /// longer than what it borrows from, use [`into_owned`](ProducerRecord::into_owned).
    ///
    /// # Errors
    /// As [`send`](Self::send); where that would wait, [`ErrorKind::WouldBlock`]. The producer then asks for the topic's
    /// metadata or sends batches to free memory, so that a later try may succeed.
    pub fn try_send(&self, record: ProducerRecord<'_, K, V>) -> Result<FutureRecordMetadata, Error> {
        self.dispatch(&record, Wait::Never)
    }

    /// As [`send`](Self::send) and then [`add_both`](FutureRecordMetadata::add_both): calls `callback` once, with the record's
    /// metadata or with the error. That is Java's `send(record, callback)`.
    ///
    /// # Errors
    /// As [`send`](Self::send). Then `callback` is not called.
    pub fn send_with(
        &self,
        record: ProducerRecord<'_, K, V>,
        callback: impl FnOnce(Result<&RecordMetadata, &Error>) + Send + 'static,
    ) -> Result<FutureRecordMetadata, Error> {
        let future = self.send(record)?;
        future.add_both(callback);
        Ok(future)
    }

    /// The partitions of a topic by their numbers, as the cluster's latest metadata tell them. Its keys are the set of numbers
    /// that kafka-python's `partitions_for` gives.
    ///
    /// It waits for metadata for at most `max_block_ms`. A program that calls it at the start spares the first `send` that
    /// wait.
    ///
    /// # Errors
    /// As [`send`](Self::send), where that has to do with the topic.
    pub fn partitions_for(&self, topic: &str) -> Result<BTreeMap<i32, PartitionInfo>, Error> {
        self.producer.partitions_for(topic, wait_mode())
    }

    /// How many records and batches have no result yet, and how much of `buffer_memory` they use. Other threads may change it
    /// at any time. It looks at each batch: call it now and then, not for each record.
    pub fn in_flight(&self) -> InFlight {
        self.producer.in_flight()
    }

    /// Waits until every record given to `send` before this call has a result, at most `timeout`; `None` is for ever.
    /// They go out at once, without waiting for `linger`. Nothing fails if the time runs out: the records are still
    /// on their way. Other threads may go on sending.
    ///
    /// # Errors
    /// [`ErrorKind::Undelivered`] with a report: what has no result yet and what keeps the brokers from it, and every
    /// failure since the last flush that no future or callback has looked at. [`ErrorKind::CalledFromCallback`] inside
    /// a callback.
    pub fn flush(&self, timeout: impl Into<Option<Duration>>) -> Result<(), Error> {
        self.producer.flush(timeout.into())
    }

    /// Refuses further records, waits until those before have results, at most `timeout` (`None`: for ever), fails
    /// the rest, and ends the thread. If several threads close, the earliest deadline holds for all of them. Each of
    /// them, and every later call, gets the same result. Inside a callback it returns `Ok` at once, and every record
    /// without a result fails, as with a `timeout` of zero.
    ///
    /// # Errors
    /// [`ErrorKind::Undelivered`] with a report: what had no result when the time was over and why, and what failed and
    /// nobody has looked at. Such a record's own error is a [`ErrorKind::Timeout`] of [`Limit::Close`](crate::Limit).
    /// [`ErrorKind::UsedAfterFork`] in a forked child, where nothing is closed.
    pub fn close(&self, timeout: impl Into<Option<Duration>>) -> Result<(), Error> {
        self.producer.close(timeout.into())
    }

    /// The number of records so far that failed without anybody having looked. A failure counts when the last handle of
    /// its future is dropped before a future, a callback, `flush` or `close` has told it; see [`FutureRecordMetadata`] for
    /// what looks. It stays counted if a later `flush` or `close` reports it as well. A warning on the log, at most one each
    /// minute, tells the number of new ones and the last error.
    pub fn overlooked_failures(&self) -> u64 {
        self.producer.overlooked_failures()
    }

    /// Whether a broker has answered yet.
    pub fn bootstrap_connected(&self) -> bool {
        self.producer.bootstrap_connected()
    }

    /// Waits for the first answer of a broker, at most `timeout`; `None` is for ever.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`], which tells how far it got with each broker.
    pub fn wait_connected(&self, timeout: impl Into<Option<Duration>>) -> Result<(), Error> {
        self.producer.wait_connected(timeout.into())
    }

    #[inline]
    fn dispatch(&self, record: &ProducerRecord<'_, K, V>, wait: Wait) -> Result<FutureRecordMetadata, Error> {
        let key = record.key.map(|key| self.key_serializer.as_bytes(key));
        let value = record.value.map(|value| self.value_serializer.as_bytes(value));
        if matches!(key, Some(None)) || matches!(value, Some(None)) {
            return self.serialize(record, wait);
        }
        self.producer.send(&BytesRecord::of(record, key.flatten(), value.flatten()), wait)
    }

    fn serialize(
        &self,
        record: &ProducerRecord<'_, K, V>,
        wait: Wait,
    ) -> Result<FutureRecordMetadata, Error> {
        let (topic, headers) = (record.topic, record.all_headers());
        with_scratch(|scratch| {
            let context = SerializationContext::key(topic, headers);
            let key = serialized(&*self.key_serializer, context, record.key, &mut scratch.key)?;
            let context = SerializationContext::value(topic, headers);
            let value = serialized(&*self.value_serializer, context, record.value, &mut scratch.value)?;
            self.producer.send(&BytesRecord::of(record, key, value), wait)
        })
    }
}

fn serialized<'a, T: ?Sized>(
    serializer: &dyn Serializer<T>,
    context: SerializationContext<'_>,
    value: Option<&'a T>,
    out: &'a mut Vec<u8>,
) -> Result<Option<&'a [u8]>, Error> {
    let Some(value) = value else { return Ok(None) };
    if let Some(bytes) = serializer.as_bytes(value) {
        return Ok(Some(bytes));
    }
    match serializer.serialize(&context, value, out) {
        Ok(()) => Ok(Some(out)),
        Err(cause) => {
            let (topic, is_key, reason) = (context.topic().into(), context.is_key(), cause.to_string());
            Err(Error::with_source(ErrorKind::Serialization { topic, is_key, reason }, cause))
        }
    }
}

/// Inside a callback nobody may wait for the thread that runs it.
#[inline]
fn wait_mode() -> Wait {
    if is_inside() { Wait::Never } else { Wait::MaxBlock }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for KafkaProducer<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaProducer").field("closed", &self.producer.is_closed()).finish_non_exhaustive()
    }
}
