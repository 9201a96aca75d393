//! If a record can't be delivered, this program sends it to a dead-letter topic. The headers of the dead letter contain the
//! reason.
//!
//! A callback gets the error of a record, and passes the record to a thread. The thread sends the dead letter. The callback
//! does not send it, because `send` never blocks inside a callback: it fails with `ErrorKind::WouldBlock` if
//! `buffer_memory` is used up or if the metadata of the topic is not known. The thread has its own producer with its own
//! memory, and its `send` can block.
//!
//! ```sh
//! cargo run --example dead_letters --features mock -- localhost:9092
//! cargo test --example dead_letters --features mock
//! ```

#![allow(clippy::print_stderr, reason = "it shows what happens")]
#![allow(clippy::disallowed_types, reason = "no model checker runs here")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use kafka_producer::{Certainty, Error, KafkaProducer, OwnedRecord, ProducerConfig, ProducerRecord};

const DEAD_LETTERS: &str = "dead-letters";
/// The maximum number of failed records that wait for the thread.
const WAITING: usize = 1000;

/// A record that failed, and its error.
type Failure = (OwnedRecord, Error);

/// A producer whose failed records become dead letters.
struct SafeProducer {
    producer: KafkaProducer,
    writer: Arc<KafkaProducer>,
    failures: SyncSender<Failure>,
    thread: JoinHandle<()>,
    /// The number of records that failed and have no dead letter.
    lost: Arc<AtomicU64>,
}

impl SafeProducer {
    fn start(config: ProducerConfig) -> Result<Self, Error> {
        let writer = Arc::new(config.clone().build()?);
        // If the topic is missing, the program fails here and not at the first dead letter.
        writer.partitions_for(DEAD_LETTERS)?;
        let lost = Arc::default();
        let (failures, received) = mpsc::sync_channel(WAITING);
        let (for_thread, counter) = (Arc::clone(&writer), Arc::clone(&lost));
        let thread = thread::spawn(move || {
            received.into_iter().for_each(|failure| write_letter(&for_thread, &failure, &counter))
        });
        Ok(Self { producer: config.build()?, writer, failures, thread, lost })
    }

    /// Sends a record. If the record fails later, it becomes a dead letter.
    ///
    /// This function returns an error if the record can be sent later: a retriable error of `send`, such as used-up memory,
    /// or the error of a closed producer. The caller then keeps the record. After any other error of `send` the record
    /// becomes a dead letter, and this function returns `Ok`.
    fn send(&self, record: ProducerRecord<'_>) -> Result<(), Error> {
        match self.producer.send(record.clone()) {
            Ok(future) => {
                // The callback can run after the data that the record borrows was dropped.
                let record = record.into_owned();
                let (failures, lost) = (self.failures.clone(), Arc::clone(&self.lost));
                future.add_errback(move |error| hand_over(&failures, (record, error.clone()), &lost));
                Ok(())
            }
            Err(error) if error.is_retriable() || error.is_closed() => Err(error),
            Err(error) => {
                hand_over(&self.failures, (record.into_owned(), error), &self.lost);
                Ok(())
            }
        }
    }

    /// Closes both producers, each with the timeout `limit`. Returns the number of records that were lost.
    fn close(self, limit: Duration) -> Result<u64, Error> {
        let closed = self.producer.close(limit);
        // The callbacks own the other senders. The thread ends when the last callback has run.
        drop(self.failures);
        self.thread.join().expect("the thread does not panic");
        self.writer.close(limit).and(closed)?;
        Ok(self.lost.load(Ordering::Relaxed))
    }
}

fn hand_over(failures: &SyncSender<Failure>, failure: Failure, lost: &AtomicU64) {
    // A callback must not wait for the thread.
    if failures.try_send(failure).is_err() {
        lose("too many records fail at the same time", lost);
    }
}

