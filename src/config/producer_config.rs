//! What was set, and the defaults that nothing else decides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

#[cfg(any(feature = "tls", feature = "rustls"))]
use super::types::TlsConfig;
use super::types::{Acks, CodecLevels, SaslConfig, SecurityProtocol, SocketOptions};
use crate::producer::Partitioner;
use crate::record::Compression;
use crate::security::Secret;

/// The configuration of a [`KafkaProducer`](crate::KafkaProducer).
///
/// Setters take any value; [`build`](Self::build) checks them all at once. Each setting has kafka-python's name, by
/// which [`from_pairs`](Self::from_pairs) knows it, or the Java client's, which has dots in it. Setters that take a
/// [`Duration`] are called so without the `_ms`, and where a name differs otherwise the setter tells it.
#[derive(Clone)]
pub struct ProducerConfig {
    // `None` is "not set", here and below; what it means then is in `effective.rs`.
    pub(super) defaults: Defaults,
    pub(super) bootstrap_servers: Vec<String>,
    pub(super) client_id: Option<String>,
    pub(super) security_protocol: Option<SecurityProtocol>,
    pub(super) acks: Acks,
    pub(super) enable_idempotence: Option<bool>,
    pub(super) compression: Compression,
    pub(super) compression_level: Option<i32>,
    pub(super) codec_levels: CodecLevels,
    pub(super) retries: u32,
    pub(super) batch_size: Option<usize>,
    pub(super) batch_max_bytes: Option<usize>,
    pub(super) produce_request_max_bytes: Option<usize>,
    pub(super) linger: Duration,
    pub(super) buffer_memory: usize,
    pub(super) max_block: Duration,
    pub(super) max_request_size: Option<usize>,
    pub(super) max_in_flight_requests_per_connection: Option<usize>,
    pub(super) request_timeout: Duration,
    /// What was set may be `None` as well, for ever.
    pub(super) delivery_timeout: Option<Option<Duration>>,
    pub(super) exit_timeout: Duration,
    pub(super) retry_backoff: Duration,
    pub(super) retry_backoff_max: Option<Duration>,
    pub(super) reconnect_backoff: Duration,
    pub(super) reconnect_backoff_max: Option<Duration>,
    pub(super) socket_connection_setup_timeout: Duration,
    pub(super) socket_connection_setup_timeout_max: Option<Duration>,
    /// `None` is for ever.
    pub(super) connections_max_idle: Option<Duration>,
    pub(super) metadata_max_age: Duration,
    pub(super) metadata_max_idle: Duration,
    pub(super) allow_auto_create_topics: bool,
    pub(super) receive_message_max_bytes: usize,
    pub(super) send_buffer_bytes: Option<usize>,
    pub(super) receive_buffer_bytes: Option<usize>,
    pub(super) socket_options: SocketOptions,
    pub(super) sock_chunk_bytes: usize,
    pub(super) sock_chunk_buffer_count: usize,
    /// `None` is ours.
    pub(super) partitioner: Option<Arc<dyn Partitioner>>,
    pub(super) partitioner_ignore_keys: bool,
    pub(super) sasl: SaslConfig,
    pub(super) proxy_url: Option<Secret>,
    #[cfg(any(feature = "tls", feature = "rustls"))]
    pub(super) tls: TlsConfig,
    /// The settings that texts have set, as they were written there.
    pub(super) written: BTreeMap<&'static str, String>,
}

impl Default for ProducerConfig {
    /// Durable, once and in order: `acks=all`, idempotent, retried until `delivery_timeout` is over.
    fn default() -> Self {
        Self {
            defaults: Defaults::Ours,
            bootstrap_servers: vec!["localhost:9092".to_owned()],
            client_id: None,
            security_protocol: None,
            acks: Acks::All,
            enable_idempotence: None,
            compression: Compression::None,
            compression_level: None,
            codec_levels: CodecLevels::default(),
            retries: i32::MAX as u32,
            batch_size: None,
            batch_max_bytes: None,
            produce_request_max_bytes: None,
            linger: Duration::ZERO,
            buffer_memory: 32 << 20,
            max_block: Duration::from_secs(60),
            max_request_size: None,
            max_in_flight_requests_per_connection: None,
            request_timeout: Duration::from_secs(30),
            delivery_timeout: None,
            exit_timeout: Duration::from_secs(5),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: None,
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: None,
            socket_connection_setup_timeout: Duration::from_secs(10),
            socket_connection_setup_timeout_max: None,
            connections_max_idle: Some(Duration::from_secs(540)),
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
            sasl: SaslConfig::default(),
            proxy_url: None,
            #[cfg(any(feature = "tls", feature = "rustls"))]
            tls: TlsConfig::default(),
            written: BTreeMap::new(),
        }
    }
}

impl ProducerConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// kafka-python 2's own defaults, for a program that is to behave as it did: `acks=1`, no idempotence, no
    /// retries, no delivery timeout, batches of `batch_size` and requests of `max_request_size` and no more, waits before a
    /// retry that do not grow. What follows from another setting follows it still if that is set afterwards.
    ///
    /// Today's defaults are safer; see [`Default`](Self::default).
    pub fn kafka_python_2() -> Self {
        Self {
            defaults: Defaults::KafkaPython2,
            acks: Acks::Leader,
            retries: 0,
            sock_chunk_bytes: 4096,
            sock_chunk_buffer_count: 1000,
            ..Self::default()
        }
    }

    /// How whoever wrote it knows the setting `name`.
    pub(super) fn written_as(&self, name: &'static str) -> &str {
        self.written.get(name).map_or(name, String::as_str)
    }
}

/// Whose defaults hold for what was not set, where those that follow from others differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Defaults {
    Ours,
    KafkaPython2,
}
