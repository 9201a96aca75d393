#![doc = include_str!("../docs/guide.md")]
#![forbid(unsafe_code)]

mod client;
mod config;
mod error;
mod kafka_producer;
mod lifecycle;
mod metrics;
mod net;
mod observation;
mod process;
mod producer;
mod producer_record;
mod protocol;
mod record;
mod security;
mod sync;
mod thread;
mod time;
mod topic_partition;

#[cfg(feature = "mock")]
pub mod mock;

/// Guides to the configuration, migrating from kafka-python, TLS, SASL, proxies, metrics, tuning and tests.
#[cfg(doc)]
pub mod guide {
    #[doc = include_str!("../docs/configuration.md")]
    pub mod configuration {}
    #[cfg_attr(feature = "full", doc = include_str!("../docs/migrating-from-kafka-python.md"))]
    #[cfg_attr(not(feature = "full"), doc = "This page needs the feature `full`.")]
    pub mod migrating {}
    #[cfg_attr(any(feature = "tls", feature = "rustls"), doc = include_str!("../docs/tls.md"))]
    #[cfg_attr(
        not(any(feature = "tls", feature = "rustls")),
        doc = "This page needs the feature `tls` or `rustls`."
    )]
    pub mod tls {}
    #[doc = include_str!("../docs/sasl.md")]
    pub mod sasl {}
    #[doc = include_str!("../docs/proxies.md")]
    pub mod proxies {}
    #[doc = include_str!("../docs/metrics.md")]
    pub mod metrics {}
    #[doc = include_str!("../docs/tuning.md")]
    pub mod tuning {}
    #[cfg_attr(feature = "mock", doc = include_str!("../docs/testing-your-program.md"))]
    #[cfg_attr(not(feature = "mock"), doc = "This page needs the feature `mock`.")]
    pub mod testing {}
}

// The public interface, all of it.
pub use client::{AddressFamily, MetadataRecoveryStrategy, PartitionInfo};
pub use config::{
    Acks, Dialect, ExplainedSetting, Explanation, IntoServers, ParseAcksError, ParseSecurityProtocolError,
    ProducerConfig, SecurityProtocol, SettingOrigin,
};
pub use error::{
    BrokerTrouble, Certainty, ConfigProblem, ConfigProblemKind, DeliveryReport, Error, ErrorKind, Limit,
    Origin, PendingPartition, SizeLimit, Stage, Subject,
};
pub use kafka_producer::{InFlight, KafkaProducer};
pub use metrics::{Histogram, Metric, MetricKind, Metrics, MetricsReporter, Timing};
#[cfg(feature = "partitioners")]
pub use producer::HashRingPartitioner;
#[cfg(feature = "json")]
pub use producer::JsonSerializer;
#[cfg(feature = "uuid")]
pub use producer::UuidSerializer;
pub use producer::{
    BigEndianSerializer, BytesSerializer, DefaultPartitioner, FutureRecordMetadata, HashPartitioner,
    InterceptedRecord, KeyHash, PartitionContext, Partitioner, ProducerInterceptor, RandomPartitioner,
    RecordMetadata, RoundRobinPartitioner, SerializationContext, Serialized, Serializer, StickyPartitioner,
    StringSerializer,
};
pub use producer_record::{OwnedRecord, ProducerRecord};
pub use protocol::ErrorCode;
pub use record::{Compression, Header, IntoField, ParseCompressionError};
#[cfg(any(feature = "tls", feature = "rustls"))]
pub use security::tls::{ParseTlsBackendError, TlsBackend, TlsVersion};
pub use security::{OauthToken, OauthTokenProvider, SaslError, SaslExchange, SaslMechanism};
pub use topic_partition::TopicPartition;

/// Its examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
