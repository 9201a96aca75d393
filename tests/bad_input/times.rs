//! Times of nothing and of for ever, what comes too late, and what would wait where it must not.

use std::sync::Arc;
use std::time::Duration;

use kafka_producer::ProducerRecord;
use kafka_producer::mock::MockCluster;

use crate::{PATIENCE, config};

/// B23, B38: nothing and for ever are times like any other.
#[test]
fn timeouts_of_nothing_and_of_for_ever() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = config(&cluster.bootstrap_servers()).build().unwrap();
    producer.wait_connected(Duration::MAX).unwrap();
    producer.wait_connected(Duration::ZERO).unwrap();
    producer.send(ProducerRecord::to("t").value("v")).unwrap().get(None).unwrap();
    cluster.hold_responses();
    let future = producer.send(ProducerRecord::to("t").value("v")).unwrap();
    assert!(future.get(Duration::ZERO).unwrap_err().is_timeout());
    cluster.release_responses();
    assert_eq!(future.get(Duration::MAX).unwrap().offset(), Some(1));
    assert_eq!(future.get(Duration::ZERO).unwrap().offset(), Some(1));
    // In this order: a batch leaves the unfinished a little after its futures know.
    producer.flush(Duration::MAX).unwrap();
    producer.flush(Duration::ZERO).unwrap();
    producer.close(Duration::MAX).unwrap();
    // Closing again tells the same.
    producer.close(Duration::ZERO).unwrap();
    assert!(producer.send(ProducerRecord::to("t").value("v")).unwrap_err().is_closed());
}

/// The texts of the times of nothing, and of what comes too late.
#[test]
fn what_is_not_there_yet_and_what_is_closed() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = config(&cluster.bootstrap_servers()).build().unwrap();
    producer.send(ProducerRecord::to("t").value("v")).unwrap().get(PATIENCE).unwrap();
    cluster.hold_responses();
    let future = producer.send(ProducerRecord::to("t").value("v")).unwrap();
    assert!(cluster.wait_for_records("t", 2, PATIENCE));
    let seen = format!(
        "last seen: {} (from advertised.listeners of broker 0) at Produce: no response yet",
        cluster.address(0)
    );
    assert_eq!(
        future.get(Duration::ZERO).unwrap_err().to_string(),
        format!(
            "the call's timeout of 0ns expired while waiting for the response to a record for t-0; {seen}"
        )
    );
    let records = |state| format!("of 0ns expired; 1 record in 1 batch {state} (t-0); {seen}");
    assert_eq!(
        producer.flush(Duration::ZERO).unwrap_err().to_string(),
        format!("the call's timeout {}", records("is pending"))
    );
    let closed = format!("the close timeout {}", records("had no result"));
    assert_eq!(producer.close(Duration::ZERO).unwrap_err().to_string(), closed);
    let closed = "the producer is closed";
    for topic in ["t", "other"] {
        assert_eq!(producer.send(ProducerRecord::to(topic).value("v")).unwrap_err().to_string(), closed);
    }
    assert_eq!(producer.partitions_for("other").unwrap_err().to_string(), closed);
    // Closing again tells the same.
    assert!(producer.close(Duration::ZERO).unwrap_err().is_timeout());

    let nobody = config("127.0.0.1:1").build().unwrap();
    let text = nobody.wait_connected(Duration::ZERO).unwrap_err().to_string();
    let start = "the call's timeout of 0ns expired while waiting for the first response of a broker";
    assert!(text.starts_with(start), "{text}");
    nobody.close(Duration::ZERO).unwrap();
    assert_eq!(nobody.wait_connected(Duration::MAX).unwrap_err().to_string(), closed);
}

/// Wherever they are: in batches that grow, that were compressed when they were full, that are under way.
#[cfg(feature = "gzip")]
#[test]
fn every_record_that_is_pending_is_counted() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 5);
    let config = config(&cluster.bootstrap_servers()).linger(Duration::from_secs(60));
    let producer = config.compression(kafka_producer::Compression::Gzip).build().unwrap();
    let send = |partition| producer.send(ProducerRecord::to("t").partition(partition).value(&[b'v'; 100]));
    (0..5).for_each(|partition| drop(send(partition).unwrap()));
    producer.flush(PATIENCE).unwrap();
    cluster.hold_responses();
    (0..5).flat_map(|partition| vec![partition; 2000]).for_each(|partition| drop(send(partition).unwrap()));
    for flush in 0..3 {
        let error = producer.flush(Duration::from_millis(50 * flush)).unwrap_err();
        let kafka_producer::ErrorKind::Undelivered { report, .. } = error.kind() else { panic!("{error}") };
        assert_eq!(report.pending.iter().map(|pending| pending.records).collect::<Vec<_>>(), [2000; 5]);
        let batches: u64 = report.pending.iter().map(|pending| pending.batches).sum();
        assert!((10..=20).contains(&batches), "{error}");
        let text = error.to_string();
        let pending =
            format!("10000 records in {batches} batches are pending (t-0, t-1, t-2 and 2 more partitions)");
        assert!(text.contains(&pending), "{text}");
    }
    cluster.release_responses();
    producer.flush(PATIENCE).unwrap();
}

#[test]
fn what_would_wait_inside_a_callback_says_so() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = Arc::new(config(&cluster.bootstrap_servers()).build().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    let inside = Arc::clone(&producer);
    producer.send(ProducerRecord::to("t").value("v")).unwrap().add_callback(move |_| {
        let next = inside.send(ProducerRecord::to("t").value("w")).unwrap();
        tell.send([
            inside.flush(None).unwrap_err().to_string(),
            next.get(None).unwrap_err().to_string(),
            inside.send(ProducerRecord::to("new").value("v")).unwrap_err().to_string(),
        ])
        .unwrap();
    });
    let wait =
        "inside a callback would wait for the thread that runs the callback; call it from another thread";
    assert_eq!(
        told.recv_timeout(PATIENCE).unwrap(),
        [
            format!("flush {wait}"),
            format!("get on a future without a result {wait}"),
            "the call would block on metadata of topic 'new'; try again later, or call send outside of the callback"
                .to_owned(),
        ]
    );
    producer.close(PATIENCE).unwrap();
}
