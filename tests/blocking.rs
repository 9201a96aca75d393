//! Nothing blocks longer than it says, and whoever blocks is woken.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::sync::mpsc;
use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{ErrorKind, KafkaProducer, Limit, ProducerConfig, ProducerRecord, SizeLimit};

const PATIENCE: Duration = Duration::from_secs(30);
/// What a timeout may take longer than it says, on a machine that does ten other things.
const SLACK: Duration = Duration::from_millis(500);

fn config(servers: &str) -> ProducerConfig {
    KafkaProducer::builder().bootstrap_servers(servers)
}

fn cluster() -> MockCluster {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    cluster
}

#[expect(clippy::disallowed_methods, reason = "these tests are about time")]
fn takes<R>(what: impl FnOnce() -> R) -> (R, Duration) {
    let start = std::time::Instant::now();
    (what(), start.elapsed())
}

fn nobody_listens_here() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_topic_that_nobody_tells_of_ends_with_max_block_and_the_reason() {
    let servers = nobody_listens_here();
    let producer = config(&servers).max_block(Duration::from_millis(300)).build().unwrap();
    let (result, time) = takes(|| producer.send(ProducerRecord::to("t").value("v")));
    let error = result.unwrap_err();
    assert!((Duration::from_millis(300)..Duration::from_millis(300) + SLACK).contains(&time), "{time:?}");
    assert!(matches!(error.kind(), ErrorKind::Timeout { limit: Limit::MaxBlock, .. }));
    assert_eq!(
        error.to_string(),
        format!(
            "max_block_ms of 300ms expired while waiting for metadata of topic 't'; last seen: {servers} (from \
             bootstrap_servers) at TCP connect: Connection refused (os error 111)"
        )
    );
}

/// `metadata_max_idle_ms` says when a topic is forgotten that nobody sends to, not how long `send` may wait for it.
#[test]
fn a_topic_that_comes_while_send_waits_is_found_however_soon_topics_are_forgotten() {
    let cluster = MockCluster::builder().auto_create_topics(false).build();
    let config = config(&cluster.bootstrap_servers()).metadata_max_idle(Duration::from_millis(20));
    let producer = KafkaProducer::new(config.max_block(Duration::from_secs(20))).unwrap();
    std::thread::scope(|scope| {
        let sent = scope.spawn(|| producer.send(ProducerRecord::to("late").value("v")));
        assert!(cluster.wait_for_requests(6, PATIENCE), "it is asked about again and again");
        cluster.create_topic("late", 1);
        sent.join().unwrap().unwrap().get(Duration::from_secs(20)).unwrap();
    });
}

