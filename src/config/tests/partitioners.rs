//! Partitioners that are set by name.

use std::collections::BTreeSet;

use super::*;
use crate::producer::PartitionContext;

/// librdkafka, for records whose key is empty or null: a partition, or any.
#[test]
fn the_names_of_librdkafka_do_what_librdkafka_does_without_a_key() {
    for line in include_str!("../../../tests/vectors/partitions/librdkafka-no-key.txt").lines() {
        let [name, key, expected] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let key = (key == "empty").then_some(&b""[..]);
        let chosen = partitions(Dialect::Librdkafka, &[("partitioner", name)], key);
        match expected {
            "random" => assert_eq!(chosen.len(), 7, "{line}"),
            partition => assert_eq!(chosen, [partition.parse().unwrap()].into(), "{line}"),
        }
    }
}

/// The partitions that a thousand records with `key` go to, of seven.
fn partitions(dialect: Dialect, pairs: &[(&str, &str)], key: Option<&[u8]>) -> BTreeSet<i32> {
    let (config, unused) = ProducerConfig::from_shared(dialect, pairs.iter().copied()).unwrap();
    assert!(unused.is_empty(), "{unused:?}");
    let partitioner = config.settings().unwrap().partitioner;
    (0..1000).map(|_| partitioner.partition(&PartitionContext::new("t", 7).with_key(key))).collect()
}

#[test]
fn a_key_has_one_partition_unless_keys_are_ignored() {
    for (pairs, expected) in [
        (&[][..], 1),
        (&[("partitioner.ignore.keys", "true")], 7),
        (&[("partitioner.class", "org.apache.kafka.clients.producer.internals.DefaultPartitioner")], 1),
        (&[("partitioner.class", "org.apache.kafka.clients.producer.UniformStickyPartitioner")], 7),
        (&[("partitioner.class", "org.apache.kafka.clients.producer.RoundRobinPartitioner")], 7),
        (&[("partitioner", "DefaultPartitioner()")], 1),
        (&[("partitioner", "RandomPartitioner")], 7),
        (&[("partitioner", "StickyPartitioner")], 1),
        (&[("partitioner.class", "null")], 1),
    ] {
        assert_eq!(partitions(Dialect::Java, pairs, Some(b"k")).len(), expected, "{pairs:?}");
    }
}

#[test]
fn the_defaults_of_kafka_python_2_choose_at_random_for_each_record() {
    let shown = |config: &ProducerConfig| {
        let key = keys::all().find(|key| key.name == "partitioner").unwrap();
        (key.show)(config)
    };
    assert_eq!(shown(&ProducerConfig::kafka_python_2()), "DefaultPartitioner");
    assert_eq!(shown(&ProducerConfig::new()), "StickyPartitioner");
    assert_eq!(shown(&ProducerConfig::new().partition_by(|_| 0)), "set by the program");
    let config = ProducerConfig::kafka_python_2().partitioner_ignore_keys(true);
    let partitioner = config.settings().unwrap().partitioner;
    let record = PartitionContext::new("t", 7).with_key(Some(b"k"));
    let chosen: BTreeSet<_> = (0..1000).map(|_| partitioner.partition(&record)).collect();
    assert_eq!(chosen.len(), 7);
}
