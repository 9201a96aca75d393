//! Keeps failed records in a queue, and sends them again. A record that may have been written is not sent again.
//!
//! The producer itself retries a record until `delivery_timeout` expires. The queue is for records that fail after that,
//! for example because a broker was down for a longer time.
//!
//! ```sh
//! cargo run --example retry_queue --features mock -- localhost:9092
//! cargo test --example retry_queue --features mock
//! ```

#![allow(clippy::print_stdout, reason = "it shows what happens")]
#![allow(clippy::disallowed_types, reason = "no model checker runs here")]

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_producer::{Certainty, Error, KafkaProducer, OwnedRecord, ProducerConfig, ProducerRecord};

/// The failed records. The callbacks and the owner of the queue share them.
struct Failures {
    capacity: usize,
    /// The records that will be sent again, at most `capacity`.
    waiting: VecDeque<OwnedRecord>,
    /// The records that are not sent again, and their errors.
    given_up: Vec<(OwnedRecord, Error)>,
}

impl Failures {
    fn add(&mut self, record: OwnedRecord, error: Error) {
        // If a record that may have been written is sent again, it can be stored twice.
        let is_safe = error.certainty() == Certainty::NotWritten;
        if is_safe && error.is_retriable() && self.waiting.len() < self.capacity {
            self.waiting.push_back(record);
        } else {
            self.given_up.push((record, error));
        }
    }
}

/// A producer with a queue of records that failed.
///
/// A record that is sent again is stored after the records that were sent in the meantime. So the order of the records of a
/// key can change. A program that needs the order has to stop sending at the first failure.
struct RetryQueue {
    producer: KafkaProducer,
    failures: Arc<Mutex<Failures>>,
}

impl RetryQueue {
    fn new(config: ProducerConfig, capacity: usize) -> Result<Self, Error> {
        let failures = Failures { capacity, waiting: VecDeque::new(), given_up: Vec::new() };
        Ok(Self { producer: config.build()?, failures: Arc::new(Mutex::new(failures)) })
    }

    /// Takes an `OwnedRecord`, because the queue may have to keep the record.
    fn send(&self, record: OwnedRecord) {
        match self.producer.send(record.as_record()) {
            Ok(future) => {
                let failures = Arc::clone(&self.failures);
                future.add_errback(move |error| lock(&failures).add(record, error.clone()));
            }
            Err(error) => lock(&self.failures).add(record, error),
        }
    }

    /// Sends each record in the queue one more time. Returns the number of records that were in the queue.
    fn send_again(&self) -> usize {
        // The lock is released before records are sent, because the callbacks need it.
        let waiting = mem::take(&mut lock(&self.failures).waiting);
        let count = waiting.len();
        waiting.into_iter().for_each(|record| self.send(record));
        count
    }

    fn take_given_up(&self) -> Vec<(OwnedRecord, Error)> {
        mem::take(&mut lock(&self.failures).given_up)
    }
}

fn lock(failures: &Mutex<Failures>) -> MutexGuard<'_, Failures> {
    failures.lock().unwrap_or_else(PoisonError::into_inner)
}

