//! The values of settings that were not set: defaults, and values that depend on other settings.
//!
//! A value that depends on others is computed each time it is read, so the order of setters and texts does not matter.

use std::time::Duration;

use super::producer_config::{Defaults, ProducerConfig};
use super::servers;
use super::types::{Acks, SecurityProtocol};
use super::values::millis;
use crate::record::Compression;

/// The configuration with all values filled in.
pub(super) struct Effective<'a>(&'a ProducerConfig);

impl ProducerConfig {
    pub(super) fn effective(&self) -> Effective<'_> {
        Effective(self)
    }
}

impl Effective<'_> {
    /// If it was not set, some TLS settings turn TLS on: kafka-python's tutorials set them without the protocol.
    pub(super) fn security_protocol(&self) -> SecurityProtocol {
        #[cfg(any(feature = "tls", feature = "rustls"))]
        let asked_for = self.0.asks_for_tls();
        #[cfg(not(any(feature = "tls", feature = "rustls")))]
        let asked_for = false;
        let default = if asked_for { SecurityProtocol::Ssl } else { SecurityProtocol::Plaintext };
        self.0.security_protocol.unwrap_or(default)
    }

    /// If it was not set, it depends on `acks` and `retries`, as in Java 4.
    pub(super) fn idempotence(&self) -> bool {
        self.0.enable_idempotence.unwrap_or(match self.0.defaults {
            Defaults::Ours => self.against_idempotence().is_empty(),
            Defaults::KafkaPython2 => false,
        })
    }

    /// The settings that idempotence contradicts: name, value, and the value that is needed.
    pub(super) fn against_idempotence(&self) -> Vec<(&'static str, String, &'static str)> {
        let mut against = Vec::new();
        if self.0.acks != Acks::All {
            against.push(("acks", self.0.acks.to_string(), "all"));
        }
        if self.0.retries == 0 {
            against.push(("retries", "0".to_owned(), "at least 1"));
        }
        against
    }

    pub(super) fn max_in_flight(&self) -> usize {
        self.0.max_in_flight_requests_per_connection.unwrap_or(MAX_IN_FLIGHT)
    }

    /// Without idempotence a batch that is sent again is stored after those that are in flight behind it. So several are in
    /// flight only if the user has set that.
    pub(super) fn batches_in_flight(&self) -> usize {
        if self.idempotence() {
            self.max_in_flight()
        } else {
            self.0.max_in_flight_requests_per_connection.unwrap_or(1)
        }
    }

    /// The default is not more than the size limits that were set.
    pub(super) fn batch_size(&self) -> usize {
        self.0.batch_size.unwrap_or_else(|| {
            let limit = self.0.batch_max_bytes.unwrap_or(usize::MAX);
            BATCH_SIZE.min(limit).min(self.largest_batch())
        })
    }

    pub(super) fn batch_max_bytes(&self) -> usize {
        self.0.batch_max_bytes.unwrap_or_else(|| {
            let wanted = match self.0.defaults {
                Defaults::Ours => {
                    self.max_request_size().saturating_sub(REQUEST_OVERHEAD).max(self.batch_size())
                }
                Defaults::KafkaPython2 => self.batch_size(),
            };
            wanted.min(self.largest_batch())
        })
    }

    /// No batch is larger, also if `batch_size` is.
    pub(super) fn largest_batch(&self) -> usize {
        self.max_request_size().min(self.0.produce_request_max_bytes.unwrap_or(usize::MAX))
    }

    pub(super) fn max_request_size(&self) -> usize {
        self.0.max_request_size.unwrap_or(MAX_REQUEST_SIZE)
    }

    /// If nothing was set: the share of `buffer_memory` for each request that may be in flight. It is not so large that a
    /// broker would close the connection, and not smaller than the largest batch.
    pub(super) fn produce_request_max_bytes(&self) -> usize {
        let follows = match self.0.defaults {
            Defaults::Ours => self.0.max_request_size,
            Defaults::KafkaPython2 => Some(self.max_request_size()),
        };
        self.0.produce_request_max_bytes.or(follows).unwrap_or_else(|| {
            let share = self.0.buffer_memory / self.max_in_flight().saturating_add(1);
            share.min(LARGEST_REQUEST / 2).max(self.max_request_size())
        })
    }

    /// The number of records at which a batch is full. A batch size of 0 makes each record a batch.
    pub(super) fn batch_num_records(&self) -> u32 {
        let most = self.0.batch_num_records.map_or(u32::MAX, |most| u32::try_from(most).unwrap_or(u32::MAX));
        if self.batch_size() == 0 { 1 } else { most }
    }

    /// With `manual_flush` a batch waits for a flush.
    pub(super) fn linger(&self) -> Duration {
        if self.0.manual_flush { Duration::MAX } else { self.0.linger }
    }

    pub(super) fn ack_timeout(&self) -> Duration {
        self.0.ack_timeout.unwrap_or(self.0.request_timeout)
    }

    /// `None` is no limit. The default is long enough for a first request to time out, as in Java.
    pub(super) fn delivery_timeout(&self) -> Option<Duration> {
        self.0.delivery_timeout.unwrap_or(match self.0.defaults {
            // The program flushes when it wants to.
            Defaults::Ours if self.0.manual_flush => None,
            Defaults::Ours => Some(DELIVERY_TIMEOUT.max(self.shortest_delivery_timeout())),
            Defaults::KafkaPython2 => None,
        })
    }

    /// A record must not expire before its first request can time out.
    pub(super) fn shortest_delivery_timeout(&self) -> Duration {
        self.0.linger.saturating_add(self.0.request_timeout)
    }

    pub(super) fn retry_backoff_max(&self) -> Duration {
        self.0.retry_backoff_max.unwrap_or(match self.0.defaults {
            Defaults::Ours => RETRY_BACKOFF_MAX.max(self.0.retry_backoff),
            Defaults::KafkaPython2 => self.0.retry_backoff,
        })
    }

    /// For a broker that is not needed.
    pub(super) fn reconnect_backoff_max(&self) -> Duration {
        self.0.reconnect_backoff_max.unwrap_or(match self.0.defaults {
            Defaults::Ours => RECONNECT_BACKOFF_MAX.max(self.0.reconnect_backoff),
            Defaults::KafkaPython2 => self.reconnect_backoff_max_if_needed(),
        })
    }

    /// For a broker that is needed. The default is Java's: otherwise an outage would be longer than with other clients.
    pub(super) fn reconnect_backoff_max_if_needed(&self) -> Duration {
        self.0.reconnect_backoff_max.unwrap_or(RECONNECT_BACKOFF_MAX_IF_NEEDED.max(self.0.reconnect_backoff))
    }

    pub(super) fn socket_connection_setup_timeout_max(&self) -> Duration {
        self.0
            .socket_connection_setup_timeout_max
            .unwrap_or(SETUP_TIMEOUT_MAX.max(self.0.socket_connection_setup_timeout))
    }

    /// The level for any codec. kafka-python compresses with gzip at level 9.
    pub(super) fn compression_level(&self) -> Option<i32> {
        let of_preset = match (self.0.defaults, self.0.compression) {
            (Defaults::KafkaPython2, Compression::Gzip) => Some(9),
            _ => None,
        };
        self.0.compression_level.or(of_preset)
    }

    /// The level of the chosen codec: the one for this codec, or else the one for any codec.
    pub(super) fn level(&self) -> Option<i32> {
        let own = match self.0.compression {
            Compression::Gzip => self.0.codec_levels.gzip,
            Compression::Zstd => self.0.codec_levels.zstd,
            _ => None,
        };
        own.or(self.compression_level())
    }

    /// The warnings about a configuration without problems.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> =
            self.0.bootstrap_servers.iter().filter_map(|server| servers::doubt(server)).collect();
        let shortest = self.shortest_delivery_timeout();
        if self.0.delivery_timeout.is_none()
            && self.delivery_timeout().is_some_and(|limit| limit > DELIVERY_TIMEOUT)
        {
            notes.push(format!(
                "delivery_timeout_ms is {}, not its default {}, because it must be at least the sum of {} ({}) and {} \
                 ({})",
                millis(shortest),
                millis(DELIVERY_TIMEOUT),
                self.0.written_as("linger_ms"),
                millis(self.0.linger),
                self.0.written_as("request_timeout_ms"),
                millis(self.0.request_timeout)
            ));
        }
        if self.batch_size() > self.largest_batch() {
            let request = self.0.produce_request_max_bytes.is_some_and(|most| most < self.max_request_size());
            let limit = if request { "produce_request_max_bytes" } else { "max_request_size" };
            let limit = self.0.written_as(limit);
            notes.push(format!(
                "a batch is full at {limit} ({}), which is less than {} ({}); raise {limit}",
                self.largest_batch(),
                self.0.written_as("batch_size"),
                self.batch_size()
            ));
        }
        #[cfg(any(feature = "tls", feature = "rustls"))]
        if !self.0.tls.check_hostname {
            notes.push(format!(
                "{} disables the check of the broker's host name; anybody with a certificate from a trusted CA can \
                 impersonate the broker",
                self.0.written_as("ssl_check_hostname")
            ));
        }
        notes
    }

    /// Why idempotence, which is on by default, is off.
    pub(super) fn why_not_idempotent(&self) -> Option<String> {
        if self.0.enable_idempotence.is_some() || self.0.defaults != Defaults::Ours || self.idempotence() {
            return None;
        }
        let against = self.against_idempotence().into_iter().map(|(name, value, needed)| {
            format!("{} is {value} but must be {needed}", self.0.written_as(name))
        });
        Some(format!("idempotence is disabled: {}", against.collect::<Vec<_>>().join("; ")))
    }
}

/// A broker closes the connection if a larger request begins (`socket.request.max.bytes`).
pub(super) const LARGEST_REQUEST: usize = 104_857_600;
const BATCH_SIZE: usize = 16_384;
const MAX_IN_FLIGHT: usize = 5;
const MAX_REQUEST_SIZE: usize = 1 << 20;
/// The bytes of a request beside its batches, for a batch that fills a whole request.
const REQUEST_OVERHEAD: usize = 512;
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(120);
const RETRY_BACKOFF_MAX: Duration = Duration::from_secs(1);
const RECONNECT_BACKOFF_MAX: Duration = Duration::from_secs(30);
const RECONNECT_BACKOFF_MAX_IF_NEEDED: Duration = Duration::from_secs(1);
const SETUP_TIMEOUT_MAX: Duration = Duration::from_secs(30);
