//! What a real broker forgets or loses, and what each record's future said of it: it is true.
#![cfg(feature = "_real-brokers")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::print_stdout, reason = "it shows what it found")]
#![allow(clippy::disallowed_types, reason = "no model checker runs here")]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use kafka_producer::{Certainty, FutureRecordMetadata, KafkaProducer, ProducerConfig, ProducerRecord};
use support::clock::pause;
use support::kafka::Cluster;

const PATIENCE: Duration = Duration::from_secs(120);

/// One record in each batch, so that many batches are under way.
fn config(cluster: &Cluster) -> ProducerConfig {
    ProducerConfig::new().bootstrap_servers(cluster.bootstrap_servers()).batch_size(0)
}

fn send(producer: &KafkaProducer, numbers: std::ops::Range<u64>) -> Vec<(u64, FutureRecordMetadata)> {
    let send = |number: u64| {
        let value = number.to_string();
        (number, producer.send(ProducerRecord::to("t").partition(0).value(&value)).unwrap())
    };
    numbers.map(send).collect()
}

/// By value: partition and offset of each copy, in the order of offsets.
fn stored(cluster: &Cluster) -> BTreeMap<u64, Vec<(i32, i64)>> {
    let mut stored = BTreeMap::<_, Vec<_>>::new();
    for record in cluster.read_back("t") {
        let value = String::from_utf8(record.value.unwrap()).unwrap();
        stored.entry(value.parse().unwrap()).or_default().push((record.partition, record.offset));
    }
    stored
}

fn assert_stored_once_where_they_say(
    stored: &BTreeMap<u64, Vec<(i32, i64)>>,
    sent: &[(u64, FutureRecordMetadata)],
) {
    let mut last = -1;
    for (number, future) in sent {
        let metadata = future.get(PATIENCE).unwrap_or_else(|error| panic!("record {number}: {error}"));
        let expected = vec![(metadata.partition(), metadata.offset().unwrap())];
        assert_eq!(stored.get(number), Some(&expected), "record {number}");
        assert!(last < metadata.offset().unwrap(), "record {number} is not behind the one before");
        last = metadata.offset().unwrap();
    }
}

/// `producer.id.expiration.ms` is a day, usually.
#[test]
fn a_producer_that_was_idle_until_it_was_forgotten_goes_on() {
    let cluster = Cluster::builder(1)
        .property("producer.id.expiration.ms", "1000")
        .property("producer.id.expiration.check.interval.ms", "200")
        .start();
    cluster.create_topic("t", 1, 1, &[]);
    let producer = config(&cluster).build().unwrap();
    let mut sent = Vec::new();
    for round in 0..3 {
        sent.extend(send(&producer, 100 * round..100 * (round + 1)));
        producer.flush(PATIENCE).unwrap();
        pause(Duration::from_secs(3));
    }
    assert_stored_once_where_they_say(&stored(&cluster), &sent);
}

/// U18: the only replica that was in sync is gone, and another leads without the last records.
#[test]
fn a_leader_that_has_lost_records_does_not_stop_the_producer() {
    let mut cluster = Cluster::builder(3).quick_failover().start();
    let configs = [("min.insync.replicas", "1"), ("unclean.leader.election.enable", "true")];
    cluster.create_topic_on("t", &[&[1, 2]], &configs);
    let producer = config(&cluster).build().unwrap();
    let kept = send(&producer, 0..100);
    producer.flush(PATIENCE).unwrap();
    cluster.kill_node(2);
    cluster.wait_for_partition("t", 0, |state| state.isr == [1]);
    let lost = send(&producer, 100..200);
    producer.flush(PATIENCE).unwrap();
    cluster.kill_node(1);
    cluster.start_node(2);
    assert_eq!(cluster.leader("t", 0), 2);
    let after = send(&producer, 200..300);
    producer.flush(PATIENCE).unwrap();
    let stored = stored(&cluster);
    assert_stored_once_where_they_say(&stored, &kept);
    assert_stored_once_where_they_say(&stored, &after);
    assert!(lost.iter().all(|(number, future)| future.succeeded() && !stored.contains_key(number)));
}

/// B21, KAFKA-19397: deleted and made again with fewer partitions, while records come.
#[test]
fn a_topic_that_is_made_anew_under_load_gets_what_is_sent() {
    let cluster = Cluster::builder(1).property("auto.create.topics.enable", "false").start();
    cluster.create_topic("t", 3, 1, &[]);
    // What was for a partition that there is no more expires.
    let patience = config(&cluster).request_timeout(Duration::from_secs(5));
    let producer = patience.delivery_timeout(Duration::from_secs(15)).build().unwrap();
    let (end, next) = (AtomicBool::new(false), AtomicU64::new(0));
    let (all, made) = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut sent = Vec::new();
            while !end.load(Ordering::SeqCst) {
                let number = next.fetch_add(1, Ordering::SeqCst);
                let value = number.to_string();
                // Between the two topics a record may be refused: then it is nowhere.
                if let Ok(future) = producer.send(ProducerRecord::to("t").value(&value)) {
                    sent.push((number, future));
                }
                pause(Duration::from_micros(200));
            }
            sent
        });
        pause(Duration::from_secs(1));
        cluster.delete_topic("t");
        cluster.create_topic("t", 1, 1, &[]);
        let made = next.load(Ordering::SeqCst);
        pause(Duration::from_secs(3));
        end.store(true, Ordering::SeqCst);
        (load.join().unwrap(), made)
    });
    let flushed = producer.flush(PATIENCE);
    let stored = stored(&cluster);
    let mut failed = 0;
    for (number, future) in &all {
        let copies = stored.get(number).map_or(&[][..], Vec::as_slice);
        assert!(copies.len() <= 1, "record {number}: {copies:?}");
        match future.get(Duration::ZERO) {
            // Stored before, it went with the old topic.
            Ok(metadata) if *number >= made => {
                assert_eq!(copies, [(metadata.partition(), metadata.offset().unwrap())], "record {number}");
            }
            Ok(_) => {}
            Err(error) => {
                failed += 1;
                assert!(
                    copies.is_empty() || error.certainty() == Certainty::MaybeWritten,
                    "record {number}: {error}"
                );
            }
        }
    }
    let after = all.iter().filter(|(number, _)| *number >= made).count();
    println!(
        "{} sent, {after} of them after the topic was there again, {failed} failed; flush: {flushed:?}",
        all.len()
    );
    assert!(all.last().unwrap().1.succeeded(), "{:?}", all.last().unwrap().1.exception());
}
