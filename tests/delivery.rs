//! What is sent arrives, in order, or its future says why not: over real sockets, to a broker that does wrong what it
//! is told to.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::sync::mpsc;
use std::time::Duration;

use kafka_producer::mock::{ApiKey, MockCluster};
use kafka_producer::{
    Acks, Certainty, Error, ErrorCode, ErrorKind, FutureRecordMetadata, KafkaProducer, ProducerConfig,
    ProducerRecord, Stage,
};

const PATIENCE: Duration = Duration::from_secs(30);

fn config(cluster: &MockCluster) -> ProducerConfig {
    KafkaProducer::builder()
        .bootstrap_servers(cluster.bootstrap_servers())
        .retry_backoff(Duration::from_millis(5))
        .retry_backoff_max(Duration::from_millis(20))
        .reconnect_backoff(Duration::from_millis(5))
        .reconnect_backoff_max(Duration::from_millis(20))
}

fn send(producer: &KafkaProducer, number: usize) -> FutureRecordMetadata {
    producer.send(ProducerRecord::to("t").partition(0).value(&number.to_string())).unwrap()
}

fn stored(cluster: &MockCluster, partition: i32) -> Vec<usize> {
    let text = |value: Option<Vec<u8>>| String::from_utf8(value.unwrap()).unwrap();
    cluster.records("t", partition).into_iter().map(|record| text(record.value).parse().unwrap()).collect()
}

fn one_topic(partitions: usize) -> MockCluster {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", partitions);
    cluster
}

#[test]
fn records_stand_where_their_futures_say() {
    let cluster = one_topic(3);
    let producer = config(&cluster).build().unwrap();
    let futures: Vec<_> = (0..3000)
        .map(|number: usize| {
            let (key, value) = (format!("k{number}"), format!("v{number}"));
            let record = ProducerRecord::to("t").key(&key).value(&value).header("h", "1").null_header("h");
            producer.send(record.timestamp_ms(number as i64)).unwrap()
        })
        .collect();
    producer.flush(PATIENCE).unwrap();
    let logs: Vec<_> = (0..3).map(|partition| cluster.records("t", partition)).collect();
    assert_eq!(logs.iter().map(Vec::len).sum::<usize>(), 3000);
    for (number, future) in futures.iter().enumerate() {
        let metadata = future.get(PATIENCE).unwrap();
        let record = &logs[metadata.partition() as usize][metadata.offset().unwrap() as usize];
        assert_eq!(record.key.as_deref(), Some(format!("k{number}").as_bytes()));
        assert_eq!(record.value.as_deref(), Some(format!("v{number}").as_bytes()));
        assert_eq!(record.headers, [("h".to_owned(), Some(b"1".to_vec())), ("h".to_owned(), None)]);
        assert_eq!((record.offset, record.timestamp), (metadata.offset().unwrap(), number as i64));
    }
}

#[test]
fn an_error_that_passes_is_tried_again_and_order_holds() {
    let cluster = one_topic(1);
    let producer = config(&cluster).build().unwrap();
    for code in
        [ErrorCode::NOT_ENOUGH_REPLICAS, ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::CORRUPT_MESSAGE]
    {
        cluster.fail_next_produce("t", 0, code, 2);
    }
    let futures: Vec<_> = (0..500).map(|number| send(&producer, number)).collect();
    producer.flush(PATIENCE).unwrap();
    assert_eq!(stored(&cluster, 0), (0..500).collect::<Vec<_>>());
    let offsets: Vec<_> =
        futures.iter().map(|future| future.get(PATIENCE).unwrap().offset().unwrap()).collect();
    assert_eq!(offsets, (0..500).collect::<Vec<_>>());
}

