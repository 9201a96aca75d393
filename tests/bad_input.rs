//! What is wrong is told at once, in one sentence that names the setting, the value and what to change; nothing is lost.
//! (What is wrong with a single record: `blocking.rs`.)
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use kafka_producer::mock::{ApiKey, MockCluster};
use kafka_producer::{Certainty, ErrorKind, KafkaProducer, ProducerConfig, ProducerRecord};

const PATIENCE: Duration = Duration::from_secs(30);
const MILLI: Duration = Duration::from_millis(1);

fn config(servers: &str) -> ProducerConfig {
    KafkaProducer::builder().bootstrap_servers(servers.split(','))
}

#[test]
fn configurations_that_can_not_work() {
    let none: [&str; 0] = [];
    let table = [
        (
            KafkaProducer::builder().bootstrap_servers(none),
            "bootstrap_servers: there is none; name at least one broker as host:port",
        ),
        (
            config("host:notaport"),
            "bootstrap_servers = 'host:notaport': 'notaport' is not a port; write host:port with a port from 1 to 65535",
        ),
        (
            config("SASL_SSL://host:9092"),
            "bootstrap_servers = 'SASL_SSL://host:9092': 'SASL_SSL' is not there yet, or not Kafka's; only PLAINTEXT:// \
             is taken",
        ),
        (
            config("host").delivery_timeout(Duration::from_secs(1)),
            "delivery_timeout_ms = '1000': a record would expire before its first request can time out; it must be at \
             least linger_ms (0) and request_timeout_ms (30000) together",
        ),
        (
            config("host").batch_max_bytes(2 << 20),
            "batch_max_bytes = '2097152': it is more than max_request_size (1048576); raise that too",
        ),
        (
            // Of several servers in one text a comma is left, which `config` takes apart.
            KafkaProducer::builder().bootstrap_servers(["a:1,b:2"]),
            "bootstrap_servers = 'a:1,b:2': there is a comma in it; give each server by itself",
        ),
        (
            config("http://host:9092"),
            "bootstrap_servers = 'http://host:9092': 'http' is not there yet, or not Kafka's; only PLAINTEXT:// is taken",
        ),
        (
            config("host:9092/kafka"),
            "bootstrap_servers = 'host:9092/kafka': '9092/kafka' is not a port; write host:port with a port from 1 to \
             65535",
        ),
        (
            config("host").max_request_size(104_857_601),
            "max_request_size = '104857601': brokers take no request of more than 104857600 bytes (their \
             socket.request.max.bytes)",
        ),
        (
            config("host").sock_chunk_bytes(usize::MAX),
            "sock_chunk_bytes = '18446744073709551615': it must be at most 16777216: so much memory is taken for it at \
             the start",
        ),
        (
            config("host").receive_message_max_bytes(1 << 31),
            "receive_message_max_bytes = '2147483648': it must be at most 2147483647: no answer can be longer",
        ),
        (
            config("host").send_buffer_bytes(1 << 31),
            "send_buffer_bytes = '2147483648': it must be at most 2147483647: sockets know no more",
        ),
        (
            config("host").connections_max_idle(Duration::from_nanos(1)),
            "connections_max_idle_ms = '0': it must be at least 10 ms, or nothing gets done in it",
        ),
        (config("host").client_id("a\nb"), "client_id = 'a\\nb': control characters may not stand in it"),
    ];
    for (config, why) in table {
        let error = config.build().unwrap_err().to_string();
        assert_eq!(error, format!("the configuration can't be used: {why}"));
    }
}

/// The first trouble with `servers` that says `says`, as a waiting caller is told of it.
fn trouble(servers: &str, says: &str) -> String {
    let producer = config(servers).build().unwrap();
    let mut errors = (0..100).map(|_| producer.wait_connected(100 * MILLI).unwrap_err().to_string());
    let found = errors.find(|error| error.contains(says));
    found.unwrap_or_else(|| panic!("for ten seconds nothing was said of {says}"))
}

#[test]
fn a_port_where_nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(
        trouble(&address.to_string(), "refused"),
        format!(
            "the time of 100ms ran out waiting for the first answer of a broker; last seen: {address} (from \
             bootstrap_servers) at TCP connect: Connection refused (os error 111)"
        )
    );
}

#[test]
fn a_name_that_nobody_has() {
    let error = trouble("no-such-host.invalid:9092", "DNS");
    let start = "the time of 100ms ran out waiting for the first answer of a broker; last seen: \
                 no-such-host.invalid:9092 (from bootstrap_servers) at DNS: ";
    assert!(error.starts_with(start), "{error}");
}

