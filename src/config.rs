//! `ProducerConfig`: every setting typed, checked once, with all that is wrong in one error.

mod keys;
mod servers;
mod settings;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{ConfigProblem, Error, ErrorKind};
use crate::producer::{DefaultPartitioner, Partitioner};
use crate::record::Compression;

pub(crate) use settings::Settings;

/// How many replicas must have a record before it counts as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "Kafka has these three (KIP-1)")]
pub enum Acks {
    /// None: the broker does not answer, a lost record goes unnoticed, offsets are -1.
    None,
    /// The leader: a record is lost if the leader dies before a follower has it.
    Leader,
    /// All in-sync replicas: a record survives as long as one of them does.
    All,
}

/// What is set on every socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SocketOptions {
    pub(crate) no_delay: bool,
    pub(crate) keep_alive: bool,
}

/// The configuration of a [`KafkaProducer`](crate::KafkaProducer).
///
/// Setters take any value; [`build`](Self::build) checks them all at once. Each setting has kafka-python's name, by
/// which [`from_pairs`](Self::from_pairs) knows it, or the Java client's.
#[derive(Clone)]
pub struct ProducerConfig {
    bootstrap_servers: Vec<String>,
    client_id: Option<String>,
    acks: Acks,
    compression: Compression,
    compression_level: Option<i32>,
    retries: u32,
    batch_size: usize,
    batch_max_bytes: Option<usize>,
    produce_request_max_bytes: Option<usize>,
    linger: Duration,
    buffer_memory: usize,
    max_block: Duration,
    max_request_size: usize,
    max_in_flight_requests_per_connection: usize,
    request_timeout: Duration,
    delivery_timeout: Option<Duration>,
    retry_backoff: Duration,
    retry_backoff_max: Duration,
    reconnect_backoff: Duration,
    reconnect_backoff_max: Duration,
    socket_connection_setup_timeout: Duration,
    connections_max_idle: Duration,
    metadata_max_age: Duration,
    metadata_max_idle: Duration,
    allow_auto_create_topics: bool,
    receive_message_max_bytes: usize,
    send_buffer_bytes: Option<usize>,
    receive_buffer_bytes: Option<usize>,
    socket_options: SocketOptions,
    sock_chunk_bytes: usize,
    sock_chunk_buffer_count: usize,
    partitioner: Arc<dyn Partitioner>,
}

impl Default for ProducerConfig {
    /// Durable and in order: `acks=all`, retried until `delivery_timeout` is over.
    fn default() -> Self {
        Self {
            bootstrap_servers: vec!["localhost:9092".to_owned()],
            client_id: None,
            acks: Acks::All,
            compression: Compression::None,
            compression_level: None,
            retries: i32::MAX as u32,
            batch_size: 16_384,
            batch_max_bytes: None,
            produce_request_max_bytes: None,
            linger: Duration::ZERO,
            buffer_memory: 32 << 20,
            max_block: Duration::from_secs(60),
            max_request_size: 1 << 20,
            max_in_flight_requests_per_connection: 5,
            request_timeout: Duration::from_secs(30),
            delivery_timeout: Some(Duration::from_secs(120)),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: Duration::from_secs(30),
            socket_connection_setup_timeout: Duration::from_secs(10),
            connections_max_idle: Duration::from_secs(540),
            metadata_max_age: Duration::from_secs(300),
            metadata_max_idle: Duration::from_secs(300),
            allow_auto_create_topics: true,
            receive_message_max_bytes: 100_000_000,
            send_buffer_bytes: None,
            receive_buffer_bytes: None,
            socket_options: SocketOptions { no_delay: true, keep_alive: false },
            sock_chunk_bytes: 65_536,
            sock_chunk_buffer_count: 16,
            partitioner: Arc::new(DefaultPartitioner),
        }
    }
}