#[test]
fn an_error_that_stays_fails_the_future_and_nobody_else() {
    let cluster = one_topic(1);
    let producer = config(&cluster).build().unwrap();
    cluster.fail_next_produce("t", 0, ErrorCode::TOPIC_AUTHORIZATION_FAILED, 1);
    let error = send(&producer, 0).get(PATIENCE).unwrap_err();
    assert_eq!(error.broker_code(), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert_eq!(error.certainty(), Certainty::NotWritten);
    assert!(error.to_string().contains("TOPIC_AUTHORIZATION_FAILED (29) for t-0"), "{error}");
    assert_eq!(send(&producer, 1).get(PATIENCE).unwrap().offset(), Some(0));
}

#[test]
fn a_moved_leader_is_followed() {
    let cluster = MockCluster::start(3);
    cluster.create_topic("t", 1);
    let producer = config(&cluster).build().unwrap();
    for round in 0..6 {
        cluster.set_leader("t", 0, round % 3);
        assert_eq!(send(&producer, round).get(PATIENCE).unwrap().offset(), Some(round as i64));
    }
    assert_eq!(stored(&cluster, 0), (0..6).collect::<Vec<_>>());
}

#[test]
fn a_broker_that_was_gone_gets_what_waited() {
    let cluster = one_topic(1);
    let producer = config(&cluster).build().unwrap();
    send(&producer, 0).get(PATIENCE).unwrap();
    cluster.stop_broker(0);
    let waiting: Vec<_> = (1..50).map(|number| send(&producer, number)).collect();
    let early = waiting[0].get(Duration::from_millis(100)).unwrap_err();
    assert!(early.is_timeout(), "{early}");
    cluster.start_broker(0);
    producer.flush(PATIENCE).unwrap();
    assert_eq!(stored(&cluster, 0), (0..50).collect::<Vec<_>>());
    assert!(waiting.iter().all(FutureRecordMetadata::succeeded));
}

#[test]
fn a_dead_bootstrap_server_is_passed_over() {
    let cluster = one_topic(1);
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let servers = [dead.to_string(), cluster.bootstrap_servers()];
    let producer = config(&cluster).bootstrap_servers(servers).build().unwrap();
    assert!(!producer.bootstrap_connected());
    producer.wait_connected(PATIENCE).unwrap();
    assert!(producer.bootstrap_connected());
    send(&producer, 0).get(PATIENCE).unwrap();
}

/// Without retries a lost answer is the end, and the error says that the record may stand in the log: it does.
#[test]
fn a_lost_answer_without_retries_may_have_been_written() {
    let cluster = one_topic(1);
    let producer = config(&cluster).retries(0).build().unwrap();
    cluster.cut_next_produce_response();
    let error = send(&producer, 7).get(PATIENCE).unwrap_err();
    assert_eq!(error.certainty(), Certainty::MaybeWritten);
    let ErrorKind::RetriesUsedUp { retries: 0, last, .. } = error.kind() else { panic!("{error}") };
    let ErrorKind::Network { trouble, .. } = last.kind() else { panic!("{error}") };
    assert_eq!((trouble.stage, trouble.address.as_str()), (Stage::Produce, &*cluster.bootstrap_servers()));
    assert_eq!(stored(&cluster, 0), [7]);
}

/// The documented price of retries without idempotence, and that there is none with it.
#[test]
fn a_lost_answer_with_retries_is_stored_once_with_idempotence_and_twice_without() {
    for (acks, copies) in [(Acks::All, 1), (Acks::Leader, 2)] {
        let cluster = one_topic(1);
        let producer = config(&cluster).acks(acks).build().unwrap();
        cluster.cut_next_produce_response();
        assert_eq!(send(&producer, 7).get(PATIENCE).unwrap().offset(), Some(copies - 1));
        assert_eq!(stored(&cluster, 0), vec![7; copies as usize]);
    }
}

#[test]
fn a_broker_that_does_not_answer_is_left_after_the_request_timeout() {
    let cluster = one_topic(1);
    let producer = config(&cluster).request_timeout(Duration::from_millis(200)).retries(0).build().unwrap();
    producer.wait_connected(PATIENCE).unwrap();
    send(&producer, 0).get(PATIENCE).unwrap();
    cluster.hold_responses();
    let error = send(&producer, 1).get(PATIENCE).unwrap_err();
    assert_eq!(error.certainty(), Certainty::MaybeWritten);
    assert!(error.to_string().contains("no response within 200ms (request_timeout_ms)"), "{error}");
    cluster.release_responses();
    send(&producer, 2).get(PATIENCE).unwrap();
    assert_eq!(stored(&cluster, 0), [0, 1, 2]);
}

#[test]
fn a_record_that_can_not_be_delivered_expires_and_says_why() {
    let cluster = one_topic(1);
    let producer = config(&cluster)
        .request_timeout(Duration::from_millis(100))
        .delivery_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    send(&producer, 0).get(PATIENCE).unwrap();
    cluster.stop_broker(0);
    let error = send(&producer, 1).get(PATIENCE).unwrap_err();
    assert!(error.is_timeout());
    let text = error.to_string();
    assert!(text.contains("delivery_timeout_ms of 300ms expired"), "{text}");
    assert!(text.contains(&cluster.address(0)), "{text}");
}

#[test]
fn acks_0_tells_no_offset_and_waits_for_no_answer() {
    let cluster = one_topic(1);
    let producer = config(&cluster).acks(Acks::None).build().unwrap();
    for number in 0..100 {
        assert_eq!(send(&producer, number).get(PATIENCE).unwrap().offset(), None);
    }
    assert!(cluster.wait_for_records("t", 100, PATIENCE));
    assert_eq!(stored(&cluster, 0), (0..100).collect::<Vec<_>>());
}

/// acks=all, one request in flight, keys, and waiting for each record.
#[test]
fn the_safest_settings_store_each_record_before_the_next_is_sent() {
    let cluster = one_topic(3);
    let config = config(&cluster).acks(Acks::All).max_in_flight_requests_per_connection(1);
    let producer = config.build().unwrap();
    let mut partitions = std::collections::BTreeSet::new();
    for number in 0..20_u64 {
        let value = number.to_string();
        let stored =
            producer.send(ProducerRecord::to("t").key("k").value(&value)).unwrap().get(PATIENCE).unwrap();
        assert_eq!((stored.offset(), cluster.record_count("t")), (Some(number as i64), number + 1));
        partitions.insert(stored.partition());
    }
    assert_eq!(partitions.len(), 1, "one key, one partition");
    let produced = cluster.requests().into_iter().filter(|request| request.api == ApiKey::PRODUCE);
    let seen: Vec<_> = produced.map(|request| (request.acks, request.batches[0].records)).collect();
    assert_eq!(seen, [(Some(-1), 1); 20]);
}

#[test]
fn every_produce_version_stores_the_same() {
    for version in 3..=13 {
        let cluster = one_topic(1);
        cluster.limit_api(ApiKey::PRODUCE, 0..=version);
        let producer = config(&cluster).build().unwrap();
        assert_eq!(send(&producer, 5).get(PATIENCE).unwrap().offset(), Some(0), "version {version}");
        assert_eq!(stored(&cluster, 0), [5]);
        let spoken = cluster.requests().into_iter().filter(|request| request.api == ApiKey::PRODUCE);
        assert_eq!(spoken.map(|request| request.version).collect::<Vec<_>>(), [version]);
    }
}

#[test]
fn every_metadata_version_finds_the_topic() {
    for version in 0..=13 {
        let cluster = one_topic(4);
        cluster.limit_api(ApiKey::METADATA, 0..=version);
        let producer = config(&cluster).build().unwrap();
        assert_eq!(producer.partitions_for("t").unwrap().len(), 4, "version {version}");
        send(&producer, 0).get(PATIENCE).unwrap();
    }
}

#[test]
fn a_broker_too_old_is_named_with_what_it_speaks() {
    let cluster = one_topic(1);
    cluster.limit_api(ApiKey::PRODUCE, 0..=2);
    let producer = config(&cluster).build().unwrap();
    let error = send(&producer, 0).get(PATIENCE).unwrap_err();
    let address = cluster.address(0);
    assert_eq!(
        error.to_string(),
        format!(
            "{address} does not support Produce in versions 3 to 13: it supports 0 to 2; use a newer broker"
        )
    );
}

#[test]
fn callbacks_learn_what_futures_learn() {
    let cluster = one_topic(1);
    let producer = config(&cluster).build().unwrap();
    let (tell, told) = mpsc::channel();
    let good = tell.clone();
    send(&producer, 0)
        .add_callback(move |metadata| good.send(Ok(metadata.offset())).unwrap())
        .add_errback(|error| panic!("{error}"));
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Ok::<_, Option<ErrorCode>>(Some(0)));
    cluster.fail_next_produce("t", 0, ErrorCode::INVALID_RECORD, 1);
    send(&producer, 1)
        .add_callback(|_| panic!("it failed"))
        .add_errback(move |error: &Error| tell.send(Err(error.broker_code())).unwrap());
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Err(Some(ErrorCode::INVALID_RECORD)));
}

/// B54, U04: what is no broker is called by its name.
#[test]
fn what_answers_with_http_is_told_to_be_no_broker() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let producer = KafkaProducer::builder().bootstrap_servers([address.to_string()]).build().unwrap();
    let error = loop {
        let error = producer.wait_connected(Duration::from_millis(200)).unwrap_err().to_string();
        if error.contains("HTTP") {
            break error;
        }
    };
    assert!(
        error.contains(&format!("{address} (from bootstrap_servers) at ApiVersions: the peer sent HTTP")),
        "{error}"
    );
}