/// A server that answers whatever it gets with `answer`.
fn answers(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(answer);
        }
    });
    address
}

#[test]
fn a_port_that_speaks_something_else() {
    // A fatal alert, as a TLS server answers what is no handshake.
    let alert = &[0x15, 3, 3, 0, 2, 2, 40];
    for (answer, name, why) in [
        (&alert[..], "TLS", "the peer answered with TLS, but this connection is not encrypted"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "HTTP",
            "the peer answered with HTTP, so it is not a Kafka broker",
        ),
    ] {
        let address = answers(answer);
        assert_eq!(
            trouble(&address, name),
            format!(
                "the time of 100ms ran out waiting for the first answer of a broker; last seen: {address} (from \
                 bootstrap_servers) at ApiVersions: {why}"
            )
        );
    }
}

/// KRaft's controllers answer ApiVersions, and know neither Metadata nor Produce.
#[test]
#[expect(clippy::reversed_empty_ranges, reason = "no version at all")]
fn a_port_where_controllers_talk_to_each_other() {
    let cluster = MockCluster::start(1);
    cluster.limit_api(ApiKey::METADATA, 1..=0);
    assert_eq!(
        trouble(&cluster.bootstrap_servers(), "controller"),
        format!(
            "the time of 100ms ran out waiting for the first answer of a broker; last seen: {} (from bootstrap_servers) \
             at Metadata: it does not know this request, as the cluster's controllers do not; name the port of a broker",
            cluster.bootstrap_servers()
        )
    );
}

/// The bootstrap broker answers, and names a leader that can't be reached: the error says where its address came from.
#[test]
fn an_advertised_address_that_can_not_be_reached() {
    let cluster = MockCluster::start(2);
    cluster.create_topic("t", 2);
    cluster.stop_broker(1);
    let producer = config(&cluster.address(0))
        .request_timeout(Duration::from_millis(200))
        .delivery_timeout(Duration::from_millis(400))
        .build()
        .unwrap();
    cluster.set_leader("t", 1, 1);
    let future = producer.send(ProducerRecord::to("t").partition(1).value("v")).unwrap();
    let error = future.get(PATIENCE).unwrap_err().to_string();
    assert!(
        error.starts_with("delivery_timeout_ms of 400ms ran out before the records for t-1 could be sent: "),
        "{error}"
    );
}

#[test]
fn a_partitioner_that_panics_takes_nothing_with_it() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = config(&cluster.bootstrap_servers())
        .partitioner(
            |key: Option<&[u8]>, _: usize, _: &[i32]| if key.is_some() { panic!("on purpose") } else { 0 },
        )
        .build()
        .unwrap();
    let send = || producer.send(ProducerRecord::to("t").key("k").value("v"));
    assert!(
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(send)).is_err(),
        "the panic is the caller's"
    );
    assert_eq!(producer.send(ProducerRecord::to("t").value("v")).unwrap().get(PATIENCE).unwrap().offset(), 0);
    producer.close(PATIENCE).unwrap();
}

/// B23, B38: nothing and for ever are times like any other.
#[test]
fn timeouts_of_nothing_and_of_for_ever() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = config(&cluster.bootstrap_servers()).build().unwrap();
    producer.wait_connected(Duration::MAX).unwrap();
    producer.wait_connected(Duration::ZERO).unwrap();
    producer.send(ProducerRecord::to("t").value("v")).unwrap().get(None).unwrap();
    cluster.hold_replies();
    let future = producer.send(ProducerRecord::to("t").value("v")).unwrap();
    assert!(future.get(Duration::ZERO).unwrap_err().is_timeout());
    cluster.release_replies();
    assert_eq!(future.get(Duration::MAX).unwrap().offset(), 1);
    assert_eq!(future.get(Duration::ZERO).unwrap().offset(), 1);
    // In this order: a batch leaves the unfinished a little after its futures know.
    producer.flush(Duration::MAX).unwrap();
    producer.flush(Duration::ZERO).unwrap();
    producer.close(Duration::MAX).unwrap();
    producer.close(Duration::ZERO).unwrap();
    assert!(producer.send(ProducerRecord::to("t").value("v")).unwrap_err().is_closed());
}

