//! What a Java consumer reads from a real cluster is what was sent, where each future said.
#![cfg(feature = "_real-brokers")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

use std::collections::HashMap;
use std::time::Duration;

use kafka_producer::{Acks, Header, KafkaProducer, ProducerRecord};
use support::kafka::{Cluster, JvmRecord};

const RECORDS: usize = 100_000;
const PARTITIONS: i32 = 6;
const PATIENCE: Duration = Duration::from_secs(120);

/// What record `number` holds: all lengths, null and empty, headers of every kind.
struct Expected {
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    timestamp: i64,
}

fn expected(number: usize) -> Expected {
    let value = match number % 50 {
        0 => None,
        1 => Some(Vec::new()),
        step => Some(format!("value-{number:06} ").repeat(step % 8 + 1).into_bytes()),
    };
    let headers = match number % 4 {
        0 => Vec::new(),
        1 => vec![("trace".to_owned(), Some(format!("t{number}").into_bytes()))],
        2 => vec![
            ("h".to_owned(), Some(b"1".to_vec())),
            ("h".to_owned(), None),
            ("".to_owned(), Some(Vec::new())),
        ],
        _ => vec![("ünicode".to_owned(), Some(vec![0, 255, 128]))],
    };
    Expected {
        key: format!("key-{}-{number}", number % 977).into_bytes(),
        value,
        headers,
        timestamp: 1_700_000_000_000 + 7 * number as i64 - (number as i64 % 3) * 1000,
    }
}

fn sends_and_reads_back(nodes: usize) {
    let cluster = Cluster::start(nodes);
    for (acks, topic) in [(Acks::Leader, "acks-1"), (Acks::All, "acks-all")] {
        // The records are of 2023: brokers would soon delete them.
        cluster.create_topic(topic, PARTITIONS, nodes as i16, &[("retention.ms", "-1")]);
        let producer = KafkaProducer::builder()
            .bootstrap_servers(cluster.bootstrap_servers())
            .acks(acks)
            .build()
            .unwrap();
        let futures: Vec<_> = (0..RECORDS)
            .map(|number| {
                let Expected { key, value, headers, timestamp } = expected(number);
                let headers: Vec<_> =
                    headers.iter().map(|(name, value)| Header::new(name, value.as_deref())).collect();
                let record = ProducerRecord::to(topic).key(&key).timestamp_ms(timestamp).headers(&headers);
                let record = match &value {
                    Some(value) => record.value(value),
                    None => record,
                };
                producer.send(record).unwrap()
            })
            .collect();
        producer.flush(PATIENCE).unwrap();
        let mut read: HashMap<(i32, i64), JvmRecord> = cluster
            .read_back(topic)
            .into_iter()
            .map(|record| ((record.partition, record.offset), record))
            .collect();
        assert_eq!(read.len(), RECORDS);
        for (number, future) in futures.iter().enumerate() {
            let metadata = future.get(Duration::ZERO).unwrap();
            let record = read
                .remove(&(metadata.partition(), metadata.offset().unwrap()))
                .expect("no record at its offset");
            let Expected { key, value, headers, timestamp } = expected(number);
            assert_eq!(record.key.as_deref(), Some(&*key), "key of {number}");
            assert_eq!(record.value, value, "value of {number}");
            assert_eq!(record.headers, headers, "headers of {number}");
            assert_eq!(
                (record.timestamp, metadata.timestamp_ms()),
                (timestamp, timestamp),
                "timestamp of {number}"
            );
        }
        reads_the_same_with_a_strangers_decoder(&cluster, topic);
        producer.close(PATIENCE).unwrap();
    }
}

/// `kafka-protocol` shares no line with us: it checks every batch's checksum and finds the records in their places.
fn reads_the_same_with_a_strangers_decoder(cluster: &Cluster, topic: &str) {
    let mut read = 0;
    for partition in 0..PARTITIONS {
        let mut next = 0;
        for batch in cluster.fetch(topic, partition) {
            assert_eq!(
                (batch.base_offset, batch.magic, batch.record_count as usize),
                (next, 2, batch.records.len())
            );
            for record in &batch.records {
                assert_eq!(record.offset, next);
                let key = record.key.as_deref().expect("every record has a key");
                let number = std::str::from_utf8(key).unwrap().rsplit('-').next().unwrap().parse().unwrap();
                let Expected { value, timestamp, .. } = expected(number);
                assert_eq!((record.value.as_deref(), record.timestamp), (value.as_deref(), timestamp));
                next += 1;
            }
        }
        read += next;
    }
    assert_eq!(read, RECORDS as i64);
}

#[test]
fn a_single_node_stores_what_was_sent() {
    sends_and_reads_back(1);
}

#[test]
fn three_nodes_store_what_was_sent() {
    sends_and_reads_back(3);
}

/// KIP-1123, with racks as real brokers name them.
#[test]
fn records_without_a_key_stay_in_the_rack() {
    const COUNT: usize = 200;
    let racks = Cluster::builder(3)
        .node_property(1, "broker.rack", "a")
        .node_property(2, "broker.rack", "b")
        .node_property(3, "broker.rack", "c");
    let cluster = racks.start();
    cluster.create_topic("t", PARTITIONS, 3, &[]);
    let producer = KafkaProducer::builder()
        .bootstrap_servers(cluster.bootstrap_servers())
        .client_rack("b")
        .partitioner_rack_aware(true)
        // Each record may have another partition.
        .batch_size(100)
        .batch_max_bytes(100)
        .build()
        .unwrap();
    for _ in 0..COUNT {
        producer.send(ProducerRecord::to("t").value("value")).unwrap();
    }
    producer.close(PATIENCE).unwrap();
    let leaders: HashMap<i32, Option<i32>> =
        cluster.partitions("t").iter().map(|state| (state.partition, state.leader)).collect();
    let mut used: Vec<i32> = cluster.read_back("t").iter().map(|record| record.partition).collect();
    assert_eq!(used.len(), COUNT);
    used.sort_unstable();
    used.dedup();
    let of_rack: Vec<_> = (0..PARTITIONS).filter(|partition| leaders[partition] == Some(2)).collect();
    assert_eq!(used, of_rack, "{leaders:?}");
}