#[test]
fn a_full_buffer_blocks_until_max_block_and_goes_on_when_there_is_room() {
    // The leader holds its first response, and the other broker knows the topic.
    let cluster = MockCluster::start(2);
    cluster.create_topic("t", 1);
    cluster.set_leader("t", 0, 1);
    cluster.broker(1).hold_responses();
    let producer = config(&cluster.address(0).to_string())
        .buffer_memory(64 << 10)
        .max_block(Duration::from_millis(300))
        .build()
        .unwrap();
    producer.partitions_for("t").unwrap();
    let value = vec![0; 1000];
    let mut sent = 0;
    let error = loop {
        match producer.send(ProducerRecord::to("t").value(&value)) {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
    };
    assert!((40..=64).contains(&sent), "{sent} records of 1 KiB were let into 64 KiB");
    assert!(matches!(error.kind(), ErrorKind::BufferExhausted { total: 65536, .. }), "{error}");
    let leader = format!(
        "{} (from advertised.listeners of broker 1) at ApiVersions: no response yet",
        cluster.address(1)
    );
    assert!(error.to_string().ends_with(&leader), "{error}");
    cluster.release_responses();
    producer.send(ProducerRecord::to("t").value(&value)).unwrap();
    producer.flush(PATIENCE).unwrap();
    assert_eq!(cluster.record_count("t"), sent + 1);
}

/// B26, U28.
#[test]
fn close_wakes_who_blocks_and_refuses_who_comes() {
    let held = cluster();
    held.hold_responses();
    for (servers, memory) in [(nobody_listens_here(), 32 << 20), (held.bootstrap_servers(), 16 << 10)] {
        let producer = config(&servers).buffer_memory(memory).build().unwrap();
        let (tell, told) = mpsc::channel();
        std::thread::scope(|scope| {
            let producer = &producer;
            for _ in 0..4 {
                let tell = tell.clone();
                scope.spawn(move || {
                    let error = loop {
                        if let Err(error) = producer.send(ProducerRecord::to("t").value(&[0; 4000])) {
                            break error;
                        }
                    };
                    tell.send(error.is_closed()).unwrap();
                });
            }
            assert!(told.recv_timeout(Duration::from_millis(200)).is_err(), "nobody fails before");
            let _ = producer.close(Duration::ZERO);
            for _ in 0..4 {
                assert_eq!(told.recv_timeout(Duration::from_secs(1)), Ok(true));
            }
        });
        let (result, time) = takes(|| producer.send(ProducerRecord::to("t").value("v")));
        assert!(result.unwrap_err().is_closed() && time < Duration::from_millis(50), "{time:?}");
    }
}

#[test]
fn close_in_time_delivers_and_close_without_time_fails_the_rest() {
    let cluster = cluster();
    let producer = config(&cluster.bootstrap_servers()).linger(Duration::from_secs(60)).build();
    // A linger longer than the delivery timeout would be refused.
    let producer = producer.unwrap();
    let future = producer.send(ProducerRecord::to("t").value("v")).unwrap();
    producer.close(PATIENCE).unwrap();
    assert_eq!(future.get(Duration::ZERO).unwrap().offset(), Some(0));
    producer.close(PATIENCE).unwrap();

    let producer = config(&cluster.bootstrap_servers()).build().unwrap();
    producer.partitions_for("t").unwrap();
    cluster.hold_responses();
    let future = producer.send(ProducerRecord::to("t").value("v")).unwrap();
    let (result, time) = takes(|| producer.close(Duration::from_millis(200)));
    assert!(time < Duration::from_millis(200) + SLACK, "{time:?}");
    let error = result.unwrap_err();
    let ErrorKind::Undelivered { report, .. } = error.kind() else { panic!("{error}") };
    assert_eq!((report.failed, report.pending[0].records), (0, 1), "told once");
    assert!(future.get(Duration::ZERO).unwrap_err().is_closed());
}

#[test]
fn flush_does_not_wait_for_linger_but_for_answers() {
    let cluster = cluster();
    let producer = config(&cluster.bootstrap_servers()).linger(Duration::from_secs(60)).build().unwrap();
    let future = producer.send(ProducerRecord::to("t").value("v")).unwrap();
    let (result, time) = takes(|| producer.flush(PATIENCE));
    result.unwrap();
    assert!(future.is_done() && time < Duration::from_secs(5), "{time:?}");

    cluster.hold_responses();
    let future = producer.send(ProducerRecord::to("t").value("v")).unwrap();
    let (result, time) = takes(|| producer.flush(Duration::from_millis(200)));
    assert!((Duration::from_millis(200)..Duration::from_millis(200) + SLACK).contains(&time), "{time:?}");
    assert_eq!(
        result.unwrap_err().to_string(),
        format!(
            "the call's timeout of 200ms expired; 1 record in 1 batch is pending (t-0); last seen: {} (from \
             advertised.listeners of broker 0) at Produce: no response yet",
            cluster.address(0)
        )
    );
    assert!(!future.is_done());
    cluster.release_responses();
    producer.flush(PATIENCE).unwrap();
    assert!(future.succeeded());
}

#[test]
fn flush_reports_what_nobody_has_looked_at() {
    let cluster = cluster();
    let producer = config(&cluster.bootstrap_servers()).build().unwrap();
    cluster.fail_next_produce("t", 0, kafka_producer::ErrorCode::INVALID_RECORD, 1);
    drop(producer.send(ProducerRecord::to("t").value("lost")).unwrap());
    let error = producer.flush(PATIENCE).unwrap_err();
    let ErrorKind::Undelivered { report, .. } = error.kind() else { panic!("{error}") };
    assert_eq!((report.failed, report.pending.len(), report.timed_out), (1, 0, None));
    assert!(error.to_string().starts_with("1 record failed: a broker returned"), "{error}");
    producer.flush(PATIENCE).unwrap();
    cluster.fail_next_produce("t", 0, kafka_producer::ErrorCode::INVALID_RECORD, 1);
    assert!(producer.send(ProducerRecord::to("t").value("seen")).unwrap().get(PATIENCE).is_err());
    producer.flush(PATIENCE).unwrap();
}

#[test]
fn dropping_a_producer_sends_what_is_left() {
    let cluster = cluster();
    let producer = config(&cluster.bootstrap_servers()).linger(Duration::from_secs(60)).build().unwrap();
    for _ in 0..1000 {
        producer.send(ProducerRecord::to("t").value("v")).unwrap();
    }
    drop(producer);
    assert_eq!(cluster.record_count("t"), 1000);
}

/// U14, B31.
#[test]
fn inside_a_callback_nothing_waits() {
    let cluster = cluster();
    let producer = std::sync::Arc::new(config(&cluster.bootstrap_servers()).build().unwrap());
    let (tell, told) = mpsc::channel();
    let inside = std::sync::Arc::clone(&producer);
    producer.send(ProducerRecord::to("t").value("v")).unwrap().add_callback(move |_| {
        let flush = inside.flush(None).unwrap_err();
        let unknown = inside.send(ProducerRecord::to("unknown").value("v")).unwrap_err();
        let known =
            inside.send(ProducerRecord::to("t").value("v")).map(|future| future.get(None).unwrap_err());
        tell.send((flush, unknown, known)).unwrap();
    });
    let (flush, unknown, known) = told.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(flush.kind(), ErrorKind::CalledFromCallback { .. }));
    assert!(matches!(unknown.kind(), ErrorKind::WouldBlock { .. }));
    assert!(matches!(known.unwrap().kind(), ErrorKind::CalledFromCallback { .. }));
    producer.flush(PATIENCE).unwrap();
    assert_eq!(cluster.record_count("t"), 2);
}

