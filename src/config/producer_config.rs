//! The values that were set, and the defaults that do not depend on other settings.

use std::collections::BTreeMap;
use std::time::Duration;

use super::named_partitioner::NamedPartitioner;
use super::references::{Place, Providers, Reference};
#[cfg(any(feature = "tls", feature = "rustls"))]
use super::types::TlsConfig;
use super::types::{Acks, CodecLevels, MetricsConfig, SaslConfig, SecurityProtocol, SocketOptions};
use crate::client::{AddressFamily, MetadataRecoveryStrategy};
use crate::error::ConfigProblem;
use crate::producer::NamedInterceptor;
use crate::record::Compression;
use crate::security::Secret;

/// The configuration of a [`KafkaProducer`](crate::KafkaProducer).
///
/// Setters accept any value. [`build`](Self::build) checks all values together.
///
/// A setter has kafka-python's name for the setting, but without `_ms` if the setter takes a [`Duration`].
/// [`from_pairs`](Self::from_pairs) and similar methods read settings by name. They accept kafka-python's name
/// (`linger_ms`) and the Java client's name, which has dots (`linger.ms`). If a setting has another name, the documentation
/// of the setter lists it as "Setting name" or "Other name".
///
/// # Order
/// A later call overrides an earlier call. This is the only rule. Usually a program starts with a file, applies environment
/// variables, and then calls setters for values that nothing outside the program may change:
///
/// ```
/// use kafka_producer::{Error, ProducerConfig};
///
/// fn configure(file: &str) -> Result<ProducerConfig, Error> {
///     let config = ProducerConfig::new() // or ProducerConfig::kafka_python_2(): the defaults
///         .with_pairs(ProducerConfig::parse_properties(file)?)? // or .with_yaml(file)?: overrides the defaults
///         .with_env("ORDERS_KAFKA_")? // overrides the file
///         .client_id("orders"); // overrides everything
///     Ok(config)
/// }
///
/// let config = configure("client.id=x\nlinger.ms=5")?;
/// assert_eq!(config.get("client.id").as_deref(), Some("orders"));
/// # Ok::<(), Error>(())
/// ```
///
/// [`explain`](Self::explain) shows which call has set each value.
///
/// # Config providers
/// A value can refer to an environment variable or to a file, as in the Java client (KIP-297). It works in pairs, YAML and
/// environment variables alike:
///
/// ```
/// use kafka_producer::ProducerConfig;
///
/// # // The variable is there whenever cargo runs the example.
/// let config = ProducerConfig::from_pairs([
///     ("config.providers", "env"),
///     ("config.providers.env.class", "org.apache.kafka.common.config.provider.EnvVarConfigProvider"),
///     ("client.id", "${env:CARGO_PKG_NAME}"),
/// ])?;
/// // A value of a provider may be a secret, so it is never shown.
/// assert_eq!(config.get("client.id").as_deref(), Some("${env:CARGO_PKG_NAME}"));
/// # Ok::<(), kafka_producer::Error>(())
/// ```
///
/// | class, after `org.apache.kafka.common.config.provider.` | reference | value |
/// |---|---|---|
/// | `EnvVarConfigProvider` (KIP-887) | `${env:NAME}` | the environment variable `NAME` |
/// | `FileConfigProvider` | `${file:/path/file:key}` | the value of `key` in a properties file |
/// | `DirectoryConfigProvider` | `${dir:/path:name}` | the contents of the file `name` in a directory |
///
/// `config.providers.NAME.param.allowlist.pattern` restricts variables, and `config.providers.NAME.param.allowed.paths`
/// restricts files (KIP-993). A value is read once, when the setting is set. A reference that has no value is an error.
///
/// As in Java, `${x:y}` stays as it is if `config.providers` does not have `x`, and there is no escape. The names `env`,
/// `file`, `dir` and `directory` are an exception: if `config.providers` does not have them, the reference is an error. To
/// set a value that contains `${x:y}` itself, call the setter. A setter takes each value as it is.
///
/// If the setting may be a secret, the error of a reference does not contain the path and the key.
#[derive(Clone)]
pub struct ProducerConfig {
    // `None` means "not set", here and below. `effective.rs` has the defaults.
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
    /// `None` is no limit.
    pub(super) batch_num_records: Option<usize>,
    pub(super) manual_flush: bool,
    pub(super) produce_request_max_bytes: Option<usize>,
    pub(super) linger: Duration,
    pub(super) buffer_memory: usize,
    pub(super) max_block: Duration,
    pub(super) max_request_size: Option<usize>,
    pub(super) max_in_flight_requests_per_connection: Option<usize>,
    pub(super) request_timeout: Duration,
    pub(super) ack_timeout: Option<Duration>,
    /// The value that was set may be `None` too: no limit.
    pub(super) delivery_timeout: Option<Option<Duration>>,
    pub(super) exit_timeout: Duration,
    pub(super) retry_backoff: Duration,
    pub(super) retry_backoff_max: Option<Duration>,
    pub(super) reconnect_backoff: Duration,
    pub(super) reconnect_backoff_max: Option<Duration>,
    pub(super) socket_connection_setup_timeout: Duration,
    pub(super) socket_connection_setup_timeout_max: Option<Duration>,
    /// `None` is never.
    pub(super) connections_max_idle: Option<Duration>,
    pub(super) metadata_max_age: Duration,
    pub(super) metadata_max_idle: Duration,
    pub(super) metadata_recovery_strategy: MetadataRecoveryStrategy,
    pub(super) broker_address_family: AddressFamily,
    pub(super) allow_auto_create_topics: bool,
    pub(super) receive_message_max_bytes: usize,
    pub(super) send_buffer_bytes: Option<usize>,
    pub(super) receive_buffer_bytes: Option<usize>,
    pub(super) socket_options: SocketOptions,
    pub(super) sock_chunk_bytes: usize,
    pub(super) sock_chunk_buffer_count: usize,
    /// `None` is the default partitioner.
    pub(super) partitioner: Option<NamedPartitioner>,
    /// The default partitioner of the client that the configuration was written for, if it differs from this crate's.
    pub(super) default_partitioner: Option<NamedPartitioner>,
    pub(super) partitioner_ignore_keys: bool,
    pub(super) partitioner_adaptive_partitioning_enable: bool,
    /// Zero is no timeout.
    pub(super) partitioner_availability_timeout: Duration,
    pub(super) partitioner_rack_aware: bool,
    pub(super) client_rack: Option<String>,
    /// `None` if a record without a topic is an error.
    pub(super) default_topic: Option<String>,
    pub(super) interceptors: Vec<NamedInterceptor>,
    pub(super) providers: Providers,
    pub(super) sasl: SaslConfig,
    pub(super) proxy_url: Option<Secret>,
    pub(super) metrics: MetricsConfig,
    #[cfg(any(feature = "tls", feature = "rustls"))]
    pub(super) tls: TlsConfig,
    /// The settings that texts have set, with their names in those texts.
    pub(super) written: BTreeMap<&'static str, Written>,
}