/// A batch is refused as a whole: each of its records learns whether it was to blame (the texts are a real broker's, see
/// `real_bad_input.rs`), and what is in another partition's batch is stored.
#[test]
fn records_without_a_key_where_keys_are_needed() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 2);
    cluster.set_compacted("t");
    let producer = config(&cluster.bootstrap_servers()).linger(PATIENCE).build().unwrap();
    let send = |partition, key: Option<&str>| {
        let record = ProducerRecord::to("t").partition(partition).value("v");
        producer.send(if let Some(key) = key { record.key(key) } else { record }).unwrap()
    };
    let (good, bad, elsewhere) = (send(0, Some("k")), send(0, None), send(1, Some("k")));
    let (tell, told) = std::sync::mpsc::channel();
    good.add_errback(move |error| tell.send(error.to_string()).unwrap());
    let flushed = producer.flush(PATIENCE).unwrap_err();
    let words = "Compacted topic cannot accept message without key in topic partition t-0";
    assert_eq!(
        flushed.to_string(),
        format!(
            "1 records failed, the first because a broker answered INVALID_RECORD (87) for t-0: One or more records have \
             been rejected due to 1 record errors in total, and only showing the first three errors at most: \
             [RecordError(batchIndex=1, message='{words}')]"
        )
    );
    assert_eq!(elsewhere.get(Duration::ZERO).unwrap().offset(), 0);
    let bad = bad.get(Duration::ZERO).unwrap_err();
    assert_eq!(bad.to_string(), format!("a broker answered INVALID_RECORD (87) for t-0: {words}"));
    assert!(!bad.is_retriable());
    let good = good.get(Duration::ZERO).unwrap_err();
    assert_eq!(
        good.to_string(),
        format!(
            "a broker answered INVALID_RECORD (87) for t-0, because of another record in the same batch; send this one \
             again: {words}"
        )
    );
    assert_eq!(told.recv(), Ok(good.to_string()));
    assert!(good.is_retriable() && good.broker_code() == bad.broker_code());
    assert!([good, bad].iter().all(|error| error.certainty() == Certainty::NotWritten));
}

/// The texts of the times of nothing, and of what comes too late.
#[test]
fn what_is_not_there_yet_and_what_is_closed() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = config(&cluster.bootstrap_servers()).build().unwrap();
    producer.send(ProducerRecord::to("t").value("v")).unwrap().get(PATIENCE).unwrap();
    cluster.hold_replies();
    let future = producer.send(ProducerRecord::to("t").value("v")).unwrap();
    assert!(cluster.wait_for_records("t", 2, PATIENCE));
    assert_eq!(
        future.get(Duration::ZERO).unwrap_err().to_string(),
        "the time of 0ns ran out waiting for the answer to a record for t-0"
    );
    let pending = "the time of 0ns ran out with 1 batches pending (the first for t-0)";
    assert_eq!(producer.flush(Duration::ZERO).unwrap_err().to_string(), pending);
    let failed =
        "1 records failed, the first because the producer is closed (the record may have been written)";
    assert_eq!(producer.close(Duration::ZERO).unwrap_err().to_string(), failed);
    let closed = "the producer is closed";
    for topic in ["t", "other"] {
        assert_eq!(producer.send(ProducerRecord::to(topic).value("v")).unwrap_err().to_string(), closed);
    }
    assert_eq!(producer.partitions_for("other").unwrap_err().to_string(), closed);
    producer.close(Duration::ZERO).unwrap();

    let nobody = config("127.0.0.1:1").build().unwrap();
    let text = nobody.wait_connected(Duration::ZERO).unwrap_err().to_string();
    let start = "the time of 0ns ran out waiting for the first answer of a broker";
    assert!(text.starts_with(start), "{text}");
    nobody.close(Duration::ZERO).unwrap();
    assert_eq!(nobody.wait_connected(Duration::MAX).unwrap_err().to_string(), closed);
}

#[test]
fn records_and_topics_that_can_not_be() {
    let long = "x".repeat(250);
    let value = [0; 2000];
    let small = config("127.0.0.1:1").max_request_size(1000).build().unwrap();
    let poor = config("127.0.0.1:1").buffer_memory(1000).build().unwrap();
    let (why_small, why_poor) = (
        "more than max_request_size of 1000 allows; raise max_request_size (and the broker's max.message.bytes) or send \
         less at once",
        "more than buffer_memory of 1000 allows; raise buffer_memory or send less at once",
    );
    for (producer, record, text) in [
        (
            &small,
            ProducerRecord::to(".").value("v"),
            "'.' can't be a topic's name: it is a name of directories".into(),
        ),
        (
            &small,
            ProducerRecord::to("..").value("v"),
            "'..' can't be a topic's name: it is a name of directories".into(),
        ),
        (
            &small,
            ProducerRecord::to(&long).value("v"),
            format!("'{long}' can't be a topic's name: it is longer than 249 characters"),
        ),
        (
            &small,
            ProducerRecord::to("a\0").value("v"),
            "'a\\0' can't be a topic's name: only letters, digits, '.', '_' and '-' may stand in it".into(),
        ),
        (&small, ProducerRecord::to("t").value(&value), format!("the record takes 2083 bytes, {why_small}")),
        (&poor, ProducerRecord::to("t").value(&value), format!("the record takes 2083 bytes, {why_poor}")),
    ] {
        assert_eq!(producer.send(record).unwrap_err().to_string(), text);
    }
}