#[test]
fn a_producer_closed_and_dropped_in_its_own_callback_does_not_wait_for_itself() {
    let cluster = cluster();
    let producer = std::sync::Arc::new(config(&cluster.bootstrap_servers()).build().unwrap());
    let (tell, told) = mpsc::channel();
    let last = std::sync::Arc::clone(&producer);
    producer.send(ProducerRecord::to("t").value("v")).unwrap().add_callback(move |_| {
        let closed = last.close(PATIENCE).is_ok();
        drop(last);
        tell.send(closed).unwrap();
    });
    drop(producer);
    assert_eq!(told.recv_timeout(PATIENCE), Ok(true));
}

#[test]
fn what_can_not_be_sent_is_refused_before_anything_is_reserved() {
    let producer = config("127.0.0.1:1").max_request_size(1000).buffer_memory(1 << 20).build().unwrap();
    let text = |record: ProducerRecord<'_>| producer.send(record).unwrap_err().to_string();
    assert_eq!(
        text(ProducerRecord::to("t")),
        "the record can't be sent: it has neither a key nor a value; set at least one of them"
    );
    assert_eq!(
        text(ProducerRecord::to("t").value("v").timestamp_ms(-1)),
        "the record can't be sent: its timestamp is negative; set milliseconds since 1970, or no timestamp"
    );
    for (name, why) in [("", "it is empty"), ("a b", "only letters, digits, '.', '_' and '-' are allowed")] {
        assert_eq!(
            text(ProducerRecord::to(name).value("v")),
            format!("'{name}' is not a valid topic name: {why}")
        );
    }
    let error = producer.send(ProducerRecord::to("t").value(&[0; 1000])).unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::RecordTooLarge { limit: 1000, limited_by: SizeLimit::MaxRequestSize, .. }
        ),
        "{error}"
    );
}

#[test]
fn a_partition_that_does_not_exist_is_named_with_those_that_do() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 3);
    let producer = config(&cluster.bootstrap_servers()).build().unwrap();
    for partition in [3, -1, i32::MAX, i32::MIN] {
        let error = producer.send(ProducerRecord::to("t").partition(partition).value("v")).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("topic 't' has no partition {partition}; it has 3 partitions, numbered from 0")
        );
    }
    let wild = config(&cluster.bootstrap_servers()).partition_by(|_| -1);
    let error = wild.build().unwrap().send(ProducerRecord::to("t").value("v")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "topic 't' has no partition -1, which the partitioner chose; it has 3 partitions, numbered from 0"
    );
}

