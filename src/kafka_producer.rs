//! `KafkaProducer`: the type that a program uses.

mod assemble;
#[cfg_attr(any(loom, shuttle), allow(dead_code, reason = "no process ends inside a model"))]
mod at_exit;
mod bytes_producer;
mod closer;
mod in_flight;
mod serializers;
mod topics;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::client::PartitionInfo;
use crate::config::ProducerConfig;
use crate::error::{Error, ErrorKind};
use crate::metrics::Metrics;
use crate::producer::{BytesSerializer, FutureRecordMetadata, RecordMetadata, Serializer, Wait, is_inside};
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
use bytes_producer::BytesProducer;
pub use in_flight::InFlight;
use serializers::Serializers;

/// Sends records to a Kafka cluster, like kafka-python's `KafkaProducer`.
///
/// [`send`](Self::send) appends a record to a batch and returns. One background thread sends the batches.
///
/// Threads share a producer as `&KafkaProducer` or as `Arc<KafkaProducer>`. One producer for many threads is faster than
/// one producer for each thread.
///
/// Keys and values are bytes, unless the producer has serializers: see [`build_with`](crate::ProducerConfig::build_with).
///
/// # Closing
/// [`close`](Self::close) sends the buffered records, within a timeout, and returns an error if a record failed. Call
/// `close` before the program ends.
///
/// Dropping a producer closes it with a timeout of five seconds. Failures are then only logged.
///
/// Rust never drops the value of a `static`. If a producer is in a `static`, call `close` at the end of `main`. Without
/// this call, the producer is closed when the process ends: see [`exit_timeout`](crate::ProducerConfig::exit_timeout).
///
/// # In a forked child
/// A producer belongs to the process that built it. A child that is created by `fork` has no background thread, and the
/// connections belong to the parent. In the child, `send`, `flush`, `close` and every other call that can wait fail at once
/// with [`ErrorKind::UsedAfterFork`]. These calls neither write to the parent's connections nor read from them. A future
/// that had no result when the process forked fails in the child with the same error. Dropping the producer in the child
/// does nothing.
///
/// Build a new producer in the child. A producer that was built before the fork does not work in the child, even if the
/// parent has never used it. With preloading (gunicorn's `--preload`), build the producer in the worker, not in the master.
///
/// A `send` in the child can return `Ok` if the thread that forked called `send` in the parent less than 4 ms before. The
/// reason is speed: asking the kernel for the process ID takes longer than a `send`, so each thread asks at most once
/// per tick of a clock (1 to 4 ms). The record of such a `send` is lost. Its future and the next `flush` in the child fail
/// with `UsedAfterFork`.
///
/// A callback that runs on the background thread can fork too. In the child, this thread ends after the callback has
/// returned. If the child has no other thread, the child process then exits with status 0.
///
/// In a child of a process with several threads, POSIX allows only async-signal-safe functions before `exec`. This crate
/// allocates memory and takes locks in the child. On Linux both work.
pub struct KafkaProducer<K: ?Sized = [u8], V: ?Sized = [u8]> {
    producer: BytesProducer,
    serializers: Serializers<K, V>,
}

impl ProducerConfig {
    /// Checks the configuration and starts the producer. Keys and values are bytes.
    ///
    /// `build` does not wait for the network. The background thread connects to the brokers, and the first `send` waits for
    /// the topic's metadata. [`KafkaProducer::wait_connected`] waits for the first response of a broker.
    ///
    /// # Errors
    /// - [`ErrorKind::Config`]: settings can't be used. The error lists all of them.
    /// - [`ErrorKind::Spawn`]: the system provides no thread or no file descriptors.
    pub fn build(self) -> Result<KafkaProducer, Error> {
        self.build_with(BytesSerializer, BytesSerializer)
    }

    /// Like [`build`](Self::build), with a [`Serializer`] for keys and a [`Serializer`] for values. A closure is also a
    /// serializer.
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
    /// Same as [`build`](Self::build).
    #[doc(alias = "key_serializer")]
    #[doc(alias = "value_serializer")]
    pub fn build_with<K: ?Sized, V: ?Sized>(
        self,
        key_serializer: impl Serializer<K> + 'static,
        value_serializer: impl Serializer<V> + 'static,
    ) -> Result<KafkaProducer<K, V>, Error> {
        self.start(Serializers::new(key_serializer, value_serializer, None))
    }

