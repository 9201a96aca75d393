//! `ProducerConfig`: every setting typed, checked once, with all that is wrong in one error.

mod checks;
mod keys;
mod later;
mod servers;
mod setters;
mod settings;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::producer::Partitioner;
use crate::record::Compression;

pub(crate) use settings::Settings;

/// How many replicas must have a record before it counts as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "Kafka has these three (KIP-1)")]
pub enum Acks {
    /// None: the broker does not answer, a lost record goes unnoticed, offsets are -1.
    None,
    /// The leader: a record is lost if the leader dies before a follower has it.
    Leader,
    /// All in-sync replicas: a record survives as long as one of them does.
    #[default]
    All,
}

/// As texts have it: `0`, `1` or `all`.
impl fmt::Display for Acks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "0",
            Self::Leader => "1",
            Self::All => "all",
        })
    }
}

/// What is set on every socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SocketOptions {
    pub(crate) no_delay: bool,
    pub(crate) keep_alive: bool,
}

/// Java's levels, each for when its codec is chosen.
#[derive(Clone, Copy, Debug, Default)]
struct CodecLevels {
    gzip: Option<i32>,
    lz4: Option<i32>,
    zstd: Option<i32>,
}

/// The configuration of a [`KafkaProducer`](crate::KafkaProducer).
///
/// Setters take any value; [`build`](Self::build) checks them all at once. Each setting has kafka-python's name, by
/// which [`from_pairs`](Self::from_pairs) knows it, or the Java client's, which has dots in it. Setters that take a
/// [`Duration`] are called so without the `_ms`, and where a name differs otherwise the setter tells it.
#[derive(Clone)]
pub struct ProducerConfig {
    bootstrap_servers: Vec<String>,
    client_id: Option<String>,
    acks: Acks,
    compression: Compression,
    compression_level: Option<i32>,
    codec_levels: CodecLevels,
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
    socket_connection_setup_timeout_max: Duration,
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
    /// `None` is ours.
    partitioner: Option<Arc<dyn Partitioner>>,
    partitioner_ignore_keys: bool,
    /// The settings that texts have set, as they were written there.
    written: BTreeMap<&'static str, String>,
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
            codec_levels: CodecLevels::default(),
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
            socket_connection_setup_timeout_max: Duration::from_secs(30),
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
            partitioner: None,
            partitioner_ignore_keys: false,
            written: BTreeMap::new(),
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
    /// milliseconds, sizes in bytes. Spaces around a key or a value do not count; `none`, `null` and an empty value say
    /// nothing where there may be nothing.
    ///
    /// Both clients' settings are all known. One whose feature is not there yet is taken at the value that says what is
    /// done anyway (`security.protocol=PLAINTEXT`) and refused at any other. What is not named keeps its default; setters
    /// called afterwards win.
    ///
    /// Serializers and partitioners are code, which a text can't be: see [`build_with`](Self::build_with) and
    /// [`partitioner`](Self::partitioner). Java's serializers of bytes and strings may be named all the same.
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// use kafka_producer::ProducerConfig;
    ///
    /// // As a reader of properties files or of the environment gives them.
    /// let texts = HashMap::from([
    ///     ("bootstrap.servers".to_owned(), "localhost:9092".to_owned()),
    ///     ("linger.ms".to_owned(), "5".to_owned()),
    /// ]);
    /// let config = ProducerConfig::from_pairs(&texts)?.client_id("orders");
    /// # let _ = config;
    /// # Ok::<(), kafka_producer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`] listing every key that is unknown, every value that can't be read, and every setting that
    /// was given twice with different values. If there are any, what [`build`](Self::build) would refuse of the
    /// settings that could be read is listed as well.
    pub fn from_pairs<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, Error>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        Self::default().with_pairs(pairs)
    }

    /// As [`from_pairs`](Self::from_pairs), where what is not named stays as it is: for texts upon
    /// [`kafka_python_2`](Self::kafka_python_2), or upon a program's own defaults.
    ///
    /// # Errors
    /// As [`from_pairs`](Self::from_pairs).
    pub fn with_pairs<K, V>(mut self, pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, Error>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let mut problems: Vec<_> = pairs
            .into_iter()
            .filter_map(|(key, value)| keys::set(&mut self, key.as_ref(), value.as_ref()))
            .collect();
        if problems.is_empty() {
            return Ok(self);
        }
        let more = self.problems().into_iter().filter(|more| {
            let is_given = self.written.values().any(|key| *key == more.key);
            is_given && problems.iter().all(|problem| problem.key != more.key)
        });
        problems.extend(more.collect::<Vec<_>>());
        Err(Error::new(ErrorKind::Config { problems }))
    }

    /// Of the codec that is chosen: its own, else the one for whichever is.
    fn level(&self) -> Option<i32> {
        let own = match self.compression {
            #[cfg(feature = "gzip")]
            Compression::Gzip => self.codec_levels.gzip,
            #[cfg(feature = "zstd")]
            Compression::Zstd => self.codec_levels.zstd,
            _ => None,
        };
        own.or(self.compression_level)
    }

    /// How whoever wrote it knows the setting `name`.
    fn written_as(&self, name: &'static str) -> &str {
        self.written.get(name).map_or(name, String::as_str)
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

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;