/// A callback that blocks keeps the sender, but not whoever closes; and does not make requests expire.
#[test]
fn a_callback_that_blocks_keeps_neither_close_nor_requests() {
    let cluster = cluster();
    let producer = config(&cluster.bootstrap_servers())
        .request_timeout(Duration::from_millis(300))
        .delivery_timeout(Duration::from_secs(20))
        .build()
        .unwrap();
    // An answer that is there already would run the callback on this thread.
    producer.send(ProducerRecord::to("t").value("first")).unwrap().get(PATIENCE).unwrap();
    let (release, released) = mpsc::channel::<()>();
    cluster.hold_responses();
    let (tell, told) = mpsc::channel();
    producer.send(ProducerRecord::to("t").value("v")).unwrap().add_callback(move |_| {
        tell.send(()).unwrap();
        let _ = released.recv_timeout(Duration::from_millis(700));
    });
    cluster.release_responses();
    told.recv_timeout(PATIENCE).unwrap();
    let next = producer.send(ProducerRecord::to("t").value("w")).unwrap();
    assert_eq!(next.get(PATIENCE).unwrap().offset(), Some(2));
    assert_eq!(cluster.record_count("t"), 3, "nothing was sent twice");

    let (tell, told) = mpsc::channel();
    let (keep, kept) = mpsc::channel::<()>();
    cluster.hold_responses();
    producer.send(ProducerRecord::to("t").value("x")).unwrap().add_callback(move |_| {
        tell.send(()).unwrap();
        let _ = kept.recv_timeout(PATIENCE);
    });
    cluster.release_responses();
    told.recv_timeout(PATIENCE).unwrap();
    let (_, time) = takes(|| producer.close(Duration::from_millis(200)));
    assert!(time < Duration::from_millis(200) + SLACK, "{time:?}");
    drop((keep, release));
}

/// The last handle goes inside a callback, on the thread that would have to wait for itself: what is pending is still
/// delivered, and the thread ends.
#[test]
fn a_producer_dropped_in_its_own_callback_delivers_the_rest() {
    const NAME: &str = "drops-inside";
    let cluster = cluster();
    for round in 0..100 {
        let config = config(&cluster.bootstrap_servers()).client_id(NAME);
        let producer = std::sync::Arc::new(config.linger(Duration::from_secs(60)).build().unwrap());
        let last = std::sync::Arc::clone(&producer);
        let (tell, told) = mpsc::channel();
        let (let_go, gone) = mpsc::channel();
        let first = producer.send(ProducerRecord::to("t").value("first")).unwrap();
        first.add_callback(move |_| {
            gone.recv().unwrap();
            let rest = last.send(ProducerRecord::to("t").value("rest")).unwrap();
            assert_eq!(std::sync::Arc::strong_count(&last), 1);
            drop(last);
            tell.send(rest).unwrap();
        });
        // Sent by now, or soon.
        let _ = producer.flush(Duration::ZERO);
        drop(producer);
        let_go.send(()).unwrap();
        let rest = told.recv_timeout(PATIENCE).unwrap();
        assert_eq!(rest.get(PATIENCE).unwrap().offset(), Some(2 * round + 1));
    }
    #[cfg(target_os = "linux")]
    {
        let over = (0..1_000_000).any(|_| threads_called(NAME) == 0);
        assert!(over, "{} threads are left", threads_called(NAME));
    }
}

/// The thread has the client id as its name, from `build` to `close`.
#[test]
#[cfg(target_os = "linux")]
fn a_producer_has_one_background_thread() {
    const NAME: &str = "one-thread";
    let cluster = cluster();
    let producer = config(&cluster.bootstrap_servers()).client_id(NAME).build().unwrap();
    producer.wait_connected(PATIENCE).unwrap();
    assert_eq!(threads_called(NAME), 1);
    producer.send(ProducerRecord::to("t").value("v")).unwrap().get(PATIENCE).unwrap();
    assert_eq!(threads_called(NAME), 1);
    producer.close(PATIENCE).unwrap();
    assert!((0..1_000_000).any(|_| threads_called(NAME) == 0));
}

#[cfg(target_os = "linux")]
fn threads_called(name: &str) -> usize {
    std::thread::yield_now();
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks
        .filter(|task| {
            std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
        })
        .count()
}

