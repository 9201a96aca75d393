//! The settings of the partitioner.

use std::sync::Arc;
use std::time::Duration;

use super::key::Key;
use super::named_partitioner::{NamedPartitioner, named, without_keys};
use super::producer_config::{Defaults, ProducerConfig};
use super::values::{Refusal, is_none};
use crate::error::ConfigProblemKind;
use crate::producer::{DefaultPartitioner, PartitionBy, PartitionContext, Partitioner, StickyPartitioner};

pub(super) const KEYS: &[Key] = &[
    key(
        "partitioner",
        "The partitioner. `ProducerConfig::partitioner` lists the names that a string can have.",
    ),
    key("partitioner_class", ""),
];

const fn key(name: &'static str, meaning: &'static str) -> Key {
    let copy = |config: &mut ProducerConfig, from: &ProducerConfig| {
        config.partitioner.clone_from(&from.partitioner);
    };
    Key { name, of: "partitioner", set: read, show, copy, form: "name", meaning }
}

fn read(config: &mut ProducerConfig, value: &str) -> Result<(), Refusal> {
    config.partitioner = match named(value) {
        None if !is_none(value) => {
            let why =
                "it is not one of the partitioners that a string can name; call ProducerConfig::partitioner";
            return Err(Refusal { kind: ConfigProblemKind::NeedsCode, why: why.to_owned() });
        }
        partitioner => partitioner,
    };
    Ok(())
}

fn show(config: &ProducerConfig) -> String {
    let default = match config.defaults {
        Defaults::Ours => "StickyPartitioner",
        Defaults::KafkaPython2 => "DefaultPartitioner",
    };
    let set = config.partitioner.as_ref().or(config.default_partitioner.as_ref());
    set.map_or(default, |named| named.name).to_owned()
}

impl ProducerConfig {
    /// The partitioner. It chooses the partition of each record that has no partition. Default:
    /// [`StickyPartitioner`]. With the defaults of
    /// [`kafka_python_2`](Self::kafka_python_2): [`DefaultPartitioner`].
    ///
    /// kafka-python has the same name. Java calls it `partitioner.class`. As a string, it is one of these names:
    ///
    /// | name | partitioner |
    /// |---|---|
    /// | `StickyPartitioner`, `DefaultPartitioner`, `RandomPartitioner`, `RoundRobinPartitioner` | the type of this crate with this name |
    /// | `org.apache.kafka.clients.producer.RoundRobinPartitioner` | [`RoundRobinPartitioner`](crate::RoundRobinPartitioner) |
    /// | `org.apache.kafka.clients.producer.UniformStickyPartitioner` | [`StickyPartitioner`] that ignores keys |
    /// | `org.apache.kafka.clients.producer.internals.DefaultPartitioner` | [`StickyPartitioner`] |
    /// | `consistent_random`, `murmur2_random`, `fnv1a_random` (librdkafka) | [`HashPartitioner`](crate::HashPartitioner) with [`Crc32`](crate::KeyHash::Crc32), [`Murmur2`](crate::KeyHash::Murmur2) or [`Fnv1a`](crate::KeyHash::Fnv1a). With `consistent_random` an empty key counts as no key. |
    /// | `consistent`, `murmur2`, `fnv1a` (librdkafka) | The same hashes. A record without a key goes to the partition of an empty key. |
    /// | `random` (librdkafka) | [`RandomPartitioner`](crate::RandomPartitioner) |
    #[doc(alias = "partitioner.class")]
    pub fn partitioner(mut self, partitioner: impl Partitioner + 'static) -> Self {
        self.partitioner = Some(NamedPartitioner::new("set by the program", partitioner));
        self
    }

    /// Like [`partitioner`](Self::partitioner), with a closure.
    ///
    /// ```
    /// use kafka_producer::{KafkaProducer, Partitioner, StickyPartitioner};
    ///
    /// let config = KafkaProducer::builder().partition_by(|record| match record.topic() {
    ///     "audit" => 0,
    ///     _ => StickyPartitioner.partition(record),
    /// });
    /// # let _ = config;
    /// ```
    #[doc(alias = "partitioner")]
    pub fn partition_by(self, choose: impl Fn(&PartitionContext<'_>) -> i32 + Send + Sync + 'static) -> Self {
        self.partitioner(PartitionBy(choose))
    }

    /// Whether the default partitioner ignores the keys of records. It then handles a record with a key like a record
    /// without a key. Default: false. A partitioner that was set always sees the keys, as in Java.
    pub fn partitioner_ignore_keys(mut self, ignore: bool) -> Self {
        self.partitioner_ignore_keys = ignore;
        self
    }

    /// Whether [`StickyPartitioner`] sends fewer records without a key to partitions whose leader
    /// responds slowly (KIP-794). If not, it chooses each next partition at random. Default: true. Java calls it
    /// `partitioner.adaptive.partitioning.enable`.
    pub fn partitioner_adaptive_partitioning_enable(mut self, enable: bool) -> Self {
        self.partitioner_adaptive_partitioning_enable = enable;
        self
    }

    /// The time that a batch can wait for the leader of its partition until
    /// [`StickyPartitioner`] does not choose the partition any more (KIP-794). Only the
    /// time after the end of `linger` counts. If every partition has such a batch, the partitioner chooses from all
    /// partitions. Zero means no timeout. Default: 0. Setting name: `partitioner_availability_timeout_ms`. Java calls it
    /// `partitioner.availability.timeout.ms`.
    #[doc(alias = "partitioner_availability_timeout_ms")]
    pub fn partitioner_availability_timeout(mut self, timeout: Duration) -> Self {
        self.partitioner_availability_timeout = timeout;
        self
    }

    /// Whether [`StickyPartitioner`] sends the records without a key only to partitions whose leader is in the rack of the
    /// producer (KIP-1123). It chooses from all partitions if the topic has no such partition, or if
    /// [`partitioner_availability_timeout`](Self::partitioner_availability_timeout) excludes each partition in the rack.
    /// Other partitioners, such as the default of [`kafka_python_2`](Self::kafka_python_2), ignore this setting. Default:
    /// false. Without [`client_rack`](Self::client_rack), it is an error. The brokers need `broker.rack`. Java calls it
    /// `partitioner.rack.aware`.
    ///
    /// Traffic between racks costs money in most clouds. But partitions in other racks then get no records without a key
    /// from this producer. So run producers in each rack. Otherwise some partitions get no records without a key.
    pub fn partitioner_rack_aware(mut self, aware: bool) -> Self {
        self.partitioner_rack_aware = aware;
        self
    }

    /// The rack of the producer, for example the availability zone of a cloud. Write the name as the brokers in this
    /// rack have it in `broker.rack`. The rack has an effect only with [`partitioner_rack_aware`](Self::partitioner_rack_aware). Default: none. Java
    /// calls it `client.rack`.
    pub fn client_rack(mut self, rack: impl Into<String>) -> Self {
        self.client_rack = Some(rack.into());
        self
    }

    /// The partitioner that was set, or else the default.
    pub(super) fn chosen_partitioner(&self) -> Arc<dyn Partitioner> {
        if let Some(named) = &self.partitioner {
            return Arc::clone(&named.partitioner);
        }
        let default: Arc<dyn Partitioner> = match (&self.default_partitioner, self.defaults) {
            (Some(named), _) => Arc::clone(&named.partitioner),
            (None, Defaults::Ours) => Arc::new(StickyPartitioner),
            (None, Defaults::KafkaPython2) => Arc::new(DefaultPartitioner),
        };
        if self.partitioner_ignore_keys { Arc::new(without_keys(default)) } else { default }
    }
}