impl Default for ProducerConfig {
    /// By default, records are stored durably, exactly once and in order: `acks=all`, idempotence, and retries until
    /// `delivery_timeout` expires.
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
            batch_num_records: None,
            manual_flush: false,
            produce_request_max_bytes: None,
            linger: Duration::ZERO,
            buffer_memory: 32 << 20,
            max_block: Duration::from_secs(60),
            max_request_size: None,
            max_in_flight_requests_per_connection: None,
            request_timeout: Duration::from_secs(30),
            ack_timeout: None,
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
            metadata_recovery_strategy: MetadataRecoveryStrategy::Rebootstrap,
            broker_address_family: AddressFamily::Any,
            allow_auto_create_topics: true,
            receive_message_max_bytes: 100_000_000,
            send_buffer_bytes: None,
            receive_buffer_bytes: None,
            socket_options: SocketOptions { no_delay: true, keep_alive: false },
            sock_chunk_bytes: 65_536,
            sock_chunk_buffer_count: 16,
            partitioner: None,
            default_partitioner: None,
            partitioner_ignore_keys: false,
            partitioner_adaptive_partitioning_enable: true,
            partitioner_availability_timeout: Duration::ZERO,
            partitioner_rack_aware: false,
            client_rack: None,
            default_topic: None,
            interceptors: Vec::new(),
            providers: Providers::default(),
            sasl: SaslConfig::default(),
            proxy_url: None,
            metrics: MetricsConfig::default(),
            #[cfg(any(feature = "tls", feature = "rustls"))]
            tls: TlsConfig::default(),
            written: BTreeMap::new(),
        }
    }
}

