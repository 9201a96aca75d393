//! Forwards lines of text to a topic, and keeps those that were surely not stored; and tests of what it keeps.
//!
//! ```sh
//! journalctl -f | cargo run --example forward_lines --features mock -- localhost:9092
//! cargo test --example forward_lines --features mock
//! ```

#![allow(clippy::print_stderr, reason = "it shows what happens")]

use std::io::BufRead;

use kafka_producer::{Certainty, FutureRecordMetadata, KafkaProducer, ProducerConfig, ProducerRecord};

/// What became of the lines that were not stored for sure.
#[derive(Debug, Default, PartialEq, Eq)]
struct Unsent {
    /// They may be sent again.
    not_written: Vec<String>,
    /// To send these again might store them twice.
    maybe_written: Vec<String>,
}

/// Forwards all lines, and waits for what becomes of them.
fn forward(
    input: impl BufRead,
    topic: &str,
    config: ProducerConfig,
) -> Result<Unsent, Box<dyn std::error::Error>> {
    let producer = config.build()?;
    let mut sent: Vec<(String, FutureRecordMetadata)> = Vec::new();
    let mut unsent = Unsent::default();
    for line in input.lines() {
        let line = line?;
        match producer.send(ProducerRecord::to(topic).value(&line)) {
            Ok(future) => sent.push((line, future)),
            // It was not even accepted: the lines before it are on their way all the same.
            Err(_) => unsent.not_written.push(line),
        }
    }
    // Each line's future tells its result.
    let _ = producer.flush(None);
    for (line, future) in sent {
        match future.exception().map(|error| error.certainty()) {
            None => {}
            Some(Certainty::NotWritten) => unsent.not_written.push(line),
            Some(_) => unsent.maybe_written.push(line),
        }
    }
    Ok(unsent)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let servers = std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned());
    let config = KafkaProducer::builder().bootstrap_servers([servers]);
    let unsent = forward(std::io::stdin().lock(), "lines", config)?;
    eprintln!("{} lines may be sent again", unsent.not_written.len());
    eprintln!("{} lines may be stored: to send them again may store them twice", unsent.maybe_written.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use std::time::Duration;

    use kafka_producer::ErrorCode;
    use kafka_producer::mock::{ApiKey, MockCluster, MockRule};

    use super::*;

    /// Limits that a test has the time to wait for.
    fn config(cluster: &MockCluster) -> ProducerConfig {
        KafkaProducer::builder()
            .bootstrap_servers(cluster.bootstrap_servers())
            .request_timeout(Duration::from_millis(300))
            .delivery_timeout(Duration::from_millis(600))
    }

    fn values(cluster: &MockCluster) -> Vec<String> {
        let records = cluster.records("lines", 0).into_iter();
        records.map(|record| String::from_utf8(record.value.unwrap()).unwrap()).collect()
    }

    fn cluster(brokers: usize) -> MockCluster {
        let cluster = MockCluster::start(brokers);
        cluster.create_topic("lines", 1);
        cluster
    }

    #[test]
    fn lines_are_stored_in_their_order() {
        let cluster = cluster(1);
        // A broker that has too few replicas for a moment: the producer tries again by itself.
        cluster.add_rule(MockRule::fail(ErrorCode::NOT_ENOUGH_REPLICAS).on(ApiKey::PRODUCE).times(2));
        let unsent = forward(&b"one\ntwo\nthree\n"[..], "lines", config(&cluster)).unwrap();
        assert_eq!(unsent, Unsent::default());
        assert_eq!(values(&cluster), ["one", "two", "three"]);
    }

    #[test]
    fn lines_that_the_broker_refuses_are_kept() {
        let cluster = cluster(1);
        cluster.add_rule(MockRule::fail(ErrorCode::TOPIC_AUTHORIZATION_FAILED).on(ApiKey::PRODUCE).forever());
        let unsent = forward(&b"one\ntwo\n"[..], "lines", config(&cluster)).unwrap();
        assert_eq!(unsent.not_written, ["one", "two"]);
        assert_eq!(cluster.record_count("lines"), 0);
    }

    /// The broker stores them and never says so.
    #[test]
    fn lines_of_which_nothing_was_heard_are_told_apart() {
        let cluster = cluster(1);
        cluster.add_rule(MockRule::black_hole_after_append().on(ApiKey::PRODUCE).forever());
        let unsent = forward(&b"one\n"[..], "lines", config(&cluster)).unwrap();
        assert_eq!(unsent.maybe_written, ["one"]);
        assert_eq!(values(&cluster), ["one"]);
    }

    #[test]
    fn another_broker_takes_over() {
        let cluster = cluster(2);
        cluster.set_leader("lines", 0, 1);
        cluster.stop_broker(0);
        // What it hears of the leader is out of date at first.
        cluster.add_rule(MockRule::fail(ErrorCode::LEADER_NOT_AVAILABLE).on(ApiKey::METADATA).topic("lines"));
        let unsent = forward(&b"one\n"[..], "lines", config(&cluster)).unwrap();
        assert_eq!((unsent, values(&cluster)), (Unsent::default(), vec!["one".to_owned()]));
    }
}
