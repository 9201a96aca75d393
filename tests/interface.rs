//! What the public interface promises to those who call it: one test for each decision in "The public interface" of
//! `docs/ARCHITECTURE.md`.

#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::error::Error as _;
use std::sync::mpsc;
use std::time::{Duration, UNIX_EPOCH};

use kafka_producer::mock::{ApiKey, MockCluster, MockRequest, MockRule};
use kafka_producer::{
    Acks, BytesSerializer, Certainty, ErrorCode, ErrorKind, Header, KafkaProducer, KeyHash, OwnedRecord,
    PartitionContext, ProducerConfig, ProducerRecord, RoundRobinPartitioner, TopicPartition,
};

const PATIENCE: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_millis(300);

fn cluster() -> MockCluster {
    let cluster = MockCluster::start(2);
    cluster.create_topic("t", 3);
    cluster
}

fn config(cluster: &MockCluster) -> ProducerConfig {
    KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers())
}

/// Waits until the producer knows the topic, however short its `max_block_ms` is.
fn meet(producer: &KafkaProducer, topic: &str) {
    let attempts = (0..100).map(|_| producer.partitions_for(topic));
    assert!(attempts.into_iter().any(|found| found.is_ok()), "{topic} is not found");
}

fn record() -> ProducerRecord<'static> {
    ProducerRecord::to("t").partition(1).value("v")
}

#[test]
fn a_partitioner_sees_the_whole_record_and_a_closure_needs_no_types() {
    let cluster = cluster();
    let (tell, told) = mpsc::channel();
    let producer = config(&cluster)
        .partition_by(move |record| {
            let header = record.headers()[0].value.map(<[u8]>::to_vec);
            let (key, value) = (record.key().map(<[u8]>::to_vec), record.value().map(<[u8]>::to_vec));
            let available = record.available_partitions().to_vec();
            tell.send((record.topic().to_owned(), key, value, header, record.partition_count(), available))
                .unwrap();
            2
        })
        .build()
        .unwrap();
    let record = ProducerRecord::to("t").key("k").value("v").header("h", b"1");
    let stored = producer.send(record).unwrap().get(PATIENCE).unwrap();
    assert_eq!(stored.topic_partition(), &TopicPartition::new("t", 2));
    let bytes = |text: &str| Some(text.as_bytes().to_vec());
    let seen = ("t".to_owned(), bytes("k"), bytes("v"), bytes("1"), 3, vec![0, 1, 2]);
    assert_eq!(told.recv().unwrap(), seen);
}

#[test]
fn partitions_for_gives_the_set_of_numbers_with_leaders_and_replicas() {
    let cluster = cluster();
    cluster.set_leader("t", 1, 1);
    let producer = config(&cluster).build().unwrap();
    let partitions = producer.partitions_for("t").unwrap();
    assert!(partitions.keys().copied().eq(0..3));
    let second = &partitions[&1];
    assert_eq!((second.partition(), second.leader()), (1, Some(1)));
    assert_eq!((second.replicas(), second.in_sync_replicas()), (&[0, 1][..], &[0, 1][..]));
}

