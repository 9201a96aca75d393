//! What is slow is not late: a network that takes its time, and a thread that is kept from looking.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![expect(clippy::disallowed_methods, reason = "these tests are about time")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use kafka_producer::mock::{ApiKey, MockCluster};
use kafka_producer::{FutureRecordMetadata, KafkaProducer, ProducerConfig, ProducerRecord};

const PATIENCE: Duration = Duration::from_secs(60);
/// Of the kernel's buffers on the way: what is in them has been written and not arrived.
const SMALL: usize = 16 << 10;

fn config(servers: &str) -> ProducerConfig {
    KafkaProducer::builder()
        .bootstrap_servers(servers)
        .retry_backoff(Duration::from_millis(5))
        .retry_backoff_max(Duration::from_millis(20))
        .reconnect_backoff(Duration::from_millis(5))
        .reconnect_backoff_max(Duration::from_millis(20))
}

/// Hands on to `target`, a piece each `pace`; answers go back at once. Returns its port.
fn slow_way(target: String, piece: usize, pace: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&listener).set_recv_buffer_size(SMALL).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut near, _)) = listener.accept() {
            let mut far = TcpStream::connect(&target).unwrap();
            let (mut back, mut answers) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut answers, &mut back));
            std::thread::spawn(move || {
                let mut bytes = vec![0; piece];
                while let Ok(count @ 1..) = near.read(&mut bytes) {
                    if far.write_all(&bytes[..count]).is_err() {
                        return;
                    }
                    std::thread::sleep(pace);
                }
            });
        }
    });
    port
}

/// It takes several request timeouts to write what was queued at once.
#[test]
fn a_request_of_which_bytes_move_is_not_late() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 12);
    let port = slow_way(cluster.address(0), 4096, Duration::from_millis(2));
    cluster.broker(0).advertise("127.0.0.1", port);
    let timeout = Duration::from_millis(600);
    let producer = config(&format!("127.0.0.1:{port}"))
        .request_timeout(timeout)
        .send_buffer_bytes(SMALL)
        .batch_size(310_000)
        .linger(Duration::from_millis(100))
        .build()
        .unwrap();
    let value = "v".repeat(30_000);
    let futures: Vec<FutureRecordMetadata> = (0..120)
        .map(|number| producer.send(ProducerRecord::to("t").partition(number % 12).value(&value)).unwrap())
        .collect();
    producer.flush(PATIENCE).unwrap();
    assert!(futures.iter().all(FutureRecordMetadata::succeeded));
    assert_eq!(cluster.record_count("t"), 120, "stored for 120 that were sent");
    let set_ups = cluster.requests().iter().filter(|request| request.api == ApiKey::API_VERSIONS).count();
    assert!(set_ups <= 2, "{set_ups} connections, one to learn of the broker and one to it");
}

/// What has come while a callback kept the thread is read before anything is called late.
#[test]
fn an_answer_that_came_during_a_callback_is_not_late() {
    let timeout = Duration::from_secs(1);
    answered_during_a_callback(|config| config.request_timeout(timeout), 2 * timeout);
}

#[test]
fn an_answer_that_came_during_a_callback_keeps_its_record_from_expiring() {
    let timeout = Duration::from_secs(1);
    let timeouts = |config: ProducerConfig| config.request_timeout(timeout).delivery_timeout(timeout);
    answered_during_a_callback(timeouts, 2 * timeout);
}

/// Two records, and a callback of the first that lets the second be answered and takes so long.
fn answered_during_a_callback(timeouts: impl Fn(ProducerConfig) -> ProducerConfig, takes: Duration) {
    let cluster = Arc::new(MockCluster::start(2));
    cluster.create_topic("t", 2);
    let producer = timeouts(config(&cluster.bootstrap_servers())).build().unwrap();
    for partition in 0..2 {
        producer.send(ProducerRecord::to("t").partition(partition).value("first")).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    cluster.hold_responses();
    let send = |partition| producer.send(ProducerRecord::to("t").partition(partition).value("v")).unwrap();
    let seen = cluster.requests().len();
    let (a, b) = (send(0), send(1));
    let other = Arc::clone(&cluster);
    a.add_callback(move |_| {
        other.broker(1).release_responses();
        std::thread::sleep(takes);
    });
    assert!(cluster.wait_for_requests(seen + 2, PATIENCE));
    cluster.broker(0).release_responses();
    producer.flush(PATIENCE).unwrap();
    assert!(a.succeeded() && b.succeeded());
    assert_eq!(cluster.records("t", 1).len(), 2, "stored once");
}
