//! Metrics over real sockets: every name is there, and the counts are what the broker has counted.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::sync::mpsc;
use std::time::Duration;

use kafka_producer::mock::{ApiKey, MockCluster, MockRule};
use kafka_producer::{
    Compression, ErrorCode, KafkaProducer, MetricKind, Metrics, MetricsReporter, ProducerConfig,
    ProducerRecord, StringSerializer, Timing,
};

const PATIENCE: Duration = Duration::from_secs(30);
const PRODUCER: &str = "producer-metrics";

fn config(cluster: &MockCluster) -> ProducerConfig {
    KafkaProducer::builder()
        .bootstrap_servers(cluster.bootstrap_servers())
        .client_id("me")
        .retry_backoff(Duration::from_millis(5))
        .reconnect_backoff(Duration::from_millis(5))
}

fn cluster(brokers: usize) -> MockCluster {
    let cluster = MockCluster::start(brokers);
    cluster.create_topic("t", 4);
    cluster.create_topic("u", 1);
    cluster
}

#[track_caller]
fn get(metrics: &Metrics, name: &str) -> f64 {
    metrics.get(PRODUCER, name).unwrap_or_else(|| panic!("{name} has no value"))
}

/// Sends records of many sizes to both topics, and waits for their results.
fn send_all(producer: &KafkaProducer, records: usize) {
    for number in 0..records {
        let value = vec![b'v'; number % 700];
        let topic = if number % 5 == 0 { "u" } else { "t" };
        producer.send(ProducerRecord::to(topic).key(&number.to_string()).value(&value)).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

#[test]
fn counts_are_what_the_brokers_have_counted() {
    let cluster = cluster(3);
    let compression = if cfg!(feature = "lz4") { Compression::Lz4 } else { Compression::None };
    let producer = config(&cluster).compression(compression).build().unwrap();
    send_all(&producer, 20_000);
    let (metrics, counted, requests) = (producer.metrics(), cluster.counted(), cluster.requests());
    assert_eq!(get(&metrics, "record-send-total"), 20_000.0);
    assert_eq!(get(&metrics, "record-send-total"), counted.records as f64);
    assert_eq!(get(&metrics, "byte-total"), counted.bytes as f64);
    assert_eq!(metrics.timing(Timing::Linger).unwrap().count(), counted.batches);
    assert_eq!(metrics.timing(Timing::Delivery).unwrap().count(), counted.batches);
    assert!((get(&metrics, "batch-size-avg") - counted.bytes as f64 / counted.batches as f64).abs() < 1e-6);
    let produced = requests.iter().filter(|request| request.api == ApiKey::PRODUCE).count();
    assert_eq!(metrics.timing(Timing::InFlight).unwrap().count(), produced as u64);
    assert!((get(&metrics, "records-per-request-avg") - 20_000.0 / produced as f64).abs() < 1e-6);
    for (topic, records) in [("t", 16_000.0), ("u", 4_000.0)] {
        let group = format!("producer-topic-metrics.{topic}");
        assert_eq!(metrics.get(&group, "record-send-total"), Some(records));
        assert_eq!(records, cluster.record_count(topic) as f64);
    }
    // Of all requests, also those before a connection is ready. A metadata request may come meanwhile.
    let (sent, answered) = (get(&metrics, "request-total"), get(&metrics, "response-total"));
    let counted = cluster.counted().requests as f64;
    assert!(sent <= counted && counted - sent <= 1.0, "{sent} and {counted}");
    assert!(answered <= sent && sent - answered <= 1.0, "{answered} of {sent}");
    let nodes: Vec<String> =
        metrics.iter().filter(|metric| metric.node().is_some()).map(|m| m.group()).collect();
    for (name, total) in [("request-total", sent), ("response-total", answered)] {
        let mut groups = nodes.clone();
        groups.dedup();
        let sum: f64 = groups.iter().map(|group| metrics.get(group, name).unwrap()).sum();
        assert_eq!(sum, total, "{name} of {groups:?}");
    }
    assert!(nodes.iter().any(|group| group == "producer-node-metrics.node-2"));
    assert!(
        nodes.iter().any(|group| group == "producer-node-metrics.node--1"),
        "a server of bootstrap_servers"
    );
    assert!(get(&metrics, "outgoing-byte-total") > get(&metrics, "byte-total"));
    assert!(
        (300.0..400.0).contains(&get(&metrics, "record-size-avg")),
        "{}",
        get(&metrics, "record-size-avg")
    );
    assert!(
        (700.0..720.0).contains(&get(&metrics, "record-size-max")),
        "{}",
        get(&metrics, "record-size-max")
    );
    let ratio = get(&metrics, "compression-rate-avg");
    if cfg!(feature = "lz4") {
        assert!((0.01..0.5).contains(&ratio), "{ratio}");
    } else {
        assert_eq!(ratio, 1.0);
    }
    assert_eq!((get(&metrics, "pending-records"), get(&metrics, "requests-in-flight")), (0.0, 0.0));
    assert!(get(&metrics, "flush-time-ns-total") > 0.0 && get(&metrics, "metadata-wait-time-ns-total") > 0.0);
}

/// The names of kafka-python 2.0.2, of its topics and of its nodes, and the `-total` names and others of Java that a
/// producer without transactions has. A name that is missing or new changes the dashboards of users.
#[test]
fn every_name_is_there() {
    let cluster = cluster(1);
    let producer = config(&cluster).build().unwrap();
    cluster.add_rule(MockRule::fail(ErrorCode::NOT_ENOUGH_REPLICAS).on(ApiKey::PRODUCE).times(1));
    send_all(&producer, 100);
    let metrics = producer.metrics();
    let names = |group: &str| {
        let of = metrics.iter().filter(|metric| metric.group() == group);
        let mut names: Vec<&str> = of.map(|metric| metric.name()).collect();
        names.sort_unstable();
        names
    };
    let expected = |text: &str| {
        let mut names: Vec<String> = text.split_whitespace().flat_map(spread).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(
        names(PRODUCER),
        expected(
            "batch-size-avg,max batch-split-rate,total buffer-available-bytes buffer-exhausted-rate,total \
             buffer-total-bytes bufferpool-wait-ratio bufferpool-wait-time-ns-total byte-rate,total compression-rate-avg \
             connection-close-rate,total connection-count connection-creation-rate,total \
             failed-authentication-rate,total failed-reauthentication-rate,total flush-time-ns-total \
             incoming-byte-rate,total io-ratio io-time-ns-avg,total io-wait-ratio io-wait-time-ns-avg,total \
             metadata-age metadata-wait-time-ns-total network-io-rate,total outgoing-byte-rate,total pending-batches \
             pending-records produce-throttle-time-avg,max record-error-rate,total record-queue-time-avg,max \
             record-retry-rate,total record-send-rate,total record-size-avg,max records-per-request-avg \
             request-latency-avg,max request-rate,total request-size-avg,max requests-in-flight response-rate,total \
             select-rate,total successful-authentication-rate,total successful-reauthentication-rate,total \
             waiting-threads"
        )
    );
    assert_eq!(
        names("producer-topic-metrics.t"),
        expected(
            "byte-rate,total compression-rate record-error-rate,total record-retry-rate,total record-send-rate,total"
        )
    );
    assert_eq!(
        names("producer-node-metrics.node-0"),
        expected(
            "incoming-byte-rate,total outgoing-byte-rate,total produce-throttle-time-avg,max request-latency-avg,max \
             request-rate,total request-size-avg,max response-rate,total"
        )
    );
    // After records were sent, each has a value, and it is one that can be.
    for metric in &metrics {
        let value = metric.value();
        let is_of_bootstrap = metric.node() == Some(-1);
        assert!(value.is_some() || is_of_bootstrap, "{}: {}", metric.group(), metric.name());
        assert!(value.is_none_or(|value| value >= 0.0 && value.is_finite()), "{}: {value:?}", metric.name());
        assert_eq!(
            metric.kind() == MetricKind::Counter,
            metric.name().ends_with("-total"),
            "{}",
            metric.name()
        );
        assert!(metric.description().ends_with('.'), "{}", metric.name());
    }
    for name in [
        "record-retry-total",
        "record-send-rate",
        "request-latency-max",
        "io-wait-time-ns-avg",
        "io-time-ns-avg",
    ] {
        assert!(get(&metrics, name) > 0.0, "{name}");
    }
}

/// `a-b,c` is `a-b` and `a-c`.
fn spread(names: &str) -> Vec<String> {
    let (first, others) = names.split_once(',').unwrap_or((names, ""));
    let (stem, _) = first.rsplit_once('-').unwrap();
    let others = others.split(',').filter(|other| !other.is_empty()).map(|other| format!("{stem}-{other}"));
    [first.to_owned()].into_iter().chain(others).collect()
}

#[test]
fn bytes_and_connections_are_counted_if_acks_is_0() {
    let cluster = cluster(1);
    let producer =
        config(&cluster).acks(kafka_producer::Acks::None).enable_idempotence(false).build().unwrap();
    send_all(&producer, 1000);
    assert!(cluster.wait_for_records("t", 800, PATIENCE) && cluster.wait_for_records("u", 200, PATIENCE));
    let metrics = producer.metrics();
    assert_eq!(get(&metrics, "record-send-total"), 1000.0);
    assert_eq!(get(&metrics, "byte-total"), cluster.counted().bytes as f64);
    assert_eq!(get(&metrics, "requests-in-flight"), 0.0);
    assert_eq!(metrics.timing(Timing::InFlight).unwrap().count(), 0, "there are no responses");
}

#[test]
fn one_of_64_records_that_are_serialized_is_measured() {
    let cluster = cluster(1);
    let producer: KafkaProducer<str, u64> =
        config(&cluster).build_with(StringSerializer, |number: &u64| number.to_be_bytes()).unwrap();
    // The choice is by thread, and this one has serialized nothing before.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..130 {
                producer.send(ProducerRecord::to("t").key("k").value(&number)).unwrap();
            }
        });
    });
    assert_eq!(producer.metrics().timing(Timing::Serialize).unwrap().count(), 3);
    producer.close(PATIENCE).unwrap();
    let metrics = producer.metrics();
    assert_eq!(get(&metrics, "record-send-total"), 130.0, "they can be read after the end");
    let bytes = config(&cluster).build().unwrap();
    send_all(&bytes, 100);
    assert_eq!(bytes.metrics().timing(Timing::Serialize).unwrap().count(), 0);
}

