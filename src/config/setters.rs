//! The setters. They accept any value; `checks` reports all invalid values together when the producer is built.

use std::time::Duration;

use super::into_servers::IntoServers;
use super::producer_config::ProducerConfig;
use super::types::{Acks, SecurityProtocol};
use super::values::LIST;
use crate::client::{AddressFamily, MetadataRecoveryStrategy};
use crate::producer::{NamedInterceptor, ProducerInterceptor};
use crate::record::Compression;

impl ProducerConfig {
    /// The brokers to connect to first, each as `host:port`. The first broker that responds names the other brokers of the
    /// cluster. Default: `localhost:9092`.
    ///
    /// The value is one string, `"a:9092,b:9092"`, or a list of strings, `["a:9092", "b:9092"]`. The default port is 9092.
    /// Write an IPv6 address in brackets: `[::1]:9092`. A prefix is accepted if it is the name of the
    /// [`security_protocol`](Self::security_protocol): `PLAINTEXT://host:9092`. An empty list is an error.
    ///
    /// Other name: `metadata.broker.list` (librdkafka).
    pub fn bootstrap_servers(mut self, servers: impl IntoServers) -> Self {
        self.bootstrap_servers.clear();
        servers.each(&mut |servers| match servers.contains(',') {
            true => self.bootstrap_servers.extend((LIST.read)(servers).unwrap_or_default()),
            false => self.bootstrap_servers.push(servers.to_owned()),
        });
        self
    }

    /// The name of this client in the logs and quotas of the brokers. It has at most 1000 bytes and no control characters.
    /// Default: `kafka-producer-N`, where N is a counter of the process. An empty name means the default, as in Java.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// Whether connections use TLS, SASL, both or neither. It must be the protocol of the listeners that
    /// `bootstrap_servers` names.
    ///
    /// `None` means the default. If one of these settings is set, the default is [`SecurityProtocol::Ssl`]: `ssl_cafile`,
    /// `ssl_ca_pem`, `ssl_certfile`, `ssl_certificate_pem`, `ssl_keyfile`, `ssl_key_pem`, `ssl_crlfile`, `ssl_context`.
    /// Otherwise the default is [`SecurityProtocol::Plaintext`].
    ///
    /// String values: `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT`, `SASL_SSL`. kafka-python has the same name.
    pub fn security_protocol(mut self, protocol: impl Into<Option<SecurityProtocol>>) -> Self {
        self.security_protocol = protocol.into();
        self
    }

    /// How many replicas must store a record before the record counts as stored. Default: [`Acks::All`]. Any other value
    /// disables idempotence. If `enable_idempotence` is true, any other value is an error.
    ///
    /// String values: `0`, `1`, `all`, `-1`. Other name: `request.required.acks` (librdkafka).
    pub fn acks(mut self, acks: Acks) -> Self {
        self.acks = acks;
        self
    }

    /// Whether each record is stored exactly once and in order, even if it has to be sent several times (KIP-98). Brokers
    /// give the producer an ID, and each batch has a number. By the ID and the number, a broker recognizes a batch that it
    /// has already stored.
    ///
    /// A broker can forget the producer in three cases: the producer sent no record for `producer.id.expiration.ms` (one
    /// day), the topic was created again, or the log was lost. If the response to a record was lost shortly before, the
    /// record can then be stored twice.
    ///
    /// Idempotence needs [`Acks::All`], [`retries`](Self::retries) of at least 1, and
    /// [`max_in_flight_requests_per_connection`](Self::max_in_flight_requests_per_connection) of at most 5.
    ///
    /// - `true`: idempotence is enabled. A setting that contradicts it is an error.
    /// - `false`: idempotence is disabled.
    /// - `None`, the default: idempotence is enabled, unless `acks` or `retries` disables it. If one of them disables it, a
    ///   line in the log (INFO) gives the reason. In [`kafka_python_2`](Self::kafka_python_2) idempotence is disabled.
    ///
    /// Java 4 has the same rules.
    pub fn enable_idempotence(mut self, enable: impl Into<Option<bool>>) -> Self {
        self.enable_idempotence = enable.into();
        self
    }

