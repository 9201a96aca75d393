//! Divides the configuration into the settings of each layer.

use std::sync::Arc;
use std::time::Duration;

use super::effective::LARGEST_REQUEST;
use super::producer_config::ProducerConfig;
use super::texts::listing;
use super::types::Acks;
use super::{checks, servers};
use crate::client::{ClientSettings, MetadataSettings};
use crate::error::{Error, ErrorKind};
use crate::metrics::{MetricsReporter, Windows};
use crate::net::SocketSettings;
use crate::producer::{
    AccumulatorSettings, Encoding, FIRST_VERSION_OF_RECORD_BATCHES, FIRST_VERSION_OF_ZSTD, NamedInterceptor,
    Partitioner, RetryPolicy, SenderSettings, StickySettings,
};
use crate::record::Compression;
use crate::sync::{AtomicU64, Ordering};
use crate::time::Backoff;

pub(crate) struct Settings {
    pub(crate) accumulator: AccumulatorSettings,
    pub(crate) sender: SenderSettings,
    pub(crate) client: ClientSettings,
    pub(crate) socket: SocketSettings,
    /// The rack of the producer, if the partitioner prefers leaders in it.
    pub(crate) rack: Option<Box<str>>,
    pub(crate) default_topic: Option<String>,
    pub(crate) interceptors: Vec<NamedInterceptor>,
    pub(crate) partitioner: Arc<dyn Partitioner>,
    pub(crate) sticky: StickySettings,
    pub(crate) buffer_memory: usize,
    /// The size of one buffer of the pool.
    pub(crate) buffer_size: usize,
    pub(crate) max_request_size: usize,
    pub(crate) max_block: Duration,
    /// `None` without metrics.
    pub(crate) metrics: Option<Windows>,
    pub(crate) reporters: Vec<Arc<dyn MetricsReporter>>,
    pub(crate) exit_timeout: Duration,
}

