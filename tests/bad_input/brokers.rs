//! Brokers that can't be reached, or are none.

use std::io::{self, Read, Write};
use std::net::{TcpListener, ToSocketAddrs};
use std::time::Duration;

use kafka_producer::mock::{ApiKey, MockCluster};
use kafka_producer::{ErrorKind, ProducerRecord};

use crate::{MILLI, PATIENCE, config, nobody_listens_here, refused};

/// The first trouble with `servers` that says `says`, as a waiting caller is told of it.
fn trouble(servers: &str, says: &str) -> String {
    let producer = config(servers).build().unwrap();
    let mut errors = (0..100).map(|_| producer.wait_connected(100 * MILLI).unwrap_err().to_string());
    let found = errors.find(|error| error.contains(says));
    found.unwrap_or_else(|| panic!("for ten seconds nothing was said of {says}"))
}

#[test]
fn a_port_where_nobody_listens() {
    let (address, refused) = (nobody_listens_here(), refused());
    assert_eq!(
        trouble(&address.to_string(), &refused.to_string()),
        format!(
            "the call's timeout of 100ms expired while waiting for the first response of a broker; last seen: {address} (from \
             bootstrap_servers) at TCP connect: {refused}"
        )
    );
}

/// And what the system says of it.
fn a_name_that_does_not_resolve() -> (&'static str, io::Error) {
    let name = "no-such-host.invalid";
    (name, (name, 9092).to_socket_addrs().unwrap_err())
}

#[test]
fn a_name_that_nobody_has() {
    let (name, why) = a_name_that_does_not_resolve();
    assert_eq!(
        trouble(&format!("{name}:9092"), &why.to_string()),
        format!(
            "the call's timeout of 100ms expired while waiting for the first response of a broker; last seen: {name}:9092 (from \
             bootstrap_servers) at DNS: {why}"
        )
    );
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
    let web = answers(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(
        trouble(&web, "HTTP"),
        format!(
            "the call's timeout of 100ms expired while waiting for the first response of a broker; last seen: {web} (from \
             bootstrap_servers) at ApiVersions: the peer sent HTTP, so the peer is not a Kafka broker: use the port of a \
             Kafka broker"
        )
    );
    // A fatal alert, as a TLS server answers what is no handshake: nobody waits until a timeout.
    let tls = answers(&[0x15, 3, 3, 0, 2, 2, 40]);
    assert_eq!(
        trouble(&tls, "TLS"),
        format!(
            "a broker can't be used with this configuration: {tls} (from bootstrap_servers) at ApiVersions: the peer \
             sent TLS, but this connection is not encrypted: set security_protocol to SSL or SASL_SSL, or use the port \
             of a PLAINTEXT listener"
        )
    );
}

/// Before any timeout of its own has run out: how far it got is known all the same.
#[test]
fn a_port_that_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    assert_eq!(
        trouble(&address, "ApiVersions"),
        format!(
            "the call's timeout of 100ms expired while waiting for the first response of a broker; last seen: {address} (from \
             bootstrap_servers) at ApiVersions: no response yet"
        )
    );
}

#[test]
fn a_broker_that_does_not_answer_about_a_topic() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = config(&cluster.bootstrap_servers()).max_block(300 * MILLI).build().unwrap();
    producer.send(ProducerRecord::to("t").value("v")).unwrap().get(PATIENCE).unwrap();
    cluster.hold_responses();
    let text = producer.send(ProducerRecord::to("u").value("v")).unwrap_err().to_string();
    // The connection by which the first answer came may have been closed by then, or not.
    let whole = ["bootstrap_servers", "advertised.listeners of broker 0"].map(|origin| {
        format!(
            "max_block_ms of 300ms expired while waiting for metadata of topic 'u'; last seen: {} (from {origin}) at Metadata: \
             no response yet",
            cluster.address(0)
        )
    });
    assert!(whole.contains(&text), "{text}");
}