    /// Like [`build_with`](Self::build_with), with a key maker instead of a serializer for keys. The key maker makes the key
    /// of each record that has a value and no key. It is called with the value, before the value is serialized.
    ///
    /// A key maker is a [`Serializer`] of the values or a closure. A closure returns the key as bytes or as a string. It can
    /// also return an `Option`, where `None` means that the record has no key, or a `Result`. If the key maker fails, `send`
    /// fails with [`ErrorKind::Serialization`]. If it panics, `send` panics. The producer continues in both cases.
    ///
    /// A key that a record already has is bytes, and the key maker is not called for this record.
    ///
    /// ```
    /// use kafka_producer::{KafkaProducer, ProducerRecord};
    ///
    /// struct Login {
    ///     user_id: Option<String>,
    /// }
    ///
    /// let producer: KafkaProducer<[u8], Login> = KafkaProducer::builder().build_with_key_maker(
    ///     |login: &Login| login.user_id.clone(), // the key
    ///     |login: &Login| format!("{:?} has logged in", login.user_id), // the value
    /// )?;
    /// let login = Login { user_id: Some("ada".to_owned()) };
    /// let record = ProducerRecord::to("logins").value(&login); // its key is "ada"
    /// # let _ = producer.try_send(record);
    /// # Ok::<(), kafka_producer::Error>(())
    /// ```
    ///
    /// # Errors
    /// Same as [`build`](Self::build).
    #[doc(alias = "key_maker")]
    pub fn build_with_key_maker<V: ?Sized>(
        self,
        key_maker: impl Serializer<V> + 'static,
        value_serializer: impl Serializer<V> + 'static,
    ) -> Result<KafkaProducer<[u8], V>, Error> {
        self.start(Serializers::new(BytesSerializer, value_serializer, Some(Arc::new(key_maker))))
    }

    fn start<K: ?Sized, V: ?Sized>(
        self,
        serializers: Serializers<K, V>,
    ) -> Result<KafkaProducer<K, V>, Error> {
        let settings = self.settings()?;
        let environment = Environment::machine(settings.socket.clone())?;
        let exit_timeout = settings.exit_timeout;
        let producer = assemble(settings, environment)?;
        at_exit::register(&producer.closer, exit_timeout);
        Ok(KafkaProducer { producer, serializers })
    }
}

impl KafkaProducer {
    /// Returns the default configuration. Change its settings, then call [`build`](ProducerConfig::build).
    pub fn builder() -> ProducerConfig {
        ProducerConfig::new()
    }

    /// Builds a producer. Same as [`ProducerConfig::build`].
    ///
    /// # Errors
    /// Same as [`ProducerConfig::build`].
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
            serializers: Serializers::new(BytesSerializer, BytesSerializer, None),
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
    /// Appends a record to the open batch of its partition. Returns a future for the result of the record.
    ///
    /// `send` blocks only while the topic's metadata is not known or while `buffer_memory` is used up. It blocks for at
    /// most `max_block_ms` in total.
    ///
    /// # Inside a callback
    /// Inside a callback, `send` never blocks. Instead of blocking, it fails with [`ErrorKind::WouldBlock`]. So it fails
    /// for a topic whose metadata is not known. The producer has no metadata of a topic that it has not used yet, or has
    /// not used for [`metadata_max_idle`](crate::ProducerConfig::metadata_max_idle) (default: five minutes).
    ///
    /// If callbacks send to another topic, such as a dead-letter topic, do one of the following:
    ///
    /// - Call [`partitions_for`](Self::partitions_for) for that topic when the program starts. The producer then keeps the
    ///   topic's metadata.
    /// - Pass the record to another thread, and call `send` there.
    ///
    /// # Errors
    /// `send` returns the errors that are known before the record is sent. The future returns the result from the broker.
    /// - [`ErrorKind::InvalidRecord`], [`ErrorKind::RecordTooLarge`], [`ErrorKind::Serialization`]: the record can't be
    ///   sent.
    /// - [`ErrorKind::InvalidTopic`], [`ErrorKind::UnknownTopic`], [`ErrorKind::UnknownPartition`], [`ErrorKind::Broker`]:
    ///   the topic or the partition can't be used.
    /// - [`ErrorKind::Timeout`], [`ErrorKind::BufferExhausted`]: `max_block_ms` expired. The error contains the last known
    ///   problem with each broker.
    /// - [`ErrorKind::Denied`], [`ErrorKind::Authentication`]: the brokers can't be used with this configuration.
    /// - [`ErrorKind::WouldBlock`]: `send` was called inside a callback and would block.
    /// - [`ErrorKind::Closed`]: the producer is closed.
    /// - [`ErrorKind::UsedAfterFork`]: this process is a forked child.
    #[inline]
    pub fn send(&self, record: ProducerRecord<'_, K, V>) -> Result<FutureRecordMetadata, Error> {
        self.dispatch(&record, wait_mode())
    }

