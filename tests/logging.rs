//! What is logged: one warning for each change of a broker's state, not one for each attempt or record; and never a
//! payload. In a test binary of its own, and in one test: a logger is for the whole process.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::disallowed_types, reason = "no model checker comes here")]

use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{ErrorCode, Header, KafkaProducer, ProducerConfig, ProducerRecord};
use log::Level;

const PATIENCE: Duration = Duration::from_secs(30);
const MILLI: Duration = Duration::from_millis(1);

static LINES: Mutex<Vec<(Level, String)>> = Mutex::new(Vec::new());
static TOLD: Condvar = Condvar::new();

struct Keeper;

impl log::Log for Keeper {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.lock().unwrap().push((record.level(), record.args().to_string()));
        TOLD.notify_all();
    }

    fn flush(&self) {}
}

/// What was logged since the last call, from `level` on.
fn logged(level: Level) -> Vec<String> {
    let lines = std::mem::take(&mut *LINES.lock().unwrap());
    lines.iter().for_each(|(_, line)| assert!(!line.contains(PAYLOAD), "{line}"));
    lines.into_iter().filter(|(of, _)| *of <= level).map(|(_, line)| line).collect()
}

/// Until `what` has been logged so often, at whatever level, after the first `from` lines.
fn wait_for(what: &str, times: usize, from: usize) {
    let too_few = |lines: &mut Vec<(Level, String)>| {
        lines.iter().skip(from).filter(|(_, line)| line.contains(what)).count() < times
    };
    let (lines, waited) = TOLD.wait_timeout_while(LINES.lock().unwrap(), PATIENCE, too_few).unwrap();
    assert!(!waited.timed_out(), "{lines:#?}");
}

fn config(servers: &str) -> ProducerConfig {
    let config = KafkaProducer::builder().bootstrap_servers(servers);
    config
        .reconnect_backoff(MILLI)
        .reconnect_backoff_max(10 * MILLI)
        .retry_backoff(MILLI)
        .retry_backoff_max(10 * MILLI)
}

const PAYLOAD: &str = "4111-1111-1111-1111";

fn record() -> ProducerRecord<'static> {
    ProducerRecord::to("t").key(PAYLOAD).value(PAYLOAD).header("card", PAYLOAD)
}

#[test]
fn changes_are_logged_once_and_payloads_never() {
    log::set_logger(&Keeper).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    idempotence_that_is_off();
    a_port_where_nobody_listens();
    a_broker_that_comes_and_goes();
    a_broker_that_closes_each_connection();
    a_broker_that_refuses();
    a_broker_that_wants_no_requests_for_weeks();
    each_response_is_a_line_for_debugging();
    a_close_inside_a_callback();
    nothing_shows_a_payload();
}

/// It is on by default, so it is told where something else turns it off.
fn idempotence_that_is_off() {
    let line = "idempotence is disabled: retries is 0 but must be at least 1";
    // It dials at once, and of a broker that is not there it would warn.
    let cluster = MockCluster::start(1);
    let servers = cluster.bootstrap_servers();
    drop(config(&servers).retries(0).build().unwrap());
    assert_eq!(logged_at_the_start(), [line]);
    for meant in [config(&servers), config(&servers).retries(0).enable_idempotence(false)] {
        drop(meant.build().unwrap());
        assert_eq!(logged_at_the_start(), [""; 0]);
    }
}

/// Beside the configuration.
fn logged_at_the_start() -> Vec<String> {
    let mut lines = logged(Level::Info);
    assert!(lines.remove(0).starts_with("the producer starts with bootstrap_servers="), "{lines:?}");
    lines
}

/// Fifty attempts are one warning.
fn a_port_where_nobody_listens() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let producer = config(&address.to_string()).build().unwrap();
    let refused = std::net::TcpStream::connect(address).unwrap_err();
    let warning = format!("{address} (from bootstrap_servers) at TCP connect: {refused}");
    // It dials only while somebody asks for it.
    producer.try_send(record()).unwrap_err();
    wait_for(&warning, 50, 0);
    producer.close(Duration::ZERO).unwrap();
    assert_eq!(logged(Level::Warn), [warning]);
}