/// Once the cluster is there nobody needs it, and nobody is told of it.
#[test]
fn a_dead_bootstrap_server_is_of_no_account_later() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let servers = format!("{},{}", nobody_listens_here(), cluster.bootstrap_servers());
    let producer = config(&servers).build().unwrap();
    let send = || producer.send(ProducerRecord::to("t").value("v")).unwrap();
    send().get(PATIENCE).unwrap();
    cluster.hold_responses();
    let future = send();
    assert!(cluster.wait_for_records("t", 2, PATIENCE));
    assert_eq!(
        future.get(Duration::ZERO).unwrap_err().to_string(),
        format!(
            "the call's timeout of 0ns expired while waiting for the response to a record for t-0; last seen: {} (from \
             advertised.listeners of broker 0) at Produce: no response yet",
            cluster.address(0)
        )
    );
    cluster.release_responses();
    producer.close(PATIENCE).unwrap();
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
            "the call's timeout of 100ms expired while waiting for the first response of a broker; last seen: {} (from bootstrap_servers) \
             at Metadata: it does not know this request; if this is the port of a controller, use the port of a broker",
            cluster.bootstrap_servers()
        )
    );
}

/// The bootstrap broker answers, and names a leader that can't be reached: whatever ends the wait says where the
/// leader's address came from, how far it got with it and what stopped it there.
fn advertised(host: &str, port: u16, seen: &str) {
    let cluster = MockCluster::start(2);
    cluster.create_topic("t", 2);
    cluster.set_leader("t", 0, 0);
    cluster.set_leader("t", 1, 1);
    cluster.broker(1).advertise(host, port);
    let config = || config(&cluster.address(0)).request_timeout(300 * MILLI);
    let record = || ProducerRecord::to("t").partition(1).value("v");
    let seen = format!("last seen: {host}:{port} (from advertised.listeners of broker 1) at {seen}");

    let producer = config().delivery_timeout(600 * MILLI).build().unwrap();
    let error = producer.send(record()).unwrap().get(PATIENCE).unwrap_err();
    let text =
        format!("delivery_timeout_ms of 600ms expired before the records for t-1 could be sent; {seen}");
    assert_eq!(error.to_string(), text);
    let text = format!("1 record failed: {text}");
    producer.send(record()).unwrap();
    assert_eq!(producer.flush(PATIENCE).unwrap_err().to_string(), text);

    let producer = config().build().unwrap();
    let futures = [(); 3].map(|()| producer.send(record()).unwrap());
    assert_eq!(
        futures[0].get(500 * MILLI).unwrap_err().to_string(),
        format!(
            "the call's timeout of 500ms expired while waiting for the response to a record for t-1; the record has not been sent yet; {seen}"
        )
    );
    let records = |state| format!("expired; 3 records in 1 batch {state} (t-1); {seen}");
    assert_eq!(
        producer.flush(200 * MILLI).unwrap_err().to_string(),
        format!("the call's timeout of 200ms {}", records("are pending"))
    );
    assert_eq!(
        producer.close(100 * MILLI).unwrap_err().to_string(),
        format!("the close timeout of 100ms {}", records("had no result"))
    );

    let producer = config().buffer_memory(4096).max_block(300 * MILLI).build().unwrap();
    let full = loop {
        if let Err(error) = producer.send(record().value(&[0; 1000])) {
            break error;
        }
    };
    let ErrorKind::BufferExhausted { requested, used, total: 4096, waited, .. } = full.kind() else {
        panic!("{full}")
    };
    let waited = waited.as_millis();
    assert!((250..10_000).contains(&waited) && *used > 2000, "{full}");
    assert_eq!(
        full.to_string(),
        format!(
            "max_block_ms of 300ms expired; the call waited {waited} ms for {requested} bytes of buffer_memory for t-1; \
             {used} of 4096 bytes are in use; the brokers accept records more slowly than the program sends them; raise \
             buffer_memory or max_block_ms, or send less; {seen}"
        )
    );
    producer.close(Duration::ZERO).unwrap_err();
}

#[test]
fn an_advertised_address_where_nobody_listens() {
    advertised("127.0.0.1", nobody_listens_here().port(), &format!("TCP connect: {}", refused()));
}

#[test]
fn an_advertised_name_that_does_not_resolve() {
    let (name, why) = a_name_that_does_not_resolve();
    advertised(name, 29092, &format!("DNS: {why}"));
}
