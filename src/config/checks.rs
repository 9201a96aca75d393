//! Finds the problems of a configuration whose values could all be read, setting by setting.

use std::fmt;
use std::time::Duration;

use super::effective::LARGEST_REQUEST;
use super::producer_config::{Defaults, ProducerConfig};
use super::servers;
use super::values::millis;
use crate::error::{ConfigProblem, ConfigProblemKind};
use crate::record::Compression;
use crate::topic_partition::broken_rule_of_name;

pub(super) fn problems(config: &ProducerConfig) -> Vec<ConfigProblem> {
    let mut checks = Checks { config, found: Vec::new() };
    checks.servers();
    checks.sizes();
    checks.client_id();
    checks.rack();
    checks.default_topic();
    checks.security_protocol();
    checks.sasl();
    checks.proxy();
    #[cfg(any(feature = "tls", feature = "rustls"))]
    checks.tls();
    checks.idempotence();
    checks.batches_and_requests();
    checks.compression();
    checks.times();
    checks.metrics();
    checks.found
}

pub(super) struct Checks<'a> {
    pub(super) config: &'a ProducerConfig,
    found: Vec<ConfigProblem>,
}

impl Checks<'_> {
    pub(super) fn refuse(&mut self, key: &'static str, value: impl fmt::Display, why: impl Into<String>) {
        self.add(ConfigProblemKind::Invalid, key, Some(value.to_string()), why.into());
    }

    pub(super) fn refuse_unshown(&mut self, key: &'static str, why: impl Into<String>) {
        self.add(ConfigProblemKind::Invalid, key, None, why.into());
    }

    /// For a value that is valid, but contradicts another setting.
    fn contradict(&mut self, key: &'static str, value: impl fmt::Display, why: impl Into<String>) {
        self.add(ConfigProblemKind::Contradictory, key, Some(value.to_string()), why.into());
    }

    pub(super) fn contradict_unshown(&mut self, key: &'static str, why: impl Into<String>) {
        self.add(ConfigProblemKind::Contradictory, key, None, why.into());
    }

    pub(super) fn add(
        &mut self,
        kind: ConfigProblemKind,
        key: &'static str,
        value: Option<String>,
        why: String,
    ) {
        let key = self.config.written_as(key).to_owned();
        self.found.push(ConfigProblem { kind, key, line: None, value, why });
    }

    fn servers(&mut self) {
        let config = self.config;
        if config.bootstrap_servers.is_empty() {
            self.refuse_unshown("bootstrap_servers", "it is empty; write at least one broker as host:port");
        }
        let protocol = config.effective().security_protocol();
        for server in &config.bootstrap_servers {
            if let Err(why) = servers::parse(server, protocol) {
                self.refuse("bootstrap_servers", servers::without_account(server), why);
            }
        }
    }

    fn sizes(&mut self) {
        let config = self.config;
        for (key, value) in [
            ("buffer_memory", config.buffer_memory),
            ("max_request_size", config.effective().max_request_size()),
            ("max_in_flight_requests_per_connection", config.effective().max_in_flight()),
            ("receive_message_max_bytes", config.receive_message_max_bytes),
            ("sock_chunk_bytes", config.sock_chunk_bytes),
            ("sock_chunk_buffer_count", config.sock_chunk_buffer_count),
        ] {
            if value == 0 {
                self.refuse(key, value, "it must be at least 1");
            }
        }
        for (key, value) in [
            ("batch_max_bytes", config.batch_max_bytes),
            ("produce_request_max_bytes", config.produce_request_max_bytes),
            ("send_buffer_bytes", config.send_buffer_bytes),
            ("receive_buffer_bytes", config.receive_buffer_bytes),
        ] {
            if value == Some(0) {
                self.refuse(key, 0, "it must be at least 1; remove it for the default");
            }
        }
        for (key, value, most, why) in [
            (
                "sock_chunk_bytes",
                Some(config.sock_chunk_bytes),
                LARGEST_READ,
                "a buffer of this size is allocated at the start",
            ),
            (
                "receive_message_max_bytes",
                Some(config.receive_message_max_bytes),
                LARGEST_INT,
                "a response can't be longer",
            ),
            ("send_buffer_bytes", config.send_buffer_bytes, LARGEST_INT, "sockets accept no more"),
            ("receive_buffer_bytes", config.receive_buffer_bytes, LARGEST_INT, "sockets accept no more"),
        ] {
            if let Some(value) = value.filter(|value| *value > most) {
                self.refuse(key, value, format!("it must be at most {most}: {why}"));
            }
        }
    }

    fn client_id(&mut self) {
        let Some(id) = &self.config.client_id else { return };
        if id.len() > LONGEST_CLIENT_ID {
            let why = format!("it is {} bytes long; it must be at most {LONGEST_CLIENT_ID} bytes", id.len());
            self.refuse_unshown("client_id", why);
        }
        if id.chars().any(char::is_control) {
            self.refuse("client_id", id, "it must not contain control characters");
        }
    }

    fn rack(&mut self) {
        if self.config.partitioner_rack_aware && self.config.client_rack.as_deref().is_none_or(str::is_empty)
        {
            let rack = self.config.written_as("client_rack");
            let why = format!("{rack} is not set; set it to the rack of this producer");
            self.contradict("partitioner_rack_aware", true, why);
        }
    }

    fn default_topic(&mut self) {
        let Some(topic) = &self.config.default_topic else { return };
        if let Some(rule) = broken_rule_of_name(topic) {
            self.refuse("default_topic", topic, format!("it is not a valid topic name: {rule}"));
        }
    }

    fn security_protocol(&mut self) {
        let protocol = self.config.effective().security_protocol();
        if let Some(why) = protocol.why_not() {
            self.add(ConfigProblemKind::NotInThisBuild, "security_protocol", Some(protocol.to_string()), why);
        }
    }

    /// As in Java 4, more than 5 in flight are refused even if `acks` or `retries` turns idempotence off.
    fn idempotence(&mut self) {
        let config = self.config;
        let enable = config.written_as("enable_idempotence");
        if config.enable_idempotence == Some(true) {
            for (key, value, needed) in config.effective().against_idempotence() {
                let why =
                    format!("it must be {needed} if {enable} is true; change it, or set {enable} to false");
                self.contradict(key, value, why);
            }
        }
        let in_flight = config.effective().max_in_flight();
        let may_be_on = config.enable_idempotence.unwrap_or(config.defaults == Defaults::Ours);
        if may_be_on && in_flight > MOST_IN_FLIGHT {
            let remedy = if in_flight == LIBRDKAFKAS_IN_FLIGHT {
                "remove it (the default is 1000000 in librdkafka and 5 here)"
            } else {
                "lower it"
            };
            let why = format!(
                "it must be at most {MOST_IN_FLIGHT} unless {enable} is false: a broker remembers only \
                 the last five batches of a producer; {remedy}, or set {enable} to false"
            );
            self.contradict("max_in_flight_requests_per_connection", in_flight, why);
        }
    }

    fn batches_and_requests(&mut self) {
        let config = self.config;
        let most = LARGEST_REQUEST;
        for (key, value) in [
            ("max_request_size", config.max_request_size),
            ("batch_size", config.batch_size),
            ("produce_request_max_bytes", config.produce_request_max_bytes),
        ] {
            if let Some(value) = value.filter(|value| *value > most) {
                let why = format!(
                    "it must be at most {most}: brokers reject larger requests (socket.request.max.bytes)"
                );
                self.refuse(key, value, why);
            }
        }
        if config.batch_num_records == Some(0) {
            self.refuse("batch_num_records", 0, "it must be at least 1; remove it for no limit");
        }
        let Some(value) = config.batch_max_bytes else { return };
        for (limit, most) in [
            ("max_request_size", Some(config.effective().max_request_size())),
            ("produce_request_max_bytes", config.produce_request_max_bytes),
        ] {
            if let Some(most) = most.filter(|most| value > *most) {
                let name = config.written_as(limit);
                let why = format!("it is more than {name} ({most}); lower it or raise {name}");
                self.contradict("batch_max_bytes", value, why);
            }
        }
        if let Some(size) = config.batch_size.filter(|size| value < *size) {
            let why = format!(
                "it is less than {} ({size}), the size at which a batch is full; raise it, or remove one of the two",
                config.written_as("batch_size")
            );
            self.contradict("batch_max_bytes", value, why);
        }
    }

    fn compression(&mut self) {
        let config = self.config;
        if let Some(why) = config.compression.why_not() {
            let codec = Some(config.compression.to_string());
            self.add(ConfigProblemKind::NotInThisBuild, "compression_type", codec, why);
            return;
        }
        if let Some(level) = config.compression_level
            && let Err(error) = config.compression.check_level(level)
        {
            self.refuse("compression_level", level, format!("{error}; remove it for the default"));
        }
        if let Some(level) = config.codec_levels.lz4
            && config.compression == Compression::Lz4
            && level != JAVAS_LZ4_LEVEL
        {
            let why = "lz4 has no levels in this crate and works like Java's level 9; remove it";
            self.refuse("compression_lz4_level", level, why);
        }
    }

    fn times(&mut self) {
        let config = self.config;
        for (key, value) in [
            ("metadata_max_idle_ms", config.metadata_max_idle),
            ("metadata_max_age_ms", config.metadata_max_age),
            ("request_timeout_ms", config.request_timeout),
            // If it was not set, it is the time above.
            ("ack_timeout_ms", config.ack_timeout.unwrap_or(SHORTEST)),
            ("socket_connection_setup_timeout_ms", config.socket_connection_setup_timeout),
        ] {
            if value < SHORTEST {
                self.refuse(key, millis(value), "it must be at least 10 ms");
            }
        }
        if let Some(idle) = config.connections_max_idle.filter(|idle| *idle < SHORTEST) {
            let why = "it must be at least 10 ms, or 'none' for never";
            self.refuse("connections_max_idle_ms", millis(idle), why);
        }
        if let Some(limit) = config.effective().delivery_timeout()
            && limit < config.effective().shortest_delivery_timeout()
        {
            let why = format!(
                "it must be at least the sum of {} ({}) and {} ({}); otherwise a record expires before its first request can \
                 time out",
                config.written_as("linger_ms"),
                millis(config.linger),
                config.written_as("request_timeout_ms"),
                millis(config.request_timeout)
            );
            self.contradict("delivery_timeout_ms", millis(limit), why);
        }
        for (key, first, key_of_most, most) in [
            (
                "retry_backoff_ms",
                config.retry_backoff,
                "retry_backoff_max_ms",
                config.effective().retry_backoff_max(),
            ),
            (
                "reconnect_backoff_ms",
                config.reconnect_backoff,
                "reconnect_backoff_max_ms",
                config.effective().reconnect_backoff_max(),
            ),
            (
                "socket_connection_setup_timeout_ms",
                config.socket_connection_setup_timeout,
                "socket_connection_setup_timeout_max_ms",
                config.effective().socket_connection_setup_timeout_max(),
            ),
        ] {
            if first > most {
                let key_of_most = config.written_as(key_of_most);
                let why = format!(
                    "it is more than {key_of_most} ({}); lower it or raise {key_of_most}",
                    millis(most)
                );
                self.contradict(key, millis(first), why);
            }
        }
    }
}

/// Some brokers' metrics can't have a longer name. The protocol could.
const LONGEST_CLIENT_ID: usize = 1000;

/// A broker remembers this many batches of a producer in each partition.
const MOST_IN_FLIGHT: usize = 5;

/// librdkafka's default of the same setting, which is its largest value.
const LIBRDKAFKAS_IN_FLIGHT: usize = 1_000_000;

/// The buffer for a read is allocated at the start.
const LARGEST_READ: usize = 16 << 20;

/// The protocol and sockets count bytes with this type.
const LARGEST_INT: usize = i32::MAX as usize;

/// With shorter times the producer would open and close connections, or request metadata, without end.
const SHORTEST: Duration = Duration::from_millis(10);

/// At this level, its default, Java uses the fast encoder, and at any other level a slow one.
const JAVAS_LZ4_LEVEL: i32 = 9;