/// Ten times within two seconds: what happens again at once is no news.
fn a_broker_that_comes_and_goes() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = config(&cluster.bootstrap_servers()).build().unwrap();
    for _ in 0..10 {
        producer.send(record()).unwrap().get(PATIENCE).unwrap();
        let before = LINES.lock().unwrap().len();
        cluster.stop_broker(0);
        let futures = [(); 100].map(|()| producer.send(record()).unwrap());
        wait_for("Connection refused", 5, before);
        cluster.start_broker(0);
        futures.iter().for_each(|future| drop(future.get(PATIENCE).unwrap()));
    }
    let told = logged(Level::Info);
    // A warning for each node that is tried and each way to fail, and that it can be reached again.
    assert!((2..=8).contains(&told.len()), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("Connection refused")), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("can be reached again")), "{told:#?}");
}

/// It gets ready each time, and each time fails in the same way.
fn a_broker_that_closes_each_connection() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = config(&cluster.bootstrap_servers()).build().unwrap();
    producer.partitions_for("t").unwrap();
    (0..100).for_each(|_| cluster.cut_next_produce_response());
    let futures = [(); 100].map(|()| producer.send(record()).unwrap());
    futures.iter().for_each(|future| drop(future.get(PATIENCE).unwrap()));
    let told = logged(Level::Info);
    assert!((1..=4).contains(&told.len()), "{told:#?}");
}

/// One line, with its address and both times.
fn a_broker_that_wants_no_requests_for_weeks() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = config(&cluster.bootstrap_servers()).build().unwrap();
    // Or the first request of another kind would be answered so, and the record wait.
    producer.send(record()).unwrap().get(PATIENCE).unwrap();
    cluster.throttle(i32::MAX);
    producer.send(record()).unwrap().get(PATIENCE).unwrap();
    let asks = "throttles this client for 2147483.647s (throttle_time_ms); the producer sends requests again after 300s";
    wait_for(asks, 1, 0);
    assert_eq!(logged(Level::Warn), [format!("{} {asks}", cluster.bootstrap_servers())]);
}

/// It can be reached and takes nothing: not silent, and not a line for each record.
fn a_broker_that_refuses() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = config(&cluster.bootstrap_servers()).linger(Duration::ZERO).build().unwrap();
    cluster.fail_next_produce("t", 0, ErrorCode::NOT_ENOUGH_REPLICAS, 100);
    producer.send(record()).unwrap().get(PATIENCE).unwrap();
    let said = "a broker returned NOT_ENOUGH_REPLICAS (19) for t-0: Fewer replicas are in sync than \
                min.insync.replicas requires, so the batch was not appended";
    assert_eq!(logged(Level::Warn), [format!("attempt 1 for t-0 failed: {said}")]);

    // Whoever looks needs no line on the log.
    cluster.fail_next_produce("t", 0, ErrorCode::TOPIC_AUTHORIZATION_FAILED, 300);
    for _ in 0..100 {
        producer.send(record()).unwrap().get(PATIENCE).unwrap_err();
    }
    assert_eq!((logged(Level::Warn), producer.unchecked_failures()), (Vec::new(), 0));

    let before = LINES.lock().unwrap().len();
    let dropped = producer.send(record().value("a")).unwrap();
    dropped.add_callback(|_| unreachable!("it is refused"));
    drop(dropped);
    wait_for("record failed so far", 1, before);
    for _ in 0..99 {
        drop(producer.send(record()).unwrap());
        producer.send(record()).unwrap().get(PATIENCE).unwrap_err();
    }
    producer.flush(PATIENCE).unwrap_err();
    assert_eq!(producer.unchecked_failures(), 100);
    let said = "a broker returned TOPIC_AUTHORIZATION_FAILED (29) for t-0: The client is not authorized for the \
                topic; to send records it needs ACLs for Write and Describe";
    // 99 more fail after the warning: it must not look like a total.
    let once = "1 record failed so far, and the program has not checked the result; the last error: ";
    assert_eq!(logged(Level::Warn), [format!("{once}{said}")]);
}