impl ProducerConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// kafka-python 2's own defaults, for a program that is to behave as it did: `acks=1`, no retries, no delivery
    /// timeout, batches and requests of exactly the size that the settings say.
    ///
    /// Today's defaults are safer; see [`Default`](Self::default).
    pub fn kafka_python_2() -> Self {
        let config = Self::default();
        Self {
            acks: Acks::Leader,
            retries: 0,
            batch_max_bytes: Some(config.batch_size),
            produce_request_max_bytes: Some(config.max_request_size),
            delivery_timeout: None,
            retry_backoff_max: config.retry_backoff,
            reconnect_backoff_max: Duration::from_secs(1),
            sock_chunk_bytes: 4096,
            sock_chunk_buffer_count: 1000,
            ..config
        }
    }

    /// Reads settings from texts: kafka-python's names (`linger_ms`) or the Java client's (`linger.ms`), durations in
    /// milliseconds, sizes in bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] listing every key that is unknown and every value that can't be read.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let mut config = Self::default();
        let problems: Vec<_> =
            pairs.into_iter().filter_map(|(key, value)| keys::set(&mut config, key, value)).collect();
        if problems.is_empty() { Ok(config) } else { Err(Error::new(ErrorKind::Config { problems })) }
    }

    /// `host:port` of the brokers to begin with; the rest of the cluster is learnt from the first that answers.
    /// Default `localhost:9092`. The port may be left out (9092), `[::1]:9092` and `PLAINTEXT://host:9092` are read.
    pub fn bootstrap_servers<S: Into<String>>(mut self, servers: impl IntoIterator<Item = S>) -> Self {
        self.bootstrap_servers = servers.into_iter().map(Into::into).collect();
        self
    }

    /// The name by which brokers' logs and quotas know this client. Default `kafka-producer-N`, counted per process.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// When a record counts as stored. Default [`Acks::All`].
    pub fn acks(mut self, acks: Acks) -> Self {
        self.acks = acks;
        self
    }

    /// The codec for batches. One that does not get smaller goes out as it is. Default [`Compression::None`].
    #[doc(alias = "compression_type")]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// The codec's level, where it has any: gzip 1 to 9, zstd -131072 to 22. Default: the codec's own.
    pub fn compression_level(mut self, level: i32) -> Self {
        self.compression_level = Some(level);
        self
    }

    /// How often a batch is sent again after an error that may pass; `delivery_timeout` ends it all the same. Default
    /// 2147483647.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Bytes at which a batch need not wait for `linger` any more; it grows beyond while it can't be sent. 0 is a
    /// batch for each record. Default 16,384.
    pub fn batch_size(mut self, bytes: usize) -> Self {
        self.batch_size = bytes;
        self
    }

    /// Bytes up to which a batch grows while it can't be sent. Default: `max_request_size` less a request's overhead.
    pub fn batch_max_bytes(mut self, bytes: usize) -> Self {
        self.batch_max_bytes = Some(bytes);
        self
    }

    /// Bytes of batches in one request, which may be those of several partitions. Default: what `buffer_memory` leaves
    /// for each request that may be under way (`max_in_flight_requests_per_connection`), at most 50 MiB and at least
    /// `max_request_size`. Brokers take no request of more than 100 MiB (their `socket.request.max.bytes`).
    pub fn produce_request_max_bytes(mut self, bytes: usize) -> Self {
        self.produce_request_max_bytes = Some(bytes);
        self
    }

    /// How long a record waits for company before its batch is sent. Default 0: not at all.
    #[doc(alias = "linger_ms")]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Bytes of records that may wait to be sent; then `send` blocks. A partition that has a quarter of them leaves the
    /// last eighth to others, if there are any, and they come first. Default 33,554,432 (32 MiB).
    pub fn buffer_memory(mut self, bytes: usize) -> Self {
        self.buffer_memory = bytes;
        self
    }

    /// How long `send` may block, for metadata and memory together. Default 60 s.
    #[doc(alias = "max_block_ms")]
    pub fn max_block(mut self, timeout: Duration) -> Self {
        self.max_block = timeout;
        self
    }

    /// The largest record and the largest batch, in bytes; brokers have a limit of their own (`message.max.bytes`).
    /// Default 1,048,576 (1 MiB).
    pub fn max_request_size(mut self, bytes: usize) -> Self {
        self.max_request_size = bytes;
        self
    }

    /// Requests to one broker that may be without an answer. Default 5.
    pub fn max_in_flight_requests_per_connection(mut self, requests: usize) -> Self {
        self.max_in_flight_requests_per_connection = requests;
        self
    }

    /// How long a broker may take to answer before its connection is given up; at least 10 ms. Default 30 s.
    #[doc(alias = "request_timeout_ms")]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long a record may take from `send` to its result; `None` is for ever. A batch counts from its first record,
    /// and takes records for at most a twentieth of this (and at most 1 s). Default 120 s.
    #[doc(alias = "delivery_timeout_ms")]
    pub fn delivery_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.delivery_timeout = timeout.into();
        self
    }

    /// Between two attempts at the same batch: the first wait, and the most it doubles to; never below 1 ms. Default
    /// 100 ms and 1 s.
    #[doc(alias = "retry_backoff_ms")]
    #[doc(alias = "retry_backoff_max_ms")]
    pub fn retry_backoff(mut self, first: Duration, most: Duration) -> Self {
        self.retry_backoff = first;
        self.retry_backoff_max = most;
        self
    }

    /// Between two attempts to reach a broker: the first wait, and the most it doubles to; never below 1 ms. Default
    /// 50 ms and 30 s.
    #[doc(alias = "reconnect_backoff_ms")]
    #[doc(alias = "reconnect_backoff_max_ms")]
    pub fn reconnect_backoff(mut self, first: Duration, most: Duration) -> Self {
        self.reconnect_backoff = first;
        self.reconnect_backoff_max = most;
        self
    }

    /// How long a connection may take to get ready; at least 10 ms. Default 10 s.
    #[doc(alias = "socket_connection_setup_timeout_ms")]
    pub fn socket_connection_setup_timeout(mut self, timeout: Duration) -> Self {
        self.socket_connection_setup_timeout = timeout;
        self
    }

    /// A connection that was not used for so long is closed; at least 10 ms. Default 540 s.
    #[doc(alias = "connections_max_idle_ms")]
    pub fn connections_max_idle(mut self, time: Duration) -> Self {
        self.connections_max_idle = time;
        self
    }

    /// How old metadata may get before the cluster is asked again, if nothing happens; at least 10 ms. Default
    /// 300 s.
    #[doc(alias = "metadata_max_age_ms")]
    pub fn metadata_max_age(mut self, age: Duration) -> Self {
        self.metadata_max_age = age;
        self
    }

    /// A topic to which nothing was sent for so long is not asked about any more; at least 10 ms. Default 300 s.
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

    /// The socket's send buffer (`SO_SNDBUF`). Default: the system's.
    pub fn send_buffer_bytes(mut self, bytes: usize) -> Self {
        self.send_buffer_bytes = Some(bytes);
        self
    }

    /// The socket's receive buffer (`SO_RCVBUF`). Default: the system's.
    pub fn receive_buffer_bytes(mut self, bytes: usize) -> Self {
        self.receive_buffer_bytes = Some(bytes);
        self
    }

    /// Whether small pieces are sent at once (`TCP_NODELAY`). Default true; false costs up to 40 ms a request.
    #[doc(alias = "socket_options")]
    pub fn tcp_nodelay(mut self, on: bool) -> Self {
        self.socket_options.no_delay = on;
        self
    }

    /// Whether the system probes connections at rest (`SO_KEEPALIVE`). Default false.
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

    /// Chooses the partition of records that name none. Default [`DefaultPartitioner`].
    pub fn partitioner(mut self, partitioner: impl Partitioner + 'static) -> Self {
        self.partitioner = Arc::new(partitioner);
        self
    }

    fn level(&self) -> Option<i32> {
        self.compression_level
    }

    /// What is wrong with it, setting by setting.
    fn problems(&self) -> Vec<ConfigProblem> {
        let mut problems = servers::problems(&self.bootstrap_servers);
        let mut at_least_one = |key: &str, value: usize| {
            if value == 0 {
                problems.push(problem(key, value, "it must be at least 1"));
            }
        };
        at_least_one("buffer_memory", self.buffer_memory);
        at_least_one("max_request_size", self.max_request_size);
        at_least_one("max_in_flight_requests_per_connection", self.max_in_flight_requests_per_connection);
        at_least_one("receive_message_max_bytes", self.receive_message_max_bytes);
        at_least_one("sock_chunk_bytes", self.sock_chunk_bytes);
        at_least_one("sock_chunk_buffer_count", self.sock_chunk_buffer_count);
        for (key, value, most, why) in [
            (
                "sock_chunk_bytes",
                Some(self.sock_chunk_bytes),
                LARGEST_READ,
                "it must be at most 16777216: so much memory is taken for it at the start",
            ),
            (
                "receive_message_max_bytes",
                Some(self.receive_message_max_bytes),
                LARGEST_INT,
                "it must be at most 2147483647: no answer can be longer",
            ),
            (
                "send_buffer_bytes",
                self.send_buffer_bytes,
                LARGEST_INT,
                "it must be at most 2147483647: sockets know no more",
            ),
            (
                "receive_buffer_bytes",
                self.receive_buffer_bytes,
                LARGEST_INT,
                "it must be at most 2147483647: sockets know no more",
            ),
        ] {
            if let Some(value) = value.filter(|value| *value > most) {
                problems.push(problem(key, value, why));
            }
        }
        if let Some(id) = self.client_id.as_ref().filter(|id| id.len() > LONGEST_CLIENT_ID) {
            let why = format!("it is {} bytes long; at most {LONGEST_CLIENT_ID} are sent", id.len());
            problems.push(ConfigProblem { key: "client_id".to_owned(), value: None, why });
        }
        if let Some(id) = self.client_id.as_ref().filter(|id| id.chars().any(char::is_control)) {
            problems.push(problem("client_id", id, "control characters may not stand in it"));
        }
        let most = settings::LARGEST_REQUEST;
        for (key, value) in [
            ("max_request_size", Some(self.max_request_size)),
            ("batch_size", Some(self.batch_size)),
            ("produce_request_max_bytes", self.produce_request_max_bytes),
        ] {
            if let Some(value) = value.filter(|value| *value > most) {
                let why = format!(
                    "brokers take no request of more than {most} bytes (their socket.request.max.bytes)"
                );
                problems.push(problem(key, value, why));
            }
        }
        if let Some(value) = self.batch_max_bytes.filter(|value| *value > self.max_request_size) {
            let why = format!("it is more than max_request_size ({}); raise that too", self.max_request_size);
            problems.push(problem("batch_max_bytes", value, why));
        }
        for (key, value) in [
            ("connections_max_idle_ms", self.connections_max_idle),
            ("metadata_max_idle_ms", self.metadata_max_idle),
            ("metadata_max_age_ms", self.metadata_max_age),
            ("request_timeout_ms", self.request_timeout),
            ("socket_connection_setup_timeout_ms", self.socket_connection_setup_timeout),
        ] {
            if value < SHORTEST {
                problems.push(problem(
                    key,
                    value.as_millis(),
                    "it must be at least 10 ms, or nothing gets done in it",
                ));
            }
        }
        if let Some(level) = self.compression_level
            && let Err(error) = self.compression.check_level(level)
        {
            problems.push(problem("compression_level", level, error.to_string()));
        }
        if let Some(limit) = self.delivery_timeout
            && limit < self.linger.saturating_add(self.request_timeout)
        {
            let why = format!(
                "a record would expire before its first request can time out; it must be at least linger_ms ({}) \
                 and request_timeout_ms ({}) together",
                self.linger.as_millis(),
                self.request_timeout.as_millis()
            );
            problems.push(problem("delivery_timeout_ms", limit.as_millis(), why));
        }
        for (first, most, key) in [
            (self.retry_backoff, self.retry_backoff_max, "retry_backoff_ms"),
            (self.reconnect_backoff, self.reconnect_backoff_max, "reconnect_backoff_ms"),
        ] {
            if first > most {
                let key_of_most = key.replace("_ms", "_max_ms");
                let why = format!("it is more than {key_of_most} ({}); raise that too", most.as_millis());
                problems.push(problem(key, first.as_millis(), why));
            }
        }
        problems
    }

    /// What each layer needs of it.
    pub(crate) fn settings(&self) -> Result<Settings, Error> {
        let problems = self.problems();
        if problems.is_empty() {
            Ok(Settings::of(self))
        } else {
            Err(Error::new(ErrorKind::Config { problems }))
        }
    }
}

impl fmt::Debug for ProducerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ProducerConfig");
        for key in keys::KEYS {
            debug.field(key.name, &format_args!("{}", (key.show)(self)));
        }
        debug.finish()
    }
}

/// Some brokers' metrics can't carry more; the protocol could.
const LONGEST_CLIENT_ID: usize = 1000;

/// Of a read: its buffer is there from the start.
const LARGEST_READ: usize = 16 << 20;

/// What the protocol and sockets count bytes with.
const LARGEST_INT: usize = i32::MAX as usize;

/// Of what would otherwise open and close connections, or ask for metadata, without end.
const SHORTEST: Duration = Duration::from_millis(10);

fn problem(key: &str, value: impl fmt::Display, why: impl Into<String>) -> ConfigProblem {
    ConfigProblem { key: key.to_owned(), value: Some(value.to_string()), why: why.into() }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;
