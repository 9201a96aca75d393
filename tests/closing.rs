//! The end of a producer: whose limit decides, what each caller of `close` learns, and what a record's own error says.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{Acks, Certainty, ErrorKind, KafkaProducer, ProducerConfig, ProducerRecord};

const PATIENCE: Duration = Duration::from_secs(30);

fn config(cluster: &MockCluster) -> ProducerConfig {
    KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers())
}

fn cluster(partitions: usize) -> MockCluster {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", partitions);
    cluster
}

#[expect(clippy::disallowed_methods, reason = "these tests are about time")]
fn takes<R>(what: impl FnOnce() -> R) -> (R, Duration) {
    let start = std::time::Instant::now();
    (what(), start.elapsed())
}

/// D14. Who closes with the long limit first, who with the short one, makes no difference.
#[test]
fn of_several_who_close_the_earliest_limit_decides_and_all_learn_the_same() {
    for short_first in [false, true] {
        let cluster = cluster(1);
        let producer = config(&cluster).build().unwrap();
        producer.partitions_for("t").unwrap();
        cluster.hold_responses();
        let future = producer.send(ProducerRecord::to("t").value("v")).unwrap();
        let (short, long) = (Duration::from_millis(200), PATIENCE);
        let limits = if short_first { [short, long] } else { [long, short] };
        let (texts, time) = takes(|| {
            std::thread::scope(|scope| {
                let producer = &producer;
                let first = scope.spawn(move || producer.close(limits[0]));
                // The first one has begun: records are refused.
                while producer.try_send(ProducerRecord::to("t").value("v")).is_ok() {
                    std::thread::yield_now();
                }
                let second = scope.spawn(move || producer.close(limits[1]));
                [first, second].map(|closed| closed.join().unwrap().unwrap_err().to_string())
            })
        });
        assert!(time < Duration::from_secs(5), "{time:?}");
        assert_eq!(texts[0], texts[1]);
        assert!(texts[0].starts_with("the close timeout of 200ms expired; "), "{}", texts[0]);
        // And who comes later.
        assert_eq!(producer.close(PATIENCE).unwrap_err().to_string(), texts[0]);
        assert!(future.get(Duration::ZERO).unwrap_err().is_closed());
    }
}

/// D14. What is under way, and what no byte of has left, by their partitions.
#[test]
fn a_record_that_close_has_failed_says_which_limit_where_and_why() {
    let cluster = MockCluster::start(2);
    cluster.create_topic("t", 2);
    // With idempotence both would be under way.
    let producer = config(&cluster).acks(Acks::Leader).build().unwrap();
    for partition in [0, 1] {
        producer
            .send(ProducerRecord::to("t").partition(partition).value("v"))
            .unwrap()
            .get(PATIENCE)
            .unwrap();
    }
    cluster.broker(0).hold_responses();
    let under_way = producer.send(ProducerRecord::to("t").partition(0).value("v")).unwrap();
    assert!(cluster.wait_for_records("t", 3, PATIENCE));
    let queued = producer.send(ProducerRecord::to("t").partition(0).value("v")).unwrap();
    let limit = Duration::from_millis(50);
    let report = producer.close(limit).unwrap_err();
    let leader =
        format!("{} (from advertised.listeners of broker 0) at Produce: no response yet", cluster.address(0));
    assert!(report.to_string().contains(&leader), "{report}");
    for (future, written, waited) in [
        (
            under_way,
            " (the record may have been written)",
            "while waiting for the response to the records for t-0",
        ),
        (queued, "", "before the records for t-0 could be sent"),
    ] {
        let error = future.get(Duration::ZERO).unwrap_err();
        let ErrorKind::Timeout { limit: which, value, .. } = error.kind() else { panic!("{error}") };
        assert_eq!((format!("{which:?}"), *value), ("Close".to_owned(), limit));
        assert_eq!(
            error.to_string(),
            format!(
                "the producer was closed; the close timeout of 50ms expired {waited}; last seen: {leader}{written}"
            )
        );
        assert_eq!((error.is_closed(), error.is_timeout(), error.is_retriable()), (true, true, false));
        assert_eq!(error.certainty() == Certainty::MaybeWritten, !written.is_empty());
    }
}

/// A record that was let in while the producer was open has a result by the end, however close the two came.
#[test]
fn what_is_appended_while_the_producer_is_closed_is_delivered_or_refused() {
    let cluster = cluster(4);
    for _ in 0..50 {
        let producer = config(&cluster).build().unwrap();
        producer.partitions_for("t").unwrap();
        std::thread::scope(|scope| {
            let users: Vec<_> = (0..4)
                .map(|partition| {
                    let producer = &producer;
                    scope.spawn(move || {
                        let record = || ProducerRecord::to("t").partition(partition).value("v");
                        let futures: Vec<_> = std::iter::from_fn(|| producer.send(record()).ok()).collect();
                        assert!(producer.send(record()).unwrap_err().is_closed());
                        futures
                    })
                })
                .collect();
            producer.close(PATIENCE).unwrap();
            for future in users.into_iter().flat_map(|user| user.join().unwrap()) {
                future.get(Duration::ZERO).unwrap();
            }
        });
    }
}

/// Whatever is known.
#[test]
fn nothing_is_waited_for_after_the_end() {
    let cluster = cluster(1);
    let producer = config(&cluster).build().unwrap();
    producer.wait_connected(PATIENCE).unwrap();
    producer.partitions_for("t").unwrap();
    producer.close(PATIENCE).unwrap();
    assert!(producer.wait_connected(PATIENCE).unwrap_err().is_closed());
    assert!(producer.partitions_for("t").unwrap_err().is_closed());
}