struct Tells(mpsc::SyncSender<f64>);

impl MetricsReporter for Tells {
    fn report(&self, metrics: &Metrics) {
        self.0.try_send(metrics.get(PRODUCER, "record-send-total").unwrap()).ok();
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(10)
    }
}

#[test]
fn a_reporter_gets_metrics_while_records_are_sent_and_at_the_end() {
    let cluster = cluster(1);
    let (tell, told) = mpsc::sync_channel(1000);
    let producer = config(&cluster).metric_reporter(Tells(tell)).build().unwrap();
    send_all(&producer, 100);
    assert!(told.iter().any(|sent| sent == 100.0));
    producer.close(PATIENCE).unwrap();
    drop(producer);
    assert_eq!(told.iter().last(), Some(100.0));
}

#[test]
fn metrics_can_be_disabled() {
    let cluster = cluster(1);
    let producer = config(&cluster).metrics_enabled(false).build().unwrap();
    send_all(&producer, 100);
    assert!(producer.metrics().is_empty());
    assert_eq!(producer.metrics().iter().count() + producer.metrics().timings().count(), 0);
}

#[test]
fn the_table_shows_each_metric_on_a_line() {
    let cluster = cluster(1);
    let producer = config(&cluster).build().unwrap();
    send_all(&producer, 100);
    let table = producer.metrics().to_string();
    let line =
        |start: &str| table.lines().find(|line| line.trim_start().starts_with(start)).unwrap().to_owned();
    assert!(line("record-send-total ").ends_with(" 100"), "{table}");
    assert!(line("producer-topic-metrics.t").len() == 24, "{table}");
    assert!(line("in-flight ").contains("ms") || line("in-flight ").contains("µs"), "{table}");
    assert!(line("serialize ").ends_with(" -"), "{table}");
}

