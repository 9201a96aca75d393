//! `KafkaProducer`: the type that a program uses.

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

/// Sends records to a Kafka cluster, as kafka-python's `KafkaProducer` does.
///
/// [`send`](Self::send) appends a record to a batch and returns. One background thread sends the batches.
///
/// Threads share a producer as `&KafkaProducer` or in an `Arc`. One producer for many threads is faster than one for each
/// thread.
///
/// Keys and values are bytes, unless the producer has serializers: see
/// [`build_with`](crate::ProducerConfig::build_with).
///
/// # Closing
/// [`close`](Self::close) sends what is buffered, within a limit of time, and returns an error if a record failed. Call it
/// before the program ends.
///
/// Dropping a producer closes it with a limit of five seconds. Failures are then only logged.
///
/// Rust never drops the value of a `static`. If a producer is in a `static`, call `close` at the end of `main`. Otherwise it
/// is closed when the process ends: see [`exit_timeout`](crate::ProducerConfig::exit_timeout).
///
/// # In a forked child
/// A producer belongs to the process that built it. A child made by `fork` does not get the producer's thread, and the
/// connections belong to the parent. In the child, `send`, `flush`, `close` and every other call that can wait fail at once
/// with [`ErrorKind::UsedAfterFork`]. They write nothing and take nothing from the parent. A future without a result fails in
/// the child with the same error. Dropping the producer in the child does nothing.
///
/// Build a new producer in the child. A producer that was built before the fork does not work there, even if it was not used
/// before. With preloading (gunicorn's `--preload`), build the producer in the worker, not in the master.
///
/// A `send` in the child may return `Ok` if the thread that forked has called `send` less than 4 ms before. The kernel is
/// asked for the process only once in that time, because asking takes longer than a `send`. The record is lost: its future
/// and the next `flush` fail with `UsedAfterFork`. If a callback forks, the child ends when the callback returns.
///
/// In a child of a process with several threads, POSIX allows little before `exec`. This crate allocates memory and takes
/// locks there. On Linux both work.
pub struct KafkaProducer<K: ?Sized = [u8], V: ?Sized = [u8]> {
    producer: BytesProducer,
    key_serializer: Arc<dyn Serializer<K>>,
    value_serializer: Arc<dyn Serializer<V>>,
}

impl ProducerConfig {
    /// Checks the configuration and starts the producer. Keys and values are bytes.
    ///
    /// It does not wait for the network. The background thread connects to the brokers, and the first `send` waits until the
    /// topic's metadata are there. [`KafkaProducer::wait_connected`] waits for the first answer of a broker.
    ///
    /// # Errors
    /// - [`ErrorKind::Config`] lists every setting that can't be used.
    /// - [`ErrorKind::Spawn`] if the system provides no thread or no file descriptors.
    pub fn build(self) -> Result<KafkaProducer, Error> {
        self.build_with(BytesSerializer, BytesSerializer)
    }

    /// As [`build`](Self::build), with a [`Serializer`] for keys and one for values. A closure is a serializer too.
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
    /// Returns the default configuration. Change its settings, then call [`build`](ProducerConfig::build).
    pub fn builder() -> ProducerConfig {
        ProducerConfig::new()
    }

    /// Builds a producer, as [`ProducerConfig::build`] does.
    ///
    /// # Errors
    /// As [`ProducerConfig::build`].
    pub fn new(config: ProducerConfig) -> Result<Self, Error> {
        config.build()
    }
}