#[test]
fn every_error_of_a_record_names_its_topic_and_partition() {
    let cluster = cluster();
    let limits = config(&cluster).request_timeout(SOON).delivery_timeout(SOON).max_block(SOON);
    let producer = limits.clone().buffer_memory(4096).build().unwrap();
    let waits = producer.try_send(record()).unwrap_err();
    assert!(matches!(waits.kind(), ErrorKind::WouldBlock { .. }), "{waits}");
    meet(&producer, "t");

    cluster.add_rule(MockRule::fail(ErrorCode::INVALID_RECORD).on(ApiKey::PRODUCE));
    let refused = producer.send(record()).unwrap().get(PATIENCE).unwrap_err();
    cluster.add_rule(MockRule::black_hole().on(ApiKey::PRODUCE).forever());
    let future = producer.send(record()).unwrap();
    assert_eq!((future.topic(), future.partition()), ("t", 1));
    let pending = future.get(Duration::ZERO).unwrap_err();
    let expired = future.get(PATIENCE).unwrap_err();
    let too_large = producer.send(record().value(&[0; 5000])).unwrap_err();
    let invalid = producer.send(record().value(None::<&str>)).unwrap_err();
    let cut_off = producer.send(record()).unwrap();
    producer.close(Duration::ZERO).unwrap_err();
    let closed = producer.send(record()).unwrap_err();

    // Its records do not expire while memory is waited for.
    let patient = config(&cluster).max_block(SOON).buffer_memory(4096).build().unwrap();
    meet(&patient, "t");
    while patient.try_send(record().value(&[0; 1000])).is_ok() {}
    let full = [patient.send(record().value(&[0; 1000])), patient.try_send(record().value(&[0; 1000]))];
    let [full, would_block] = full.map(Result::unwrap_err);
    assert!(matches!(full.kind(), ErrorKind::BufferExhausted { .. }), "{full}");
    patient.close(Duration::ZERO).unwrap_err();
    let cut_off = cut_off.get(PATIENCE).unwrap_err();
    for error in [refused, waits, pending, expired, too_large, invalid, full, would_block, closed, cut_off] {
        assert_eq!((error.topic(), error.partition()), (Some("t"), Some(1)), "{error}");
    }

    let producer = limits.allow_auto_create_topics(false).build().unwrap();
    producer.wait_connected(PATIENCE).unwrap();
    let unknown = producer.send(ProducerRecord::to("unknown").value("v")).unwrap_err();
    assert_eq!((unknown.topic(), unknown.partition()), (Some("unknown"), None));
    let unknown = producer.send(ProducerRecord::to("unknown").value("v").partition(3)).unwrap_err();
    assert_eq!((unknown.topic(), unknown.partition()), (Some("unknown"), Some(3)), "{unknown}");
    meet(&producer, "t");
    let none = producer.send(record().partition(7)).unwrap_err();
    assert_eq!((none.topic(), none.partition()), (Some("t"), Some(7)));
    cluster.add_rule(MockRule::black_hole().on(ApiKey::METADATA).forever());
    for error in [
        producer.partitions_for("silent").unwrap_err(),
        producer.send(ProducerRecord::to("silent").value("v")).unwrap_err(),
    ] {
        assert!(matches!(error.kind(), ErrorKind::Timeout { .. }), "{error}");
        assert_eq!((error.topic(), error.partition()), (Some("silent"), None), "{error}");
    }
}

/// A program that sends a record as long as that may help asks this of the error that ended all attempts.
#[test]
fn used_up_retries_are_retriable_whatever_the_last_attempt_failed_with() {
    let cluster = cluster();
    let producer = config(&cluster).retries(0).build().unwrap();
    let rules = [MockRule::fail(ErrorCode::NOT_ENOUGH_REPLICAS), MockRule::cut_after_append()];
    for rule in rules {
        cluster.add_rule(rule.on(ApiKey::PRODUCE));
        let error = producer.send(record()).unwrap().get(PATIENCE).unwrap_err();
        let ErrorKind::RetriesUsedUp { last, .. } = error.kind() else { panic!("{error}") };
        assert_eq!((last.topic(), last.partition()), (Some("t"), Some(1)), "{last}");
        assert!(error.is_retriable(), "{error}");
    }
}

#[test]
fn a_partitioner_is_called_once_for_each_record() {
    let cluster = cluster();
    let (tell, told) = mpsc::channel();
    let producer = config(&cluster)
        .partition_by(move |record| {
            let number = std::str::from_utf8(record.key().unwrap()).unwrap().parse().unwrap();
            tell.send(number).unwrap();
            number
        })
        .build()
        .unwrap();
    for (number, is_one) in [(1, true), (7, false), (-1, false), (2, true)] {
        let sent = producer.send(ProducerRecord::to("t").key(&number.to_string()));
        match sent {
            Ok(future) if is_one => assert_eq!(future.partition(), number),
            Err(error) if !is_one => {
                let ErrorKind::UnknownPartition {
                    topic_partition,
                    partition_count,
                    by_partitioner: true,
                    ..
                } = error.kind()
                else {
                    panic!("{error}")
                };
                assert_eq!((topic_partition, *partition_count), (&TopicPartition::new("t", number), 3));
            }
            sent => panic!("{number}: {sent:?}"),
        }
    }
    drop(producer);
    assert_eq!(told.iter().collect::<Vec<i32>>(), [1, 7, -1, 2]);
}

