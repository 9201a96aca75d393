//! Gets the results of records by callbacks: `send_with`, `add_callback`, `add_errback`.
//!
//! A callback runs on the producer's background thread. If the record already has its result, the callback runs at once, on
//! the thread that adds it. Inside a callback:
//!
//! - The code must be quick. The producer sends nothing while a callback runs.
//! - `send` works, but it never blocks. If it would have to block, it fails with `ErrorKind::WouldBlock`.
//! - `flush` fails at once with `ErrorKind::CalledFromCallback`. So does `get` on a future without a result.
//! - A panic is caught and logged, and the producer continues.
//!
//! ```sh
//! cargo run --example callbacks --features mock -- localhost:9092
//! cargo test --example callbacks --features mock
//! ```

#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use kafka_producer::{Error, KafkaProducer, ProducerConfig, ProducerRecord, RecordMetadata};

/// A report of a callback. The main thread prints the reports, so that the callbacks stay quick.
#[derive(Debug)]
enum Event {
    Stored(RecordMetadata),
    Failed(Error),
}

fn start(config: ProducerConfig) -> Result<Arc<KafkaProducer>, Error> {
    let producer = config.build()?;
    // Callbacks send the receipts, and `send` can't wait for metadata inside a callback. So the metadata is requested here.
    producer.partitions_for("receipts")?;
    Ok(Arc::new(producer))
}

/// Sends orders. When an order is stored, a callback sends a receipt.
fn send_orders(producer: &Arc<KafkaProducer>, count: usize) -> Result<Receiver<Event>, Error> {
    let (events, received) = mpsc::channel();
    for number in 0..count {
        send_order(producer, &format!("order {number}"), events.clone())?;
    }
    // From here on only the callbacks own senders of the channel. The channel ends when the last callback has run.
    Ok(received)
}

fn send_order(producer: &Arc<KafkaProducer>, order: &str, events: Sender<Event>) -> Result<(), Error> {
    let inside = Arc::clone(producer);
    // This callback gets the metadata or the error. If `send_with` itself fails, the callback is not called.
    producer.send_with(ProducerRecord::to("orders").value(order), move |result| match result {
        Ok(metadata) => {
            report(&events, Event::Stored(metadata.clone()));
            send_receipt(&inside, metadata, events);
        }
        Err(error) => report(&events, Event::Failed(error.clone())),
    })?;
    Ok(())
}

/// This function is called inside a callback.
fn send_receipt(producer: &KafkaProducer, order: &RecordMetadata, events: Sender<Event>) {
    let receipt = format!("{order} is stored");
    match producer.send(ProducerRecord::to("receipts").value(&receipt)) {
        Ok(future) => {
            // One callback gets the metadata, the other one gets the error.
            let stored = events.clone();
            future
                .add_callback(move |metadata| report(&stored, Event::Stored(metadata.clone())))
                .add_errback(move |error| report(&events, Event::Failed(error.clone())));
        }
        Err(error) => report(&events, Event::Failed(error)),
    }
}

fn report(events: &Sender<Event>, event: Event) {
    // The receiver does not exist any more if the main thread has ended early.
    let _ = events.send(event);
}

