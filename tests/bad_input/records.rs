//! Records, topics and partitions that can't be.

use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{Certainty, Error, ErrorCode, ProducerRecord};

use crate::{MILLI, PATIENCE, config};

#[test]
fn records_and_topics_that_can_not_be() {
    let long = "x".repeat(250);
    let value = [0; 2000];
    let small = config("127.0.0.1:1").max_request_size(1000).build().unwrap();
    let poor = config("127.0.0.1:1").buffer_memory(1000).build().unwrap();
    let (why_small, why_poor) = (
        "more than max_request_size = 1000 allows; raise max_request_size (and the topic's max.message.bytes) or make \
         the record smaller",
        "more than buffer_memory = 1000 allows; raise buffer_memory or make the record smaller",
    );
    for (producer, record, text) in [
        (
            &small,
            ProducerRecord::to(".").value("v"),
            "'.' is not a valid topic name: '.' and '..' are not allowed".into(),
        ),
        (
            &small,
            ProducerRecord::to("..").value("v"),
            "'..' is not a valid topic name: '.' and '..' are not allowed".into(),
        ),
        (
            &small,
            ProducerRecord::to(&long).value("v"),
            format!("'{long}' is not a valid topic name: it is longer than 249 characters"),
        ),
        (
            &small,
            ProducerRecord::to("a\0").value("v"),
            "'a\\0' is not a valid topic name: only letters, digits, '.', '_' and '-' are allowed".into(),
        ),
        (
            &small,
            ProducerRecord::to("t").value(&value),
            format!("a batch with only this record takes 2083 bytes, {why_small}"),
        ),
        (
            &poor,
            ProducerRecord::to("t").value(&value),
            format!("a batch with only this record takes 2083 bytes, {why_poor}"),
        ),
    ] {
        assert_eq!(producer.send(record).unwrap_err().to_string(), text);
    }
}

#[test]
fn a_partitioner_that_names_what_is_not_there() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 3);
    for wild in [i32::MAX, i32::MIN, -1, 3] {
        let config = config(&cluster.bootstrap_servers());
        let producer = config.partition_by(move |_| wild).build().unwrap();
        let error = producer.send(ProducerRecord::to("t").value("v")).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "topic 't' has no partition {wild}, which the partitioner chose; it has 3 partitions, numbered from 0"
            )
        );
        producer.send(ProducerRecord::to("t").partition(0).value("v")).unwrap().get(PATIENCE).unwrap();
    }
}

#[test]
fn a_topic_that_does_not_exist() {
    for (asked, created, why) in [
        (
            true,
            false,
            "the cluster was asked to create it but did not create it (see the brokers' auto.create.topics.enable); create it first",
        ),
        (false, true, "allow_auto_create_topics is false: set it to true or create the topic first"),
    ] {
        let cluster = MockCluster::builder().auto_create_topics(created).build();
        let config = config(&cluster.bootstrap_servers()).max_block(500 * MILLI);
        let producer = config.allow_auto_create_topics(asked).build().unwrap();
        producer.wait_connected(PATIENCE).unwrap();
        let text = format!("topic 'new' does not exist (waited max_block_ms = 500ms); {why}");
        assert_eq!(producer.send(ProducerRecord::to("new").value("v")).unwrap_err().to_string(), text);
        assert_eq!(producer.partitions_for("new").unwrap_err().to_string(), text);
    }
}

#[test]
fn an_empty_record_and_a_partition_that_is_not_there() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 3);
    let producer = config(&cluster.bootstrap_servers()).build().unwrap();
    for (record, text) in [
        (
            ProducerRecord::to("t"),
            "the record can't be sent: it has neither a key nor a value; set at least one of them",
        ),
        (
            ProducerRecord::to("t").value("v").timestamp_ms(-1),
            "the record can't be sent: its timestamp is negative; set milliseconds since 1970, or no timestamp",
        ),
        (
            ProducerRecord::to("t").value("v").partition(3),
            "topic 't' has no partition 3; it has 3 partitions, numbered from 0",
        ),
        (
            ProducerRecord::to("t").value("v").partition(-1),
            "topic 't' has no partition -1; it has 3 partitions, numbered from 0",
        ),
        (ProducerRecord::to("").value("v"), "'' is not a valid topic name: it is empty"),
    ] {
        assert_eq!(producer.send(record).unwrap_err().to_string(), text);
    }
}

/// It fits here and nowhere else.
#[test]
fn a_record_that_the_broker_finds_too_large() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    cluster.set_max_message_bytes("t", 1000);
    let producer = config(&cluster.bootstrap_servers()).build().unwrap();
    let error = producer.send(ProducerRecord::to("t").value(&[0; 2000])).unwrap().get(PATIENCE).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a broker rejected a record for t-0 with MESSAGE_TOO_LARGE (10); a batch with only this record takes 2070 bytes; raise the topic's \
         max.message.bytes (the broker's message.max.bytes) or make the record smaller"
    );
}