/// The advice for a dead-letter topic: a callback can't wait for metadata.
#[test]
fn a_topic_that_a_program_asked_for_stays_known_without_records() {
    let cluster = cluster();
    cluster.create_topic("dead", 1);
    let limits = config(&cluster).metadata_max_idle(Duration::from_millis(10));
    let producer = limits.metadata_max_age(Duration::from_millis(20)).build().unwrap();
    producer.partitions_for("dead").unwrap();
    producer.send(record()).unwrap().get(PATIENCE).unwrap();
    let before = cluster.requests().len();
    // Requests because of their age: idle topics were forgotten with the first.
    let aged = |requests: &[kafka_producer::mock::MockRequest]| {
        requests.iter().skip(before).filter(|request| request.api == ApiKey::METADATA).count() >= 3
    };
    assert!(cluster.wait_until_requests(PATIENCE, aged));
    producer.try_send(ProducerRecord::to("dead").value("v")).unwrap();
    assert!(producer.try_send(record()).is_err(), "a topic that is only sent to is forgotten");
}

/// Some programs print an error, others print it with its sources. Nothing is printed twice.
#[test]
fn the_text_of_an_error_does_not_repeat_its_source() {
    let cluster = cluster();
    let number = |text: &str| text.parse::<i32>().map(i32::to_be_bytes);
    let typed: KafkaProducer<[u8], str> = config(&cluster).build_with(BytesSerializer, number).unwrap();
    let not_serialized = typed.send(ProducerRecord::to("t").value("one")).unwrap_err();
    let plain = config(&cluster).retries(0).build().unwrap();
    cluster.add_rule(MockRule::fail(ErrorCode::NOT_ENOUGH_REPLICAS).on(ApiKey::PRODUCE));
    let used_up = plain.send(record()).unwrap().get(PATIENCE).unwrap_err();

    for (error, sources) in [(not_serialized, 1), (used_up, 0)] {
        let mut texts = vec![error.to_string()];
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            assert!(texts.iter().all(|before| !before.contains(&text)), "{texts:?} {text}");
            texts.push(text);
            source = cause.source();
        }
        assert_eq!(texts.len(), 1 + sources, "{texts:?}");
    }
}

#[test]
fn try_get_has_the_result_or_none_yet() {
    let cluster = cluster();
    let producer = config(&cluster).build().unwrap();
    producer.partitions_for("t").unwrap();
    cluster.hold_responses();
    let future = producer.send(record()).unwrap();
    assert!(future.try_get().is_none());
    cluster.release_responses();
    future.get(PATIENCE).unwrap();
    assert_eq!(future.try_get().unwrap().unwrap().offset(), Some(0));
}

#[test]
fn an_offset_that_no_broker_tells_is_none_and_a_time_is_a_system_time() {
    let cluster = cluster();
    let time = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
    let send = |acks, record| {
        let producer = config(&cluster).acks(acks).build().unwrap();
        producer.send(record).unwrap().get(PATIENCE).unwrap()
    };
    let untold = send(Acks::None, record().timestamp(time + Duration::from_nanos(999)));
    assert_eq!((untold.offset(), untold.timestamp(), untold.timestamp_ms()), (None, time, 1_700_000_000_123));
    assert_eq!(untold.to_string(), "t-1@unknown");
    // It is of this century: the mock's clock and the producer's are the machine's.
    let stored = send(Acks::All, record());
    assert!(stored.timestamp() > time && stored.offset() == Some(1));
    let producer = config(&cluster).build().unwrap();
    let error = producer.send(record().timestamp(UNIX_EPOCH - Duration::from_nanos(1))).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidRecord { .. }), "{error}");
}