/// A success callback has not seen a failure.
#[test]
fn flush_reports_a_failure_that_only_a_success_callback_waited_for() {
    let cluster = cluster();
    let producer = config(&cluster.bootstrap_servers()).build().unwrap();
    cluster.fail_next_produce("t", 0, kafka_producer::ErrorCode::INVALID_RECORD, 1);
    producer.send(ProducerRecord::to("t").value("lost")).unwrap().add_callback(|_| panic!("it failed"));
    assert!(producer.flush(PATIENCE).is_err());
}

/// U07: what can't be sent is still there, and `try_send` never waits.
#[test]
fn a_record_that_is_not_sent_can_be_kept() {
    let cluster = cluster();
    let producer = config(&cluster.bootstrap_servers())
        .buffer_memory(8192)
        .max_block(Duration::from_millis(100))
        .build()
        .unwrap();
    let record: ProducerRecord = ProducerRecord::to("t").key("k").value("v");
    let (result, time) = takes(|| producer.try_send(record.clone()));
    let error = result.unwrap_err();
    assert_eq!((error.is_retriable(), error.is_pending()), (true, false));
    let record = record.into_owned();
    assert!(time < SLACK, "{time:?}");
    assert_eq!(error.to_string(), "the call would block on metadata of topic 't'; try again later");
    producer.partitions_for("t").unwrap();
    assert_eq!(
        producer.try_send(record.as_record()).unwrap().get(PATIENCE).unwrap().serialized_key_size(),
        Some(1)
    );

    cluster.hold_responses();
    let value = [0; 1000];
    let record = || ProducerRecord::to("t").value(&value);
    while producer.try_send(record()).is_ok() {}
    let error = producer.try_send(record()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("the call would block on ") && text.contains(" bytes of buffer_memory for t-0: ")
    );
    assert!(text.ends_with(" of 8192 bytes are in use; try again later"), "{text}");
    let (result, time) = takes(|| producer.send(record()));
    assert!(result.unwrap_err().is_timeout() && time >= Duration::from_millis(100));
    producer.close(Duration::ZERO).unwrap_err();
}

/// D16. As Java and kafka-python do; and what the error says is what was waited.
#[test]
fn each_send_waits_its_own_max_block_and_one_question_serves_all() {
    let cluster = MockCluster::builder().auto_create_topics(false).build();
    let max_block = Duration::from_millis(300);
    let producer = config(&cluster.bootstrap_servers()).max_block(max_block).build().unwrap();
    let record = || ProducerRecord::to("late").value("v");
    for _ in 0..3 {
        let (result, time) = takes(|| producer.send(record()));
        let error = result.unwrap_err();
        assert!(
            (max_block..max_block + SLACK).contains(&time)
                && error.to_string().contains("waited max_block_ms = 300ms"),
            "{time:?}: {error}"
        );
    }
    let (_, time) = takes(|| producer.partitions_for("late").unwrap_err());
    assert!((max_block..max_block + SLACK).contains(&time), "{time:?}");
    // Whoever may not wait is told so, not of somebody else's wait.
    let error = producer.try_send(record()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock { .. }), "{error}");
    // Many at once wait together: not a question for each.
    let before = cluster.requests().len();
    let (_, time) = takes(|| {
        std::thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| producer.send(record()).unwrap_err());
            }
        });
    });
    let questions = cluster.requests().len() - before;
    assert!(time < max_block + 2 * SLACK && questions < 15, "{time:?}, {questions} questions");
}

/// D16. What metadata took of `max_block_ms` is not there for memory.
#[test]
fn metadata_and_memory_share_one_deadline() {
    let cluster = cluster();
    cluster.create_topic("late", 1);
    let max_block = Duration::from_millis(1000);
    let config = config(&cluster.bootstrap_servers()).max_block(max_block).buffer_memory(16 << 10);
    let producer = config.build().unwrap();
    producer.partitions_for("t").unwrap();
    cluster.fail_next_produce("t", 0, kafka_producer::ErrorCode::NOT_ENOUGH_REPLICAS, usize::MAX);
    let full = std::iter::repeat_with(|| producer.try_send(ProducerRecord::to("t").value(&[0; 1000])));
    full.take_while(Result::is_ok).for_each(drop);
    // Some of its time goes into questions.
    cluster.fail_next_metadata("late", kafka_producer::ErrorCode::LEADER_NOT_AVAILABLE, 2);
    let (result, time) = takes(|| producer.send(ProducerRecord::to("late").value(&[0; 4000])));
    let error = result.unwrap_err();
    let ErrorKind::BufferExhausted { waited, .. } = error.kind() else { panic!("{error}") };
    assert!((max_block..max_block + SLACK).contains(&time) && *waited < max_block, "{time:?}: {error}");
}

