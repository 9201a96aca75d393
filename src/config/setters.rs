//! The setters. They accept any value; `checks` reports all invalid values together when the producer is built.

use std::sync::Arc;
use std::time::Duration;

use super::into_servers::IntoServers;
use super::producer_config::ProducerConfig;
use super::types::{Acks, SecurityProtocol};
use super::values::LIST;
use crate::producer::{PartitionBy, PartitionContext, Partitioner};
use crate::record::Compression;

impl ProducerConfig {
    /// The brokers to connect to first, each as `host:port`. The producer learns the other brokers of the cluster from
    /// the first one that answers. Default `localhost:9092`.
    ///
    /// It takes one text, `"a:9092,b:9092"`, or a list of texts, `["a:9092", "b:9092"]`. A broker without a port has
    /// the port 9092. Write an IPv6 address in brackets: `[::1]:9092`. A prefix is accepted if it names the
    /// [`security_protocol`](Self::security_protocol): `PLAINTEXT://host:9092`. An empty list is an error.
    ///
    /// In texts also `metadata.broker.list` (librdkafka).
    pub fn bootstrap_servers(mut self, servers: impl IntoServers) -> Self {
        self.bootstrap_servers.clear();
        servers.each(&mut |servers| match servers.contains(',') {
            true => self.bootstrap_servers.extend((LIST.read)(servers).unwrap_or_default()),
            false => self.bootstrap_servers.push(servers.to_owned()),
        });
        self
    }

    /// The name of this client in the logs and quotas of the brokers: at most 1000 bytes, without control characters.
    /// Default `kafka-producer-N`, where N is a counter of the process. An empty name means the default, as in Java.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// Whether connections use TLS, SASL, both or neither. It must be the protocol of the listener that
    /// `bootstrap_servers` names.
    ///
    /// `None` is the default: [`SecurityProtocol::Ssl`] if a setting names CAs, a certificate, a key or a revocation
    /// list (`ssl_cafile`, `ssl_certfile`, …) or `ssl_context` is set, and [`SecurityProtocol::Plaintext`] otherwise.
    ///
    /// In texts one of `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT`, `SASL_SSL`. kafka-python's name.
    pub fn security_protocol(mut self, protocol: impl Into<Option<SecurityProtocol>>) -> Self {
        self.security_protocol = protocol.into();
        self
    }

    /// How many replicas must store a record before it counts as stored. Default [`Acks::All`]. Any other value turns
    /// idempotence off, unless `enable_idempotence` is set.
    ///
    /// In texts `0`, `1`, `all` or `-1`; also `request.required.acks` (librdkafka).
    pub fn acks(mut self, acks: Acks) -> Self {
        self.acks = acks;
        self
    }

    /// Whether each record is stored once and in order, even if it has to be sent several times (KIP-98). Brokers give
    /// the producer an id, and each batch has a number. With these a broker recognizes a batch that it has already stored.
    ///
    /// A broker can forget the producer: after `producer.id.expiration.ms` without a record (one day), if the topic was
    /// created again, or if the log was lost. A record whose answer was lost just before may then be stored twice.
    ///
    /// Idempotence needs [`Acks::All`], [`retries`](Self::retries) of at least 1, and at most 5
    /// [`max_in_flight_requests_per_connection`](Self::max_in_flight_requests_per_connection).
    ///
    /// - `true`: a setting that contradicts this is an error.
    /// - `false`: idempotence is off.
    /// - `None`, the default: idempotence is on, unless `acks` or `retries` turns it off. A line in the log (INFO) says
    ///   so. In [`kafka_python_2`](Self::kafka_python_2) idempotence is off.
    ///
    /// Java 4 has the same rules. In texts also `enable.idempotence`.
    pub fn enable_idempotence(mut self, enable: impl Into<Option<bool>>) -> Self {
        self.enable_idempotence = enable.into();
        self
    }