    /// Like [`send`](Self::send), but `try_send` never blocks: it waits neither for metadata nor for memory. It can
    /// wait for a moment for a lock that another thread holds.
    ///
    /// To keep a record that can't be sent, pass a clone: `try_send(record.clone())`. A clone is cheap. To keep the record
    /// for longer than the data that it borrows, use [`into_owned`](ProducerRecord::into_owned).
    ///
    /// # Errors
    /// Same as [`send`](Self::send). In addition, it fails with [`ErrorKind::WouldBlock`] if `send` would block. The
    /// producer then requests the topic's metadata, or sends batches to free memory. So a later call can succeed.
    pub fn try_send(&self, record: ProducerRecord<'_, K, V>) -> Result<FutureRecordMetadata, Error> {
        self.dispatch(&record, Wait::Never)
    }

    /// Like [`send`](Self::send), with a callback. `callback` is called exactly once, with the record's metadata or with
    /// its error. Java calls it `send(record, callback)`.
    ///
    /// `send_with` calls `send` and then [`add_both`](FutureRecordMetadata::add_both). The documentation of `add_both` says
    /// what a callback can do.
    ///
    /// # Errors
    /// Same as [`send`](Self::send). If `send` fails, `callback` is not called.
    pub fn send_with(
        &self,
        record: ProducerRecord<'_, K, V>,
        callback: impl FnOnce(Result<&RecordMetadata, &Error>) + Send + 'static,
    ) -> Result<FutureRecordMetadata, Error> {
        let future = self.send(record)?;
        future.add_both(callback);
        Ok(future)
    }

    /// Returns the partitions of a topic by their numbers, from the cluster's latest metadata. kafka-python's
    /// `partitions_for` returns only the numbers, which are the keys of this map.
    ///
    /// `partitions_for` waits for the metadata for at most `max_block_ms`. After this call the producer keeps the topic's
    /// metadata, even if no record is sent to the topic for
    /// [`metadata_max_idle`](crate::ProducerConfig::metadata_max_idle). So if a program calls `partitions_for` when it
    /// starts, no later `send` to the topic waits for metadata. The metadata is kept until the topic is deleted or the
    /// producer is closed. So call `partitions_for` only for topics that the program uses.
    ///
    /// # Errors
    /// Same as [`send`](Self::send), without the errors about a record.
    pub fn partitions_for(&self, topic: &str) -> Result<BTreeMap<i32, PartitionInfo>, Error> {
        self.producer.partitions_for(topic, wait_mode())
    }

    /// Returns the partition that `send` would choose for `record`. Nothing is sent.
    ///
    /// The serializers and the partitioner are called, because the partition can depend on the bytes of the key. The
    /// interceptors are not called. [`PartitionContext::is_dry_run`](crate::PartitionContext::is_dry_run) is true in this
    /// call. The partitioners of this crate that count records do not count `record`.
    ///
    /// For a record with a key, the default partitioner returns the same partition until the number of partitions changes.
    /// A record without a key can go to another partition when it is sent.
    ///
    /// `partition_for` waits for the topic's metadata for at most `max_block_ms`.
    ///
    /// # Errors
    /// Same as [`send`](Self::send), without the errors about the size of a record and about memory.
    pub fn partition_for(&self, record: &ProducerRecord<'_, K, V>) -> Result<i32, Error> {
        let topic = match record.topic {
            Some(topic) => topic,
            None => self.default_topic()?,
        };
        let observer = &self.producer.topics.observer;
        self.serializers
            .serialize(topic, record, observer, |record| self.producer.partition_for(record, wait_mode()))
    }

