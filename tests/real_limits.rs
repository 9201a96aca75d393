//! Topics with settings of their own, on a real broker: a limit below our batches, the broker's time.
#![cfg(feature = "_real-brokers")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::disallowed_types, reason = "no model checker runs here")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kafka_producer::{ErrorKind, KafkaProducer, ProducerRecord};
use support::kafka::Cluster;

const PATIENCE: Duration = Duration::from_secs(120);

/// Counts what the crate says of batches that are refused as too large.
struct Refusals(AtomicUsize);

static REFUSALS: Refusals = Refusals(AtomicUsize::new(0));

impl log::Log for Refusals {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.args().to_string().contains("was rejected as too large") {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn flush(&self) {}
}

#[test]
fn batches_are_cut_up_until_the_topic_takes_them() {
    log::set_logger(&REFUSALS).unwrap();
    log::set_max_level(log::LevelFilter::Debug);
    let cluster = Cluster::start(1);
    for (topic, limit) in [("small", "1000"), ("middle", "100000")] {
        cluster.create_topic(topic, 2, 1, &[("max.message.bytes", limit), ("retention.ms", "-1")]);
        let producer =
            KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers()).build().unwrap();
        let futures: Vec<_> = (0..50_000)
            .map(|number: u32| {
                let value = format!("value-{number:06}-{}", "x".repeat(number as usize % 60));
                let record =
                    ProducerRecord::to(topic).partition(number as i32 % 2).header("n", "1").timestamp_ms(5);
                (value.clone(), producer.send(record.value(&value)).unwrap())
            })
            .collect();
        producer.flush(PATIENCE).unwrap();
        let refused = REFUSALS.0.swap(0, Ordering::SeqCst);
        assert!((1..20).contains(&refused), "{refused} batches were refused to learn a limit of {limit}");
        let read = cluster.read_back(topic);
        assert_eq!(read.len(), futures.len());
        let mut places: Vec<_> = futures
            .iter()
            .map(|(value, future)| (future.get(Duration::ZERO).unwrap(), value))
            .map(|(metadata, value)| ((metadata.partition(), metadata.offset().unwrap()), value))
            .collect();
        // Within a partition offsets grow as records were sent: order has held.
        for partition in 0..2 {
            let offsets = places.iter().map(|(place, _)| *place).filter(|place| place.0 == partition);
            assert!(offsets.is_sorted(), "{topic}-{partition} is out of order");
        }
        places.sort_unstable();
        let read = read
            .iter()
            .map(|r| ((r.partition, r.offset), String::from_utf8(r.value.clone().unwrap()).unwrap()));
        let mut read: Vec<_> = read.collect();
        read.sort_unstable();
        assert!(read.iter().zip(&places).all(|((at, value), (place, sent))| at == place && value == *sent));

        let too_large = vec![b'x'; limit.parse::<usize>().unwrap() + 1000];
        let error =
            producer.send(ProducerRecord::to(topic).value(&too_large)).unwrap().get(PATIENCE).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::RefusedAsTooLarge { .. }), "{error}");
    }
}

#[test]
fn the_brokers_time_is_told_where_the_topic_wants_it() {
    let cluster = Cluster::start(1);
    cluster.create_topic("t", 1, 1, &[("message.timestamp.type", "LogAppendTime")]);
    let producer = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers()).build().unwrap();
    let metadata =
        producer.send(ProducerRecord::to("t").timestamp_ms(5).value("v")).unwrap().get(PATIENCE).unwrap();
    let read = cluster.read_back("t");
    assert_eq!(metadata.timestamp_ms(), read[0].timestamp);
    assert!(metadata.timestamp_ms() > 5);
}

/// D3: a broker closes the connection on which it is announced a larger request than it takes, and says nothing.
#[test]
fn a_broker_with_a_small_request_limit_gets_what_it_takes() {
    const PARTITIONS: i32 = 40;
    let cluster = Cluster::builder(1).property("socket.request.max.bytes", "2097152").start();
    cluster.create_topic("t", PARTITIONS, 1, &[]);
    let producer = KafkaProducer::builder()
        .bootstrap_servers(cluster.bootstrap_servers())
        .linger(Duration::from_millis(50))
        .build()
        .unwrap();
    let value = vec![b'v'; 800_000];
    let futures: Vec<_> = (0..3 * PARTITIONS)
        .map(|number| ProducerRecord::to("t").partition(number % PARTITIONS).value(&value))
        .map(|record| producer.send(record).unwrap())
        .collect();
    let delivered = futures.iter().filter(|future| future.get(PATIENCE).is_ok()).count();
    assert_eq!(delivered, futures.len());
    let stored: u64 = cluster.summary("t").iter().map(|partition| partition.count).sum();
    // What stood unanswered on a connection that was closed is sent again.
    assert!(stored >= futures.len() as u64, "{stored} are stored");
}
