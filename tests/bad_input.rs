//! What is wrong is told at once, in one sentence that names the setting, the value and what to change; nothing is lost.
//! (What is wrong with a single record: `blocking.rs`.)
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{KafkaProducer, ProducerConfig, ProducerRecord};

const PATIENCE: Duration = Duration::from_secs(30);

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
        (config("host").client_id("a\nb"), "client_id = 'a\\nb': control characters may not stand in it"),
    ];
    for (config, why) in table {
        let error = config.build().unwrap_err().to_string();
        assert_eq!(error, format!("the configuration can't be used: {why}"));
    }
}

/// The first trouble with `servers` that `says` recognizes, as a waiting caller is told of it.
fn trouble(servers: &str, says: &str) -> String {
    let producer = config(servers).build().unwrap();
    loop {
        let error = producer.wait_connected(Duration::from_millis(100)).unwrap_err().to_string();
        if error.contains(says) {
            return error;
        }
    }
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

#[test]
fn a_port_that_speaks_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 512]);
            // A fatal alert, as a TLS server answers what is no handshake.
            let _ = stream.write_all(&[0x15, 3, 3, 0, 2, 2, 40]);
        }
    });
    assert_eq!(
        trouble(&address.to_string(), "TLS"),
        format!(
            "the time of 100ms ran out waiting for the first answer of a broker; last seen: {address} (from \
             bootstrap_servers) at ApiVersions: the peer answered with TLS, but this connection is not encrypted"
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
    producer.flush(Duration::ZERO).unwrap();
    producer.flush(Duration::MAX).unwrap();
    producer.close(Duration::MAX).unwrap();
    producer.close(Duration::ZERO).unwrap();
    assert!(producer.send(ProducerRecord::to("t").value("v")).unwrap_err().is_closed());
}