#[test]
fn a_partitioner_that_names_what_is_not_there() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 3);
    for wild in [i32::MAX, i32::MIN, 3] {
        let config = config(&cluster.bootstrap_servers()).max_block(300 * MILLI);
        let producer = config.partitioner(move |_: Option<&[u8]>, _: usize, _: &[i32]| wild).build().unwrap();
        let error = producer.send(ProducerRecord::to("t").value("v")).unwrap_err().to_string();
        assert_eq!(error, format!("topic 't' has no partition {wild}: it has 3, numbered from 0"));
        producer.send(ProducerRecord::to("t").partition(0).value("v")).unwrap().get(PATIENCE).unwrap();
    }
}

#[test]
fn what_would_wait_inside_a_callback_says_so() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = Arc::new(config(&cluster.bootstrap_servers()).build().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    let inside = Arc::clone(&producer);
    producer.send(ProducerRecord::to("t").value("v")).unwrap().add_callback(move |_| {
        let next = inside.send(ProducerRecord::to("t").value("w")).unwrap();
        tell.send([
            inside.flush(None).unwrap_err().to_string(),
            next.get(None).unwrap_err().to_string(),
            inside.send(ProducerRecord::to("new").value("v")).unwrap_err().to_string(),
        ])
        .unwrap();
    });
    let wait = "inside a callback would wait for the thread that runs it; call it from another thread";
    assert_eq!(
        told.recv_timeout(PATIENCE).unwrap(),
        [
            format!("flush {wait}"),
            format!("get on an unfinished future {wait}"),
            "sending would have to wait for metadata of topic 'new'; send outside of a callback, or try again later"
                .to_owned(),
        ]
    );
    producer.close(PATIENCE).unwrap();
}

type With<T> = fn(ProducerConfig, T) -> ProducerConfig;

const TIMES: &[(&str, With<Duration>)] = &[
    ("linger", |config, time| config.linger(time)),
    ("max_block", |config, time| config.max_block(time)),
    ("request_timeout", |config, time| config.request_timeout(time)),
    ("delivery_timeout", |config, time| config.request_timeout(10 * MILLI).delivery_timeout(time)),
    ("retry_backoff", |config, time| config.retry_backoff(time, Duration::MAX)),
    ("retry_backoff_max", |config, time| config.retry_backoff(Duration::ZERO, time)),
    ("reconnect_backoff", |config, time| config.reconnect_backoff(time, Duration::MAX)),
    ("reconnect_backoff_max", |config, time| config.reconnect_backoff(Duration::ZERO, time)),
    ("socket_connection_setup_timeout", |config, time| {
        config.socket_connection_setup_timeout(time, Duration::MAX)
    }),
    ("socket_connection_setup_timeout", |config, time| {
        config.socket_connection_setup_timeout(10 * MILLI, time)
    }),
    ("connections_max_idle", |config, time| config.connections_max_idle(time)),
    ("metadata_max_age", |config, time| config.metadata_max_age(time)),
    ("metadata_max_idle", |config, time| config.metadata_max_idle(time)),
];

const SIZES: &[(&str, With<usize>)] = &[
    ("batch_size", |config, bytes| config.batch_size(bytes)),
    ("batch_max_bytes", |config, bytes| config.batch_max_bytes(bytes)),
    ("produce_request_max_bytes", |config, bytes| config.produce_request_max_bytes(bytes)),
    ("buffer_memory", |config, bytes| config.buffer_memory(bytes)),
    ("max_request_size", |config, bytes| config.max_request_size(bytes)),
    ("max_in_flight", |config, count| config.max_in_flight_requests_per_connection(count)),
    ("receive_message_max_bytes", |config, bytes| config.receive_message_max_bytes(bytes)),
    ("send_buffer_bytes", |config, bytes| config.send_buffer_bytes(bytes)),
    ("receive_buffer_bytes", |config, bytes| config.receive_buffer_bytes(bytes)),
    ("sock_chunk_bytes", |config, bytes| config.sock_chunk_bytes(bytes)),
    ("sock_chunk_buffer_count", |config, count| config.sock_chunk_buffer_count(count)),
];