#[cfg(all(test, feature = "mock"))]
impl KafkaProducer {
    /// A producer with the network, the clock and the threads of a test.
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

/// The inner parts that a test may look at.
#[cfg(all(test, feature = "mock"))]
pub(crate) struct Insides {
    pub(crate) accumulator: RecordAccumulator,
    pub(crate) topics: Arc<TopicTable>,
    pub(crate) metadata: Arc<SharedMetadata>,
    pub(crate) observer: Arc<Observer>,
    pub(crate) inbox: Arc<Inbox<Arc<PartitionQueue>>>,
}

impl<K: ?Sized, V: ?Sized> KafkaProducer<K, V> {
    /// Appends a record to the open batch of its partition, and returns a future for its result.
    ///
    /// It blocks only while the topic's metadata are not known or while `buffer_memory` is used up, and for at most
    /// `max_block_ms` in all.
    ///
    /// # Inside a callback
    /// Inside a callback it never blocks. Where it would, it fails with [`ErrorKind::WouldBlock`]. So a `send` to a topic that
    /// the producer has not used yet, or not for [`metadata_max_idle`](crate::ProducerConfig::metadata_max_idle) (five
    /// minutes), fails inside a callback. If callbacks send to another topic, such as a dead-letter topic, call
    /// [`partitions_for`](Self::partitions_for) for that topic when the program starts, or pass the record to another thread
    /// that sends it. After `partitions_for` the producer keeps the topic's metadata.
    ///
    /// # Errors
    /// It returns the errors that are known before the record is sent. A broker's answer to the record comes through the
    /// future.
    /// - [`ErrorKind::InvalidRecord`], [`ErrorKind::RecordTooLarge`], [`ErrorKind::Serialization`]: the record can't be sent.
    /// - [`ErrorKind::InvalidTopic`], [`ErrorKind::UnknownTopic`], [`ErrorKind::UnknownPartition`], [`ErrorKind::Broker`]: the
    ///   topic or the partition can't be used.
    /// - [`ErrorKind::Timeout`], [`ErrorKind::BufferExhausted`]: `max_block_ms` expired. The error says what was last seen of
    ///   each broker.
    /// - [`ErrorKind::Denied`], [`ErrorKind::Authentication`]: the brokers can't be used with this configuration.
    /// - [`ErrorKind::WouldBlock`]: it would block inside a callback.
    /// - [`ErrorKind::Closed`], [`ErrorKind::UsedAfterFork`]: the producer can't be used any more.
    #[inline]
    pub fn send(&self, record: ProducerRecord<'_, K, V>) -> Result<FutureRecordMetadata, Error> {
        self.dispatch(&record, wait_mode())
    }

    /// As [`send`](Self::send), but it never blocks.
    ///
    /// To keep a record that could not be sent, pass a clone: `try_send(record.clone())`. A clone is cheap. To keep it for
    /// longer than the data it borrows, use [`into_owned`](ProducerRecord::into_owned).
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`ErrorKind::WouldBlock`] where `send` would block. The producer then requests the topic's
    /// metadata, or sends batches to free memory, so a later call may succeed.
    pub fn try_send(&self, record: ProducerRecord<'_, K, V>) -> Result<FutureRecordMetadata, Error> {
        self.dispatch(&record, Wait::Never)
    }

    /// As [`send`](Self::send), with a callback. `callback` is called once, with the record's metadata or with its error. This
    /// is Java's `send(record, callback)`.
    ///
    /// It is `send` followed by [`add_both`](FutureRecordMetadata::add_both), which describes what a callback may do.
    ///
    /// # Errors
    /// As [`send`](Self::send). `callback` is then not called.
    pub fn send_with(
        &self,
        record: ProducerRecord<'_, K, V>,
        callback: impl FnOnce(Result<&RecordMetadata, &Error>) + Send + 'static,
    ) -> Result<FutureRecordMetadata, Error> {
        let future = self.send(record)?;
        future.add_both(callback);
        Ok(future)
    }

    /// Returns the partitions of a topic by their numbers, as in the cluster's latest metadata. The keys are the set of
    /// numbers that kafka-python's `partitions_for` returns.
    ///
    /// It waits for the metadata for at most `max_block_ms`. From then on the producer keeps the metadata of this topic, also if
    /// no record is sent to it for [`metadata_max_idle`](crate::ProducerConfig::metadata_max_idle). So if a program calls this
    /// when it starts, no later `send` to the topic waits for metadata.
    ///
    /// # Errors
    /// As [`send`](Self::send), except for the errors about a record.
    pub fn partitions_for(&self, topic: &str) -> Result<BTreeMap<i32, PartitionInfo>, Error> {
        self.producer.partitions_for(topic, wait_mode())
    }

    /// Returns how many records and batches have no result yet, and how much of `buffer_memory` is in use. Records that wait to
    /// be sent are counted too.
    ///
    /// The numbers are not all of the same moment if other threads send meanwhile. It looks at each batch, so do not call it
    /// for each record. In a forked child all counts are 0.
    pub fn in_flight(&self) -> InFlight {
        self.producer.in_flight()
    }

    /// Waits until every record that was passed to `send` before this call has a result, at most for `timeout`. `None` is no
    /// limit.
    ///
    /// The records are sent at once, without waiting for `linger`. If the time runs out, no record fails: the records are
    /// still being sent. Other threads may call `send` meanwhile. When it returns before the time runs out, the callbacks of
    /// these records have run.
    ///
    /// If the time runs out, the next `flush` reports the failures of this one again. So a program may call `flush` until
    /// nothing is pending, and the last error has all failures.
    ///
    /// # Errors
    /// - [`ErrorKind::Undelivered`]: records have no result yet, or records have failed since the last `flush` and no future
    ///   or callback has looked at them. The report has their number, the first error, and what was last seen of each broker.
    /// - [`ErrorKind::CalledFromCallback`] inside a callback.
    /// - [`ErrorKind::UsedAfterFork`] in a forked child.
    pub fn flush(&self, timeout: impl Into<Option<Duration>>) -> Result<(), Error> {
        self.producer.flush(timeout.into())
    }

