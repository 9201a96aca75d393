//! The configuration, cut into what each layer needs of it.

use std::sync::Arc;
use std::time::Duration;

use super::{Acks, ProducerConfig, servers};
use crate::client::{ClientSettings, MetadataSettings};
use crate::net::SocketSettings;
#[cfg(feature = "zstd")]
use crate::producer::FIRST_VERSION_OF_ZSTD;
use crate::producer::{
    AccumulatorSettings, DefaultPartitioner, Encoding, FIRST_VERSION_OF_RECORD_BATCHES, Partitioner,
    Patience, SenderSettings,
};
use crate::record::Compression;
use crate::sync::{AtomicU64, Ordering};
use crate::time::Backoff;

pub(crate) struct Settings {
    pub(crate) accumulator: AccumulatorSettings,
    pub(crate) sender: SenderSettings,
    pub(crate) client: ClientSettings,
    pub(crate) socket: SocketSettings,
    pub(crate) partitioner: Arc<dyn Partitioner>,
    pub(crate) buffer_memory: usize,
    /// Of the pool's buffers.
    pub(crate) buffer_size: usize,
    pub(crate) max_request_size: usize,
    pub(crate) max_block: Duration,
}

impl Settings {
    /// Of a configuration without problems.
    pub(super) fn of(config: &ProducerConfig) -> Self {
        let in_flight = config.max_in_flight_requests_per_connection;
        let retry = Backoff { initial: config.retry_backoff, max: config.retry_backoff_max };
        let batch_max_bytes =
            config.batch_max_bytes.unwrap_or(config.max_request_size.saturating_sub(REQUEST_OVERHEAD));
        let batch_max_bytes = if config.compression == Compression::None {
            batch_max_bytes
        } else {
            // A unit is compressed in one go, by the thread that filled it or by the sender: neither should be long.
            batch_max_bytes.min(UNIT.max(config.batch_size))
        };
        let first_version = match config.compression {
            #[cfg(feature = "zstd")]
            Compression::Zstd => FIRST_VERSION_OF_ZSTD,
            _ => FIRST_VERSION_OF_RECORD_BATCHES,
        };
        let twentieth = config.delivery_timeout.map_or(Duration::MAX, |timeout| timeout / 20);
        Self {
            accumulator: AccumulatorSettings {
                batch_size: config.batch_size,
                batch_max_bytes: batch_max_bytes.max(config.batch_size.min(config.max_request_size)),
                encoding: Encoding { compression: config.compression, level: config.level() },
                max_age_millis: twentieth.min(Duration::from_secs(1)).as_millis() as i64,
                max_block: config.max_block,
            },
            sender: SenderSettings {
                acks: match config.acks {
                    Acks::None => 0,
                    Acks::Leader => 1,
                    Acks::All => -1,
                },
                linger: config.linger,
                patience: Patience { retries: config.retries, delivery_timeout: config.delivery_timeout },
                retry,
                request_timeout: config.request_timeout,
                first_version,
                request_max_bytes: config
                    .produce_request_max_bytes
                    .unwrap_or_else(|| config.default_request_max_bytes())
                    .min(LARGEST_REQUEST - ROOM_FOR_NAMES),
            },
            client: ClientSettings {
                bootstrap: config
                    .bootstrap_servers
                    .iter()
                    .filter_map(|server| servers::parse(server).ok())
                    .collect(),
                client_id: config.client_id.clone().unwrap_or_else(next_client_id),
                max_in_flight: in_flight,
                request_timeout: config.request_timeout,
                setup_timeout: Backoff {
                    initial: config.socket_connection_setup_timeout,
                    max: config.socket_connection_setup_timeout_max,
                },
                max_idle: config.connections_max_idle,
                reconnect: Backoff { initial: config.reconnect_backoff, max: config.reconnect_backoff_max },
                receive_message_max_bytes: config.receive_message_max_bytes,
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
                reads_a_turn: config.sock_chunk_buffer_count,
                send_buffer_bytes: config.send_buffer_bytes,
                receive_buffer_bytes: config.receive_buffer_bytes,
            },
            partitioner: config.chosen_partitioner(),
            buffer_memory: config.buffer_memory,
            buffer_size: config.batch_size.clamp(SMALLEST_BUFFER, LARGEST_BUFFER).min(config.buffer_memory),
            max_request_size: config.max_request_size,
            max_block: config.max_block,
        }
    }
}

impl ProducerConfig {
    /// What `buffer_memory` leaves for each request that may be under way; not so much that a broker would close the
    /// connection for it, and room for the largest batch.
    fn default_request_max_bytes(&self) -> usize {
        let share = self.buffer_memory / self.max_in_flight_requests_per_connection.saturating_add(1);
        share.min(LARGEST_REQUEST / 2).max(self.max_request_size)
    }

    fn chosen_partitioner(&self) -> Arc<dyn Partitioner> {
        match &self.partitioner {
            Some(partitioner) => Arc::clone(partitioner),
            None if self.partitioner_ignore_keys => {
                Arc::new(|_: Option<&[u8]>, partitions: usize, available: &[i32]| {
                    DefaultPartitioner.partition(None, partitions, available)
                })
            }
            None => Arc::new(DefaultPartitioner),
        }
    }
}

fn next_client_id() -> String {
    static NEXT: std::sync::LazyLock<AtomicU64> = std::sync::LazyLock::new(|| AtomicU64::new(1));
    format!("kafka-producer-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What a request takes beside its batches, for a batch that is to fill one.
const REQUEST_OVERHEAD: usize = 512;
/// Brokers close connections on which a larger one is announced (`socket.request.max.bytes`).
pub(super) const LARGEST_REQUEST: usize = 104_857_600;
/// Of that, what many partitions take beside their batches: topics' names, numbers, lengths.
const ROOM_FOR_NAMES: usize = 1 << 20;
/// Uncompressed bytes of a batch that is to be compressed.
const UNIT: usize = 128 << 10;
const SMALLEST_BUFFER: usize = 4096;
const LARGEST_BUFFER: usize = 1 << 20;
