//! The setters, which take anything: what is wrong with it is told at the end, all at once.

use std::sync::Arc;
use std::time::Duration;

use super::into_servers::IntoServers;
use super::producer_config::ProducerConfig;
use super::types::{Acks, SecurityProtocol};
use super::values::LIST;
use crate::producer::{PartitionBy, PartitionContext, Partitioner};
use crate::record::Compression;

impl ProducerConfig {
    /// The first brokers to connect to, as `host:port`. The other brokers of the cluster are learnt from the first one that
    /// answers. Default `localhost:9092`.
    ///
    /// It takes one text, `"a:9092,b:9092"`, or a list of them, `["a:9092", "b:9092"]`. The default port is 9092. An IPv6
    /// address is written in brackets, `[::1]:9092`. `PLAINTEXT://host:9092` is accepted if it names the
    /// [`security_protocol`](Self::security_protocol).
    pub fn bootstrap_servers(mut self, servers: impl IntoServers) -> Self {
        self.bootstrap_servers.clear();
        servers.each(&mut |servers| match servers.contains(',') {
            true => self.bootstrap_servers.extend((LIST.read)(servers).unwrap_or_default()),
            false => self.bootstrap_servers.push(servers.to_owned()),
        });
        self
    }

    /// The name by which brokers' logs and quotas know this client. Default `kafka-producer-N`, counted per process;
    /// an empty one says nothing, as in Java.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// Whether connections use TLS, SASL, both or neither. It has to be the protocol of the brokers' listener that
    /// `bootstrap_servers` names. Default [`SecurityProtocol::Plaintext`], or [`SecurityProtocol::Ssl`] if a
    /// setting of TLS says whom to trust or who we are (`ssl_cafile`, `ssl_certfile`, …).
    ///
    /// kafka-python's name; in texts one of `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT`, `SASL_SSL`.
    pub fn security_protocol(mut self, protocol: impl Into<Option<SecurityProtocol>>) -> Self {
        self.security_protocol = protocol.into();
        self
    }

    /// When a record counts as stored. Any other than [`Acks::All`] turns idempotence off, unless `enable_idempotence` is
    /// set. Default [`Acks::All`].
    pub fn acks(mut self, acks: Acks) -> Self {
        self.acks = acks;
        self
    }

    /// Whether each record is stored once and in order, however often it has to be sent (KIP-98). Brokers know a batch
    /// that they have stored already by its number; for that they give each producer an id. A broker that has forgotten the
    /// producer can't: after `producer.id.expiration.ms` without a record (a day), in a topic that was made anew, or with a
    /// log that was lost. A record whose answer was lost just before may then be stored twice.
    ///
    /// It needs [`Acks::All`], at least one of [`retries`](Self::retries), and at most 5 in
    /// [`max_in_flight_requests_per_connection`](Self::max_in_flight_requests_per_connection). If this is set to true,
    /// each that contradicts it is refused. If it is not set, it is on unless `acks` or `retries` turn it off, of which a
    /// line on the log tells (INFO). Java 4 has the same rules, and the same name in texts (`enable.idempotence`).
    ///
    /// Default: true with the default `acks` and `retries`; false in [`kafka_python_2`](Self::kafka_python_2).
    pub fn enable_idempotence(mut self, enable: impl Into<Option<bool>>) -> Self {
        self.enable_idempotence = enable.into();
        self
    }

    /// The codec for batches. One that does not get smaller goes out as it is. Default [`Compression::None`].
    ///
    /// In texts: `compression_type`.
    #[doc(alias = "compression_type")]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// The codec's level, where it has any: gzip 1 to 9, zstd -131072 to 22. Default: the codec's own.
    ///
    /// In a program codec and level stand side by side, and this is the level of whichever codec is chosen. A text may
    /// also have Java's level for each codec (`compression.gzip.level`): for its codec it wins over this one, for
    /// another it does nothing.
    #[doc(alias = "compression_gzip_level")]
    #[doc(alias = "compression_zstd_level")]
    pub fn compression_level(mut self, level: impl Into<Option<i32>>) -> Self {
        self.compression_level = level.into();
        self
    }