    /// Returns how many records and batches have no result yet, and how many bytes of `buffer_memory` are in use. The
    /// records include those that wait to be sent.
    ///
    /// If other threads call `send` at the same time, the numbers can belong to different moments. `in_flight` visits every
    /// batch without a result, so do not call it for each record. In a forked child all numbers are 0.
    pub fn in_flight(&self) -> InFlight {
        self.producer.in_flight()
    }

    /// Returns the name of this client in the logs and quotas of the brokers:
    /// [`client_id`](crate::ProducerConfig::client_id), or `kafka-producer-N` if it was not set.
    ///
    /// ```
    /// # use kafka_producer::KafkaProducer;
    /// let producer = KafkaProducer::builder().client_id("orders").build()?;
    /// assert_eq!(producer.client_id(), "orders");
    /// # Ok::<(), kafka_producer::Error>(())
    /// ```
    ///
    /// In kafka-python it is `producer.config["client_id"]`.
    pub fn client_id(&self) -> &str {
        &self.producer.client_id
    }

    /// Returns all metrics. Java and kafka-python have the same name.
    ///
    /// ```no_run
    /// # use kafka_producer::{KafkaProducer, Timing};
    /// # let producer = KafkaProducer::builder().build()?;
    /// let metrics = producer.metrics();
    /// println!("{metrics}"); // a table
    /// let rate = metrics.get("producer-metrics", "record-send-rate");
    /// let p99 = metrics.timing(Timing::InFlight).and_then(|timing| timing.quantile(0.99));
    /// # let _ = (rate, p99);
    /// # Ok::<(), kafka_producer::Error>(())
    /// ```
    ///
    /// `metrics` visits every batch without a result, so do not call it for each record. In a forked child, and if
    /// [`metrics_enabled`](crate::ProducerConfig::metrics_enabled) is false, there are no metrics.
    pub fn metrics(&self) -> Metrics {
        self.producer.metrics.metrics(false)
    }

    /// Like [`metrics`](Self::metrics), with the pending records, batches and bytes of each partition that has any. They
    /// are in the groups `producer-partition-metrics.<topic>-<partition>`.
    pub fn metrics_with_partitions(&self) -> Metrics {
        self.producer.metrics.metrics(true)
    }

    /// Waits until every record that was passed to `send` before this call has a result, for at most `timeout`. `None`
    /// means no limit.
    ///
    /// The records are sent at once, without waiting for `linger`. Other threads can call `send` in the meantime. If
    /// `flush` returns before the timeout expires, the callbacks of these records have run.
    ///
    /// If the timeout expires, the records do not fail: the producer continues to send them. The next `flush` then reports
    /// the failures of this call again. So a program can call `flush` until no record is pending. The result of the last
    /// call covers the failures of all these calls. If several threads call `flush`, another thread can get the failures.
    ///
    /// # Errors
    /// - [`ErrorKind::Undelivered`]: records have no result yet, or records have failed since the last `flush` and their
    ///   failures are unchecked (see [`FutureRecordMetadata`]). The report contains the number of failures, the first
    ///   error, and the last known problem with each broker.
    /// - [`ErrorKind::CalledFromCallback`]: `flush` was called inside a callback.
    /// - [`ErrorKind::UsedAfterFork`]: this process is a forked child.
    pub fn flush(&self, timeout: impl Into<Option<Duration>>) -> Result<(), Error> {
        self.producer.flush(timeout.into())
    }

    /// Fails the records that were passed to `send` before this call and that were not sent to a broker yet, with
    /// [`ErrorKind::Purged`]. librdkafka calls it `purge`, with the flag for queues.
    ///
    /// `purge` returns at once. The background thread fails the records and runs their callbacks. To wait for this, call
    /// [`flush`](Self::flush). Like other failures, the failures are reported by `flush` if they are unchecked.
    ///
    /// Two kinds of records are not purged: those in a request that has no response yet, and those that an earlier attempt
    /// may have stored. A record of the second kind can still fail if a record before it in the partition is purged. The
    /// purge leaves a gap in the sequence numbers. After a gap the record can't be sent again, because the broker could not
    /// tell whether it has already stored the record.
    ///
    /// # Errors
    /// [`ErrorKind::UsedAfterFork`]: this process is a forked child.
    pub fn purge(&self) -> Result<(), Error> {
        self.producer.purge()
    }

