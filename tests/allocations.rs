//! No allocation for each record: what is set aside is set aside for batches.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{
    Header, KafkaProducer, ProducerRecord, SerializationContext, Serializer, StringSerializer,
};

const PATIENCE: Duration = Duration::from_secs(30);
const RECORDS: u64 = 20_000;

/// How often the calling thread allocates for so many `send`s.
fn allocations(mut send: impl FnMut()) -> u64 {
    // The thread learns of the topic, buffers get their size.
    (0..RECORDS).for_each(|_| send());
    allocation_counter::measure(|| (0..RECORDS).for_each(|_| send())).count_total
}

#[test]
fn a_record_of_bytes_with_key_and_headers_costs_none() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 6);
    let producer = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers()).build().unwrap();
    let (value, headers) = ([7; 100], [Header::new("trace", &b"abc"[..])]);
    let mut key = 0_u32;
    let count = allocations(|| {
        key += 1;
        let key = key.to_be_bytes();
        let record = ProducerRecord::to("t").key(&key).value(&value).headers(&headers);
        drop(producer.send(record).unwrap());
    });
    assert!(count < RECORDS / 20, "{count} allocations for {RECORDS} records");
    producer.close(PATIENCE).unwrap();
    assert_eq!(cluster.record_count("t"), 2 * RECORDS);
}

#[test]
fn neither_does_one_that_a_serializer_writes() {
    struct BigEndian;

    impl Serializer<u64> for BigEndian {
        fn serialize(
            &self,
            _: &SerializationContext<'_>,
            value: &u64,
            out: &mut Vec<u8>,
        ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            out.extend_from_slice(&value.to_be_bytes());
            Ok(())
        }
    }

    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 6);
    let config = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers());
    let producer: KafkaProducer<str, u64> = config.build_with(StringSerializer, BigEndian).unwrap();
    let count = allocations(|| drop(producer.send(ProducerRecord::to("t").key("k").value(&7)).unwrap()));
    assert!(count < RECORDS / 20, "{count} allocations for {RECORDS} records");
    producer.close(PATIENCE).unwrap();
}