fn main() -> Result<(), Error> {
    let servers = std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned());
    let producer = start(KafkaProducer::builder().bootstrap_servers(servers))?;
    for event in send_orders(&producer, 10)? {
        match event {
            Event::Stored(metadata) => println!("stored at {metadata}"),
            Event::Failed(error) => println!("failed: {error}"),
        }
    }
    producer.close(Duration::from_secs(10))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use kafka_producer::mock::{ApiKey, MockCluster, MockRule};
    use kafka_producer::{ErrorCode, ErrorKind};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn cluster() -> (MockCluster, ProducerConfig) {
        let cluster = MockCluster::start(1);
        cluster.create_topic("orders", 1);
        cluster.create_topic("receipts", 1);
        let config = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers());
        (cluster, config)
    }

    fn failures(events: Receiver<Event>) -> Vec<Error> {
        let failed = |event| if let Event::Failed(error) = event { Some(error) } else { None };
        events.into_iter().filter_map(failed).collect()
    }

    #[test]
    fn each_order_that_is_stored_has_a_receipt() {
        let (cluster, config) = cluster();
        let producer = start(config).unwrap();
        assert!(failures(send_orders(&producer, 10).unwrap()).is_empty());
        let receipts = cluster.records("receipts", 0).into_iter();
        let receipts: Vec<_> =
            receipts.map(|record| String::from_utf8(record.value.unwrap()).unwrap()).collect();
        let expected: Vec<_> = (0..10).map(|offset| format!("orders-0@{offset} is stored")).collect();
        assert_eq!((cluster.record_count("orders"), receipts), (10, expected));
    }

    #[test]
    fn an_order_that_is_refused_is_reported_and_has_no_receipt() {
        let (cluster, config) = cluster();
        let refusal = MockRule::fail(ErrorCode::TOPIC_AUTHORIZATION_FAILED).on(ApiKey::PRODUCE);
        cluster.add_rule(refusal.topic("orders").forever());
        let producer = start(config).unwrap();
        let failures = failures(send_orders(&producer, 3).unwrap());
        assert!(failures.iter().all(|error| error.topic() == Some("orders")), "{failures:?}");
        assert_eq!((failures.len(), cluster.record_count("receipts")), (3, 0));
        producer.close(PATIENCE).unwrap();
        assert_eq!(producer.unchecked_failures(), 0, "a callback has checked each");
    }

    #[test]
    fn a_receipt_that_is_refused_is_reported() {
        let (cluster, config) = cluster();
        let refusal = MockRule::fail(ErrorCode::TOPIC_AUTHORIZATION_FAILED).on(ApiKey::PRODUCE);
        cluster.add_rule(refusal.topic("receipts").forever());
        let producer = start(config).unwrap();
        let failures = failures(send_orders(&producer, 3).unwrap());
        assert!(failures.iter().all(|error| error.topic() == Some("receipts")), "{failures:?}");
        assert_eq!((failures.len(), cluster.record_count("orders")), (3, 3));
    }

    #[test]
    fn a_send_inside_a_callback_does_not_wait_for_its_topic() {
        let (_cluster, config) = cluster();
        // This test does not call `start`, so the producer does not know the topic of the receipts.
        let producer = Arc::new(config.build().unwrap());
        let failures = failures(send_orders(&producer, 1).unwrap());
        assert!(
            matches!(failures[0].kind(), ErrorKind::WouldBlock { inside_callback: true, .. }),
            "{failures:?}"
        );
    }

    #[test]
    fn what_would_wait_fails_inside_a_callback() {
        let (cluster, config) = cluster();
        let producer = start(config).unwrap();
        // The record that the callback sends has no result until the test releases the response.
        cluster.add_rule(MockRule::hold().on(ApiKey::PRODUCE).topic("receipts"));
        let (inside, (tell, told)) = (Arc::clone(&producer), mpsc::channel());
        let callback = move |_: Result<&RecordMetadata, &Error>| {
            let unfinished = inside.send(ProducerRecord::to("receipts").value("v")).unwrap();
            tell.send((inside.flush(PATIENCE).unwrap_err(), unfinished.get(PATIENCE).unwrap_err())).unwrap();
        };
        producer.send_with(ProducerRecord::to("orders").value("v"), callback).unwrap();
        let (flush, get) = told.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(flush.kind(), ErrorKind::CalledFromCallback { .. }), "{flush}");
        assert!(matches!(get.kind(), ErrorKind::CalledFromCallback { .. }), "{get}");
        assert!(cluster.wait_for_records("receipts", 1, PATIENCE), "its response is held now");
        cluster.release_responses();
        producer.close(PATIENCE).unwrap();
        assert_eq!(cluster.record_count("receipts"), 1);
    }

    #[test]
    fn a_panic_in_a_callback_does_not_stop_the_producer() {
        let (cluster, config) = cluster();
        let producer = start(config).unwrap();
        producer.send_with(ProducerRecord::to("orders").value("v"), |_| panic!("on purpose")).unwrap();
        producer.flush(PATIENCE).unwrap();
        assert!(failures(send_orders(&producer, 1).unwrap()).is_empty());
        assert_eq!((cluster.record_count("orders"), cluster.record_count("receipts")), (2, 1));
    }
}