    /// Closes the producer. `close` rejects new records, waits until the accepted records have results, and ends the
    /// background thread.
    ///
    /// It waits for at most `timeout`. `None` means no limit. When the timeout expires, the records without a result fail.
    /// If another thread is blocked in `send`, that call fails with [`ErrorKind::Closed`].
    ///
    /// If several threads call `close`, the earliest deadline applies to all calls. All these calls and all later calls
    /// return the same result.
    ///
    /// If `close` returns before the timeout expires, all callbacks have run. Otherwise the background thread fails the
    /// remaining records at once and runs their callbacks after `close` has returned. A callback is then delayed only
    /// if another callback is slow. A callback is dropped after it has run. So if callbacks own the senders of a channel,
    /// the channel is disconnected when all callbacks have run.
    ///
    /// Inside a callback, `close` returns `Ok` at once. Every record without a result then fails, as with a `timeout` of
    /// zero.
    ///
    /// # Errors
    /// - [`ErrorKind::Undelivered`]: records had no result when the timeout expired, or records have failed and their
    ///   failures are unchecked (see [`FutureRecordMetadata`]). Failures that a `flush` has reported are not reported
    ///   again, unless that `flush` timed out. The report contains the number of failures, the first error, and the
    ///   last known problem with each broker. A record that had no result fails with [`ErrorKind::Timeout`] and
    ///   [`Limit::Close`](crate::Limit::Close).
    /// - [`ErrorKind::UsedAfterFork`]: this process is a forked child. `close` does nothing in the child.
    pub fn close(&self, timeout: impl Into<Option<Duration>>) -> Result<(), Error> {
        self.producer.close(timeout.into())
    }

    /// Returns the number of records that have failed so far and whose failure the program has not checked.
    ///
    /// A failure is counted when the last future of its batch is dropped. It is not counted if a future or a callback
    /// has checked it, or if a `close`, or a `flush` that did not time out, has reported it. [`FutureRecordMetadata`]
    /// lists the methods that check a failure. The number never decreases, even if a later `flush` or `close` reports a
    /// counted failure. Records that failed because the producer ended are not counted, because `close` reports them.
    ///
    /// A warning is logged at most once per minute. It contains the number of new failures and the last error.
    pub fn unchecked_failures(&self) -> u64 {
        self.producer.unchecked_failures()
    }

    /// Returns whether a broker has responded with the cluster's metadata. After that, the result stays `true`, even if all
    /// connections are closed. The metric `connection-count` of [`metrics`](Self::metrics) is the number of open
    /// connections.
    pub fn bootstrap_connected(&self) -> bool {
        self.producer.bootstrap_connected()
    }

    /// Waits until a broker has responded with the cluster's metadata, for at most `timeout`. `None` means no limit. After a
    /// broker has responded once, this method succeeds at once until the producer is closed, even without a connection.
    ///
    /// # Errors
    /// - [`ErrorKind::Timeout`]: no broker has responded in time. The error contains the last known problem with each
    ///   broker.
    /// - [`ErrorKind::Denied`], [`ErrorKind::Authentication`]: the brokers can't be used with this configuration.
    /// - [`ErrorKind::Closed`]: the producer is closed.
    /// - [`ErrorKind::UsedAfterFork`]: this process is a forked child.
    pub fn wait_connected(&self, timeout: impl Into<Option<Duration>>) -> Result<(), Error> {
        self.producer.wait_connected(timeout.into())
    }

    #[inline]
    fn dispatch(&self, record: &ProducerRecord<'_, K, V>, wait: Wait) -> Result<FutureRecordMetadata, Error> {
        let topic = match record.topic {
            Some(topic) => topic,
            None => self.default_topic()?,
        };
        let observer = &self.producer.topics.observer;
        self.serializers.serialize(topic, record, observer, |record| self.producer.send(record, wait))
    }

    /// The topic of a record without a topic.
    #[cold]
    fn default_topic(&self) -> Result<&str, Error> {
        self.producer.default_topic.as_deref().ok_or_else(|| {
            let reason = "it has no topic, and default_topic is not set; create the record with ProducerRecord::to, or \
                          set default_topic";
            Error::new(ErrorKind::InvalidRecord { reason: reason.to_owned() })
        })
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