    /// Closes the producer: refuses further records, waits until the accepted ones have results, and ends the background
    /// thread. It waits at most for `timeout`; `None` is no limit. Records without a result then fail. A `send` that is waiting
    /// fails with [`ErrorKind::Closed`].
    ///
    /// If several threads close, the earliest deadline counts for all of them. Each of them, and every later call, gets the
    /// same result.
    ///
    /// When it returns before the time runs out, all callbacks have run. Otherwise callbacks may still be running, or may run
    /// later on the background thread. A program that collects results from callbacks in a channel can wait for its end: the
    /// callbacks are dropped when they have run.
    ///
    /// Inside a callback it returns `Ok` at once, and every record without a result fails, as with a `timeout` of zero.
    ///
    /// # Errors
    /// - [`ErrorKind::Undelivered`]: records had no result when the time expired, or records have failed and no future,
    ///   callback or `flush` has looked at them. The report has their number, the first error, and what was last seen of each
    ///   broker. A record that had no result fails with [`ErrorKind::Timeout`] and [`Limit::Close`](crate::Limit::Close).
    /// - [`ErrorKind::UsedAfterFork`] in a forked child. Nothing is closed there.
    pub fn close(&self, timeout: impl Into<Option<Duration>>) -> Result<(), Error> {
        self.producer.close(timeout.into())
    }

    /// Returns how many records have failed so far without the program having looked at the failure.
    ///
    /// A failure is counted when the last future of its batch is dropped, if no future or callback has looked at it and no
    /// `flush` or `close` has reported it. [`FutureRecordMetadata`] lists the methods that look at a failure. A failure stays
    /// counted if a later `flush` or `close` reports it. Records that failed because the producer ended are not counted:
    /// `close` reports them.
    ///
    /// The log has a warning with the number of new failures and the last error, at most once per minute.
    pub fn unchecked_failures(&self) -> u64 {
        self.producer.unchecked_failures()
    }

    /// Returns whether a broker has answered yet.
    pub fn bootstrap_connected(&self) -> bool {
        self.producer.bootstrap_connected()
    }

    /// Waits for the first answer of a broker, at most for `timeout`. `None` is no limit.
    ///
    /// # Errors
    /// - [`ErrorKind::Timeout`]: it says what was last seen of each broker.
    /// - [`ErrorKind::Denied`], [`ErrorKind::Authentication`]: the brokers can't be used with this configuration.
    /// - [`ErrorKind::Closed`], [`ErrorKind::UsedAfterFork`]: the producer can't be used any more.
    pub fn wait_connected(&self, timeout: impl Into<Option<Duration>>) -> Result<(), Error> {
        self.producer.wait_connected(timeout.into())
    }

    #[inline]
    fn dispatch(&self, record: &ProducerRecord<'_, K, V>, wait: Wait) -> Result<FutureRecordMetadata, Error> {
        let key = record.key.and_then(|key| self.key_serializer.as_bytes(key));
        let value = record.value.and_then(|value| self.value_serializer.as_bytes(value));
        if key.is_some() != record.key.is_some() || value.is_some() != record.value.is_some() {
            return self.serialize(record, key, value, wait);
        }
        self.producer.send(&BytesRecord::of(record, key, value), wait)
    }

    /// `key` and `value` are the bytes of those that are bytes already.
    fn serialize(
        &self,
        record: &ProducerRecord<'_, K, V>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        wait: Wait,
    ) -> Result<FutureRecordMetadata, Error> {
        let (topic, headers) = (record.topic, record.all_headers());
        with_scratch(|scratch| {
            let context = SerializationContext::key(topic, headers);
            let key = match key {
                None => serialized(&*self.key_serializer, context, record.key, &mut scratch.key)?,
                key => key,
            };
            let context = SerializationContext::value(topic, headers);
            let value = match value {
                None => serialized(&*self.value_serializer, context, record.value, &mut scratch.value)?,
                value => value,
            };
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
    match serializer.serialize(&context, value, out) {
        Ok(()) => Ok(Some(out)),
        Err(cause) => {
            let (topic, is_key, reason) = (context.topic().into(), context.is_key(), cause.to_string());
            Err(Error::with_source(ErrorKind::Serialization { topic, is_key, reason }, cause))
        }
    }
}

/// A call inside a callback must not wait for the thread that runs the callback.
#[inline]
fn wait_mode() -> Wait {
    if is_inside() { Wait::Never } else { Wait::MaxBlock }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for KafkaProducer<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaProducer").field("closed", &self.producer.is_closed()).finish_non_exhaustive()
    }
}