/// The rule of all setters: `None` is no limit for a time, and the default for a number.
#[test]
fn none_is_no_limit_or_the_default() {
    let get = |config: &ProducerConfig, name| config.get(name).unwrap();
    let fresh = ProducerConfig::new();
    let limits = ProducerConfig::new().max_block(None).delivery_timeout(None).exit_timeout(None);
    for name in ["max_block_ms", "delivery.timeout.ms", "exit_timeout_ms"] {
        assert_eq!(get(&limits, name), "none");
        let read = ProducerConfig::from_pairs([(name, "none")]).unwrap();
        assert_eq!(get(&read, name), "none", "texts say it too");
    }
    let set = ProducerConfig::new()
        .batch_size(77)
        .batch_max_bytes(78)
        .max_request_size(79)
        .produce_request_max_bytes(80)
        .max_in_flight_requests_per_connection(1)
        .send_buffer_bytes(4096)
        .receive_buffer_bytes(4096)
        .compression_level(3)
        .enable_idempotence(false);
    let unset = set
        .batch_size(None)
        .batch_max_bytes(None)
        .max_request_size(None)
        .produce_request_max_bytes(None)
        .max_in_flight_requests_per_connection(None)
        .send_buffer_bytes(None)
        .receive_buffer_bytes(None)
        .compression_level(None)
        .enable_idempotence(None);
    assert!(unset.entries().eq(fresh.entries()));
    assert_eq!(fresh.get("no_such_setting"), None);
    assert_eq!(get(&ProducerConfig::new().delivery_timeout(Duration::MAX), "delivery_timeout_ms"), "none");
    let fraction = ProducerConfig::new().linger(Duration::from_micros(1_500));
    assert_eq!(get(&fraction, "linger_ms"), "1.5");
    let longest = ProducerConfig::new().request_timeout(Duration::MAX).delivery_timeout(PATIENCE);
    let text = longest.build().unwrap_err().to_string();
    assert!(text.contains("request_timeout_ms (Duration::MAX)"), "{text}");
    let secret = ProducerConfig::new().sasl_plain_password("hunter2");
    assert_eq!(get(&secret, "sasl_plain_password"), "[hidden]");
}

#[test]
fn max_block_may_be_unlimited() {
    let cluster = MockCluster::builder().auto_create_topics(false).build();
    // The last of two calls counts. With the first one `send` would fail.
    let limits = config(&cluster).max_block(Duration::from_millis(1)).max_block(None);
    let producer = limits.build().unwrap();
    std::thread::scope(|scope| {
        let sends = scope.spawn(|| producer.send(ProducerRecord::to("late").value("v")).unwrap());
        let asked = |requests: &[kafka_producer::mock::MockRequest]| {
            requests.iter().filter(|request| request.api == ApiKey::METADATA).count() >= 2
        };
        assert!(cluster.wait_until_requests(PATIENCE, asked));
        cluster.create_topic("late", 1);
        sends.join().unwrap().get(PATIENCE).unwrap();
    });
}

#[test]
fn literals_and_texts_work_where_one_expects_them() {
    let servers = |config: ProducerConfig| config.get("bootstrap_servers").unwrap();
    let (text, list) = ("a:9092,b:9092".to_owned(), vec!["a:9092".to_owned(), "b:9092".to_owned()]);
    for config in [
        ProducerConfig::new().bootstrap_servers("a:9092,b:9092"),
        ProducerConfig::new().bootstrap_servers(&text),
        ProducerConfig::new().bootstrap_servers(text.clone()),
        ProducerConfig::new().bootstrap_servers(["a:9092", "b:9092"]),
        ProducerConfig::new().bootstrap_servers(&list),
        ProducerConfig::new().bootstrap_servers(&list[..]),
        ProducerConfig::new().bootstrap_servers(list.clone()),
    ] {
        assert_eq!(servers(config), "a:9092,b:9092");
    }
    let acks = ["0", "1", "all", "-1", "ALL"].map(|text| text.parse::<Acks>().unwrap());
    assert_eq!(acks, [Acks::None, Acks::Leader, Acks::All, Acks::All, Acks::All]);
    assert_eq!("2".parse::<Acks>().unwrap_err().to_string(), "it must be 0, 1 or all");
    let headers = [Header::new("k", b"v"), Header::new("k", "v"), Header::new("k", Some(&b"v"[..]))];
    assert!(headers.iter().all(|header| header.value == Some(b"v")));
    assert_eq!((Header::new("k", None::<&str>).value, Header::null("k").value), (None, None));
}

