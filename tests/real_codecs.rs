//! Many records with each codec, read back by the JVM: the same count, the same checksum, in the same order.
#![cfg(feature = "_real-brokers")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

use std::time::Duration;

use kafka_producer::{Acks, Compression, FutureRecordMetadata, KafkaProducer, ProducerRecord};
use support::kafka::{Cluster, SummaryCrc};

const PATIENCE: Duration = Duration::from_secs(120);
/// The million is asked for: `KAFKA_PRODUCER_TEST_RECORDS=1000000 cargo test --all-features --test real_codecs`.
const RECORDS: usize = 200_000;

fn records() -> usize {
    std::env::var("KAFKA_PRODUCER_TEST_RECORDS").map_or(RECORDS, |records| records.parse().unwrap())
}

/// 100 bytes that compress as JSON does.
fn value(number: usize) -> Vec<u8> {
    let mut value = format!(
        "{{\"id\":{number:08},\"user\":\"user-{:05}\",\"event\":\"{}\",\"amount\":{:06}.{:02},\"pad\":\"",
        number.wrapping_mul(7919) % 100_000,
        ["view", "click", "buys", "asks"][number % 4],
        number.wrapping_mul(104_729) % 1_000_000,
        number % 100,
    )
    .into_bytes();
    value.resize(98, b'.');
    value.extend_from_slice(b"\"}");
    value
}

fn timestamp(number: usize) -> i64 {
    1_700_000_000_000 + number as i64 / 10
}

fn codecs() -> Vec<Compression> {
    vec![
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        #[cfg(feature = "zstd")]
        Compression::Zstd,
    ]
}

fn sends_and_reads_back(
    cluster: &Cluster,
    partitions: i32,
    replicas: i16,
    compression: Compression,
    acks: Acks,
) {
    let topic = format!("codec-{compression}-{acks:?}");
    // The records are of 2023: brokers would soon delete them.
    cluster.create_topic(&topic, partitions, replicas, &[("retention.ms", "-1")]);
    let producer = KafkaProducer::builder()
        .bootstrap_servers(cluster.bootstrap_servers())
        .compression(compression)
        .acks(acks)
        .linger(Duration::from_millis(5))
        .build()
        .unwrap();
    let count = records();
    let mut sums: Vec<_> = (0..partitions).map(|_| SummaryCrc::new()).collect();
    let mut kept: Vec<(usize, FutureRecordMetadata)> = Vec::new();
    for number in 0..count {
        let partition = (number % partitions as usize) as i32;
        let (value, timestamp) = (value(number), timestamp(number));
        let record = ProducerRecord::to(&topic).partition(partition).timestamp_ms(timestamp).value(&value);
        let future = producer.send(record).unwrap();
        sums[partition as usize].add(timestamp, None, Some(&value), &[]);
        // Ten thousand are compared by their place as well.
        if number % (count / 10_000).max(1) == 0 {
            kept.push((number, future));
        }
    }
    producer.flush(PATIENCE).unwrap();
    producer.close(PATIENCE).unwrap();
    let mut summary = cluster.summary(&topic);
    if acks != Acks::All {
        // Nobody has told that the followers have it, or even the leader; consumers see what all have.
        let seen = support::clock::retry(support::clock::deadline(60), || {
            summary = cluster.summary(&topic);
            let stored: u64 = summary.iter().map(|partition| partition.count).sum();
            if stored == count as u64 {
                return Ok(());
            }
            Err(support::clock::Failure::Again(format!("{stored} of {count} records are there")))
        });
        seen.unwrap();
    }
    for (partition, sum) in summary.iter().zip(&sums) {
        assert_eq!(partition.crc, sum.value(), "{topic}-{}", partition.partition);
    }
    assert_eq!(summary.iter().map(|partition| partition.count).sum::<u64>(), count as u64);
    for (number, future) in kept {
        let metadata = future.get(Duration::ZERO).unwrap();
        let partitions = partitions as usize;
        let offset = (acks != Acks::None).then_some((number / partitions) as i64);
        assert_eq!((metadata.partition() as usize, metadata.offset()), (number % partitions, offset));
    }
    if acks == Acks::All {
        let read = cluster.read_back(&topic);
        for record in read.iter().step_by((count / 10_000).max(1)) {
            let number = record.offset as usize * partitions as usize + record.partition as usize;
            assert_eq!(
                (record.value.as_deref(), record.timestamp),
                (Some(&*value(number)), timestamp(number))
            );
            assert!(record.key.is_none() && record.headers.is_empty());
        }
        let dump = cluster.dump_log(&topic, 0);
        assert!(
            dump.contains(&format!("compresscodec: {compression}")),
            "DumpLogSegments does not show {compression}"
        );
        assert!(!dump.contains("isvalid: false"));
    }
}

fn takes_every_codec_and_acks(cluster: &Cluster, partitions: i32, replicas: i16) {
    for codec in codecs() {
        sends_and_reads_back(cluster, partitions, replicas, codec, Acks::All);
    }
    for acks in [Acks::None, Acks::Leader] {
        sends_and_reads_back(cluster, partitions, replicas, Compression::Lz4, acks);
    }
}

#[test]
fn one_node() {
    takes_every_codec_and_acks(&Cluster::start(1), 3, 1);
}

#[test]
fn three_nodes_with_twelve_partitions() {
    takes_every_codec_and_acks(&Cluster::start(3), 12, 3);
}

#[test]
fn one_node_of_3_9() {
    takes_every_codec_and_acks(&Cluster::builder(1).version("3.9.2").start(), 3, 1);
}
