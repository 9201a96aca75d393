//! The client that a shared configuration was written for, and the settings of other programs in it.

use std::fmt;

/// The client that a configuration was written for: see
/// [`ProducerConfig::from_shared`](crate::ProducerConfig::from_shared). Some names have different meanings in different
/// clients. The dialect decides which meaning applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// The Java client. If names have prefixes, as in `producer.acks` (Kafka Connect) and `spring.kafka.producer.acks`,
    /// remove the prefixes first. `allow.auto.create.topics` is not used, because Java's producer does not have this
    /// setting.
    Java,
    /// kafka-python. [`from_pairs`](crate::ProducerConfig::from_pairs) also reads this dialect.
    KafkaPython,
    /// librdkafka, and the clients that are built on it: confluent-kafka for Python, Go and .NET, rdkafka, node-rdkafka.
    ///
    /// These settings have a different meaning in this dialect:
    ///
    /// - `linger.ms` can have a fraction.
    /// - `delivery.timeout.ms` and `connections.max.idle.ms`: 0 means "no limit".
    /// - `compression.level`: -1 means the default.
    /// - `request.timeout.ms` sets this crate's `ack_timeout`, and `socket.timeout.ms` sets `request_timeout`.
    /// - `metadata.max.age.ms` is not used, because it has another meaning in librdkafka. The list of unused settings
    ///   contains it. `topic.metadata.refresh.interval.ms` sets `metadata_max_age`.
    ///
    /// **The default of `partitioner` is librdkafka's `consistent_random`.** It hashes keys by CRC32, so a key goes to the
    /// same partition as with librdkafka. The Java client hashes keys by murmur2, and sends most keys to other partitions.
    ///
    /// Other settings that are not in the configuration have this crate's defaults, not librdkafka's:
    ///
    /// - `linger` is 0 (5 ms in librdkafka).
    /// - `delivery_timeout` is 120 s (300 s in librdkafka).
    /// - Idempotence is enabled (disabled in librdkafka).
    Librdkafka,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Java => "Java",
            Self::KafkaPython => "kafka-python",
            Self::Librdkafka => "librdkafka",
        })
    }
}

/// Says who has the setting, if it is not a producer's.
pub(super) fn owner(name: &str) -> Option<&'static str> {
    if SCHEMAS.iter().any(|start| name.starts_with(start)) {
        return Some("it is a setting of a serializer that uses a schema registry");
    }
    if name.starts_with("spring_") {
        return Some("it is a setting of Spring");
    }
    CONSUMER.contains(&name).then_some("it is a setting of consumers")
}

const SCHEMAS: &[&str] = &[
    "schema_registry_",
    "auto_register_schemas",
    "use_latest_version",
    "basic_auth_credentials_source",
    "basic_auth_user_info",
    "bearer_auth_",
    "key_subject_name_strategy",
    "value_subject_name_strategy",
    "specific_avro_reader",
    "json_fail_",
];

const CONSUMER: &[&str] = &[
    "auto_commit_enable",
    "auto_commit_interval_ms",
    "auto_offset_reset",
    "check_crcs",
    "consume_callback_max_messages",
    "consume_cb",
    "consumer_timeout_ms",
    "coordinator_query_interval_ms",
    "default_api_timeout_ms",
    "enable_auto_commit",
    "enable_auto_offset_store",
    "enable_partition_eof",
    "exclude_internal_topics",
    "fetch_error_backoff_ms",
    "fetch_max_bytes",
    "fetch_max_wait_ms",
    "fetch_message_max_bytes",
    "fetch_min_bytes",
    "fetch_queue_backoff_ms",
    "fetch_wait_max_ms",
    "group_id",
    "group_instance_id",
    "group_protocol",
    "group_protocol_type",
    "group_remote_assignor",
    "heartbeat_interval_ms",
    "isolation_level",
    "key_deserializer",
    "max_partition_fetch_bytes",
    "max_poll_interval_ms",
    "max_poll_records",
    "offset_commit_cb",
    "offset_store_method",
    "offset_store_path",
    "offset_store_sync_interval_ms",
    "partition_assignment_strategy",
    "queued_max_messages_kbytes",
    "queued_min_messages",
    "rebalance_cb",
    "session_timeout_ms",
    "value_deserializer",
];