/// Whether to call again and whether to send again are two questions.
#[test]
fn what_is_pending_is_not_retriable_and_what_is_retriable_is_over() {
    let cluster = cluster();
    let producer = config(&cluster).max_block(SOON).buffer_memory(4096).build().unwrap();
    meet(&producer, "t");
    cluster.hold_responses();
    let value = [0; 1000];
    let future = producer.send(record()).unwrap();
    while producer.try_send(record().value(&value)).is_ok() {}
    let more = || record().value(&value);
    let over = [producer.try_send(more()).unwrap_err(), producer.send(more()).unwrap_err()];
    let pending = [future.get(SOON).unwrap_err(), producer.flush(SOON).unwrap_err()];
    assert!(matches!(pending[0].kind(), ErrorKind::Timeout { .. }), "{}", pending[0]);
    assert!(matches!(pending[1].kind(), ErrorKind::Undelivered { .. }), "{}", pending[1]);
    assert!(matches!(over[0].kind(), ErrorKind::WouldBlock { .. }), "{}", over[0]);
    assert!(matches!(over[1].kind(), ErrorKind::BufferExhausted { .. }), "{}", over[1]);
    for error in pending {
        assert_eq!((error.is_pending(), error.is_retriable()), (true, false), "{error}");
        assert_eq!(error.certainty(), Certainty::MaybeWritten, "{error}");
    }
    for error in over {
        assert_eq!((error.is_pending(), error.is_retriable()), (false, true), "{error}");
        assert_eq!(error.certainty(), Certainty::NotWritten, "{error}");
    }
    cluster.release_responses();
    producer.close(PATIENCE).unwrap();
}

#[test]
fn an_unknown_topic_is_retriable_only_if_it_may_be_created_yet() {
    let cluster = MockCluster::builder().auto_create_topics(false).build();
    for asks in [false, true] {
        let producer = config(&cluster).max_block(SOON).allow_auto_create_topics(asks).build().unwrap();
        producer.wait_connected(PATIENCE).unwrap();
        let error = producer.send(ProducerRecord::to("unknown").value("v")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnknownTopic { .. }), "{error}");
        assert_eq!((error.is_retriable(), error.is_pending()), (asks, false));
    }
}

#[test]
fn a_record_waits_in_a_queue_and_is_sent_as_it_was() {
    let cluster = cluster();
    let producer = config(&cluster).build().unwrap();
    let queue: Vec<OwnedRecord> = {
        let (key, value) = ("key".to_owned(), vec![1, 2, 3]);
        let record: ProducerRecord = ProducerRecord::to("t").key(&key).value(&value).partition(2);
        vec![record.timestamp_ms(77).header("h", "1").null_header("n").into_owned()]
    };
    std::thread::spawn(move || {
        let future = producer.send(queue[0].as_record()).unwrap();
        future.get(PATIENCE).unwrap();
    })
    .join()
    .unwrap();
    let [stored] = &cluster.records("t", 2)[..] else { panic!("one record") };
    assert_eq!((stored.key.as_deref(), stored.value.as_deref()), (Some(&b"key"[..]), Some(&[1, 2, 3][..])));
    assert_eq!(stored.timestamp, 77);
    assert_eq!(stored.headers, [("h".to_owned(), Some(b"1".to_vec())), ("n".to_owned(), None)]);
}

#[test]
fn a_callback_given_to_send_is_called_once_with_either_and_not_if_send_fails() {
    let cluster = cluster();
    let producer = config(&cluster).build().unwrap();
    let (tell, told) = mpsc::channel();
    let send = |record: ProducerRecord<'_>| {
        let tell = tell.clone();
        producer.send_with(record, move |result| tell.send(result.cloned().map_err(Clone::clone)).unwrap())
    };
    send(record()).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap().unwrap().offset(), Some(0));
    cluster.add_rule(MockRule::fail(ErrorCode::INVALID_RECORD).on(ApiKey::PRODUCE));
    send(record()).unwrap();
    let error = told.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert_eq!(error.broker_code(), Some(ErrorCode::INVALID_RECORD));
    send(ProducerRecord::to("t")).unwrap_err();
    producer.close(PATIENCE).unwrap();
    assert!(told.try_recv().is_err());
}

