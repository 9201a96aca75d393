//! Numbered records: sent, and read back by the Java consumer, each once.

use std::collections::BTreeSet;
use std::time::Duration;

use kafka_producer::{KafkaProducer, ProducerRecord};

use super::kafka::Cluster;

/// For a delivery on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// From 13 to 156 bytes.
pub fn value(number: usize) -> String {
    format!("value-{number:06} ").repeat(number % 12 + 1)
}

/// Sends so many to `topic` and closes the producer, which must not leave any undelivered.
#[track_caller]
pub fn send(producer: KafkaProducer, topic: &str, count: usize) {
    for number in 0..count {
        producer
            .send(ProducerRecord::to(topic).value(value(number).as_bytes()))
            .expect("it takes the record");
    }
    producer.close(PATIENCE).expect("all are delivered");
}

/// That the Java consumer reads each of the records 0 to `count` once and whole.
#[track_caller]
pub fn assert_stored_once(cluster: &Cluster, topic: &str, count: usize) {
    let mut numbers = BTreeSet::new();
    for record in cluster.read_back(topic) {
        let text = String::from_utf8(record.value.expect("each has a value")).expect("each is text");
        let number = text.get("value-".len().."value-".len() + 6).and_then(|digits| digits.parse().ok());
        let number = number.unwrap_or_else(|| panic!("no value of ours: {text}"));
        assert_eq!(text, value(number));
        assert!(numbers.insert(number), "{number} is stored twice");
    }
    let missing: Vec<usize> = (0..count).filter(|number| !numbers.contains(number)).take(5).collect();
    assert!(
        missing.is_empty() && numbers.len() == count,
        "{} are stored, missing {missing:?}",
        numbers.len()
    );
}