fn main() -> Result<(), Error> {
    let servers = std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned());
    let queue = RetryQueue::new(KafkaProducer::builder().bootstrap_servers(servers), 10_000)?;
    for number in 0..100 {
        let (key, value) = (format!("user-{}", number % 10), format!("event {number}"));
        queue.send(ProducerRecord::to("events").key(&key).value(&value).into_owned());
    }
    // A program that continues to send would call `send_again` from time to time.
    for _ in 0..3 {
        // After `flush` every record has its result, and every callback has run.
        queue.producer.flush(None)?;
        match queue.send_again() {
            0 => break,
            count => println!("{count} records are sent again"),
        }
    }
    let closed = queue.producer.close(Duration::from_secs(10));
    println!("{} records are still in the queue", lock(&queue.failures).waiting.len());
    for (record, error) in queue.take_given_up() {
        println!("not sent again: {record:?}: {error}");
    }
    closed
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use kafka_producer::ErrorCode;
    use kafka_producer::mock::{ApiKey, MockCluster, MockRule};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// The producer itself does not retry, so all failures reach the queue.
    fn cluster() -> (MockCluster, ProducerConfig) {
        let cluster = MockCluster::start(1);
        cluster.create_topic("events", 1);
        let config = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers()).retries(0);
        (cluster, config)
    }

    fn event(text: &str) -> OwnedRecord {
        ProducerRecord::to("events").value(text).header("name", text).into_owned()
    }

    fn stored(cluster: &MockCluster) -> Vec<String> {
        let records = cluster.records("events", 0).into_iter();
        records.map(|record| String::from_utf8(record.value.unwrap()).unwrap()).collect()
    }

    /// Sends each record in a separate batch.
    fn send_each<const N: usize>(queue: &RetryQueue, texts: [&str; N]) {
        for text in texts {
            queue.send(event(text));
            queue.producer.flush(PATIENCE).unwrap();
        }
    }

    fn send_again(queue: &RetryQueue) -> usize {
        let count = queue.send_again();
        queue.producer.flush(PATIENCE).unwrap();
        count
    }

    #[test]
    fn a_record_that_is_sent_again_stands_behind_those_sent_meanwhile() {
        let (cluster, config) = cluster();
        cluster.add_rule(MockRule::fail(ErrorCode::NOT_ENOUGH_REPLICAS).on(ApiKey::PRODUCE).times(2));
        let queue = RetryQueue::new(config, 10).unwrap();
        send_each(&queue, ["one", "two", "three"]);
        assert_eq!((stored(&cluster), send_again(&queue)), (vec!["three".to_owned()], 2));
        assert_eq!(stored(&cluster), ["three", "one", "two"]);
        assert_eq!(cluster.records("events", 0)[1].headers, [("name".to_owned(), Some(b"one".to_vec()))]);
        assert_eq!((send_again(&queue), queue.take_given_up().len()), (0, 0));
    }

    #[test]
    fn a_record_that_fails_again_waits_again() {
        let (cluster, config) = cluster();
        cluster.add_rule(MockRule::fail(ErrorCode::NOT_ENOUGH_REPLICAS).on(ApiKey::PRODUCE).times(3));
        let queue = RetryQueue::new(config, 10).unwrap();
        send_each(&queue, ["one"]);
        for count in [1, 1, 1, 0] {
            assert_eq!(send_again(&queue), count);
        }
        assert_eq!(stored(&cluster), ["one"]);
    }

    #[test]
    fn a_record_that_may_be_stored_is_not_sent_again() {
        let (cluster, config) = cluster();
        cluster.add_rule(MockRule::cut_after_append().on(ApiKey::PRODUCE));
        let queue = RetryQueue::new(config, 10).unwrap();
        send_each(&queue, ["one"]);
        let given_up = queue.take_given_up();
        let [(record, error)] = &given_up[..] else { panic!("{given_up:?}") };
        assert_eq!((record.value(), error.certainty()), (Some(&b"one"[..]), Certainty::MaybeWritten));
        assert!(error.is_retriable(), "only the certainty prevents it: {error}");
        assert_eq!((send_again(&queue), stored(&cluster)), (0, vec!["one".to_owned()]));
    }

    #[test]
    fn a_record_that_would_be_refused_again_is_not_sent_again() {
        let (cluster, config) = cluster();
        cluster.add_rule(MockRule::fail(ErrorCode::TOPIC_AUTHORIZATION_FAILED).on(ApiKey::PRODUCE));
        let queue = RetryQueue::new(config, 10).unwrap();
        send_each(&queue, ["one"]);
        assert_eq!((send_again(&queue), queue.take_given_up().len()), (0, 1));
    }

    #[test]
    fn a_record_that_send_has_no_room_for_waits_too() {
        let (cluster, config) = cluster();
        // With `max_block` 0 the producer does not wait for metadata, so the first `send` fails.
        let queue = RetryQueue::new(config.max_block(Duration::ZERO), 10).unwrap();
        queue.send(event("one"));
        queue.producer.wait_connected(PATIENCE).unwrap();
        while send_again(&queue) > 0 {
            std::thread::yield_now();
        }
        assert_eq!((stored(&cluster), queue.take_given_up().len()), (vec!["one".to_owned()], 0));
    }

    #[test]
    fn the_queue_is_bounded() {
        let (cluster, config) = cluster();
        cluster.add_rule(MockRule::fail(ErrorCode::NOT_ENOUGH_REPLICAS).on(ApiKey::PRODUCE).times(3));
        let queue = RetryQueue::new(config, 2).unwrap();
        send_each(&queue, ["one", "two", "three"]);
        assert_eq!((send_again(&queue), stored(&cluster)), (2, vec!["one".to_owned(), "two".to_owned()]));
        assert_eq!(queue.take_given_up()[0].0.value(), Some(&b"three"[..]));
    }
}