#[test]
fn in_flight_counts_what_has_no_result() {
    let cluster = cluster();
    let producer = config(&cluster).buffer_memory(1 << 20).linger(PATIENCE).build().unwrap();
    producer.partitions_for("t").unwrap();
    for partition in [0, 0, 1] {
        producer.send(record().partition(partition)).unwrap();
    }
    let now = producer.in_flight();
    assert_eq!((now.records, now.batches), (3, 2));
    assert!(now.buffer_bytes > 0);
    assert_eq!(now.buffer_bytes + now.buffer_available_bytes, 1 << 20);
    producer.flush(PATIENCE).unwrap();
    let after = producer.in_flight();
    assert_eq!((after.records, after.batches, after.buffer_available_bytes), (0, 0, 1 << 20));
}

/// A serializer of bytes is asked as any other is, unless it says that it changes nothing.
#[test]
fn a_serializer_of_bytes_is_called() {
    let cluster = cluster();
    let reversed = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<_>>();
    let producer: KafkaProducer = config(&cluster).build_with(BytesSerializer, reversed).unwrap();
    producer.send(record().key("key").value("value")).unwrap().get(PATIENCE).unwrap();
    let [stored] = &cluster.records("t", 1)[..] else { panic!("one record") };
    assert_eq!((stored.key.as_deref(), stored.value.as_deref()), (Some(&b"key"[..]), Some(&b"eulav"[..])));
}

#[test]
fn a_partitioner_is_tested_without_a_producer() {
    let by_length = |record: &PartitionContext<'_>| record.key().map_or(0, <[u8]>::len) as i32;
    assert_eq!(by_length(&PartitionContext::new("t", 3).with_key(Some(b"ab"))), 2);
}

#[test]
fn partition_for_says_where_a_record_would_go_and_counts_nothing() {
    let cluster = cluster();
    let producer = config(&cluster).build().unwrap();
    let keyed: ProducerRecord = ProducerRecord::to("t").key("user-1").value("v");
    let partition = producer.partition_for(&keyed).unwrap();
    assert_eq!(partition, KeyHash::Murmur2.partition(b"user-1", 3));
    assert_eq!(producer.send(keyed).unwrap().get(PATIENCE).unwrap().partition(), partition);
    assert_eq!(producer.partition_for(&record()).unwrap(), 1);
    let nowhere = producer.partition_for(&record().partition(3)).unwrap_err();
    assert!(matches!(nowhere.kind(), ErrorKind::UnknownPartition { by_partitioner: false, .. }), "{nowhere}");

    let producer = config(&cluster).partitioner(RoundRobinPartitioner::new()).build().unwrap();
    let next: ProducerRecord = ProducerRecord::to("t").value("v");
    for expected in [0, 1, 2, 0] {
        let dry_runs = [(); 2].map(|()| producer.partition_for(&next).unwrap());
        let sent = producer.send(next.clone()).unwrap().get(PATIENCE).unwrap().partition();
        assert_eq!((dry_runs, sent), ([expected; 2], expected));
    }

    let by_text = |record: &PartitionContext<'_>| i32::from(record.key() == Some(b"12"));
    let producer = config(&cluster)
        .partition_by(by_text)
        .build_with(|number: &u32| number.to_string(), BytesSerializer)
        .unwrap();
    assert_eq!(producer.partition_for(&ProducerRecord::to("t").key(&12).value("v")).unwrap(), 1);
}

#[test]
fn a_producer_tells_the_name_that_brokers_see() {
    let cluster = cluster();
    let producers = [
        config(&cluster).client_id("orders").build().unwrap(),
        config(&cluster).build().unwrap(),
        config(&cluster).metrics_enabled(false).build().unwrap(),
    ];
    for producer in &producers {
        producer.send(record()).unwrap().get(PATIENCE).unwrap();
        let named = |request: &MockRequest| request.client_id.as_deref() == Some(producer.client_id());
        assert!(cluster.requests().iter().any(named), "{}", producer.client_id());
    }
    let [given, first, second] = producers.each_ref().map(KafkaProducer::client_id);
    assert_eq!(given, "orders");
    assert!(first.starts_with("kafka-producer-") && first != second, "{first} {second}");
}