/// With the request, the broker, the correlation id, the size and the time.
fn each_response_is_a_line_for_debugging() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = config(&cluster.bootstrap_servers()).build().unwrap();
    producer.send(record()).unwrap().get(PATIENCE).unwrap();
    logged(Level::Trace);
    producer.send(record()).unwrap().get(PATIENCE).unwrap();
    let before = producer.metrics().get("producer-metrics", "response-total").unwrap();
    let other = config(&cluster.bootstrap_servers()).build().unwrap();
    other.send(record()).unwrap().get(PATIENCE).unwrap();
    other.close(PATIENCE).unwrap();
    producer.close(PATIENCE).unwrap();
    let total =
        |producer: &KafkaProducer| producer.metrics().get("producer-metrics", "response-total").unwrap();
    assert_eq!(total(&producer), before, "it has received nothing more");
    let lines = logged(Level::Debug);
    let lines: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("response to ")).collect();
    assert_eq!(lines.len() as f64, total(&other) + 1.0, "{lines:#?}");
    let address = cluster.bootstrap_servers();
    for api in ["ApiVersions", "Metadata", "InitProducerId", "Produce"] {
        let line =
            lines.iter().find(|line| line.starts_with(api)).unwrap_or_else(|| panic!("{api}: {lines:#?}"));
        let from = format!("{api} from {address} (from ");
        let Some((_, numbers)) =
            line.strip_prefix(&from).and_then(|rest| rest.split_once("): correlation id "))
        else {
            panic!("{line}")
        };
        let numbers: Vec<&str> = numbers.split(", ").collect();
        let [correlation, size, after] = numbers[..] else { panic!("{line}") };
        assert!(correlation.parse::<i32>().is_ok_and(|id| id >= 0), "{line}");
        assert!(size.strip_suffix(" bytes").is_some_and(|size| size.parse::<u32>().unwrap() > 4), "{line}");
        assert!(after.starts_with("after ") && after.ends_with('s'), "{line}");
    }
}

/// The timeout of such a `close` has no effect, so it gets a warning. A timeout of zero does not.
fn a_close_inside_a_callback() {
    for (timeout, expected) in [
        (PATIENCE, &["close was called inside a callback; it returns at once, and pending records fail"][..]),
        (Duration::ZERO, &[]),
    ] {
        let cluster = MockCluster::start(1);
        cluster.create_topic("t", 1);
        let producer = Arc::new(config(&cluster.bootstrap_servers()).build().unwrap());
        let (tell, told) = mpsc::channel();
        let inside = Arc::clone(&producer);
        let stored = producer.send(record()).unwrap();
        stored.add_callback(move |_| tell.send(inside.close(timeout).is_ok()).unwrap());
        assert_eq!(told.recv_timeout(PATIENCE), Ok(true));
        producer.close(PATIENCE).unwrap();
        assert_eq!(logged(Level::Warn), expected);
    }
}

fn nothing_shows_a_payload() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = config(&cluster.bootstrap_servers()).max_request_size(1000).build().unwrap();
    let future = producer.send(record()).unwrap();
    let stored = future.get(PATIENCE).unwrap();
    let header = Header::new("card", PAYLOAD.as_bytes());
    let value = PAYLOAD.repeat(100);
    let back = record().value(&value).into_owned();
    let refused = producer.send(back.as_record()).unwrap_err();
    let shown = format!(
        "{:?} {producer:?} {future:?} {stored:?} {header:?} {back:?} {refused:?} {refused}",
        record()
    );
    assert!(!shown.contains(PAYLOAD), "{shown}");
    assert!(!shown.contains(&format!("{:?}", PAYLOAD.as_bytes())[1..20]), "{shown}");
    future.add_callback(|_| panic!("on purpose"));
    cluster.set_max_message_bytes("t", 1);
    producer.send(record()).unwrap().get(PATIENCE).unwrap_err();
    producer.close(PATIENCE).unwrap();
    logged(Level::Trace);
}
