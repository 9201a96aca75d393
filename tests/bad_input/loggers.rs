//! Loggers that panic.

use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{Certainty, ErrorCode, ErrorKind, ProducerRecord};

use crate::{PATIENCE, config};

/// What only this client's thread, named after it, is told of; the other tests log nothing.
struct Angry;

const ANGRY: &str = "angry";
/// The thread on whose losses the logger panics.
const TOUCHY: &str = "touchy";

impl log::Log for Angry {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let thread = std::thread::current();
        let is_warning = record.level() <= log::Level::Warn;
        assert!(thread.name() != Some(ANGRY) || !is_warning, "stdout is closed");
        let tells_of_a_loss = record.args().to_string().starts_with("1 record failed: ");
        assert!(thread.name() != Some(TOUCHY) || !tells_of_a_loss, "stdout is closed");
    }

    fn flush(&self) {}
}

/// A panic in the sender thread, even one for each line that is logged on the way out, fails every future, queued or
/// under way, and keeps nobody waiting.
#[test]
fn a_logger_that_panics_ends_the_producer_and_nobody_waits() {
    let _ = log::set_logger(&Angry);
    log::set_max_level(log::LevelFilter::Debug);
    for linger in [Duration::ZERO, Duration::from_secs(60)] {
        let cluster = MockCluster::start(1);
        cluster.create_topic("t", 3);
        let config = config(&cluster.bootstrap_servers()).client_id(ANGRY);
        let producer = config.linger(linger).build().unwrap();
        let send = |partition| producer.send(ProducerRecord::to("t").partition(partition).value("v"));
        send(0).unwrap();
        producer.flush(PATIENCE).unwrap();
        cluster.hold_responses();
        let futures: Vec<_> = (0..3).map(|partition| send(partition).unwrap()).collect();
        let under_way = linger.is_zero();
        for future in futures.iter().filter(|_| !under_way) {
            future.add_errback(|_| panic!("and this is logged as well"));
        }
        assert!(!under_way || cluster.wait_for_records("t", 4, PATIENCE));
        cluster.stop_broker(0);
        // What lingers is sent now, and finds nobody.
        let _ = producer.flush(Duration::ZERO);
        for future in &futures {
            let error = future.get(PATIENCE).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Bug { .. }), "{error}");
            // What lingered may have been on its way before the end of the connection was heard of.
            let maybe = error.certainty() == Certainty::MaybeWritten;
            assert!(maybe || !under_way, "{error}");
            let written = if maybe { " (the record may have been written)" } else { "" };
            assert_eq!(
                error.to_string(),
                format!(
                    "a defect of kafka-producer, please report it: the background thread panicked: stdout is closed{written}"
                )
            );
        }
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let producer = &producer;
            scope.spawn(move || tell.send((producer.flush(PATIENCE).is_ok(), producer.close(None).is_ok())));
            assert_eq!(told.recv_timeout(PATIENCE), Ok((true, true)));
        });
        // Whoever comes later learns the cause as well.
        let why =
            "a defect of kafka-producer, please report it: the background thread panicked: stdout is closed";
        assert_eq!(send(0).unwrap_err().to_string(), why);
        assert_eq!(producer.partitions_for("other").unwrap_err().to_string(), why);
    }
}

/// Several callbacks of one answer panic, and so does the logger that is told of it: the process and the producer live.
#[test]
fn a_logger_that_panics_over_a_callback_that_panics_ends_nothing() {
    let _ = log::set_logger(&Angry);
    log::set_max_level(log::LevelFilter::Debug);
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 3);
    let config = config(&cluster.bootstrap_servers()).client_id(ANGRY).linger(Duration::from_secs(60));
    let producer = config.build().unwrap();
    for _ in 0..2 {
        let futures: Vec<_> = (0..3)
            .map(|partition| producer.send(ProducerRecord::to("t").partition(partition).value("v")).unwrap())
            .collect();
        for future in &futures {
            future.add_callback(|_| panic!("and the logger does not like it"));
        }
        producer.flush(PATIENCE).unwrap();
        assert!(futures.iter().all(kafka_producer::FutureRecordMetadata::succeeded));
    }
    producer.close(PATIENCE).unwrap();
}

/// A record's own error is there before a line of it is logged.
#[test]
fn a_logger_that_panics_over_a_loss_takes_the_error_from_nobody() {
    let _ = log::set_logger(&Angry);
    log::set_max_level(log::LevelFilter::Debug);
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = config(&cluster.bootstrap_servers()).client_id(TOUCHY).build().unwrap();
    cluster.fail_next_produce("t", 0, ErrorCode::TOPIC_AUTHORIZATION_FAILED, 1);
    let error = producer.send(ProducerRecord::to("t").value("v")).unwrap().get(PATIENCE).unwrap_err();
    assert_eq!(error.broker_code(), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED), "{error}");
}