/// Every time and size at its extremes is refused by its name, or makes a producer that lives.
fn extremes(servers: &str) {
    let days = Duration::from_secs(49 * 24 * 60 * 60);
    let times = [Duration::ZERO, Duration::from_nanos(1), MILLI, 10 * MILLI, days, Duration::MAX];
    let sizes = [0, 1, 100, 104_857_600, i32::MAX as usize, 1 << 31, usize::MAX];
    // Else most long times would be refused for being longer than this.
    let base = || config(servers).delivery_timeout(None);
    let timed = TIMES
        .iter()
        .flat_map(|(key, with)| times.map(|time| (*key, format!("{time:?}"), with(base(), time))));
    let sized =
        SIZES.iter().flat_map(|(key, with)| sizes.map(|size| (*key, size.to_string(), with(base(), size))));
    let mut living = Vec::new();
    for (key, value, config) in timed.chain(sized) {
        match config.build() {
            Ok(producer) => living.push((key, value, producer)),
            Err(error) => {
                let ErrorKind::Config { problems } = error.kind() else { panic!("{key} = {value}: {error}") };
                assert!(
                    problems.iter().all(|problem| problem.key.starts_with(key)),
                    "{key} = {value}: {error}"
                );
            }
        }
    }
    assert!(living.len() > 80, "{} were taken", living.len());
    // Meanwhile they all run.
    let nobody = config("127.0.0.1:1").build().unwrap();
    nobody.wait_connected(Duration::from_secs(1)).unwrap_err();
    for (_, _, producer) in &living {
        let _ = producer.try_send(ProducerRecord::to("t").value("v"));
    }
    nobody.wait_connected(Duration::from_secs(1)).unwrap_err();
    for (key, value, producer) in living {
        let alive = producer.try_send(ProducerRecord::to("t").value("v"));
        let over = |kind: &ErrorKind| matches!(kind, ErrorKind::Closed | ErrorKind::Bug { .. });
        assert!(
            !alive.is_err_and(|error| over(error.error().kind())),
            "{key} = {value}: the sender thread is gone"
        );
        let _ = producer.close(Duration::ZERO);
    }
}

#[test]
fn extremes_where_nobody_listens() {
    extremes(&TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string());
}

#[test]
fn extremes_where_a_broker_answers() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    extremes(&cluster.bootstrap_servers());
}

/// What only this client's thread, named after it, is told of; the other tests log nothing.
struct Angry;

const ANGRY: &str = "angry";

impl log::Log for Angry {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, _: &log::Record<'_>) {
        assert!(std::thread::current().name() != Some(ANGRY), "stdout is closed");
    }

    fn flush(&self) {}
}

/// A panic in the sender thread, even one for each line that is logged on the way out, fails every future, queued or
/// under way, and keeps nobody waiting.
#[test]
fn a_logger_that_panics_ends_the_producer_and_nobody_waits() {
    let _ = log::set_logger(&Angry);
    log::set_max_level(log::LevelFilter::Warn);
    for linger in [Duration::ZERO, Duration::from_secs(60)] {
        let cluster = MockCluster::start(1);
        cluster.create_topic("t", 3);
        let config = config(&cluster.bootstrap_servers()).client_id(ANGRY);
        let producer = config.linger(linger).build().unwrap();
        let send = |partition| producer.send(ProducerRecord::to("t").partition(partition).value("v"));
        send(0).unwrap();
        producer.flush(PATIENCE).unwrap();
        cluster.hold_replies();
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
            let text = error.to_string();
            let written = text.strip_suffix(" (the record may have been written)");
            // What lingered may get as far as the socket before the sender hears that nobody is there.
            assert!(written.is_some() || !under_way, "{text}");
            assert_eq!(
                written.unwrap_or(&text),
                "a defect of kafka-producer, please report it: the sender panicked: stdout is closed"
            );
        }
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let producer = &producer;
            scope.spawn(move || tell.send((producer.flush(PATIENCE).is_ok(), producer.close(None).is_ok())));
            assert_eq!(told.recv_timeout(PATIENCE), Ok((true, true)));
        });
        // Whoever comes later learns the cause as well.
        let why = "a defect of kafka-producer, please report it: the sender panicked: stdout is closed";
        assert_eq!(send(0).unwrap_err().to_string(), why);
        assert_eq!(producer.partitions_for("other").unwrap_err().to_string(), why);
    }
}

/// Several callbacks of one answer panic, and so does the logger that is told of it: the process and the producer live.
#[test]
fn a_logger_that_panics_over_a_callback_that_panics_ends_nothing() {
    let _ = log::set_logger(&Angry);
    log::set_max_level(log::LevelFilter::Warn);
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