/// Sends a dead letter with the key and the value of the record. The record's own headers and timestamp are not copied.
fn write_letter(writer: &KafkaProducer, (record, error): &Failure, lost: &Arc<AtomicU64>) {
    let partition = error.partition().map(|partition| partition.to_string());
    let certainty = match error.certainty() {
        Certainty::NotWritten => "not written",
        Certainty::MaybeWritten => "maybe written",
    };
    let reason = error.to_string();
    let letter = ProducerRecord::to(DEAD_LETTERS)
        .key(record.key())
        .value(record.value())
        // The error names no partition if `send` failed before it chose one.
        .header("topic", error.topic().or(record.topic()))
        .header("partition", partition.as_deref())
        .header("certainty", certainty)
        .header("reason", &reason);
    let counter = Arc::clone(lost);
    match writer.send(letter) {
        Ok(future) => {
            future.add_errback(move |error| lose(error, &counter));
        }
        Err(error) => lose(error, lost),
    }
}

fn lose(reason: impl std::fmt::Display, lost: &AtomicU64) {
    lost.fetch_add(1, Ordering::Relaxed);
    eprintln!("a record is lost: {reason}");
}

fn main() -> Result<(), Error> {
    let servers = std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned());
    let producer = SafeProducer::start(KafkaProducer::builder().bootstrap_servers(servers))?;
    for number in 0..10 {
        producer.send(ProducerRecord::to("orders").key("ada").value(&format!("order {number}")))?;
    }
    let lost = producer.close(Duration::from_secs(10))?;
    eprintln!("{lost} records were lost");
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use kafka_producer::ErrorCode;
    use kafka_producer::mock::{ApiKey, MockCluster, MockRecord, MockRule};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn cluster() -> (MockCluster, ProducerConfig) {
        let cluster = MockCluster::builder().auto_create_topics(false).build();
        for topic in ["orders", DEAD_LETTERS] {
            cluster.create_topic(topic, 1);
        }
        let config = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers());
        (cluster, config)
    }

    fn order() -> ProducerRecord<'static> {
        ProducerRecord::to("orders").key("ada").value("an order")
    }

    fn header<'a>(letter: &'a MockRecord, name: &str) -> Option<&'a str> {
        let (_, value) = letter.headers.iter().find(|(known, _)| known == name).unwrap();
        value.as_ref().map(|value| std::str::from_utf8(value).unwrap())
    }

    /// The topic, the partition and the certainty of the only dead letter. It has the key and the value of its record.
    fn place_and_certainty(cluster: &MockCluster) -> [Option<String>; 3] {
        let [letter] = &cluster.records(DEAD_LETTERS, 0)[..] else { panic!("one dead letter") };
        assert_eq!(
            (letter.key.as_deref(), letter.value.as_deref()),
            (Some(&b"ada"[..]), Some(&b"an order"[..]))
        );
        ["topic", "partition", "certainty"].map(|name| header(letter, name).map(str::to_owned))
    }

    fn some<const N: usize>(texts: [&str; N]) -> [Option<String>; N] {
        texts.map(|text| Some(text.to_owned()))
    }

    #[test]
    fn what_is_stored_makes_no_dead_letter() {
        let (cluster, config) = cluster();
        // The producer itself sends the record again.
        cluster.add_rule(MockRule::fail(ErrorCode::NOT_ENOUGH_REPLICAS).on(ApiKey::PRODUCE).topic("orders"));
        let producer = SafeProducer::start(config).unwrap();
        producer.send(order()).unwrap();
        assert_eq!(producer.close(PATIENCE).unwrap(), 0);
        assert_eq!((cluster.record_count("orders"), cluster.record_count(DEAD_LETTERS)), (1, 0));
    }

    #[test]
    fn a_record_that_a_broker_refuses_becomes_a_dead_letter() {
        let (cluster, config) = cluster();
        let refusal = MockRule::fail(ErrorCode::TOPIC_AUTHORIZATION_FAILED).on(ApiKey::PRODUCE);
        cluster.add_rule(refusal.topic("orders").forever());
        let producer = SafeProducer::start(config).unwrap();
        producer.send(order()).unwrap();
        assert_eq!(producer.close(PATIENCE).unwrap(), 0);
        assert_eq!(place_and_certainty(&cluster), some(["orders", "0", "not written"]));
        let letter = &cluster.records(DEAD_LETTERS, 0)[0];
        assert!(header(letter, "reason").unwrap().contains("TOPIC_AUTHORIZATION_FAILED"), "{letter:?}");
    }

    #[test]
    fn close_waits_for_every_dead_letter() {
        let (cluster, config) = cluster();
        let refusal = MockRule::fail(ErrorCode::TOPIC_AUTHORIZATION_FAILED).on(ApiKey::PRODUCE);
        cluster.add_rule(refusal.topic("orders").forever());
        let producer = SafeProducer::start(config).unwrap();
        (0..WAITING).for_each(|_| producer.send(order()).unwrap());
        assert_eq!(producer.close(PATIENCE).unwrap(), 0);
        assert_eq!(cluster.record_count(DEAD_LETTERS), WAITING as u64);
    }

    #[test]
    fn a_record_that_may_be_stored_says_so() {
        let (cluster, config) = cluster();
        cluster.add_rule(MockRule::black_hole_after_append().on(ApiKey::PRODUCE).topic("orders").forever());
        let limit = Duration::from_millis(200);
        let producer = SafeProducer::start(config.request_timeout(limit).delivery_timeout(limit)).unwrap();
        producer.send(order()).unwrap();
        assert_eq!(producer.close(PATIENCE).unwrap(), 0);
        assert_eq!(place_and_certainty(&cluster), some(["orders", "0", "maybe written"]));
        assert_eq!(cluster.record_count("orders"), 1);
    }

    #[test]
    fn a_record_that_send_refuses_for_good_becomes_a_dead_letter() {
        let (cluster, config) = cluster();
        let producer = SafeProducer::start(config).unwrap();
        producer.send(order().partition(7)).unwrap();
        assert_eq!(producer.close(PATIENCE).unwrap(), 0);
        assert_eq!(place_and_certainty(&cluster), some(["orders", "7", "not written"]));
    }

    #[test]
    fn a_record_that_may_be_sent_again_stays_with_the_caller() {
        let (cluster, config) = cluster();
        let producer = SafeProducer::start(config.max_block(Duration::from_millis(100))).unwrap();
        // The topic does not exist, but it can still be created.
        let error = producer.send(ProducerRecord::to("parcels").value("a parcel")).unwrap_err();
        assert!(error.is_retriable(), "{error}");
        assert_eq!(producer.close(PATIENCE).unwrap(), 0);
        assert_eq!(cluster.record_count(DEAD_LETTERS), 0);
    }

    #[test]
    fn what_can_not_even_become_a_dead_letter_is_counted() {
        let (cluster, config) = cluster();
        let refusal = MockRule::fail(ErrorCode::TOPIC_AUTHORIZATION_FAILED).on(ApiKey::PRODUCE).forever();
        cluster.add_rule(refusal);
        let producer = SafeProducer::start(config).unwrap();
        producer.send(order()).unwrap();
        // The record has neither a key nor a value. The producer rejects it, and rejects its dead letter for the same
        // reason.
        producer.send(ProducerRecord::to("orders")).unwrap();
        assert_eq!(producer.close(PATIENCE).unwrap(), 2);
        assert_eq!(cluster.record_count(DEAD_LETTERS), 0);
    }

    #[test]
    fn what_the_thread_has_no_room_for_is_counted() {
        let (failures, _received) = mpsc::sync_channel(1);
        // The kind of the error does not matter.
        let error = ProducerConfig::parse_properties(r"client.id = \u").unwrap_err();
        let lost = AtomicU64::new(0);
        for _ in 0..3 {
            hand_over(&failures, (order().into_owned(), error.clone()), &lost);
        }
        assert_eq!(lost.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn there_is_no_producer_without_a_topic_for_dead_letters() {
        let (cluster, config) = cluster();
        cluster.delete_topic(DEAD_LETTERS);
        let error = SafeProducer::start(config.max_block(Duration::from_millis(100))).err().unwrap();
        assert_eq!(error.topic(), Some(DEAD_LETTERS));
    }
}