#[cfg(feature = "json")]
#[test]
fn json_has_the_groups_of_kafka_python() {
    let cluster = cluster(1);
    let producer = config(&cluster).build().unwrap();
    send_all(&producer, 100);
    let json: serde_json::Value = serde_json::from_str(&producer.metrics().to_json()).unwrap();
    assert_eq!(json["client-id"], "me");
    assert_eq!(json[PRODUCER]["record-send-total"], 100.0);
    assert_eq!(json["producer-topic-metrics.u"]["record-send-total"], 20.0);
    assert_eq!(json["timings"]["serialize"]["p99-ms"], serde_json::Value::Null);
    assert!(json["timings"]["in-flight"]["p99.9-ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn prometheus_text_has_one_head_for_each_metric_and_escapes_labels() {
    let cluster = cluster(1);
    let producer = config(&cluster).client_id("a \"b\" \\").build().unwrap();
    send_all(&producer, 100);
    let text = producer.metrics_with_partitions().to_prometheus();
    let lines = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
    assert!(
        text.contains("kafka_producer_record_send_total{client_id=\"a \\\"b\\\" \\\\\"} 100\n"),
        "{text}"
    );
    assert_eq!(lines("# TYPE kafka_producer_topic_record_send_total counter"), 1);
    assert_eq!(lines("kafka_producer_topic_record_send_total{"), 2);
    assert_eq!(lines("kafka_producer_in_flight_seconds_bucket{"), 29);
    assert!(text.contains("# TYPE kafka_producer_in_flight_seconds histogram\n"));
}

/// The time before the first poll is no time of the sockets.
#[test]
fn the_time_of_sockets_begins_with_the_first_poll() {
    let cluster = cluster(1);
    let producer = config(&cluster).build().unwrap();
    send_all(&producer, 10);
    let total = get(&producer.metrics(), "io-time-ns-total");
    assert!(total < 1e9, "{total} ns");
}