    /// The codec that batches are compressed with. A batch that does not get smaller is sent uncompressed. Default
    /// [`Compression::None`].
    ///
    /// In texts: `compression_type`, or `compression.codec` (librdkafka).
    #[doc(alias = "compression_type")]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// The level of the codec: 1 to 9 for gzip, -131072 to 22 for zstd. The other codecs have no levels. A level that
    /// the codec does not have is an error. `None` is the default: the codec's own default level.
    ///
    /// Texts may also set Java's level of one codec (`compression.gzip.level`, `compression.zstd.level`). For its codec
    /// it overrides this level. For any other codec it has no effect.
    #[doc(alias = "compression_gzip_level")]
    #[doc(alias = "compression_zstd_level")]
    pub fn compression_level(mut self, level: impl Into<Option<i32>>) -> Self {
        self.compression_level = level.into();
        self
    }

    /// How often a batch is sent again after an error that may pass. No batch is sent again after `delivery_timeout`. 0
    /// turns idempotence off, unless `enable_idempotence` is set. Default 2147483647.
    ///
    /// In texts also `message.send.max.retries` (librdkafka), and `inf` for the default.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The size in bytes at which a batch is full. A full batch is sent without waiting for `linger`. This is not the
    /// largest size: a batch that can't be sent yet grows up to `batch_max_bytes`. With 0 each record has its own
    /// batch.
    ///
    /// `None` is the default: 16,384, or less if `batch_max_bytes`, `max_request_size` or `produce_request_max_bytes`
    /// is set to less.
    pub fn batch_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.batch_size = bytes.into();
        self
    }

    /// The size in bytes up to which a batch grows while it can't be sent. A larger record has its own batch. A value
    /// below a `batch_size` that is set is an error. With a codec a batch ends at 128 KiB, or at `batch_size` if that
    /// is more, because it is compressed as a whole.
    ///
    /// `None` is the default: `max_request_size` without the overhead of a request, and at most
    /// `produce_request_max_bytes` if that is set. Only this crate has this setting.
    pub fn batch_max_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.batch_max_bytes = bytes.into();
        self
    }

    /// The largest size in bytes of all batches in one request. They may be batches of several partitions. A larger
    /// record is sent alone. More than 100 MiB is an error, because brokers close the connection when a larger request
    /// arrives (their `socket.request.max.bytes`).
    ///
    /// `None` is the default: `max_request_size` if that is set. Otherwise it is the share of `buffer_memory` for each
    /// request that may be in flight (`max_in_flight_requests_per_connection`), at most 50 MiB and at least 1 MiB. Only
    /// this crate has this setting.
    pub fn produce_request_max_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.produce_request_max_bytes = bytes.into();
        self
    }

    /// How long a batch waits for more records before it is sent. Default 0: it does not wait.
    ///
    /// If two or more batches of its partition are in flight, the next batch waits in any case: until one of them is
    /// answered, or until it is as large as all of them together. A `flush`, a `close`, a thread in a future's `get`
    /// and a thread that waits for memory end this wait.
    ///
    /// A batch that can't be sent yet accepts records until its first record is as old as `linger`, or as a twentieth
    /// of `delivery_timeout` (at most 1 s) if that is longer.
    ///
    /// In texts: `linger_ms`, or `queue.buffering.max.ms` (librdkafka).
    #[doc(alias = "linger_ms")]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// How many bytes of records may wait to be sent or answered. When they are used up, `send` blocks. Default
    /// 33,554,432 (32 MiB).
    ///
    /// Memory is taken for batches, in pieces of up to `batch_size` bytes or the size of one large record. So fewer records
    /// fit than their sizes say. Any size is accepted: a record that does not fit at all fails with
    /// [`RecordTooLarge`](crate::ErrorKind::RecordTooLarge).
    ///
    /// One slow partition can't take all the memory. While other partitions hold memory too, a partition that holds a
    /// quarter of it can't take the last eighth, and partitions that hold less get memory first.
    ///
    /// In texts also `queue.buffering.max.kbytes` (librdkafka), in KiB.
    pub fn buffer_memory(mut self, bytes: usize) -> Self {
        self.buffer_memory = bytes;
        self
    }

    /// How long `send` may block, for metadata and memory together. `None` is no limit. With 0 `send` fails where it
    /// would block. A `send` that blocks fails when the producer is closed. Default 60 s.
    ///
    /// It limits [`partitions_for`](crate::KafkaProducer::partitions_for) too, and that waits for the first connection. With
    /// a short limit, call [`wait_connected`](crate::KafkaProducer::wait_connected) first.
    ///
    /// In texts: `max_block_ms`.
    #[doc(alias = "max_block_ms")]
    pub fn max_block(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.max_block = timeout.into().unwrap_or(Duration::MAX);
        self
    }

    /// The largest size in bytes of a record and of a batch. Brokers have their own limit (`message.max.bytes`). `None`
    /// is the default, 1,048,576 (1 MiB). If this is set, it is also the largest size of a request, unless
    /// `produce_request_max_bytes` is set too.
    ///
    /// In texts also `message.max.bytes` (librdkafka).
    pub fn max_request_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.max_request_size = bytes.into();
        self
    }

    /// How many requests to one broker may be unanswered at a time. `None` is the default, 5.
    ///
    /// With idempotence this many batches of one partition may be in flight. Their order is kept if one of them has to
    /// be sent again. More than 5 is an error unless `enable_idempotence` is false, as in Java 4: a broker remembers
    /// the last five batches of a producer, and could not say whether it has stored an older one.
    ///
    /// Without idempotence one batch of a partition is in flight at a time, and the order is kept, unless this is set
    /// to more than 1. Then this many batches may be in flight, and **a batch that has to be sent again is stored after
    /// the batches that were sent after it**: the order within a partition is lost if something fails. If you need the
    /// order, set this to 1 or remove it. Set it to 1 and `retries` to 0 if records may be lost instead.
    ///
    /// In texts also `max.in.flight` (librdkafka).
    pub fn max_in_flight_requests_per_connection(mut self, requests: impl Into<Option<usize>>) -> Self {
        self.max_in_flight_requests_per_connection = requests.into();
        self
    }

    /// How long a broker may take to answer a request; at least 10 ms. Default 30 s. After that the connection is
    /// closed. The records of the request are sent again as long as `retries` and `delivery_timeout` allow. The time
    /// that a request waits behind another one does not count.
    ///
    /// In texts: `request_timeout_ms`, or `socket.timeout.ms` (librdkafka).
    #[doc(alias = "request_timeout_ms")]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long a record may take from `send` to its result, with all attempts. `None` is no limit. The time counts
    /// from the first record of the batch, so a record that joined the batch later may expire a little early: by at
    /// most `linger` or a twentieth of this time (at most 1 s), whichever is longer.
    ///
    /// It must be at least the sum of `linger` and `request_timeout`. Default 120 s, or that sum if it is more. In that
    /// case a warning is logged when the producer is built.
    ///
    /// In texts: `delivery_timeout_ms`, or `message.timeout.ms` (librdkafka).
    #[doc(alias = "delivery_timeout_ms")]
    pub fn delivery_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.delivery_timeout = Some(timeout.into());
        self
    }

    /// How long a producer that is still open when the process ends may take to send what is buffered. A producer in a
    /// `static`, for example, is neither closed nor dropped. `None` is no limit: if no broker answers, the process
    /// then does not end. With 0 the producer is not closed at exit, and what is buffered is lost without a warning.
    /// Default 5 s.
    ///
    /// It acts when `main` returns and, except on Windows, when `std::process::exit` is called. It does not act when
    /// the process aborts or is killed by a signal. SIGTERM and Ctrl-C kill the process too, unless you handle them and
    /// call [`close`](crate::KafkaProducer::close). In a forked child it does not act for the parent's producer.
    ///
    /// What could not be sent fails, with a warning in the log. Several producers are closed at the same time, not one
    /// after another. kafka-python closes its producers at exit too.
    ///
    /// In texts: `exit_timeout_ms`. Only this crate has this setting.
    #[doc(alias = "exit_timeout_ms")]
    #[doc(alias = "atexit")]
    pub fn exit_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.exit_timeout = timeout.into().unwrap_or(Duration::MAX);
        self
    }

    /// How long a batch waits after its first failure before it is sent again. Each further failure of the batch
    /// doubles the wait, up to [`retry_backoff_max`](Self::retry_backoff_max). The wait is longer or shorter at random
    /// by up to 20 %, and at least 1 ms. Default 100 ms.
    ///
    /// In texts: `retry_backoff_ms`.
    #[doc(alias = "retry_backoff_ms")]
    pub fn retry_backoff(mut self, time: Duration) -> Self {
        self.retry_backoff = time;
        self
    }

    /// The longest wait before a batch is sent again. Default 1 s, or `retry_backoff` if that is longer.
    ///
    /// In texts: `retry_backoff_max_ms`.
    #[doc(alias = "retry_backoff_max_ms")]
    pub fn retry_backoff_max(mut self, time: Duration) -> Self {
        self.retry_backoff_max = Some(time);
        self
    }

    /// How long the producer waits after the first failure before it connects to a broker again. Each further failure
    /// doubles the wait, up to [`reconnect_backoff_max`](Self::reconnect_backoff_max). The wait is longer or shorter at
    /// random by up to 20 %, and at least 1 ms. Default 50 ms.
    ///
    /// In texts: `reconnect_backoff_ms`.
    #[doc(alias = "reconnect_backoff_ms")]
    pub fn reconnect_backoff(mut self, time: Duration) -> Self {
        self.reconnect_backoff = time;
        self
    }

    /// The longest wait before the producer connects to a broker again. If it is set, it applies to all brokers.
    /// Default 30 s, but 1 s for a broker that is needed: the leader of a partition with records, or any broker while
    /// none can be reached. If `reconnect_backoff` is longer, that is the default.
    ///
    /// In texts: `reconnect_backoff_max_ms`.
    #[doc(alias = "reconnect_backoff_max_ms")]
    pub fn reconnect_backoff_max(mut self, time: Duration) -> Self {
        self.reconnect_backoff_max = Some(time);
        self
    }

    /// How long the first attempt to connect to one address of a broker may take, up to the broker's first answer; at
    /// least 10 ms. Default 10 s. Resolving the host name may take the same time again.
    ///
    /// While the broker can't be reached, the time doubles with each attempt, up to
    /// [`socket_connection_setup_timeout_max`](Self::socket_connection_setup_timeout_max). It is longer or shorter at
    /// random by up to 20 %, so that many clients do not try again at the same moment (KIP-601).
    ///
    /// In texts: `socket_connection_setup_timeout_ms`.
    #[doc(alias = "socket_connection_setup_timeout_ms")]
    pub fn socket_connection_setup_timeout(mut self, time: Duration) -> Self {
        self.socket_connection_setup_timeout = time;
        self
    }

    /// The longest time that an attempt to connect may take. Default 30 s, or `socket_connection_setup_timeout` if that
    /// is longer.
    ///
    /// In texts: `socket_connection_setup_timeout_max_ms`.
    #[doc(alias = "socket_connection_setup_timeout_max_ms")]
    pub fn socket_connection_setup_timeout_max(mut self, time: Duration) -> Self {
        self.socket_connection_setup_timeout_max = Some(time);
        self
    }

    /// How long a connection may be unused before it is closed; at least 10 ms. `None` is never. Default 540 s.
    ///
    /// In texts: `connections_max_idle_ms`, where -1 is never too, as in Java.
    #[doc(alias = "connections_max_idle_ms")]
    pub fn connections_max_idle(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.connections_max_idle = time.into();
        self
    }

    /// The age at which metadata is requested again even if nothing happens; at least 10 ms. Default 300 s.
    ///
    /// In texts: `metadata_max_age_ms`, or `topic.metadata.refresh.interval.ms` (librdkafka).
    #[doc(alias = "metadata_max_age_ms")]
    pub fn metadata_max_age(mut self, age: Duration) -> Self {
        self.metadata_max_age = age;
        self
    }

    /// The producer forgets the metadata of a topic when nothing was sent to the topic for this time; at least 10 ms. The
    /// next `send` to the topic then waits for metadata, and a `try_send` fails with
    /// [`WouldBlock`](crate::ErrorKind::WouldBlock). Topics that
    /// [`partitions_for`](crate::KafkaProducer::partitions_for) was called for are not forgotten. Default 300 s.
    ///
    /// In texts: `metadata_max_idle_ms`.
    #[doc(alias = "metadata_max_idle_ms")]
    pub fn metadata_max_idle(mut self, time: Duration) -> Self {
        self.metadata_max_idle = time;
        self
    }

    /// Whether the cluster may create a topic that does not exist, if the cluster is configured to do so. Default true.
    pub fn allow_auto_create_topics(mut self, allow: bool) -> Self {
        self.allow_auto_create_topics = allow;
        self
    }

    /// The size in bytes of the largest answer that is read. Default 100,000,000.
    pub fn receive_message_max_bytes(mut self, bytes: usize) -> Self {
        self.receive_message_max_bytes = bytes;
        self
    }

    /// The size in bytes of the socket's send buffer (`SO_SNDBUF`). `None` is the default: the system's size.
    ///
    /// In texts also -1 for the default, as in Java; and `socket.send.buffer.bytes` (librdkafka), where 0 is the
    /// default.
    pub fn send_buffer_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.send_buffer_bytes = bytes.into();
        self
    }

    /// The size in bytes of the socket's receive buffer (`SO_RCVBUF`). `None` is the default: the system's size.
    ///
    /// In texts also -1 for the default, as in Java; and `socket.receive.buffer.bytes` (librdkafka), where 0 is the
    /// default.
    pub fn receive_buffer_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.receive_buffer_bytes = bytes.into();
        self
    }

    /// Whether small packets are sent at once (`TCP_NODELAY`). Default true. With false a request may take up to 40 ms
    /// longer.
    ///
    /// In texts: `TCP_NODELAY=1` in `socket_options`, or `socket.nagle.disable` (librdkafka).
    #[doc(alias = "socket_options")]
    pub fn tcp_nodelay(mut self, on: bool) -> Self {
        self.socket_options.no_delay = on;
        self
    }

    /// Whether the system probes idle connections (`SO_KEEPALIVE`). Default false.
    ///
    /// In texts: `SO_KEEPALIVE=1` in `socket_options`, or `socket.keepalive.enable` (librdkafka).
    #[doc(alias = "socket_options")]
    pub fn so_keepalive(mut self, on: bool) -> Self {
        self.socket_options.keep_alive = on;
        self
    }

    /// How many bytes are read from a socket at a time, at most 16 MiB. Default 65,536. kafka-python's name.
    pub fn sock_chunk_bytes(mut self, bytes: usize) -> Self {
        self.sock_chunk_bytes = bytes;
        self
    }

    /// How often one socket is read before the other sockets are read. Default 16. kafka-python's name.
    pub fn sock_chunk_buffer_count(mut self, reads: usize) -> Self {
        self.sock_chunk_buffer_count = reads;
        self
    }

    /// The partitioner. It chooses the partition of each record that does not name one. Default
    /// [`DefaultPartitioner`](crate::DefaultPartitioner).
    pub fn partitioner(mut self, partitioner: impl Partitioner + 'static) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }

    /// Like [`partitioner`](Self::partitioner), with a closure.
    ///
    /// ```
    /// use kafka_producer::{DefaultPartitioner, KafkaProducer, Partitioner};
    ///
    /// let config = KafkaProducer::builder().partition_by(|record| match record.topic() {
    ///     "audit" => 0,
    ///     _ => DefaultPartitioner.partition(record),
    /// });
    /// # let _ = config;
    /// ```
    #[doc(alias = "partitioner")]
    pub fn partition_by(self, choose: impl Fn(&PartitionContext<'_>) -> i32 + Send + Sync + 'static) -> Self {
        self.partitioner(PartitionBy(choose))
    }

    /// Whether the default partitioner treats records with a key like records without one. Default false. Your own
    /// partitioner sees the keys in any case, as in Java.
    pub fn partitioner_ignore_keys(mut self, ignore: bool) -> Self {
        self.partitioner_ignore_keys = ignore;
        self
    }
}