/// D7. Such answers pass: brokers give them while they start, or while a controller is elected.
#[test]
fn an_error_of_a_topic_that_may_pass_is_waited_out() {
    use kafka_producer::ErrorCode;
    for code in [
        ErrorCode::INVALID_REPLICATION_FACTOR,
        ErrorCode::UNKNOWN_SERVER_ERROR,
        ErrorCode::POLICY_VIOLATION,
        ErrorCode::new(999),
    ] {
        let cluster = cluster();
        let producer = config(&cluster.bootstrap_servers()).build().unwrap();
        cluster.fail_next_metadata("t", code, 2);
        producer.send(ProducerRecord::to("t").value("v")).unwrap().get(PATIENCE).unwrap();

        let producer =
            config(&cluster.bootstrap_servers()).max_block(Duration::from_millis(300)).build().unwrap();
        cluster.fail_next_metadata("t", code, 1000);
        let (result, time) = takes(|| producer.send(ProducerRecord::to("t").value("v")));
        let error = result.unwrap_err();
        let said = format!(
            "max_block_ms of 300ms expired while waiting for metadata of topic 't'; the last response was {code}"
        );
        assert!(
            error.to_string().starts_with(&said) && time >= Duration::from_millis(300),
            "{time:?}: {error}"
        );
    }
    for code in [
        ErrorCode::INVALID_TOPIC_EXCEPTION,
        ErrorCode::TOPIC_AUTHORIZATION_FAILED,
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
    ] {
        let cluster = cluster();
        let producer = config(&cluster.bootstrap_servers()).max_block(PATIENCE).build().unwrap();
        cluster.fail_next_metadata("t", code, 1);
        let (result, time) = takes(|| producer.send(ProducerRecord::to("t").value("v")));
        assert!(!result.unwrap_err().is_timeout() && time < Duration::from_secs(5), "{time:?}");
    }
}

#[test]
fn a_topic_that_was_waited_for_in_vain_is_sent_to_as_soon_as_it_is_there() {
    let cluster = MockCluster::builder().auto_create_topics(false).build();
    let producer =
        config(&cluster.bootstrap_servers()).max_block(Duration::from_millis(100)).build().unwrap();
    producer.send(ProducerRecord::to("late").value("v")).unwrap_err();
    cluster.create_topic("late", 1);
    let (result, time) = takes(|| {
        std::iter::repeat_with(|| producer.send(ProducerRecord::to("late").value("v"))).find_map(Result::ok)
    });
    result.unwrap().get(PATIENCE).unwrap();
    assert!(time < Duration::from_secs(2), "{time:?}");
}

/// A leader that is stuck takes its share of the memory, not that of the others.
#[test]
fn a_partition_that_is_stuck_does_not_stop_another() {
    let cluster = MockCluster::start(2);
    cluster.create_topic("t", 2);
    cluster.set_leader("t", 0, 0);
    cluster.set_leader("t", 1, 1);
    let producer = config(&cluster.bootstrap_servers()).buffer_memory(512 << 10).build().unwrap();
    let send = |partition| producer.send(ProducerRecord::to("t").partition(partition).value(&[0; 1000]));
    // Both have been met.
    send(0).unwrap().get(PATIENCE).unwrap();
    send(1).unwrap().get(PATIENCE).unwrap();
    cluster.broker(0).hold_responses();
    std::thread::scope(|scope| {
        let stuck = scope.spawn(|| std::iter::repeat_with(|| send(0)).find_map(Result::err));
        for _ in 0..10 {
            // Each time all of its own memory has come back, and somebody waits for it.
            let futures: Vec<_> = (0..1000).map(|_| send(1).unwrap()).collect();
            futures[999].get(PATIENCE).unwrap();
        }
        producer.close(Duration::ZERO).unwrap_err();
        // It was blocked for want of memory.
        assert!(stuck.join().unwrap().unwrap().is_closed());
    });
    assert_eq!(cluster.records("t", 1).len(), 10_001);
}
