//! Every setting at its extremes.

use std::net::TcpListener;
use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{ErrorKind, ProducerConfig, ProducerRecord};

use crate::{MILLI, config};

type With<T> = fn(ProducerConfig, T) -> ProducerConfig;

const TIMES: &[(&str, With<Duration>)] = &[
    ("linger", |config, time| config.linger(time)),
    ("max_block", |config, time| config.max_block(time)),
    ("request_timeout", |config, time| config.request_timeout(time)),
    ("delivery_timeout", |config, time| config.request_timeout(10 * MILLI).delivery_timeout(time)),
    ("retry_backoff", |config, time| config.retry_backoff(time).retry_backoff_max(Duration::MAX)),
    ("retry_backoff_max", |config, time| config.retry_backoff(Duration::ZERO).retry_backoff_max(time)),
    ("reconnect_backoff", |config, time| config.reconnect_backoff(time).reconnect_backoff_max(Duration::MAX)),
    ("reconnect_backoff_max", |config, time| {
        config.reconnect_backoff(Duration::ZERO).reconnect_backoff_max(time)
    }),
    ("socket_connection_setup_timeout", |config, time| {
        config.socket_connection_setup_timeout(time).socket_connection_setup_timeout_max(Duration::MAX)
    }),
    ("socket_connection_setup_timeout", |config, time| {
        config.socket_connection_setup_timeout(10 * MILLI).socket_connection_setup_timeout_max(time)
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
                let ErrorKind::Config { problems, .. } = error.kind() else {
                    panic!("{key} = {value}: {error}")
                };
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
        let over = alive.is_err_and(|error| over(error.kind()));
        assert!(!over, "{key} = {value}: the sender thread is gone");
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
