//! Which client a shared configuration was written for, and what other programs keep in it.

use std::fmt;

/// The client for which a configuration was written, for [`ProducerConfig::from_shared`](crate::ProducerConfig::from_shared).
/// It decides what a name means that two clients use for different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// The Java client. Names with a prefix (`producer.acks` of Kafka Connect, `spring.kafka.producer.acks`) are not read: take
    /// the prefix away. `allow.auto.create.topics` is not used, as Java's producer has no such setting.
    Java,
    /// kafka-python, as [`from_pairs`](crate::ProducerConfig::from_pairs) reads it.
    KafkaPython,
    /// librdkafka, and the clients built on it: confluent-kafka for Python, Go and .NET, rdkafka, node-rdkafka.
    ///
    /// `linger.ms` may have a fraction. 0 is "for ever" in `delivery.timeout.ms` and `connections.max.idle.ms`, and -1 is
    /// the default in `compression.level`. `request.timeout.ms` and `metadata.max.age.ms` mean something else there, and are
    /// listed as not used; `socket.timeout.ms` and `topic.metadata.refresh.interval.ms` set this crate's `request_timeout`
    /// and `metadata_max_age`.
    ///
    /// What is not named has this crate's default, not librdkafka's. **Keys are hashed by murmur2**, as by the Java client;
    /// librdkafka hashes them by CRC32 unless its `partitioner` is `murmur2_random`, so the same key goes to another
    /// partition. `linger` is 0 (there 5 ms), `delivery_timeout` 120 s (300 s), and idempotence is on (off).
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

/// Whose setting it is, if it is not a producer's.
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
