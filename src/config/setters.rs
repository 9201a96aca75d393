//! The setters, which take anything: what is wrong with it is told at the end, all at once.

use std::sync::Arc;
use std::time::Duration;

use super::values::LIST;
use super::{Acks, ProducerConfig};
use crate::producer::Partitioner;
use crate::record::Compression;

impl ProducerConfig {
    /// `host:port` of the brokers to begin with; the rest of the cluster is learnt from the first that answers.
    /// Default `localhost:9092`. The port may be left out (9092), `[::1]:9092` and `PLAINTEXT://host:9092` are read.
    /// A text with commas in it is a list, as other clients have it: `[variable]` does for `a:9092,b:9092`.
    pub fn bootstrap_servers<S: Into<String>>(mut self, servers: impl IntoIterator<Item = S>) -> Self {
        self.bootstrap_servers.clear();
        for servers in servers {
            let servers = servers.into();
            match servers.contains(',') {
                true => self.bootstrap_servers.extend((LIST.read)(&servers).unwrap_or_default()),
                false => self.bootstrap_servers.push(servers),
            }
        }
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
    ///
    /// In texts: `linger_ms`.
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
    ///
    /// In texts: `max_block_ms`.
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
    ///
    /// In texts: `request_timeout_ms`.
    #[doc(alias = "request_timeout_ms")]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long a record may take from `send` to its result; `None` is for ever. A batch counts from its first record,
    /// and takes records for at most a twentieth of this (and at most 1 s). Default 120 s.
    ///
    /// In texts: `delivery_timeout_ms`.
    #[doc(alias = "delivery_timeout_ms")]
    pub fn delivery_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.delivery_timeout = timeout.into();
        self
    }

    /// Between two attempts at the same batch: the first wait, and the most it doubles to; never below 1 ms. Default
    /// 100 ms and 1 s.
    ///
    /// In texts: `retry_backoff_ms` and `retry_backoff_max_ms`.
    #[doc(alias = "retry_backoff_ms")]
    #[doc(alias = "retry_backoff_max_ms")]
    pub fn retry_backoff(mut self, first: Duration, most: Duration) -> Self {
        self.retry_backoff = first;
        self.retry_backoff_max = most;
        self
    }

    /// Between two attempts to reach a broker: the first wait, and the most it doubles to; never below 1 ms. Default
    /// 50 ms and 30 s.
    ///
    /// In texts: `reconnect_backoff_ms` and `reconnect_backoff_max_ms`.
    #[doc(alias = "reconnect_backoff_ms")]
    #[doc(alias = "reconnect_backoff_max_ms")]
    pub fn reconnect_backoff(mut self, first: Duration, most: Duration) -> Self {
        self.reconnect_backoff = first;
        self.reconnect_backoff_max = most;
        self
    }

    /// How long a connection may take to get ready: at first, at least 10 ms, and the most that this doubles to while a
    /// broker can't be reached. Each is spread by 20 % either way, as a broker that is slow because all call at once
    /// would go on to be. Default 10 s and 30 s.
    ///
    /// In texts: `socket_connection_setup_timeout_ms` and `socket_connection_setup_timeout_max_ms`.
    #[doc(alias = "socket_connection_setup_timeout_ms")]
    #[doc(alias = "socket_connection_setup_timeout_max_ms")]
    pub fn socket_connection_setup_timeout(mut self, first: Duration, most: Duration) -> Self {
        self.socket_connection_setup_timeout = first;
        self.socket_connection_setup_timeout_max = most;
        self
    }

    /// A connection that was not used for so long is closed; at least 10 ms. Default 540 s.
    ///
    /// In texts: `connections_max_idle_ms`.
    #[doc(alias = "connections_max_idle_ms")]
    pub fn connections_max_idle(mut self, time: Duration) -> Self {
        self.connections_max_idle = time;
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
    pub fn send_buffer_bytes(mut self, bytes: usize) -> Self {
        self.send_buffer_bytes = Some(bytes);
        self
    }

    /// The socket's receive buffer (`SO_RCVBUF`), in bytes. Default: the system's.
    pub fn receive_buffer_bytes(mut self, bytes: usize) -> Self {
        self.receive_buffer_bytes = Some(bytes);
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

    /// Chooses the partition of records that name none. Default [`DefaultPartitioner`](crate::DefaultPartitioner).
    pub fn partitioner(mut self, partitioner: impl Partitioner + 'static) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }

    /// Whether the default partitioner treats records with a key as those without. Default false. A partitioner of
    /// your own sees keys all the same, as in Java.
    pub fn partitioner_ignore_keys(mut self, ignore: bool) -> Self {
        self.partitioner_ignore_keys = ignore;
        self
    }
}
