//! A real broker that forgets who we are after three seconds (KIP-368): records arrive whole and in order, on the connections
//! of the beginning.
#![cfg(feature = "_real-brokers")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::disallowed_types, reason = "no model checker here")]
#![allow(clippy::print_stdout, reason = "it shows what it has measured")]

mod support;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kafka_producer::{ProducerConfig, ProducerRecord};
use support::clock::{Stopwatch, pause};
use support::kafka::Cluster;

const TIME: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(120);
const BURST: u64 = 100;
const PARTITIONS: i32 = 6;

fn cluster() -> Cluster {
    let plain =
        r#"org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alice-secret";"#;
    Cluster::builder(1)
        .listener("SASL", "SASL_PLAINTEXT")
        .property("listener.name.sasl.sasl.enabled.mechanisms", "PLAIN")
        .property("listener.name.sasl.plain.sasl.jaas.config", plain)
        .property("listener.name.sasl.plain.connections.max.reauth.ms", "3000")
        .start()
}

/// What the producer logs: a connection that ends is told of.
struct Lines(Mutex<Vec<String>>);

static LINES: Lines = Lines(Mutex::new(Vec::new()));

impl log::Log for Lines {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("kafka_producer")
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = format!("{}: {}", record.level(), record.args());
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    }

    fn flush(&self) {}
}

/// 10,000 records a second, five requests in flight, a minute long.
#[test]
fn a_session_is_renewed_under_load_without_a_lost_or_doubled_record() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(log::LevelFilter::Debug);
    let cluster = cluster();
    cluster.create_topic("t", PARTITIONS, 1, &[]);
    let producer = ProducerConfig::from_pairs([
        ("bootstrap.servers", cluster.bootstrap_servers_of("SASL").as_str()),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "alice"),
        ("sasl.password", "alice-secret"),
        ("batch.size", "1000"),
    ])
    .unwrap()
    .build()
    .unwrap();
    let (watch, mut sent) = (Stopwatch::start(), 0_u64);
    let mut futures = Vec::new();
    while watch.elapsed() < TIME {
        for _ in 0..BURST {
            let partition = i32::try_from(sent % 6).unwrap();
            let value = sent.to_string();
            let record = ProducerRecord::to("t").partition(partition).value(value.as_str());
            futures.push(producer.send(record).unwrap());
            sent += 1;
        }
        pause(Duration::from_millis(8));
    }
    futures.into_iter().for_each(|future| drop(future.get(PATIENCE).unwrap()));
    println!("{sent} records in {:?}", watch.elapsed());
    assert!(sent >= 5000 * TIME.as_secs(), "{sent}");
    let mut last = [None; PARTITIONS as usize];
    let read = cluster.read_back("t");
    assert_eq!(read.len() as u64, sent);
    for record in read {
        let number: u64 = String::from_utf8(record.value.unwrap()).unwrap().parse().unwrap();
        let last = &mut last[usize::try_from(record.partition).unwrap()];
        assert!(last.is_none_or(|last| number == last + 6), "{last:?} {number}");
        *last = Some(number);
    }
    let lines = LINES.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let address = cluster.bootstrap_servers_of("SASL");
    let is_usual =
        |line: &str| line.contains("the producer starts with") || line.starts_with("DEBUG: response to ");
    let is_of_broker = |line: &&String| line.contains(&address) && !is_usual(line);
    let of_broker: Vec<_> = lines.iter().filter(is_of_broker).collect();
    assert!(of_broker.is_empty(), "{of_broker:#?}");
}
