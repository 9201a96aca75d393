//! A logger that sends what is logged to Kafka, with the very producer that is logging. In a test binary of its own, and
//! in one test: a logger is for the whole process.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::disallowed_types, reason = "no model checker comes here")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{Compression, ErrorCode, KafkaProducer, ProducerRecord};

const PATIENCE: Duration = Duration::from_secs(30);

static PRODUCER: OnceLock<KafkaProducer> = OnceLock::new();
/// The lines that were logged, and of those the ones that were sent.
static LOGGED: AtomicUsize = AtomicUsize::new(0);
static SENT: AtomicUsize = AtomicUsize::new(0);
/// The longest that a line took, in milliseconds.
static LONGEST: AtomicUsize = AtomicUsize::new(0);

struct Appender;

impl log::Log for Appender {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    #[expect(clippy::disallowed_methods, reason = "this test is about time")]
    fn log(&self, record: &log::Record<'_>) {
        let Some(producer) = PRODUCER.get() else { return };
        let line = record.args().to_string();
        let start = std::time::Instant::now();
        // To a topic that is known, and to one that nobody has asked about before.
        let number = LOGGED.fetch_add(1, Ordering::Relaxed);
        let unknown = format!("log-{number}");
        for topic in ["t", if number < 20 { &unknown } else { "t" }] {
            let sent = producer.send(ProducerRecord::to(topic).key("log").value(&line));
            SENT.fetch_add(usize::from(sent.is_ok()), Ordering::Relaxed);
        }
        // As an appender does on an error; here it would wait for the thread it may run on.
        if record.level() <= log::Level::Warn {
            let _ = producer.flush(Duration::from_millis(1));
        }
        LONGEST.fetch_max(start.elapsed().as_millis() as usize, Ordering::Relaxed);
    }

    fn flush(&self) {}
}

/// D5.
#[test]
#[expect(clippy::disallowed_methods, reason = "this test is about time")]
fn a_logger_that_sends_keeps_nobody() {
    log::set_logger(&Appender).unwrap();
    log::set_max_level(log::LevelFilter::Debug);
    let cluster = MockCluster::start(2);
    cluster.create_topic("t", 4);
    let config = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers());
    let config =
        config.reconnect_backoff(Duration::from_millis(1)).reconnect_backoff_max(Duration::from_millis(10));
    let config = config.retry_backoff(Duration::from_millis(1)).retry_backoff_max(Duration::from_millis(10));
    // Memory that is soon used up, by users and by the logger.
    let config = config.compression(Compression::Lz4).buffer_memory(256 << 10).max_block(PATIENCE);
    let producer = PRODUCER.get_or_init(|| config.build().unwrap());
    producer.partitions_for("t").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for number in 0..3000 {
                    let value = format!("{number}").repeat(100);
                    producer.send(ProducerRecord::to("t").value(&value)).unwrap();
                }
            });
        }
        for round in 0..10 {
            cluster.fail_next_produce("t", round % 4, ErrorCode::NOT_ENOUGH_REPLICAS, 3);
            cluster.fail_next_produce("t", (round + 1) % 4, ErrorCode::INVALID_RECORD, 1);
            cluster.cut_next_produce_response();
            let _ = producer.flush(Duration::from_millis(20));
        }
        cluster.stop_broker(0);
        let _ = producer.flush(Duration::from_millis(100));
        cluster.start_broker(0);
    });
    let _ = producer.flush(PATIENCE);
    // There is memory again, and the topic is known: what is said of this one is sent.
    let before = SENT.load(Ordering::Relaxed);
    cluster.fail_next_produce("t", 0, ErrorCode::INVALID_RECORD, 1);
    producer.send(ProducerRecord::to("t").partition(0).value("v")).unwrap().get(PATIENCE).unwrap_err();
    // The future knows before the line is logged.
    let start = std::time::Instant::now();
    while SENT.load(Ordering::Relaxed) == before && start.elapsed() < PATIENCE {
        std::thread::yield_now();
    }
    log::set_max_level(log::LevelFilter::Off);
    let (logged, sent) = (LOGGED.load(Ordering::Relaxed), SENT.load(Ordering::Relaxed));
    assert!(logged > 0 && sent > before, "{logged} lines, {sent} sent, {before} before");
    let longest = LONGEST.load(Ordering::Relaxed);
    assert!(longest < 5000, "a line took {longest} ms");
    let _ = producer.close(PATIENCE);
}