    /// How often a batch is sent again after an error that may pass; `delivery_timeout` ends it all the same. 0 turns
    /// idempotence off, unless `enable_idempotence` is set. Default 2147483647.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// A batch with so many bytes is sent without waiting for `linger`. It is not the maximum: a batch that can't be
    /// sent yet grows on, up to `batch_max_bytes`. 0: each record has a batch of its own. Default 16,384, or less if
    /// `batch_max_bytes`, `max_request_size` or `produce_request_max_bytes` was set and is less.
    pub fn batch_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.batch_size = bytes.into();
        self
    }

    /// Bytes up to which a batch grows while it can't be sent; a record that is larger has a batch of its own. Less than
    /// a `batch_size` that was set is refused. With a codec a batch ends at 128 KiB (`batch_size` if that is more), for it
    /// is compressed in one go. Default: `max_request_size` less a request's overhead, and no more than a
    /// `produce_request_max_bytes` that was set.
    pub fn batch_max_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.batch_max_bytes = bytes.into();
        self
    }

    /// Bytes of batches in one request, which may be those of several partitions; a record that is larger goes alone.
    /// Default: `max_request_size`, if that was set. Else what `buffer_memory` leaves for each request that may be under
    /// way (`max_in_flight_requests_per_connection`), at most 50 MiB and at least 1 MiB. Brokers take no request of more
    /// than 100 MiB (their `socket.request.max.bytes`), or close the connection.
    pub fn produce_request_max_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.produce_request_max_bytes = bytes.into();
        self
    }

    /// How long a batch waits for more records before it is sent. Default 0: it does not wait.
    ///
    /// While two or more batches of its partition are under way the next waits for the answer to one of them, or until it is
    /// as large as all of them together, whatever this is. A `flush`, a `close`, a thread in a future's `get`, and a thread
    /// that waits for memory end that wait.
    ///
    /// A batch that can't be sent yet goes on taking records, until its first record is as old as the longer of
    /// `linger` and a twentieth of `delivery_timeout` (of that at most 1 s).
    ///
    /// In texts: `linger_ms`.
    #[doc(alias = "linger_ms")]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Bytes of records that may wait to be sent or answered; when they are used up, `send` blocks. So that one slow
    /// partition can't take all the memory: while others hold memory too, a partition that holds a quarter of it
    /// can't take the last eighth, and partitions that hold less get memory first. Default 33,554,432 (32 MiB).
    pub fn buffer_memory(mut self, bytes: usize) -> Self {
        self.buffer_memory = bytes;
        self
    }

    /// How long `send` may block, for metadata and memory together; `None` is for ever. Default 60 s.
    ///
    /// In texts: `max_block_ms`.
    #[doc(alias = "max_block_ms")]
    pub fn max_block(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.max_block = timeout.into().unwrap_or(Duration::MAX);
        self
    }

    /// The largest record and the largest batch, in bytes; brokers have a limit of their own (`message.max.bytes`).
    /// Default 1,048,576 (1 MiB). If it is set, it is also the most that a request carries, unless
    /// `produce_request_max_bytes` is set too.
    pub fn max_request_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.max_request_size = bytes.into();
        self
    }

    /// Requests to one broker that may be without an answer. Default 5.
    ///
    /// With idempotence as many batches of one partition may be under way, and their order is kept when one of them has to
    /// be sent again. More than 5 is refused unless `enable_idempotence` is false, as in Java 4: a broker remembers the
    /// last five batches of a producer, and could not tell whether it has stored an older one.
    ///
    /// Without idempotence one batch of a partition is under way at a time, and its order is kept, unless this is set to
    /// more than 1. Then as many may be, and **a batch that has to be sent again is stored after those that were sent
    /// behind it**: the order within a partition is lost when something fails. Set it to 1 (or leave it out) if you need
    /// the order, or to 1 with `retries` 0 if records may rather be lost.
    pub fn max_in_flight_requests_per_connection(mut self, requests: impl Into<Option<usize>>) -> Self {
        self.max_in_flight_requests_per_connection = requests.into();
        self
    }

    /// How long a broker may take to answer a request; at least 10 ms. Default 30 s. Then its connection is closed,
    /// and records that were in the request are sent again as long as `retries` and `delivery_timeout` allow. A
    /// request that waits behind another one is not late.
    ///
    /// In texts: `request_timeout_ms`.
    #[doc(alias = "request_timeout_ms")]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long a record may take from `send` to its result, all attempts together; `None` is for ever. The time
    /// counts from the first record of the batch, so a record that joined later may expire a little before its own
    /// time: by at most `linger`, or a twentieth of this time (of that at most 1 s), whichever is longer.
    ///
    /// It must be at least `linger` and `request_timeout` together. Default 120 s, or those two if they are more: a
    /// warning tells of it when the producer is built.
    ///
    /// In texts: `delivery_timeout_ms`.
    #[doc(alias = "delivery_timeout_ms")]
    pub fn delivery_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.delivery_timeout = Some(timeout.into());
        self
    }

    /// For a producer that is neither closed nor dropped when the process ends, as one in a `static`: how long it may
    /// take to send what is buffered; `None` is for ever. Default 5 s. With 0 the producer is not closed at exit, and what is
    /// buffered is lost without a warning.
    ///
    /// It acts when `main` returns and (except on Windows) when `std::process::exit` is called. It does not act when
    /// the process aborts or is killed by a signal (SIGTERM and Ctrl-C too, unless you handle them: then call
    /// [`close`](crate::KafkaProducer::close)), nor for its parent's producer in a forked child. What could not be sent fails, with a warning on
    /// the log. Several producers are closed at the same time, not one after another. kafka-python closes at exit as
    /// well.
    ///
    /// In texts: `exit_timeout_ms`, which no other client has.
    #[doc(alias = "exit_timeout_ms")]
    #[doc(alias = "atexit")]
    pub fn exit_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.exit_timeout = timeout.into().unwrap_or(Duration::MAX);
        self
    }

    /// The wait before a batch is sent again after its first failure. Each further failure of the batch doubles the wait, up to
    /// [`retry_backoff_max`](Self::retry_backoff_max). The wait is spread at random by 20 % either way and is never below 1 ms.
    /// Default 100 ms.
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

    /// The wait before a broker is connected to again after the first failure. Each further failure doubles the wait, up to
    /// [`reconnect_backoff_max`](Self::reconnect_backoff_max). The wait is spread at random by 20 % either way and is never
    /// below 1 ms. Default 50 ms.
    ///
    /// In texts: `reconnect_backoff_ms`.
    #[doc(alias = "reconnect_backoff_ms")]
    pub fn reconnect_backoff(mut self, time: Duration) -> Self {
        self.reconnect_backoff = time;
        self
    }

    /// The longest wait before a broker is connected to again. Default 30 s, but 1 s for a broker that is needed: the leader of
    /// a partition with records, or any broker while none can be reached. A value that is set holds for all brokers.
    ///
    /// In texts: `reconnect_backoff_max_ms`.
    #[doc(alias = "reconnect_backoff_max_ms")]
    pub fn reconnect_backoff_max(mut self, time: Duration) -> Self {
        self.reconnect_backoff_max = Some(time);
        self
    }

    /// How long the first attempt to connect to one address of a broker may take, up to the broker's first answer; at least
    /// 10 ms. Looking up the name may take as long again. The time doubles while the broker can't be reached, up to
    /// [`socket_connection_setup_timeout_max`](Self::socket_connection_setup_timeout_max). It is spread at random by 20 %
    /// either way, so that many clients do not try again at the same moment. Default 10 s.
    ///
    /// In texts: `socket_connection_setup_timeout_ms`.
    #[doc(alias = "socket_connection_setup_timeout_ms")]
    pub fn socket_connection_setup_timeout(mut self, time: Duration) -> Self {
        self.socket_connection_setup_timeout = time;
        self
    }

    /// The longest time that an attempt to connect may take. Default 30 s, or `socket_connection_setup_timeout` if that is
    /// longer.
    ///
    /// In texts: `socket_connection_setup_timeout_max_ms`.
    #[doc(alias = "socket_connection_setup_timeout_max_ms")]
    pub fn socket_connection_setup_timeout_max(mut self, time: Duration) -> Self {
        self.socket_connection_setup_timeout_max = Some(time);
        self
    }

    /// A connection that was not used for so long is closed; at least 10 ms, and `None` is never. Default 540 s.
    ///
    /// In texts: `connections_max_idle_ms`, where Java's -1 is never, too.
    #[doc(alias = "connections_max_idle_ms")]
    pub fn connections_max_idle(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.connections_max_idle = time.into();
        self
    }

    /// How old metadata may get before the cluster is asked again, if nothing happens; at least 10 ms. Default
    /// 300 s.
    ///
    /// In texts: `metadata_max_age_ms`.
    #[doc(alias = "metadata_max_age_ms")]
    pub fn metadata_max_age(mut self, age: Duration) -> Self {
        self.metadata_max_age = age;
        self
    }

    /// A topic to which nothing was sent for so long is not asked about any more; at least 10 ms. Default 300 s.
    ///
    /// In texts: `metadata_max_idle_ms`.
    #[doc(alias = "metadata_max_idle_ms")]
    pub fn metadata_max_idle(mut self, time: Duration) -> Self {
        self.metadata_max_idle = time;
        self
    }

    /// Whether the cluster may create a topic that is missing, if it is set up to. Default true.
    pub fn allow_auto_create_topics(mut self, allow: bool) -> Self {
        self.allow_auto_create_topics = allow;
        self
    }

    /// The largest answer that is read, in bytes. Default 100,000,000.
    pub fn receive_message_max_bytes(mut self, bytes: usize) -> Self {
        self.receive_message_max_bytes = bytes;
        self
    }

    /// The socket's send buffer (`SO_SNDBUF`), in bytes. Default: the system's.
    pub fn send_buffer_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.send_buffer_bytes = bytes.into();
        self
    }

    /// The socket's receive buffer (`SO_RCVBUF`), in bytes. Default: the system's.
    pub fn receive_buffer_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.receive_buffer_bytes = bytes.into();
        self
    }

    /// Whether small pieces are sent at once (`TCP_NODELAY`). Default true; false costs up to 40 ms a request.
    ///
    /// In texts: one of `socket_options`, as `TCP_NODELAY=1`.
    #[doc(alias = "socket_options")]
    pub fn tcp_nodelay(mut self, on: bool) -> Self {
        self.socket_options.no_delay = on;
        self
    }

    /// Whether the system probes connections at rest (`SO_KEEPALIVE`). Default false.
    ///
    /// In texts: one of `socket_options`, as `SO_KEEPALIVE=1`.
    #[doc(alias = "socket_options")]
    pub fn so_keepalive(mut self, on: bool) -> Self {
        self.socket_options.keep_alive = on;
        self
    }

    /// Bytes to read from a socket at a time, at most 16 MiB. Default 65,536.
    pub fn sock_chunk_bytes(mut self, bytes: usize) -> Self {
        self.sock_chunk_bytes = bytes;
        self
    }

    /// Reads from one socket before the others have their turn. Default 16.
    pub fn sock_chunk_buffer_count(mut self, reads: usize) -> Self {
        self.sock_chunk_buffer_count = reads;
        self
    }

    /// The partitioner, which chooses the partition of each record that does not name one. Default
    /// [`DefaultPartitioner`](crate::DefaultPartitioner).
    pub fn partitioner(mut self, partitioner: impl Partitioner + 'static) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }

    /// As [`partitioner`](Self::partitioner), with a closure.
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

    /// Whether the default partitioner treats records with a key as those without. Default false. A partitioner of
    /// your own sees keys all the same, as in Java.
    pub fn partitioner_ignore_keys(mut self, ignore: bool) -> Self {
        self.partitioner_ignore_keys = ignore;
        self
    }
}