    /// The codec that batches are compressed with. A batch that does not become smaller is sent uncompressed. Default:
    /// [`Compression::None`]. Each codec requires the cargo feature of the same name: see [`Compression`].
    ///
    /// Setting name: `compression_type`. Other name: `compression.codec` (librdkafka).
    #[doc(alias = "compression_type")]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// The compression level: 1 to 9 for gzip, -131072 to 22 for zstd. The other codecs have no levels. A level that the
    /// codec does not have is an error. `None` means the default level of the codec. In
    /// [`kafka_python_2`](Self::kafka_python_2), this default is 9 for gzip.
    ///
    /// Java has one setting for each codec: `compression.gzip.level` and `compression.zstd.level`. These names are accepted
    /// too. Java also has `compression.lz4.level`. If this name is used with lz4, its value must be 9. The setting of the
    /// codec that is used overrides `compression_level`. The setting of another codec has no effect.
    #[doc(alias = "compression_gzip_level")]
    #[doc(alias = "compression_zstd_level")]
    pub fn compression_level(mut self, level: impl Into<Option<i32>>) -> Self {
        self.compression_level = level.into();
        self
    }

    /// How many times a batch is sent again after a retriable error. No batch is sent again after its `delivery_timeout`
    /// has expired. The value 0 disables idempotence. If `enable_idempotence` is true, 0 is an error. Default: 2147483647.
    ///
    /// The string `inf` means the default. Other name: `message.send.max.retries` (librdkafka).
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The size in bytes at which a batch is full. A full batch is sent without waiting for `linger`. This is not the
    /// largest size: while a batch can't be sent, it grows up to `batch_max_bytes`. With 0, each record has its own batch.
    ///
    /// `None` means the default: 16,384, or less if `batch_max_bytes`, `max_request_size` or `produce_request_max_bytes` is
    /// set to less.
    pub fn batch_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.batch_size = bytes.into();
        self
    }

    /// The size in bytes up to which a batch grows while it can't be sent. A larger record has its own batch. If
    /// `batch_size` is set, a value below `batch_size` is an error. With compression, a batch grows only up to 128 KiB, or
    /// up to `batch_size` if that is larger, because a batch is compressed as a whole.
    ///
    /// `None` means the default: `max_request_size` minus the overhead of a request, and at most
    /// `produce_request_max_bytes` if that is set. Only this crate has this setting.
    pub fn batch_max_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.batch_max_bytes = bytes.into();
        self
    }

    /// The largest total size in bytes of the batches in one request. The batches can belong to several partitions. A
    /// larger record is sent alone. A value above 100 MiB is an error, because a broker closes the connection when a larger
    /// request arrives (the broker's `socket.request.max.bytes`).
    ///
    /// `None` means the default: `max_request_size` if that is set. Otherwise the default is `buffer_memory` divided by
    /// (`max_in_flight_requests_per_connection` + 1), at most 50 MiB and at least 1 MiB. Only this crate has this setting.
    pub fn produce_request_max_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.produce_request_max_bytes = bytes.into();
        self
    }

    /// How long a batch waits for more records before it is sent. Default: 0, so a batch does not wait.
    ///
    /// While two or more batches of a partition are in flight, the next batch of the partition waits even if `linger` is 0.
    /// This additional wait ends in these cases:
    ///
    /// - Fewer than two batches are in flight.
    /// - The waiting batch is as large as all batches in flight together, and at least as large as `batch_size`.
    /// - The waiting batch accepts no more records.
    /// - A thread calls `flush` or `close`, waits in `get` for this batch, or waits for memory.
    ///
    /// While a batch can't be sent, it accepts more records. It stops accepting records when the age of its first record is
    /// `linger`, or a twentieth of `delivery_timeout` (at most 1 s) if that is longer. With `manual_flush`, the age is a
    /// twentieth of `delivery_timeout`.
    ///
    /// Setting name: `linger_ms`. Other name: `queue.buffering.max.ms` (librdkafka).
    #[doc(alias = "linger_ms")]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// How many bytes of memory records can take while they wait to be sent or acknowledged. When this memory is used up,
    /// `send` blocks. Default: 33,554,432 (32 MiB).
    ///
    /// A batch takes memory in pieces. A piece has up to `batch_size` bytes, or the size of one large record. Pieces are
    /// often not full, so the records that fit have fewer bytes than `buffer_memory`. The minimum is 1. A record that is
    /// larger than `buffer_memory` fails with [`RecordTooLarge`](crate::ErrorKind::RecordTooLarge).
    ///
    /// One slow partition can't take all the memory. A partition that holds a quarter or more of the memory gets more only
    /// if an eighth of the memory stays free. Partitions that hold less than a quarter get memory first. If the producer
    /// has sent to only one partition so far, this partition can take all the memory.
    ///
    /// Other name: `queue.buffering.max.kbytes` (librdkafka), in KiB.
    pub fn buffer_memory(mut self, bytes: usize) -> Self {
        self.buffer_memory = bytes;
        self
    }

    /// How long `send` can block, for metadata and memory together. `None` means no limit. With 0, `send` fails instead of
    /// blocking. A `send` that is blocked fails when the producer is closed. Default: 60 s.
    ///
    /// This timeout also applies to [`partitions_for`](crate::KafkaProducer::partitions_for). The first call also waits for
    /// the first connection. If the timeout is short, call [`wait_connected`](crate::KafkaProducer::wait_connected) before
    /// the first call.
    ///
    /// Setting name: `max_block_ms`.
    #[doc(alias = "max_block_ms")]
    pub fn max_block(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.max_block = timeout.into().unwrap_or(Duration::MAX);
        self
    }

    /// The largest size in bytes of a record and of a batch. Brokers have their own limit (`message.max.bytes`). `None`
    /// means the default: 1,048,576 (1 MiB). If this is set and `produce_request_max_bytes` is not set, this is also the
    /// largest size of a request.
    ///
    /// Other name: `message.max.bytes` (librdkafka).
    pub fn max_request_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.max_request_size = bytes.into();
        self
    }

    /// How many requests to one broker can be in flight at the same time. `None` means the default: 5.
    ///
    /// With idempotence, this many batches of one partition can be in flight. Their order is kept even if one of them has
    /// to be sent again. A value above 5 is an error unless `enable_idempotence` is false, as in Java 4. The reason is that
    /// a broker remembers only the last five batches of a producer. It can't say whether it has stored an older batch.
    ///
    /// Without idempotence, the value decides whether the order within a partition is kept:
    ///
    /// - `None` or 1: one batch of a partition is in flight at a time, and the order is kept.
    /// - More than 1: this many batches of a partition can be in flight. **A batch that has to be sent again is stored
    ///   after the batches that were sent after it**, so the order is lost if an attempt fails.
    ///
    /// Without idempotence and with `retries` set to 0, no record is stored twice. A record is lost if its only attempt
    /// fails.
    ///
    /// Other name: `max.in.flight` (librdkafka).
    pub fn max_in_flight_requests_per_connection(mut self, requests: impl Into<Option<usize>>) -> Self {
        self.max_in_flight_requests_per_connection = requests.into();
        self
    }

    /// How long a broker can take to respond to a request. The minimum is 10 ms. Default: 30 s. When this timeout expires,
    /// the connection is closed. The records of the request are sent again if `retries` and `delivery_timeout` allow it.
    /// The time that a request waits for the response to an earlier request does not count.
    ///
    /// Setting name: `request_timeout_ms`. Other name: `socket.timeout.ms` (librdkafka).
    #[doc(alias = "request_timeout_ms")]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long a record can take from `send` to its result, including all attempts. `None` means no limit. The time is
    /// measured from the first record of the batch, so a record that was added to the batch later can expire earlier. The
    /// difference is at most `linger` or a twentieth of this timeout (at most 1 s), whichever is longer. With `manual_flush`, it
    /// is at most a twentieth of this timeout.
    ///
    /// The minimum is the sum of `linger` and `request_timeout`. Default: 120 s, or this sum if it is larger. If the
    /// default is larger than 120 s, a warning is logged when the producer is built. With `manual_flush` and in
    /// [`kafka_python_2`](Self::kafka_python_2), the default is no limit.
    ///
    /// Setting name: `delivery_timeout_ms`. Other name: `message.timeout.ms` (librdkafka).
    #[doc(alias = "delivery_timeout_ms")]
    pub fn delivery_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.delivery_timeout = Some(timeout.into());
        self
    }

    /// How long a producer can take to send the buffered records when the process ends. This setting applies to a producer
    /// that is still open. For example, a producer in a `static` is still open, because it is neither closed nor dropped.
    /// Default: 5 s.
    ///
    /// - `None` means no limit: the process ends only when every record is stored or has failed (see
    ///   [`delivery_timeout`](Self::delivery_timeout)).
    /// - With 0, the producer is not closed, and the buffered records are lost without a warning.
    ///
    /// The producer is closed when `main` returns and, except on Windows, when `std::process::exit` is called. It is not
    /// closed when the process aborts or is killed by a signal. SIGTERM and Ctrl-C also kill the process, unless the
    /// program handles them and calls [`close`](crate::KafkaProducer::close). In a forked child, the parent's producer is
    /// not closed.
    ///
    /// When this timeout expires, the remaining records fail, and a warning is logged. Several producers are closed at the
    /// same time, not one after another. kafka-python also closes its producers at exit.
    ///
    /// Setting name: `exit_timeout_ms`. Only this crate has this setting.
    #[doc(alias = "exit_timeout_ms")]
    #[doc(alias = "atexit")]
    pub fn exit_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.exit_timeout = timeout.into().unwrap_or(Duration::MAX);
        self
    }

    /// How long a batch waits after its first failure before it is sent again. Each further failure of the batch doubles
    /// the wait, up to [`retry_backoff_max`](Self::retry_backoff_max). Each wait is changed at random by up to ±20 %. A
    /// wait is at least 1 ms. Default: 100 ms.
    ///
    /// Setting name: `retry_backoff_ms`.
    #[doc(alias = "retry_backoff_ms")]
    pub fn retry_backoff(mut self, time: Duration) -> Self {
        self.retry_backoff = time;
        self
    }

    /// The longest wait before a batch is sent again, without the random ±20 %. Default: 1 s, or `retry_backoff` if that is
    /// longer.
    ///
    /// Setting name: `retry_backoff_max_ms`.
    #[doc(alias = "retry_backoff_max_ms")]
    pub fn retry_backoff_max(mut self, time: Duration) -> Self {
        self.retry_backoff_max = Some(time);
        self
    }

    /// How long the producer waits after the first failure before it connects to a broker again. Each further failure
    /// doubles the wait, up to [`reconnect_backoff_max`](Self::reconnect_backoff_max). Each wait is changed at random by up
    /// to ±20 %. A wait is at least 1 ms. Default: 50 ms.
    ///
    /// Setting name: `reconnect_backoff_ms`.
    #[doc(alias = "reconnect_backoff_ms")]
    pub fn reconnect_backoff(mut self, time: Duration) -> Self {
        self.reconnect_backoff = time;
        self
    }

    /// The longest wait before the producer connects to a broker again, without the random ±20 %. A value that is set
    /// applies to all brokers.
    ///
    /// The default depends on the broker. It is 1 s for a broker that is needed, and 30 s for other brokers. It is also 30 s
    /// for a broker that has rejected the authentication or can't be used with this configuration. A broker is needed if it
    /// is the leader of a partition with records to send. While no broker can be reached, every broker is needed. If `reconnect_backoff` is longer than this time, the default is `reconnect_backoff`.
    ///
    /// Setting name: `reconnect_backoff_max_ms`.
    #[doc(alias = "reconnect_backoff_max_ms")]
    pub fn reconnect_backoff_max(mut self, time: Duration) -> Self {
        self.reconnect_backoff_max = Some(time);
        self
    }

    /// How long the first attempt to connect to one address of a broker can take, up to the broker's first response. The
    /// minimum is 10 ms. Default: 10 s. The look-up of the host name can take the same time in addition.
    ///
    /// While the broker can't be reached, each further attempt doubles the timeout, up to
    /// [`socket_connection_setup_timeout_max`](Self::socket_connection_setup_timeout_max). The timeout is changed at random
    /// by up to ±20 %, so that many clients do not try again at the same moment (KIP-601).
    ///
    /// Setting name: `socket_connection_setup_timeout_ms`.
    #[doc(alias = "socket_connection_setup_timeout_ms")]
    pub fn socket_connection_setup_timeout(mut self, time: Duration) -> Self {
        self.socket_connection_setup_timeout = time;
        self
    }

    /// The longest time that an attempt to connect can take, without the random ±20 %. Default: 30 s, or
    /// `socket_connection_setup_timeout` if that is longer.
    ///
    /// Setting name: `socket_connection_setup_timeout_max_ms`.
    #[doc(alias = "socket_connection_setup_timeout_max_ms")]
    pub fn socket_connection_setup_timeout_max(mut self, time: Duration) -> Self {
        self.socket_connection_setup_timeout_max = Some(time);
        self
    }

    /// How long a connection can be unused before it is closed. The minimum is 10 ms. `None` means that unused connections
    /// stay open. Default: 540 s.
    ///
    /// Setting name: `connections_max_idle_ms`. The string `-1` means the same as `None`, as in Java.
    #[doc(alias = "connections_max_idle_ms")]
    pub fn connections_max_idle(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.connections_max_idle = time.into();
        self
    }

    /// The age at which metadata is requested again even if no error requires it. The minimum is 10 ms. Default: 300 s.
    ///
    /// Setting name: `metadata_max_age_ms`. Other name: `topic.metadata.refresh.interval.ms` (librdkafka).
    #[doc(alias = "metadata_max_age_ms")]
    pub fn metadata_max_age(mut self, age: Duration) -> Self {
        self.metadata_max_age = age;
        self
    }

    /// How long the producer keeps the metadata of a topic after the last record was sent to the topic. The minimum is 10
    /// ms. Default: 300 s. After this time, the next `send` to the topic waits for metadata, and a `try_send` fails with
    /// [`WouldBlock`](crate::ErrorKind::WouldBlock). This limit does not apply to topics for which
    /// [`partitions_for`](crate::KafkaProducer::partitions_for) was called.
    ///
    /// Setting name: `metadata_max_idle_ms`.
    #[doc(alias = "metadata_max_idle_ms")]
    pub fn metadata_max_idle(mut self, time: Duration) -> Self {
        self.metadata_max_idle = time;
        self
    }

    /// What the producer does when all brokers of the cluster have failed (KIP-899). Default:
    /// [`Rebootstrap`](MetadataRecoveryStrategy::Rebootstrap), so it also connects to `bootstrap_servers` again, at once. Java
    /// waits for `metadata.recovery.rebootstrap.trigger.ms` before.
    ///
    /// Choose [`None`](MetadataRecoveryStrategy::None) if the names in `bootstrap_servers` can lead to another cluster later.
    ///
    /// String values: `rebootstrap`, `none`. Java has the same name.
    pub fn metadata_recovery_strategy(mut self, strategy: MetadataRecoveryStrategy) -> Self {
        self.metadata_recovery_strategy = strategy;
        self
    }

    /// Which addresses of a host name are used: all, only IPv4, or only IPv6. The setting also applies to host names that are
    /// addresses, and to the host of a proxy. Default: [`AddressFamily::Any`].
    ///
    /// Use it if a host name has addresses of a family that does not work in this network. Otherwise each attempt to connect
    /// to such an address takes up to `socket_connection_setup_timeout`.
    ///
    /// String values: `any`, `v4`, `v6`. librdkafka has the same name.
    pub fn broker_address_family(mut self, family: AddressFamily) -> Self {
        self.broker_address_family = family;
        self
    }

    /// Whether the producer asks the cluster to create a topic that does not exist. The cluster creates it only if the
    /// brokers' `auto.create.topics.enable` is true. Default: true.
    pub fn allow_auto_create_topics(mut self, allow: bool) -> Self {
        self.allow_auto_create_topics = allow;
        self
    }

    /// The size in bytes of the largest response that the producer reads. Default: 100,000,000.
    pub fn receive_message_max_bytes(mut self, bytes: usize) -> Self {
        self.receive_message_max_bytes = bytes;
        self
    }

    /// The size in bytes of the socket's send buffer (`SO_SNDBUF`). `None` means the default: the system's size.
    ///
    /// The string `-1` means the default, as in Java. Other name: `socket.send.buffer.bytes` (librdkafka). With this name,
    /// `0` also means the default.
    pub fn send_buffer_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.send_buffer_bytes = bytes.into();
        self
    }

    /// The size in bytes of the socket's receive buffer (`SO_RCVBUF`). `None` means the default: the system's size.
    ///
    /// The string `-1` means the default, as in Java. Other name: `socket.receive.buffer.bytes` (librdkafka). With this
    /// name, `0` also means the default.
    pub fn receive_buffer_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.receive_buffer_bytes = bytes.into();
        self
    }

    /// Whether small packets are sent at once (`TCP_NODELAY`). Default: true. With false, a request can take up to 40 ms
    /// longer.
    ///
    /// Setting name: `socket_options`, with the value `TCP_NODELAY=1`. Other name: `socket.nagle.disable` (librdkafka).
    #[doc(alias = "socket_options")]
    pub fn tcp_nodelay(mut self, on: bool) -> Self {
        self.socket_options.no_delay = on;
        self
    }

    /// Whether the system probes idle connections (`SO_KEEPALIVE`). Default: false.
    ///
    /// Setting name: `socket_options`, with the value `SO_KEEPALIVE=1`. Other name: `socket.keepalive.enable` (librdkafka).
    #[doc(alias = "socket_options")]
    pub fn so_keepalive(mut self, on: bool) -> Self {
        self.socket_options.keep_alive = on;
        self
    }

    /// How many bytes are read from a socket at a time. The maximum is 16 MiB. Default: 65,536. kafka-python has the same
    /// name.
    pub fn sock_chunk_bytes(mut self, bytes: usize) -> Self {
        self.sock_chunk_bytes = bytes;
        self
    }

    /// How many times one socket is read before the other sockets are read. Default: 16. kafka-python has the same name.
    pub fn sock_chunk_buffer_count(mut self, reads: usize) -> Self {
        self.sock_chunk_buffer_count = reads;
        self
    }

    /// The topic of each record that has no topic of its own (see [`ProducerRecord::new`](crate::ProducerRecord::new)). The
    /// name must be a valid topic name. By default there is no such topic, and `send` fails for a record without a topic.
    ///
    /// Only this crate has this setting. franz-go calls it `DefaultProduceTopic`.
    pub fn default_topic(mut self, topic: impl Into<String>) -> Self {
        self.default_topic = Some(topic.into());
        self
    }

    /// Adds an interceptor, which sees each record before it is sent, and the result of each record. Interceptors are called
    /// in the order in which they were added. By default there are none.
    ///
    /// Java calls it `interceptor.classes`.
    #[doc(alias = "interceptor_classes")]
    pub fn interceptor(mut self, interceptor: impl ProducerInterceptor + 'static) -> Self {
        self.interceptors.push(NamedInterceptor::new(interceptor));
        self
    }
}