impl ProducerConfig {
    /// Creates a configuration with the defaults: see [`Default`](Self::default).
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a configuration with the defaults of kafka-python 2: `acks=1`, no idempotence, no retries and no delivery
    /// timeout. Batches are not larger than `batch_size`, and requests are not larger than `max_request_size`. The level of
    /// gzip is 9. The wait before a retry does not grow. If a default depends on another setting, it also follows a later
    /// change of that setting.
    ///
    /// Up to five batches of a partition are in flight. If `retries` is raised, records can change their order, as in
    /// kafka-python 2.
    ///
    /// Use it for a program that must behave as it did with kafka-python 2. The defaults of this crate are safer: see
    /// [`Default`](Self::default).
    pub fn kafka_python_2() -> Self {
        Self {
            defaults: Defaults::KafkaPython2,
            acks: Acks::Leader,
            retries: 0,
            max_in_flight_requests_per_connection: Some(5),
            sock_chunk_bytes: 4096,
            sock_chunk_buffer_count: 1000,
            ..Self::default()
        }
    }

    /// The name by which the user has set `name`: the name in a text, unless a setter has set another value since.
    pub(super) fn written_as(&self, name: &'static str) -> &str {
        let written = self.written.get(name).filter(|written| written.is_current(self));
        written.map_or(name, |written| &written.name)
    }

    /// How a text has set `name` or a part of it, unless a setter has set another value since.
    pub(super) fn written_for(&self, name: &str) -> Option<&Written> {
        let is_it = |of: &str| of.split(' ').next() == Some(name);
        self.written
            .iter()
            .find(|(of, written)| is_it(of) && written.is_current(self))
            .map(|(_, written)| written)
    }

    /// Two secrets are shown alike, so a setter of a secret has to say that no text has set it.
    pub(super) fn forget_text(&mut self, name: &'static str) {
        self.written.remove(name);
    }

    /// Adds the lines to problems, and removes the values of providers.
    pub(super) fn located(&self, mut problems: Vec<ConfigProblem>) -> Vec<ConfigProblem> {
        for problem in &mut problems {
            let is_it = |written: &&Written| written.name == problem.key && written.is_current(self);
            let Some(written) = self.written.values().find(is_it) else { continue };
            problem.line = problem.line.or(written.place.line());
            if let Some(reference) = &written.reference {
                reference.hide(problem);
            }
        }
        problems
    }
}

/// How a text has set a setting.
#[derive(Clone)]
pub(super) struct Written {
    /// The name in the text.
    pub(super) name: String,
    pub(super) place: Place,
    /// The value as it was shown then.
    pub(super) value: String,
    pub(super) show: fn(&ProducerConfig) -> String,
    pub(super) reference: Option<Reference>,
}

impl Written {
    /// Whether no setter has replaced the value since.
    pub(super) fn is_current(&self, config: &ProducerConfig) -> bool {
        (self.show)(config) == self.value
    }
}

/// Which defaults apply to the settings whose defaults depend on other settings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Defaults {
    Ours,
    KafkaPython2,
}