impl Settings {
    /// The configuration must have no problems.
    fn of(config: &ProducerConfig) -> Self {
        let effective = config.effective();
        let retry = Backoff { initial: config.retry_backoff, max: effective.retry_backoff_max() };
        let batch_max_bytes = if config.compression == Compression::None {
            effective.batch_max_bytes()
        } else {
            // A batch is compressed as a whole, by the thread that filled it or by the sender. Neither should take long.
            effective.batch_max_bytes().min(UNIT.max(effective.batch_size()))
        };
        let first_version = match config.compression {
            Compression::Zstd => FIRST_VERSION_OF_ZSTD,
            _ => FIRST_VERSION_OF_RECORD_BATCHES,
        };
        let delivery_timeout = effective.delivery_timeout();
        let twentieth = delivery_timeout.map_or(Duration::MAX, |timeout| timeout / 20);
        // A record fails when the time of the oldest record of its batch is over. While a batch waits for a flush, only that
        // limits its age.
        let max_age = match config.manual_flush {
            true => twentieth,
            false => effective.linger().max(twentieth.min(Duration::from_secs(1))),
        };
        // An age is a difference of whole milliseconds: an age of 5 ms may in fact be almost 6 ms.
        let max_age_millis = (millis(max_age) - 1).max(0);
        Self {
            accumulator: AccumulatorSettings {
                batch_size: effective.batch_size(),
                batch_num_records: effective.batch_num_records(),
                manual_flush: config.manual_flush,
                batch_max_bytes,
                encoding: Encoding { compression: config.compression, level: effective.level() },
                max_age_millis,
                max_block: config.max_block,
            },
            sender: SenderSettings {
                acks: match config.acks {
                    Acks::None => 0,
                    Acks::Leader => 1,
                    Acks::All => -1,
                },
                linger: effective.linger(),
                retry_policy: RetryPolicy { retries: config.retries, delivery_timeout },
                retry,
                ack_timeout: effective.ack_timeout(),
                first_version,
                idempotence: effective.idempotence(),
                batches_in_flight: effective.batches_in_flight(),
                request_max_bytes: effective
                    .produce_request_max_bytes()
                    .min(LARGEST_REQUEST - ROOM_FOR_NAMES),
            },
            client: ClientSettings {
                bootstrap: config
                    .bootstrap_servers
                    .iter()
                    .filter_map(|server| servers::parse(server, effective.security_protocol()).ok())
                    .collect(),
                client_id: config
                    .client_id
                    .clone()
                    .filter(|id| !id.is_empty())
                    .unwrap_or_else(next_client_id),
                max_in_flight: effective.max_in_flight(),
                request_timeout: config.request_timeout,
                setup_timeout: Backoff {
                    initial: config.socket_connection_setup_timeout,
                    max: effective.socket_connection_setup_timeout_max(),
                },
                max_idle: config.connections_max_idle.unwrap_or(Duration::MAX),
                reconnect: Backoff {
                    initial: config.reconnect_backoff,
                    max: effective.reconnect_backoff_max(),
                },
                reconnect_needed: Backoff {
                    initial: config.reconnect_backoff,
                    max: effective.reconnect_backoff_max_if_needed(),
                },
                receive_message_max_bytes: config.receive_message_max_bytes,
                address_family: config.broker_address_family,
                recovery: config.metadata_recovery_strategy,
                mechanisms: config.sasl_mechanisms().unwrap_or_default(),
                metadata: MetadataSettings {
                    max_age: config.metadata_max_age,
                    max_idle: config.metadata_max_idle,
                    retry,
                    allow_auto_create_topics: config.allow_auto_create_topics,
                },
            },
            socket: SocketSettings {
                no_delay: config.socket_options.no_delay,
                keep_alive: config.socket_options.keep_alive,
                read_size: config.sock_chunk_bytes,
                reads_per_poll: config.sock_chunk_buffer_count,
                send_buffer_bytes: config.send_buffer_bytes,
                receive_buffer_bytes: config.receive_buffer_bytes,
                proxy: config.proxy().and_then(Result::ok).map(Arc::new),
                #[cfg(any(feature = "tls", feature = "rustls"))]
                tls: None,
            },
            partitioner: config.chosen_partitioner(),
            sticky: StickySettings {
                bytes: if effective.batch_size() == 0 {
                    0
                } else {
                    batch_max_bytes.min(UNIT.max(effective.batch_size()))
                },
                // A batch that waits for a flush has no age.
                millis: if config.manual_flush { STICKY_MILLIS } else { max_age_millis },
                adaptive: config.partitioner_adaptive_partitioning_enable,
                // A batch that lingers does not wait for its broker.
                availability_timeout: Some(config.partitioner_availability_timeout)
                    // A batch that waits for a flush does not wait for its broker.
                    .filter(|timeout| !timeout.is_zero() && !config.manual_flush)
                    .map(|timeout| timeout.saturating_add(config.linger)),
            },
            rack: config
                .partitioner_rack_aware
                .then_some(config.client_rack.as_deref())
                .flatten()
                .map(Box::from),
            default_topic: config.default_topic.clone(),
            interceptors: config.interceptors.clone(),
            buffer_memory: config.buffer_memory,
            buffer_size: effective
                .batch_size()
                .clamp(SMALLEST_BUFFER, LARGEST_BUFFER)
                .min(config.buffer_memory),
            max_request_size: effective.max_request_size(),
            max_block: config.max_block,
            metrics: config.metrics.windows(),
            reporters: config.metrics.reporters(),
            exit_timeout: config.exit_timeout,
        }
    }
}

impl ProducerConfig {
    /// The settings of each layer.
    pub(crate) fn settings(&self) -> Result<Settings, Error> {
        #[allow(unused_mut, reason = "only TLS has problems that show when files are read")]
        let mut problems = checks::problems(self);
        #[cfg(any(feature = "tls", feature = "rustls"))]
        let tls = self.load_tls().unwrap_or_else(|more| {
            problems.extend(more);
            None
        });
        if problems.is_empty() {
            log::info!("the producer starts with {}", listing(self));
            self.effective().notes().iter().for_each(|note| log::warn!("{note}"));
            self.effective().why_not_idempotent().iter().for_each(|note| log::info!("{note}"));
            #[allow(unused_mut, reason = "as above")]
            let mut settings = Settings::of(self);
            #[cfg(any(feature = "tls", feature = "rustls"))]
            {
                settings.socket.tls = tls;
            }
            Ok(settings)
        } else {
            Err(Error::new(ErrorKind::Config { problems: self.located(problems) }))
        }
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn next_client_id() -> String {
    static NEXT: std::sync::LazyLock<AtomicU64> = std::sync::LazyLock::new(|| AtomicU64::new(1));
    format!("kafka-producer-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The part of a request that many partitions take beside their batches: topic names, numbers, lengths.
const ROOM_FOR_NAMES: usize = 1 << 20;
/// With `manual_flush`, another partition is chosen after this time.
const STICKY_MILLIS: i64 = 1000;
/// The uncompressed size of a batch that will be compressed.
const UNIT: usize = 128 << 10;
const SMALLEST_BUFFER: usize = 4096;
const LARGEST_BUFFER: usize = 1 << 20;