/// U03: whatever ends it says what the broker said last.
#[test]
fn a_broker_that_keeps_refusing() {
    let said = "a broker returned NOT_ENOUGH_REPLICAS (19) for t-0: Fewer replicas are in sync than min.insync.replicas requires, so the batch was not appended";
    for (retries, attempts) in [(0, "1 attempt"), (2, "3 attempts")] {
        let cluster = MockCluster::start(1);
        cluster.create_topic("t", 1);
        cluster.fail_next_produce("t", 0, ErrorCode::NOT_ENOUGH_REPLICAS, 1000);
        let config = config(&cluster.bootstrap_servers())
            .retries(retries)
            .retry_backoff(MILLI)
            .retry_backoff_max(MILLI);
        let error = config
            .build()
            .unwrap()
            .send(ProducerRecord::to("t").value("v"))
            .unwrap()
            .get(PATIENCE)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{attempts} to send the records for t-0 failed, and retries = {retries} allows no more attempts; the last attempt: {said}; \
                 raise retries to try longer"
            )
        );
        assert_eq!(error.broker_code(), Some(ErrorCode::NOT_ENOUGH_REPLICAS));
        assert!(error.is_retriable());
        assert!(std::error::Error::source(&error).is_none(), "its text has the last answer");
    }

    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    cluster.fail_next_produce("t", 0, ErrorCode::NOT_ENOUGH_REPLICAS, 1000);
    let config =
        config(&cluster.bootstrap_servers()).retry_backoff(100 * MILLI).retry_backoff_max(100 * MILLI);
    let producer = config.request_timeout(100 * MILLI).delivery_timeout(500 * MILLI).build().unwrap();
    let future = producer.send(ProducerRecord::to("t").value("v")).unwrap();
    // If an attempt happens to be under way, its broker is told of as well.
    let told = |error: Error| error.to_string().split("; last seen: ").next().unwrap().to_owned();
    assert_eq!(
        told(future.get(300 * MILLI).unwrap_err()),
        format!(
            "the call's timeout of 300ms expired while waiting for the response to a record for t-0; the last attempt: {said}"
        )
    );
    assert_eq!(
        told(producer.flush(10 * MILLI).unwrap_err()),
        format!(
            "the call's timeout of 10ms expired; 1 record in 1 batch is pending (t-0); the last attempt: {said}"
        )
    );
    let error = future.get(PATIENCE).unwrap_err();
    let (text, start) = (error.to_string(), "delivery_timeout_ms of 500ms expired after ");
    assert!(text.starts_with(start) && text.contains(&format!("the last attempt: {said}")), "{text}");
    assert_eq!(error.broker_code(), Some(ErrorCode::NOT_ENOUGH_REPLICAS));
    assert!(std::error::Error::source(&error).is_none(), "its text has the last answer");
}

#[test]
fn a_partitioner_that_panics_takes_nothing_with_it() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = config(&cluster.bootstrap_servers())
        .buffer_memory(4096)
        .partition_by(|record| if record.key().is_some() { panic!("on purpose") } else { 0 })
        .build()
        .unwrap();
    let send = || producer.send(ProducerRecord::to("t").key("k").value(&[0; 1000]));
    // Twice as often as would fit into memory.
    for _ in 0..8 {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(send)).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"on purpose"), "the panic is the caller's");
    }
    assert_eq!(
        producer.send(ProducerRecord::to("t").value("v")).unwrap().get(PATIENCE).unwrap().offset(),
        Some(0)
    );
    producer.close(PATIENCE).unwrap();
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
        producer.send(ProducerRecord::to("t").partition(partition).key(key).value("v")).unwrap()
    };
    let (good, bad, elsewhere) = (send(0, Some("k")), send(0, None), send(1, Some("k")));
    let (tell, told) = std::sync::mpsc::channel();
    good.add_errback(move |error| tell.send(error.to_string()).unwrap());
    let flushed = producer.flush(PATIENCE).unwrap_err();
    let words = "Compacted topic cannot accept message without key in topic partition t-0";
    assert_eq!(
        flushed.to_string(),
        format!(
            "1 record failed: a broker returned INVALID_RECORD (87) for t-0: One or more records have \
             been rejected due to 1 record errors in total, and only showing the first three errors at most: \
             [RecordError(batchIndex=1, message='{words}')]"
        )
    );
    assert_eq!(elsewhere.get(Duration::ZERO).unwrap().offset(), Some(0));
    let bad = bad.get(Duration::ZERO).unwrap_err();
    assert_eq!(bad.to_string(), format!("a broker returned INVALID_RECORD (87) for t-0: {words}"));
    assert!(!bad.is_retriable());
    let good = good.get(Duration::ZERO).unwrap_err();
    assert_eq!(
        good.to_string(),
        format!(
            "a broker returned INVALID_RECORD (87) for t-0 because of another record in the same batch, not because of \
             this one: {words}"
        )
    );
    assert_eq!(told.recv(), Ok(good.to_string()));
    assert!(good.is_retriable() && good.broker_code() == bad.broker_code());
    assert!([good, bad].iter().all(|error| error.certainty() == Certainty::NotWritten));
}
